package duo_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/duo"
	"counterpart/servers/duo/internal/sign"
)

const (
	ikey = "DIWJ8X6AEYOR5OMC6TQ1"
	skey = "Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK"
	host = "api-12345678.duosecurity.com"
)

// cast are people of every fate that the contract speaks of.
const cast = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - name: alice
    aliases: [alice.a]
    phone: "+15555554788"
    devices:
      - {id: alice-phone, kind: push, label: Alice phone, approval: {policy: approve, delay: 1s}}
      - {id: alice-app, kind: hotp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}
      - {id: alice-sms, kind: sms, digits: 7, max_tries: 100}
      - {id: alice-call, kind: call, approval: {policy: approve, delay: 4s}}
      - {id: alice-token, kind: hotp, label: "20361492", secret: {hex: "3132333435363738393031323334353637383930aa"}}
      - {id: alice-mail, kind: email}
  - {name: bob, phone: "+15555550101", devices: [{id: bob-phone, kind: push, label: Bob phone}, {id: bob-totp, kind: totp}]}
  - {name: dora, devices: [{id: dora-phone, kind: push, approval: {policy: deny}}]}
  - {name: tim, devices: [{id: tim-phone, kind: push, approval: {policy: timeout}}, {id: tim-call, kind: call, address: "+15555550102", approval: {policy: timeout}}]}
  - {name: mallory, devices: [{id: mallory-phone, kind: push, approval: {policy: fraud}}]}
  - {name: testautonodevice}
  - {name: robot}
  - {name: dave, status: disabled, devices: [{id: dave-phone, kind: push, approval: {policy: approve}}, {id: dave-totp, kind: totp}]}
  - {name: eve, status: locked, devices: [{id: eve-totp, kind: totp}]}
  - {name: lou, devices: [{id: lou-totp, kind: totp}]}
  - {name: off}
  - {name: new}
  - {name: vera, devices: [{id: vera-phone, kind: push}]}
servers:
  - kind: duo
    %s
    integrations:
      - {name: sps, ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}
      - {name: other, ikey: DIXXXXXXXXXXXXXXXXXX, skey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, new_user_policy: deny, rate_limit: 3}
      - {name: kind, ikey: DIYYYYYYYYYYYYYYYYYY, skey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, new_user_policy: allow}
      - {name: admin, ikey: DIZZZZZZZZZZZZZZZZZZ, skey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, apis: [admin]}
    users:
      - {name: alice, app: alice-app, bypass_codes: [{code: "123456789", uses: 0}, {code: "987654321"}, {code: "555555555", expires: -1h}]}
      - {name: robot, status: bypass}
      - {name: off, status: disabled}
      - {name: lou, status: locked_out}
      - {name: new, not_enrolled: true}
      - {name: vera, verified_push: true}
