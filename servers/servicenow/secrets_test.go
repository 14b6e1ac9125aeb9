package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

// TestS11SecretsAreHidden plants a value at each place of a secret, in requests and
// answers: none stands in the journal, and the audit knows those that stand in
// messages.
func TestS11SecretsAreHidden(t *testing.T) {
	a := start(t)
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"s1"}}
	tokens := a.form("/oauth_token.do", form)
	secrets := []string{tokens.json["access_token"].(string), tokens.json["refresh_token"].(string)}
	plant := func(name string) string { s := "planted-" + name + "-value"; secrets = append(secrets, s); return s }
	for _, field := range []string{"password", "client_secret", "refresh_token", "assertion", "code"} {
		f := url.Values{"grant_type": {"password"}, "client_id": {"c1"}}
		f.Set(field, plant("form-"+field))
		a.form("/oauth_token.do", f)
	}
	inc := a.id("INC0000046")
	for _, field := range []string{"user_password", "password", "api_key", "token", "private_key"} {
		a.send("POST", "/api/now/table/sys_user", `{"`+field+`":"`+plant("json-"+field)+`"}`)
		a.send("POST", "/api/now/table/sys_user", `{"`+field+`":"`+plant("broken-"+field)+`"`)
		a.send("POST", "/api/now/table/sys_user", `<request><entry><`+field+`>`+plant("xml-"+field)+`</`+field+`></entry></request>`, "Content-Type: application/xml")
		a.send("GET", "/api/now/table/incident?"+field+"="+plant("query-"+field), "")
		in, _ := json.Marshal(map[string]any{"batch_request_id": 1, "rest_requests": []any{map[string]string{"id": "1", "method": "POST", "url": "/api/now/table/sys_user",
			"body": base64.StdEncoding.EncodeToString([]byte(`{"` + field + `":"` + plant("batch-"+field) + `"}`))}}})
		a.send("POST", "/api/now/v1/batch", string(in))
	}
	up := a.want(201, "POST", "/api/now/attachment/file?table_name=incident&table_sys_id="+inc+"&file_name=a.txt", "the file has "+plant("file"), "Content-Type: text/plain")
	a.want(200, "GET", "/api/now/attachment/"+up.row()["sys_id"].(string)+"/file", "", "Accept: */*")
	a.as("").want(401, "POST", "/api/now/attachment/file?table_name=incident&table_sys_id="+inc+"&file_name=a.txt", "the file has "+plant("refused-file"), "Content-Type: text/plain")
	a.as("x-sn-apikey: "+plant("apikey")).want(401, "GET", "/api/now/table/incident", "")
	for _, e := range a.Journal.Since(0, journal.Match{}, 0).Entries {
		text, _ := json.Marshal(e)
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("%s shows %s: %s", e.Op, s, text)
			}
		}
	}
	if found := a.Secrets.Find("planted-form-client_secret-value and planted-json-user_password-value"); len(found) != 2 {
		t.Errorf("the audit knows %+v", found)
	}
	if found := a.Secrets.Find("password incident a.txt failure"); len(found) != 0 {
		t.Errorf("the audit takes words of the API for secrets: %+v", found)
	}
}

// TestDownloadLinks: the Attachment API says where a file is, the table does not.
func TestDownloadLinks(t *testing.T) {
	a := start(t)
	up := a.want(201, "POST", "/api/now/attachment/file?table_name=incident&table_sys_id="+a.id("INC0000046")+"&file_name=a.txt", "text", "Content-Type: text/plain").row()
	want := a.base + "/api/now/attachment/" + up["sys_id"].(string) + "/file"
	list := a.want(200, "GET", "/api/now/attachment", "").rows()
	one := a.want(200, "GET", "/api/now/attachment/"+up["sys_id"].(string), "").row()
	if up["download_link"] != want || list[0]["download_link"] != want || one["download_link"] != want {
		t.Errorf("%v %v %v", up, list, one)
	}
	if got := a.want(200, "GET", want, "", "Accept: */*"); got.body != "text" {
		t.Errorf("%q", got.body)
	}
	if row := a.want(200, "GET", "/api/now/table/sys_attachment/"+up["sys_id"].(string), "").row(); row["download_link"] != nil {
		t.Errorf("%v", row)
	}
}
