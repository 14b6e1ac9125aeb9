package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

// TestTheJournalShowsNoCredentials: passwords, client secrets, API keys, cookies
// and tokens, right and wrong, in every place where they can come; and it does
// show who did what to which row, and why not.
func TestTheJournalShowsNoCredentials(t *testing.T) {
	a := start(t)
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"client-secret-9"}}
	a.form("/oauth_token.do", form)
	form.Set("client_secret", "s1")
	one := a.form("/oauth_token.do", form)
	access, refresh := one.json["access_token"].(string), one.json["refresh_token"].(string)
	a.form("/oauth_token.do", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"c1"}, "client_secret": {"s1"}})
	a.form("/oauth_token.do", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh + "x"}}, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("c1:client-secret-9")))
	a.as("").send("POST", "/oauth_token.do", `{"username":"alice","password":"Alice-Pass-1","client_secret":"client-secret-9"}`)
	r := a.as("Authorization: Bearer "+access).want(200, "GET", "/api/now/table/incident", "")
	cookie := strings.SplitN(strings.SplitN(r.header.Get("Set-Cookie"), "=", 2)[1], ";", 2)[0]
	a.as("").want(200, "GET", "/api/now/table/incident", "", "Cookie: glide_session_store="+cookie)
	a.as("x-sn-apikey: api-key-77").want(401, "GET", "/api/now/table/incident", "")
	a.as("alice:wrong-password-5").want(401, "GET", "/api/now/table/incident", "")
	a.as("").send("GET", "/api/now/table/incident?password=Alice-Pass-1&access_token="+access, "")
	a.want(403, "POST", "/api/now/table/sys_user", `{"user_name":"zoe","user_password":"zoes-password-3"}`)
	in, _ := json.Marshal(map[string]any{"batch_request_id": 1, "rest_requests": []any{map[string]string{"id": "1", "method": "POST", "url": "/api/now/table/sys_user",
		"body": base64.StdEncoding.EncodeToString([]byte(`{"user_name":"zoe","user_password":"zoes-password-3"}`))}}})
	a.want(200, "POST", "/api/now/v1/batch", string(in))
	note := a.as("alice:Alice-Pass-1").want(403, "DELETE", a.path("change_request", "CHG0000038"), "")
	if e := a.Last(journal.Match{Server: "sn1", Op: "table.delete"}); e.Actor != "alice" || e.Object != "CHG0000038" || e.Why == "" || e.Outcome != "denied" {
		t.Errorf("%s: %+v", note.body, e)
	}
	if e := a.Last(journal.Match{Server: "sn1", Op: "oauth.token", Outcome: "denied"}); e.Why == "" {
		t.Errorf("%+v", e)
	}
	for _, e := range a.Journal.Tail(1000) {
		text, _ := json.Marshal(e)
		for _, secret := range []string{"Alice-Pass-1", "client-secret-9", access, refresh, cookie, "api-key-77", "wrong-password-5", "zoes-password-3",
			base64.StdEncoding.EncodeToString([]byte("c1:client-secret-9")), base64.StdEncoding.EncodeToString([]byte("alice:Alice-Pass-1"))} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s: %s", secret, text)
			}
		}
		if strings.Contains(string(text), base64.StdEncoding.EncodeToString([]byte("zoes-password-3"))) {
			t.Errorf("%s", text)
		}
	}
}
