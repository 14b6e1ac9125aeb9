package wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/plugins/load/wire"
)

// steps are those of a journey of a plan, as text.
func steps(t *testing.T, text string) []step.Spec {
	t.Helper()
	p, err := plan.Parse("p.yaml", ".", []byte("load: x\narrival: [{rate: 1, for: 1s}]\njourneys: [{name: j, steps: ["+text+"]}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Journeys[0].Steps
}

// walk takes one person through steps at a target.
func walk(t *testing.T, target step.Target, text string) (out []step.Answer, w *step.Walk) {
	t.Helper()
	c := wire.New()
	t.Cleanup(c.Close)
	w = &step.Walk{Journey: "j", Now: time.Now, Person: step.Person{Name: `a"b/c`, Password: "secret", Code: func(string) (string, error) { return "123456", nil }}}
	for _, s := range steps(t, text) {
		do, err := c.Open(s, target)
		if err != nil {
			t.Fatal(err)
		}
		a, err := do.Do(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if a.Sent.IsZero() && a.Verdict != step.Failed || a.Answered.Before(a.Sent) {
			t.Errorf("sent %v, answered %v", a.Sent, a.Answered)
		}
		out = append(out, a)
	}
	return out, w
}

// TestRequestsAreWhatThePlanSays: values are escaped where they stand, and what is saved comes back.
func TestRequestsAreWhatThePlanSays(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got = append(got, fmt.Sprintf("%s %s %s %s %q %s:%s %s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"), body, user, password, r.Header.Get("X-Token")))
		w.Header().Set("Set-Cookie", "sid=s1; Path=/")
		if r.URL.Path == "/base/refused" {
			w.WriteHeader(403)
		}
		if r.URL.Path == "/base/chunks" {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, `{"auth":{"token":"t/1"},"list":[1,true,{"a~/b":"deep"}],"result":"waiting"}`)
	}))
	defer s.Close()
	target := step.Target{Name: "s", Proto: "http", Addrs: []string{s.Listener.Addr().String()}, Path: "/base", Constants: map[string]string{"s.key": `k"1`}}
	out, w := walk(t, target, `
  {http: {method: POST, path: "/{{ user.name }}", query: {q: "a b{{ user.name }}"}, json: {name: "{{ user.name }}", key: "{{ s.key }}", n: 007, x: [true, null]}, auth: {basic: {user: "{{ user.name }}", password: "{{ user.password }}"}}},
   save: {token: /auth/token, deep: "/list/2/a~0~1b", cookie: "cookie:sid", status: status, n: /list/0}, issues: {what: token, id: "{{ token }}"}, shows: {what: code, id: "{{ totp }}"}},
  {http: {path: /x, headers: {X-Token: "{{ token }}"}, judge: [{status: 2xx, at: /result, is: waiting, verdict: asked}]}},
  {http: {method: PUT, path: /chunks, form: {a: "{{ user.name }}", b: c d}}},
  {http: {path: /refused, judge: [{has: never, verdict: let_in}]}, save: {token: /no/such}}`)
	want := []string{
		`POST /base/a%22b%2Fc q=a%20ba%22b%2Fc application/json "{\"name\":\"a\\\"b/c\",\"key\":\"k\\\"1\",\"n\":7,\"x\":[true,null]}" a"b/c:secret `,
		`GET /base/x   "" : t/1`,
		`PUT /base/chunks  application/x-www-form-urlencoded "a=a%22b%2Fc&b=c%20d" : `,
		`GET /base/refused   "" : `,
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("%q\nnot %q", got, want)
			break
		}
	}
	for i, v := range []string{"POST /:name let_in 200", "GET /x asked 200 waiting", "PUT /chunks let_in 200", "GET /refused failed 403"} {
		if i == 3 {
			v = "GET /refused refused 403"
		}
		if a := fmt.Sprintf("%s %s %s", out[i].Operation, out[i].Verdict, out[i].Reason); a != v {
			t.Errorf("%s, not %s", a, v)
		}
	}
	for name, want := range map[string]string{"token": "t/1", "deep": "deep", "cookie": "s1", "status": "200", "n": "1"} {
		if v, _ := w.Saved(name); v != want {
			t.Errorf("%s is %q, not %q", name, v, want)
		}
	}
	if f := out[0].Facts; len(f) != 2 || f[0] != (step.Fact{Kind: step.Issues, What: "token", ID: "t/1"}) || f[1].ID != "123456" {
		t.Errorf("%+v", f)
	}
}

