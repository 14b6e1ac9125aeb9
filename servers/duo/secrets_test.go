package duo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

// TestS11SecretsAreHidden: what enrols a phone, what bypasses one and what is typed
// stands in no journal; numbers of refusals are no secrets.
func TestS11SecretsAreHidden(t *testing.T) {
	f := start(t)
	made := f.post("/auth/v2/enroll", "username", "zoe", "bypass_codes", "2")
	secrets := []string{"7418520", "7418521"}
	for _, path := range []string{"response.activation_code", "response.activation_barcode", "response.activation_url", "response.bypass_codes.0", "response.bypass_codes.1"} {
		if v := made.str(path); v != "" {
			secrets = append(secrets, v)
		}
	}
	if len(secrets) < 6 {
		t.Fatalf("%q of %s", secrets, made.body)
	}
	f.post("/auth/v2/enroll_status", "user_id", made.str("response.user_id"), "activation_code", made.str("response.activation_code"))
	f.post("/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "7418520")
	f.send(newCall("GET", "/auth/v2/check", "passcode", "7418521"))
	for _, e := range f.Journal.Since(0, journal.Match{}, 0).Entries {
		text, _ := json.Marshal(e)
		for _, s := range secrets {
			if strings.Contains(string(text), s) || strings.Contains(strings.ReplaceAll(string(text), `\/`, "/"), s) {
				t.Errorf("%s shows %s: %s", e.Op, s, text)
			}
		}
	}
	if found := f.Secrets.Find(strings.Join(secrets[2:], " ")); len(found) < 3 {
		t.Errorf("the audit knows %+v", found)
	}
	if found := f.Secrets.Find("40102 40001 FAIL alice"); len(found) != 0 {
		t.Errorf("the audit takes words of the API for secrets: %+v", found)
	}
}
