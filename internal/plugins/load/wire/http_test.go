package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/load/step"
)

func get(path string) step.Spec {
	return step.Spec{HTTP: &step.HTTP{Path: path}, Timeout: 5 * time.Second}
}

func over(addrs ...string) step.Target { return step.Target{Name: "x", Proto: "http", Addrs: addrs} }

// TestAnswersOfHTTP: what servers say, and what becomes of it.
func TestAnswersOfHTTP(t *testing.T) {
	for _, x := range []struct {
		name, answer, reason string
		verdict              step.Verdict
		body                 string
	}{
		{"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200", step.LetIn, "hello"},
		{"in chunks", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n", "201", step.LetIn, "hello"},
		{"up to the end", "HTTP/1.0 200 OK\r\n\r\nhello", "200", step.LetIn, "hello"},
		{"lines without CR", "HTTP/1.1 200 OK\ncontent-LENGTH:5\n\nhello", "200", step.LetIn, "hello"},
		{"after others", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403", step.Refused, ""},
		{"without a body", "HTTP/1.1 204 No Content\r\n\r\n", "204", step.LetIn, ""},
		{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", "404", step.Refused, "{}"},
		{"its own mistake", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "503", step.Failed, ""},
		{"too much asked", "HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n", "429", step.Failed, ""},
		{"nothing", "", "connection closed", step.Failed, ""},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", "connection closed", step.Failed, ""},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "connection closed", step.Failed, ""},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "malformed answer", step.Failed, ""},
		{"no number", "HTTP/1.1 2x0 OK\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a header without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a length beyond all bounds", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a chunk beyond all bounds", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "malformed answer", step.Failed, ""},
		{"a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a chunk that is longer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a coding that was not offered", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "malformed answer", step.Failed, ""},
		{"a long line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", "malformed answer", step.Failed, ""},
		{"many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\n", "malformed answer", step.Failed, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			at := server(t, func(_ int, c net.Conn, in *bufio.Reader) {
				asked(in)
				io.WriteString(c, x.answer)
				c.(*net.TCPConn).CloseWrite() // what is not read yet is read all the same
				io.Copy(io.Discard, in)
			})
			s := get("/")
			s.Save = map[string]string{"said": "body"}
			w := alice()
			a := done(t, must(t, client(t), s, over(at)), w)
			said, _ := w.Saved("said")
			if a.Verdict != x.verdict || a.Reason != x.reason || said != x.body {
				t.Errorf("%v, %q, %q; not %v, %q, %q", a.Verdict, a.Reason, said, x.verdict, x.reason, x.body)
			}
		})
	}
}

// TestNobodyAnswersHTTP: what the network says.
func TestNobodyAnswersHTTP(t *testing.T) {
	silent := server(t, func(_ int, _ net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) })
	for reason, addr := range map[string]string{"connection refused": closedPort(t), "timeout": silent} {
		s := get("/")
		s.Timeout = 50 * time.Millisecond
		if a := done(t, must(t, client(t), s, over(addr)), alice()); a.Reason != reason || a.Verdict != step.Failed || a.Sent.IsZero() != (reason == "connection refused") {
			t.Errorf("%v, %q; not %q", a.Verdict, a.Reason, reason)
		}
	}
}

// TestRequestsOfHTTP: what is sent. Values of a person stand where they belong, and are nothing else there.
func TestRequestsOfHTTP(t *testing.T) {
	requests := make(chan string, 1)
	at := server(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			text, err := asked(in)
			if err != nil {
				return
			}
			requests <- text
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	for _, x := range []struct {
		name string
		step.HTTP
		user, want string
	}{
		{"a path", step.HTTP{Path: "/users/{{ user.name }}/x?a=b", Query: map[string]string{"q r": "1&{{ user.name }}"}}, "a/b ?&é", "GET /users/a%2Fb%20%3F%26%C3%A9/x?a=b&q%20r=1%26a%2Fb%20%3F%26%C3%A9 HTTP/1.1\r\nHost: ADDR\r\n\r\n"},
		{"a path with blanks", step.HTTP{Path: "/a b/é#%20"}, "", "GET /a%20b/%C3%A9%23%20 HTTP/1.1\r\nHost: ADDR\r\n\r\n"},
		{"headers", step.HTTP{Path: "/", Headers: map[string]string{"X-User": "{{ user.name }}", "host": "{{ name }}"}}, "a\r\nX: y", "GET / HTTP/1.1\r\nHost: vault.test\r\nX-User: aX: y\r\n\r\n"},
		{"a form", step.HTTP{Method: "post", Path: "/", Form: map[string]string{"b": "{{ user.name }}", "a": "1 &"}}, "x=&", "POST / HTTP/1.1\r\nHost: ADDR\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 19\r\n\r\na=1%20%26&b=x%3D%26"},
		{"a body as it is", step.HTTP{Method: "PUT", Path: "/", Body: `<{{ user.name }}>`, Headers: map[string]string{"content-type": "text/xml"}}, "x", "PUT / HTTP/1.1\r\nHost: ADDR\r\ncontent-type: text/xml\r\nContent-Length: 3\r\n\r\n<x>"},
		{"no body", step.HTTP{Method: "POST", Path: "/"}, "", "POST / HTTP/1.1\r\nHost: ADDR\r\nContent-Length: 0\r\n\r\n"},
		{"Basic", step.HTTP{Path: "/", Auth: &step.Auth{Basic: &step.Basic{User: "{{ user.name }}", Password: "p"}}}, "é:", "GET / HTTP/1.1\r\nHost: ADDR\r\nAuthorization: Basic w6k6OnA=\r\n\r\n"},
		{"a token", step.HTTP{Path: "/", Auth: &step.Auth{Bearer: "{{ user.name }}"}}, "t", "GET / HTTP/1.1\r\nHost: ADDR\r\nAuthorization: Bearer t\r\n\r\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := alice()
			w.Person.Name = x.user
			target := over(at)
			target.Constants = map[string]string{"name": "vault.test"}
			done(t, must(t, client(t), step.Spec{HTTP: &x.HTTP}, target), w)
			if got := strings.Replace(<-requests, "Host: "+at, "Host: ADDR", 1); got != x.want {
				t.Errorf("%q, not\n%q", got, x.want)
			}
		})
	}
}

// TestHTTPThatCannotBeSent is refused when the step is opened.
func TestHTTPThatCannotBeSent(t *testing.T) {
	for name, h := range map[string]step.HTTP{
		"method":      {Method: "GET /", Path: "/"},
		"header":      {Path: "/", Headers: map[string]string{"a b": "c"}},
		"lines":       {Path: "/", Headers: map[string]string{"a": "b\r\nc: d"}},
		"host":        {Path: "/", Headers: map[string]string{"Host": "{{ user.name }}"}},
		"hole":        {Path: "/{{ user.name"},
		"judge":       {Path: "/", Judge: []step.Rule{{Status: "6xx", Verdict: "let_in"}}},
		"no pointer":  {Path: "/", Judge: []step.Rule{{At: "a", Verdict: "let_in"}}},
		"bearer hole": {Path: "/", Auth: &step.Auth{Bearer: "{{"}},
	} {
		if _, err := New().Open(step.Spec{HTTP: &h}, over("127.0.0.1:1")); err == nil {
			t.Errorf("%s: nobody minds", name)
		}
	}
	for _, from := range []string{"token", "head:x"} {
		s := get("/")
		s.Save = map[string]string{"x": from}
		if _, err := New().Open(s, over("127.0.0.1:1")); err == nil {
			t.Errorf("save from %s: nobody minds", from)
		}
	}
}

// TestHostOfATarget: a name, with the port that is not the usual one; of IPv6, too.
func TestHostOfATarget(t *testing.T) {
	for _, x := range [][3]string{{"http", "[::1]:8080", "vault.test:8080"}, {"http", "127.0.0.1:80", "vault.test"}, {"https", "127.0.0.1:8443", "vault.test"}} {
		target := step.Target{Proto: x[0], Host: "vault.test", Addrs: []string{x[1]}}
		if got := hostPort(target); got != x[2] {
			t.Errorf("%s at %s is %q, not %q", x[0], x[1], got, x[2])
		}
	}
}

// TestConnectionsAreKept: by walks that come one after the other; one that the server has ended
// meanwhile is no failure, and a fresh one is used once.
func TestConnectionsAreKept(t *testing.T) {
	ended := make(chan struct{}, 10)
	answer := func(c net.Conn, in *bufio.Reader) error {
		_, err := asked(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
		return err
	}
	numbers := make(chan int, 10)
	at := server(t, func(n int, c net.Conn, in *bufio.Reader) {
		numbers <- n
		for i := 0; i < 2 && answer(c, in) == nil; i++ {
		}
		c.Close()
		ended <- struct{}{}
	})
	c := client(t)
	kept := must(t, c, get("/"), over(at))
	for range 2 {
		if a := done(t, kept, alice()); a.Reason != "200" || a.Octets != 2 {
			t.Fatalf("%+v", a)
		}
	}
	<-ended
	if a := done(t, kept, alice()); a.Reason != "200" {
		t.Fatalf("after the server has ended the connection: %+v", a)
	}
	if len(numbers) != 2 {
		t.Errorf("%d connections, not 2", len(numbers))
	}
	s := get("/")
	s.HTTP.Fresh = true
	fresh := must(t, c, s, over(at))
	for range 2 {
		done(t, fresh, alice())
		<-ended
	}
	if len(numbers) != 4 {
		t.Errorf("%d connections, not 4", len(numbers))
	}
}

// TestWalksStayWithAReplica that follows from their number.
func TestWalksStayWithAReplica(t *testing.T) {
	var addrs []string
	for _, name := range []string{"a", "b", "c"} {
		addrs = append(addrs, server(t, func(_ int, c net.Conn, in *bufio.Reader) {
			for {
				if _, err := asked(in); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"+name)
			}
		}))
	}
	s := get("/")
	s.Save = map[string]string{"who": "body"}
	do := must(t, client(t), s, over(addrs...))
	for n := range uint64(6) {
		w := alice()
		w.Number = n
		done(t, do, w)
		if who, _ := w.Saved("who"); who != string(rune('a'+n%3)) {
			t.Errorf("walk %d went to %s", n, who)
		}
	}
}

// TestWhatIsSavedAndJudged: values of JSON, headers and cookies; rules in their order.
func TestWhatIsSavedAndJudged(t *testing.T) {
	at := server(t, func(_ int, c net.Conn, in *bufio.Reader) {
		asked(in)
		body := `{"auth":{"client_token":"t/1","n":[1,true,"x",9007199254740993]},"a/b":"~"}`
		io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Id: 7\r\nSet-Cookie: other=1\r\nSet-Cookie: session=s-1; Path=/\r\nContent-Length: 75\r\n\r\n"+body)
	})
	s := get("/")
	s.HTTP.Judge = []step.Rule{{Status: "4xx", Verdict: "failed"}, {At: "/auth/n/1", Is: "false", Verdict: "refused"}, {At: "/auth/n/2", Is: "x", Verdict: "asked"}, {Verdict: "refused"}}
	s.Save = map[string]string{"token": "/auth/client_token", "n": "/auth/n/0", "long": "/auth/n/3", "tilde": "/a~1b", "id": "header:x-id", "cookie": "cookie:session", "status": "status"}
	w := alice()
	a := done(t, must(t, client(t), s, over(at)), w)
	if a.Verdict != step.Asked || a.Reason != "200 x" {
		t.Errorf("%v %q", a.Verdict, a.Reason)
	}
	for name, want := range map[string]string{"token": "t/1", "n": "1", "long": "9007199254740993", "tilde": "~", "id": "7", "cookie": "s-1", "status": "200"} {
		if got, _ := w.Saved(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	s.Save = map[string]string{"x": "/auth/missing"}
	if _, err := must(t, client(t), s, over(at)).Do(t.Context(), alice()); !errors.Is(err, errNotThere) {
		t.Errorf("a value that is not there: %v", err)
	}
}

// FuzzAnswerOfHTTP: no answer panics or takes more memory than the bounds say, and what net/http
// reads as well has the same status and body.
func FuzzAnswerOfHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &conn{in: bufio.NewReaderSize(bytes.NewReader(text), 4096)}
		h, err := c.readHead(true)
		if err != nil {
			return
		}
		body, err := c.readBody(&h, false)
		if err != nil {
			return
		}
		if len(body) > len(text) || len(h.headers) > mostHeaders+1 {
			t.Fatalf("%d octets and %d headers of %d", len(body), len(h.headers), len(text))
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil || theirs.StatusCode < 200 {
			return
		}
		if theirs.StatusCode != h.status {
			t.Errorf("status %d, net/http reads %d", h.status, theirs.StatusCode)
		}
	})
}