// TestRADIUS holds packets against another implementation: passwords, challenges, lost
// answers, and answers of who does not know the secret.
func TestRADIUS(t *testing.T) {
	secret := []byte("testing123")
	var tries atomic.Int32
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := radius.PacketServer{SecretSource: radius.StaticSecretSource(secret), Handler: radius.HandlerFunc(func(w radius.ResponseWriter, r *radius.Request) {
		name, password, state := rfc2865.UserName_GetString(r.Packet), rfc2865.UserPassword_GetString(r.Packet), rfc2865.State_GetString(r.Packet)
		if name == "lost" && tries.Add(1) == 1 {
			return
		}
		answer := r.Response(radius.CodeAccessReject)
		switch {
		case state == "s1" && password == "123456":
			answer = r.Response(radius.CodeAccessAccept)
			rfc2865.ReplyMessage_AddString(answer, "hello "+rfc2865.NASIdentifier_GetString(r.Packet))
		case password == "a password that is longer than sixteen octets":
			answer = r.Response(radius.CodeAccessChallenge)
			rfc2865.State_AddString(answer, "s1")
		}
		w.Write(answer)
	})}
	go server.Serve(conn)
	defer server.Shutdown(context.Background())
	target := step.Target{Name: "r", Proto: "udp", Addrs: []string{conn.LocalAddr().String()}, Facts: map[string]string{"secret": string(secret)}}
	out, w := walk(t, target, `
  {radius: {password: a password that is longer than sixteen octets, attributes: {NAS-Identifier: nas1, NAS-Port: 7, NAS-IP-Address: 10.0.0.1}}},
  {radius: {password: "{{ totp }}", attributes: {NAS-Identifier: nas1}}, save: {m: Reply-Message}},
  {radius: {user: lost, password: wrong, tries: 4}, timeout: 2s},
  {radius: {password: wrong, secret: other, tries: 2}, timeout: 200ms}`)
	for i, want := range []string{"asked Access-Challenge", "let_in Access-Accept", "refused Access-Reject", "failed answer with another secret"} {
		if got := out[i].Verdict.String() + " " + out[i].Reason; got != want {
			t.Errorf("%d: %s, not %s", i, got, want)
		}
	}
	if m, _ := w.Saved("m"); m != "hello nas1" {
		t.Errorf("%q", m)
	}
	if _, err := wire.New().Open(steps(t, `{radius: {attributes: {NAS-Prot: "1"}}}`)[0], target); err == nil || !strings.Contains(err.Error(), "did you mean `NAS-Port`") {
		t.Error(err)
	}
	if _, err := wire.New().Open(steps(t, `{radius: {}}`)[0], step.Target{}); err == nil {
		t.Error("a step without a secret")
	}
}

// TestManyPackets fan out over ports, for each has 256 identifiers.
func TestManyPackets(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const n = 600
	type request struct {
		from net.Addr
		p    *radius.Packet
	}
	all := make(chan request, 20*n)
	go func() {
		b := make([]byte, 4096)
		for {
			k, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if p, err := radius.Parse(append([]byte(nil), b[:k]...), []byte("s")); err == nil {
				all <- request{from, p}
			}
		}
	}()
	c := wire.New()
	defer c.Close()
	do, err := c.Open(steps(t, `{radius: {user: x, password: y, tries: 20}, timeout: 10s}`)[0], step.Target{Addrs: []string{conn.LocalAddr().String()}, Facts: map[string]string{"secret": "s"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string, n)
	for i := range n {
		go func() {
			a, err := do.Do(t.Context(), &step.Walk{Number: uint64(i), Now: time.Now})
			done <- fmt.Sprint(a.Reason, err)
		}()
	}
	seen, ports := map[string]bool{}, map[string]bool{}
	var held []request
	for len(seen) < n { // nobody is answered until all have asked; what the system drops comes again
		r := <-all
		key := fmt.Sprint(r.from, r.p.Identifier)
		if !seen[key] {
			held = append(held, r)
		}
		seen[key] = true
		ports[r.from.String()] = true
	}
	answered := 0
	if len(seen) != n || len(ports) != 3 {
		t.Errorf("%d identifiers on %d ports", len(seen), len(ports))
	}
	for i, r := range held {
		if i%100 == 99 { // so that no answer is dropped
			<-done
			answered++
		}
		b, _ := r.p.Response(radius.CodeAccessAccept).Encode()
		conn.WriteTo(b, r.from)
	}
	for range n - answered {
		if got := <-done; got != "Access-Accept<nil>" {
			t.Fatal(got)
		}
	}
}

// TestTheEndOfARunEndsWaiting.
func TestTheEndOfARunEndsWaiting(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	c := wire.New()
	done := make(chan step.Answer, 2)
	for text, addr := range map[string]string{`{radius: {password: y}, timeout: 10m}`: conn.LocalAddr().String(), `{http: {path: /}, timeout: 10m}`: l.Addr().String()} {
		do, err := c.Open(steps(t, text)[0], step.Target{Name: "t", Addrs: []string{addr}, Facts: map[string]string{"secret": "s"}})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			a, _ := do.Do(ctx, &step.Walk{Now: time.Now})
			done <- a
		}()
	}
	conn.ReadFrom(make([]byte, 4096)) // it has been asked
	accepted, _ := l.Accept()
	accepted.Read(make([]byte, 1))
	stop(errors.New("over"))
	for range 2 {
		if a := <-done; a.Verdict != step.Failed {
			t.Errorf("%+v", a)
		}
	}
}