`

// fleet is a Duo service with a frozen clock and a client of it.
type fleet struct {
	*dialecttest.Fleet
	t      *testing.T
	client *http.Client
	key    [2]string // integration and secret key
}

func start(t *testing.T, settings ...string) *fleet {
	t.Helper()
	return startWith(t, false, settings...)
}

// setup is what these fleets are made of.
func setup(settings ...string) dialecttest.Setup {
	return dialecttest.Setup{Kinds: []dialect.Kind{{Name: "duo", New: duo.New, Settings: duo.Settings{}, Secrets: duo.Secrets()}},
		Seed: fmt.Sprintf(cast, strings.Join(append(settings, "sms_codes: 10"), "\n    "))}
}

// startWith is start, perhaps with a running clock.
func startWith(t *testing.T, running bool, settings ...string) *fleet {
	t.Helper()
	with := setup(settings...)
	with.Running = running
	f := dialecttest.RunWith(t, with)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.PKI.Pool(), ServerName: host, Time: f.Clock.Now}}
	t.Cleanup(transport.CloseIdleConnections)
	return &fleet{f, t, &http.Client{Transport: transport, Timeout: 30 * time.Second}, [2]string{ikey, skey}}
}

// as is the same fleet for another integration.
func (f *fleet) as(key string) *fleet {
	other := *f
	other.key = [2]string{key, strings.Repeat("A", 40)}
	return &other
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// str is the value at a path: "response.devices.0.device".
func (a answer) str(path string) string {
	v := any(a.json)
	for _, k := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			var i int
			fmt.Sscan(k, &i)
			if i >= len(x) {
				return ""
			}
			v = x[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	if n, ok := v.(float64); ok {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprint(v)
}

// call is a request before it is sent; tests change what they want wrong.
type call struct {
	method, path, query, body, contentType string
	host, date, dateHeader                 string
	version                                sign.Version
	digest                                 func() hash.Hash
	signedHost                             string
	header                                 http.Header
	auth                                   string // instead of a signature
}

func newCall(method, path string, params ...string) call {
	c := call{method: method, path: path, host: host, dateHeader: "Date", version: sign.V2, digest: sha512.New, header: http.Header{}}
	var pairs httpapi.Form
	for i := 0; i+1 < len(params); i += 2 {
		pairs = append(pairs, httpapi.Pair{Name: params[i], Value: params[i+1]})
	}
	if c.query = sign.Canonical(pairs); method == "POST" {
		c.query, c.body, c.contentType = "", c.query, "application/x-www-form-urlencoded"
	}
	return c
}

// signature is what a client would send for c.
func (f *fleet) signature(c call) string {
	signedHost := c.signedHost
	if signedHost == "" {
		signedHost = c.host
	}
	r := sign.Request{Method: c.method, Host: signedHost, Path: c.path, Query: c.query, Body: []byte(c.body), Date: c.date, Header: c.header}
	if !strings.Contains(c.contentType, "json") {
		r.Form = c.body
	}
	text, err := r.Text(c.version)
	if err != nil {
		f.t.Fatal(err)
	}
	m := hmac.New(c.digest, []byte(f.key[1]))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// request is c as an HTTP request, dated and signed.
func (f *fleet) request(ctx context.Context, c call) *http.Request {
	f.t.Helper()
	if c.date == "" {
		c.date = f.Clock.Now().Format("Mon, 02 Jan 2006 15:04:05 -0000")
	}
	target := "https://" + f.Addr("duo/https") + c.path
	if c.method == "GET" {
		target += "?" + c.query
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target, strings.NewReader(c.body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Host = c.host
	for name, v := range c.header {
		req.Header[name] = v
	}
	if c.dateHeader != "" {
		req.Header.Set(c.dateHeader, c.date)
	}
	if c.contentType != "" {
		req.Header.Set("Content-Type", c.contentType)
	}
	if c.auth == "" {
		c.auth = "Basic " + basic(f.key[0]+":"+f.signature(c))
	}
	if c.auth != "none" {
		req.Header.Set("Authorization", c.auth)
	}
	return req
}

func (f *fleet) send(c call) answer {
	f.t.Helper()
	a, err := f.try(f.t.Context(), c)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

func (f *fleet) try(ctx context.Context, c call) (answer, error) {
	resp, err := f.client.Do(f.request(ctx, c))
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	d := json.NewDecoder(bytes.NewReader(body))
	d.Decode(&a.json)
	return a, err
}

func (f *fleet) post(path string, params ...string) answer {
	f.t.Helper()
	return f.send(newCall("POST", path, params...))
}

func (f *fleet) get(path string, params ...string) answer {
	f.t.Helper()
	return f.send(newCall("GET", path, params...))
}

// failed demands a failure: status, code, message, detail.
func (f *fleet) failed(a answer, status int, code, message, detail string) {
	f.t.Helper()
	if a.status != status || a.str("stat") != "FAIL" || a.str("code") != code || a.str("message") != message || a.str("message_detail") != detail {
		f.t.Errorf("%d %s; want %d %s %q %q", a.status, a.body, status, code, message, detail)
	}
	if _, number := a.json["code"].(float64); !number || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		f.t.Errorf("%s: %s", a.header.Get("Content-Type"), a.body)
	}
}

// ends demands how a login ends.
func (f *fleet) ends(a answer, result, status, message string) {
	f.t.Helper()
	if a.status != 200 || a.str("stat") != "OK" || a.str("response.result") != result || a.str("response.status") != status || a.str("response.status_msg") != message {
		f.t.Errorf("%d %s; want %s, %s, %q", a.status, a.body, result, status, message)
	}
}

// later sends a request that will be held, and waits until it is.
func (f *fleet) later(ctx context.Context, user string, c call) <-chan answer {
	f.t.Helper()
	out := make(chan answer, 1)
	go func() {
		a, err := f.try(ctx, c)
		if err != nil && ctx.Err() == nil {
			f.t.Error(err)
		}
		out <- a
	}()
	f.pending(user)
	f.held()
	return out
}

// held waits until a request waits for the fleet's clock. Nothing but its stack
// tells.
func (f *fleet) held() {
	f.t.Helper()
	buf := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "clock.(*Virtual).sleep") && strings.Contains(stack, "factor.(*Service).AwaitUntil") {
				return
			}
		}
	}
	f.t.Fatal("no request is held")
}

// pending waits for a request to somebody's phone and returns its ID.
func (f *fleet) pending(user string) string {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		all, err := f.Factors.Approvals(f.t.Context(), user)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, a := range all {
			if a.State == "pending" {
				return a.ID
			}
		}
	}
	f.t.Fatalf("nothing reaches the phone of %s", user)
	return ""
}

func (f *fleet) code(device string) string {
	f.t.Helper()
	c, _, err := f.Factors.Current(f.t.Context(), device)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// dial is a bare TLS connection.
func (f *fleet) dial() net.Conn {
	f.t.Helper()
	c, err := tls.Dial("tcp", f.Addr("duo/https"), &tls.Config{RootCAs: f.PKI.Pool(), ServerName: host, Time: f.Clock.Now})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// control asks the fleet's control port.
func (f *fleet) control(method, path, body string) (int, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.Addr("control/http")+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer control-token")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func sha1New() hash.Hash { return sha1.New() }
