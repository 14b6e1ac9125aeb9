package servers_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ldapclient "github.com/go-ldap/ldap/v3"
)

// duo asks Duo's API with a signature of version 2 and returns the response.
func (f faces) duo(path string, form url.Values) map[string]any {
	f.t.Helper()
	const host = "api-12345678.duosecurity.com"
	body, date := form.Encode(), f.Clock.Now().Format(time.RFC1123Z)
	m := hmac.New(sha512.New, []byte("Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK"))
	fmt.Fprintf(m, "%s\nPOST\n%s\n%s\n%s", date, host, path, body)
	req, err := http.NewRequestWithContext(f.t.Context(), "POST", "https://"+f.Addr("duo/https")+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("Date", date)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("DIWJ8X6AEYOR5OMC6TQ1", fmt.Sprintf("%x", m.Sum(nil)))
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.PKI.Pool(), ServerName: host, Time: f.Clock.Now}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		f.t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	var out struct{ Response map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || out.Response == nil {
		f.t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
	}
	return out.Response
}

func (f faces) passcode(code string) map[string]any {
	f.t.Helper()
	return f.duo("/auth/v2/auth", url.Values{"username": {"alice"}, "factor": {"passcode"}, "passcode": {code}})
}

// securid reports whether RSA lets alice in with a passcode.
func (f faces) securid(code string) bool {
	f.t.Helper()
	c := f.Client("rsa/https")
	c.Login = func(r *http.Request, _ string, _ []byte) { r.Header.Set("client-key", "rsa-key") }
	const line = `POST /mfa/v1_1/authn/initialize {"clientId":"a","subjectName":"alice","context":{"messageId":"1"},"subjectCredentials":[{"methodId":"SECURID","collectedInputs":[{"name":"SECURID","value":"%s"}]}]}`
	return c.Send(f.t, fmt.Sprintf(line, code)).Text("attemptResponseCode") == "SUCCESS"
}

func (f faces) current(device string) string {
	f.t.Helper()
	code, _, err := f.Factors.Current(f.t.Context(), device)
	if err != nil {
		f.t.Fatal(err)
	}
	return code
}

func TestOneCodeIsGoodOnceAtDuoAndRSAAndOverRadius(t *testing.T) {
	f := open(t)
	code := f.current("alice-totp")
	if !f.radius("otp", "alice", code) {
		t.Fatal("RADIUS refuses a good code")
	}
	if r := f.passcode(code); r["result"] != "deny" || r["status_msg"] != "This passcode has already been used. Please generate a new passcode and try again." {
		t.Errorf("a code that RADIUS took: %v", r)
	}
	f.Clock.Advance(time.Minute)
	if code = f.current("alice-totp"); f.passcode(code)["result"] != "allow" || f.radius("otp", "alice", code) || f.securid(code) {
		t.Error("a code that Duo took is good over RADIUS, or at RSA")
	}
	f.Clock.Advance(time.Minute)
	if code = f.current("alice-totp"); !f.securid(code) || f.passcode(code)["result"] != "deny" {
		t.Error("a code that RSA took is good at Duo, or none is")
	}
	f.Clock.Advance(time.Minute)
	code = f.current("alice-totp")
	asks := []func() bool{func() bool { return f.radius("otp", "alice", code) }, func() bool { return f.passcode(code)["result"] == "allow" }, func() bool { return f.securid(code) }}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			if asks[i%len(asks)]() {
				won.Add(1)
			}
		})
	}
	if wg.Wait(); won.Load() != 1 {
		t.Errorf("one code was good %d times", won.Load())
	}
}

func TestWhoIsDisabledInTheDirectoryIsRefusedByDuo(t *testing.T) {
	f := open(t)
	named := url.Values{"username": {"alice"}}
	if r := f.duo("/auth/v2/preauth", named); r["result"] != "auth" {
		t.Fatalf("%v", r)
	}
	admin := f.dial("ad")
	if err := admin.Bind("CN=Administrator,CN=Users,dc=acme,dc=test", "manager"); err != nil {
		t.Fatal(err)
	}
	found, err := admin.Search(ldapclient.NewSearchRequest("dc=acme,dc=test", ldapclient.ScopeWholeSubtree, 0, 0, 0, false, "(sAMAccountName=alice)", []string{"dn"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatal(found, err)
	}
	set := func(control string) {
		t.Helper()
		m := ldapclient.NewModifyRequest(found.Entries[0].DN, nil)
		m.Replace("userAccountControl", []string{control})
		if err := admin.Modify(m); err != nil {
			t.Fatal(err)
		}
	}
	set("514")
	for what, r := range map[string]map[string]any{"preauth": f.duo("/auth/v2/preauth", named), "auth": f.passcode(f.current("alice-totp"))} {
		if r["result"] != "deny" || !strings.Contains(fmt.Sprint(r["status_msg"]), "disabled") {
			t.Errorf("%s: %v", what, r)
		}
	}
	set("512")
	if r := f.passcode(f.current("alice-totp")); r["result"] != "allow" {
		t.Errorf("enabled again: %v", r)
	}
}
