package native_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

// TestS11SecretsAreHidden: what is fetched, enrolled and typed stands in no journal,
// and what a refusal is called is no secret.
func TestS11SecretsAreHidden(t *testing.T) {
	a := start(t)
	var secrets []string
	keep := func(r reply, path string) {
		t.Helper()
		if v := r.str(path); v == "" {
			t.Errorf("there is no %s: %s", path, r.body)
		} else {
			secrets = append(secrets, v)
		}
	}
	keep(a.want(201, "", "alice", "POST", "/vault/v1/accounts/root@db01/checkout", `{"reason":"x"}`), "password.value")
	keep(a.want(200, "", "alice", "GET", "/vault/v1/accounts/root@db01/password", ""), "value")
	made := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"totp"}`)
	keep(made, "secret")
	keep(made, "uri")
	static := a.want(201, "", "sps", "POST", "/otp/v1/users/trent/devices", `{"kind":"static"}`)
	for _, code := range static.json["codes"].([]any) {
		secrets = append(secrets, code.(string))
	}
	for i, body := range []string{`{"user":"trent","otp":"%s"}`, `{"user":"trent","otp":"%s"`, `{"user":"trent","password":"%s"}`} {
		secrets = append(secrets, fmt.Sprint("planted-", i))
		a.do("sps", "POST", "/otp/v1/verify", fmt.Sprintf(body, secrets[len(secrets)-1]))
	}
	secrets = append(secrets, "planted-first", "planted-next")
	a.do("sps", "POST", made.header.Get("Location")+"/resync", `{"otp":"planted-first","next_otp":"planted-next"}`)
	for _, e := range a.f.Journal.Since(0, journal.Match{}, 0).Entries {
		text, _ := json.Marshal(e)
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("%s shows %s: %s", e.Op, s, text)
			}
		}
	}
	if found := a.f.Secrets.Find("planted-first planted-next"); len(found) != 2 {
		t.Errorf("the audit knows %+v", found)
	}
	if found := a.f.Secrets.Find("bad_input checked_out totp trent"); len(found) != 0 {
		t.Errorf("the audit takes words of the API for secrets: %+v", found)
	}
}
