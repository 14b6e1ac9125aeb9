package duo_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/duo"
	"counterpart/servers/duo/internal/sign"
)

// prompt is a company whose phones answer at once, so that nothing is held.
const prompt = `
version: 1
organization: {name: Acme, domain: acme.test, netbios: ACME}
users:
  - name: alice
    phone: "+15555554788"
    devices: [{id: alice-phone, kind: push, approval: {policy: approve}}, {id: alice-sms, kind: sms}, {id: alice-call, kind: call, approval: {policy: deny}}, {id: alice-totp, kind: totp}]
  - {name: new}
servers:
  - kind: duo
    status_hold: 0s
    lockout_threshold: 0
    verified_push: true
    push_ttl: 1s
    integrations: [{name: sps, ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}]
    users: [{name: new, not_enrolled: true}]
`

// FuzzAPI throws requests at the service, signed in every version: it answers
// each in its envelope, and never fails itself.
func FuzzAPI(f *testing.F) {
	fleet := &fleet{Fleet: dialecttest.Run(f, []dialect.Kind{{Name: "duo", New: duo.New, Settings: duo.Settings{}}}, prompt), key: [2]string{ikey, skey}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: fleet.PKI.Pool(), ServerName: host, Time: fleet.Clock.Now}}
	f.Cleanup(transport.CloseIdleConnections)
	base := "https://" + fleet.Addr("duo/https") + "/"
	fleet.client = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	seeds := []struct{ path, query, body string }{
		{"/auth/v2/preauth", "", "username=alice&client_supports_verified_push=1&text_prompt=1"},
		{"/auth/v2/auth", "", "username=alice&factor=push&device=auto&async=1&pushinfo=a%3Db"},
		{"/auth/v2/auth", "", "username=alice&factor=prompt&prompt=verified_push1"},
		{"/auth/v2/auth", "", `{"username":"alice","factor":"sms","device":"auto","async":false}`},
		{"/auth/v2/auth", "", `{"user_id":"DUX","factor":"passcode","passcode":1}`},
		{"/auth/v2/auth_status", "txid=1", ""}, {"/auth/v2/enroll", "", "username=%00%ff&valid_secs=1&bypass_codes=10"},
		{"/auth/v2/enroll_status", "", "user_id=1&activation_code=duo://"}, {"/rest/v1/auth.bson", "", "user=alice&factor=auto&auto=phone1"},
		{"/rest/v1/preauth.bson", "", "user=n%f6w"}, {"/rest/v1/status.json", "txid=", ""}, {"/auth/v2/logo", "", ""}, {"/auth/%76%32/%2e%2e/check", "a=%", "["},
	}
	for _, s := range seeds {
		isJSON := strings.HasPrefix(s.body, "{")
		how := uint8(0) // POST, version 2
		if s.body == "" {
			how = 0x10
		} else if isJSON {
			how = 1
		}
		f.Add(how, s.path, s.query, s.body, isJSON)
	}
	methods := []string{"POST", "GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "BREW"}
	f.Fuzz(func(t *testing.T, how uint8, path, query, body string, isJSON bool) {
		fleet.t = t
		method := methods[int(how>>4)%len(methods)]
		u, err := url.Parse(base + strings.TrimPrefix(path, "/"))
		if err != nil {
			t.Skip()
		}
		u.RawQuery = strings.Map(func(r rune) rune {
			if r <= ' ' || r >= 0x7f || r == '#' {
				return -1
			}
			return r
		}, query)
		c := newCall(method, u.EscapedPath())
		c.query, c.body, c.version = u.RawQuery, body, []sign.Version{sign.V2, sign.V5, sign.V4, sign.V1}[how%4]
		c.date = fleet.Clock.Now().Format(time.RFC1123Z)
		if c.contentType = "application/x-www-form-urlencoded"; isJSON {
			c.contentType = "application/json"
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		req.Host = host
		req.Header.Set("Date", c.date)
		req.Header.Set("Content-Type", c.contentType)
		req.Header.Set("Authorization", "Basic "+basic(ikey+":"+mac(c)))
		resp, err := fleet.client.Do(req)
		if err != nil {
			t.Fatalf("%s %s %q: %v", method, u, body, err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 500 {
			t.Fatalf("%s %s %q: %d %s, %v", method, u, body, resp.StatusCode, text, err)
		}
		if method != "HEAD" {
			enveloped(t, resp, text)
		}
	})
}

// mac signs c; what cannot be canonicalised gets no good signature.
func mac(c call) string {
	f := &fleet{key: [2]string{ikey, skey}}
	r := sign.Request{Method: c.method, Host: c.host, Path: c.path, Query: c.query, Body: []byte(c.body), Date: c.date}
	if !strings.Contains(c.contentType, "json") {
		r.Form = c.body
	}
	if _, err := r.Text(c.version); err != nil {
		return strings.Repeat("0", 128)
	}
	return f.signature(c)
}

// enveloped demands the service's envelope.
func enveloped(t *testing.T, resp *http.Response, text []byte) {
	t.Helper()
	if resp.Header.Get("Content-Type") == "application/bson" {
		if len(text) < 5 || !bytes.Contains(text, []byte("\x02stat\x00")) || int(text[0])|int(text[1])<<8|int(text[2])<<16|int(text[3])<<24 != len(text) {
			t.Fatalf("no document: %q", text)
		}
		return
	}
	var e struct {
		Stat     string
		Code     int
		Message  string
		Response json.RawMessage
	}
	err := json.Unmarshal(text, &e)
	good := e.Stat == "OK" && resp.StatusCode == 200 && e.Response != nil
	bad := e.Stat == "FAIL" && e.Code/100 == resp.StatusCode && e.Message != ""
	if err != nil || !good && !bad {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
}
