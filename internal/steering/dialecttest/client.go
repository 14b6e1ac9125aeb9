package dialecttest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Client asks one server over HTTP: ours in a fleet, or a real one. It follows no
// redirects.
//
// What it sends may be a line,
//
//	[@actor] [+Header:value]… METHOD path [body]
//
// in which {{name}} stands for a value that was kept.
type Client struct {
	Base   string // "https://127.0.0.1:1234"
	Prefix string // stands before a path that does not begin with "/"
	Actor  string // who asks when nobody is named
	// Login gives a request the credentials of an actor; it may change all of it. nil:
	// there are none.
	Login func(r *http.Request, actor string, body []byte)
	HTTP  *http.Client      // nil: one for plain HTTP
	Kept  map[string]string // values of earlier answers
	Last  Answer
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client is a client of a port of the fleet, "vault/http": it trusts the fleet's CA, lives
// by the fleet's clock, and closes its connections at the end of the test.
func (f *Fleet) Client(port string) *Client {
	f.t.Helper()
	scheme, addr, host := "http", f.Addr(port), ""
	for _, e := range f.Company.Fleet.Endpoints() {
		if e.ID() == port && e.Proto == "https" {
			if scheme = "https"; len(e.Hosts) > 0 {
				host = strings.TrimPrefix(e.Hosts[0], "*.")
			}
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 200, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: f.PKI.Pool(), ServerName: host, Time: f.Clock.Now}}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &Client{Base: scheme + "://" + addr, Kept: map[string]string{}, HTTP: &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: NoRedirect}}
}

// NoRedirect is a CheckRedirect that shows a redirect as it is.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// As is the same client as somebody else, with what was kept until now.
func (c *Client) As(actor string) *Client {
	other := *c
	other.Actor, other.Kept = actor, maps.Clone(c.Kept)
	return &other
}

// fill puts kept values into a line.
func (c *Client) fill(line string) string {
	for name, value := range c.Kept {
		line = strings.ReplaceAll(line, "{{"+name+"}}", value)
	}
	return line
}

// Request makes the request of a line.
func (c *Client) Request(line string) (*http.Request, error) {
	line = c.fill(line)
	actor, header := c.Actor, http.Header{}
	for {
		word, rest, _ := strings.Cut(line, " ")
		if who, ok := strings.CutPrefix(word, "@"); ok {
			actor = who
		} else if h, ok := strings.CutPrefix(word, "+"); ok {
			name, value, _ := strings.Cut(h, ":")
			header.Set(name, value)
		} else {
			break
		}
		line = rest
	}
	method, rest, _ := strings.Cut(line, " ")
	path, body, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(path, "/") {
		path = c.Prefix + path
	}
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, c.Base+path, payload)
	if err != nil {
		return nil, err
	}
	req.Header = header
	if host := header.Get("Host"); host != "" {
		req.Host = host
		header.Del("Host")
	}
	if c.Login != nil {
		c.Login(req, actor, []byte(body))
	}
	return req, nil
}

// Send sends a line. The test ends when no answer comes.
func (c *Client) Send(t testing.TB, line string) Answer {
	t.Helper()
	req, err := c.Request(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return c.Do(t, req)
}

// Do sends a request that somebody made, and reads the whole answer.
func (c *Client) Do(t testing.TB, req *http.Request) Answer {
	t.Helper()
	by := c.HTTP
	if by == nil {
		by = &http.Client{Timeout: time.Minute, CheckRedirect: NoRedirect}
	}
	resp, err := by.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	c.Last = Answer{resp.StatusCode, resp.Header, body}
	return c.Last
}

// Keep remembers a value of the last answer: "token auth.client_token".
func (c *Client) Keep(rest string) error {
	name, path, _ := strings.Cut(rest, " ")
	v, err := c.Last.Value(path)
	if err == nil && v == nil {
		err = fmt.Errorf("there is no %s", path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w in %s", c.Base, err, c.Last.Body)
	}
	if c.Kept == nil {
		c.Kept = map[string]string{}
	}
	if n, number := v.(json.Number); number {
		v = n.String()
	}
	c.Kept[name] = fmt.Sprint(v)
	return nil
}

// Value is a value of an answer in JSON, by its path: "devices.0.id"; nil: it is not
// there. A header stands under "header.Location". Numbers are json.Number.
func (a Answer) Value(path string) (any, error) {
	if name, ok := strings.CutPrefix(path, "header."); ok {
		if v := a.Header.Get(name); v != "" {
			return v, nil
		}
		return nil, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(a.Body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return nil, nil
			}
			v = x[i]
		default:
			return nil, nil
		}
	}
	return v, nil
}

// Text is Value as text; "" when it is not there.
func (a Answer) Text(path string) string {
	v, err := a.Value(path)
	if err != nil || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
