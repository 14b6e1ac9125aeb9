package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzAPI throws requests at an instance: it answers each in its envelope, also
// within a batch, and never fails itself.
func FuzzAPI(f *testing.F) {
	a := start(f)
	a.who = "root.admin:pw"
	id := a.id("CHG0000039")
	for _, s := range []struct {
		how               uint8
		path, query, body string
	}{
		{0, "api/now/table/incident", "sysparm_query=active=true^ORnumberLIKE1^NQstateIN1,2^ORDERBYnumber&sysparm_display_value=all&sysparm_limit=2", ""},
		{0, "api/now/table/task", "number=CHG0000038&sysparm_fields=number,parent.parent.number,cmdb_ci.name", ""},
		{0, "api/now/v1/table/sys_user", "sysparm_query=nameSTARTSWITHa^sys_created_onONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", ""},
		{0, "api/now/table/change_request", "sysparm_query=start_dateRELATIVEGT@hour@ago@2^end_dateMORETHANstart_date@day@after@1^start_dateDATEPARTx@javascript:gs.datePart('month','may','EE')", ""},
		{1, "api/now/table/incident", "", `{'short_description':'x','state':'7','priority':{"value":1},"assigned_to":"alice"}`},
		{2, "api/now/table/change_request/" + id, "sysparm_query=x", `[{"state":-4,"work_notes":"x","start_date":"2026-01-01"}]`},
		{3, "api/now/table/change_request/" + id, "sysparm_input_display_value=true", `{"state":"Assess","cmdb_ci":"db01","u_account":""}`},
		{4, "api/now/table/change_request/" + id, "", ""},
		{1, "api/now/v1/batch", "", `{"batch_request_id":1,"rest_requests":[{"id":"1","method":"GET","url":"/api/now/table/incident?sysparm_limit=1"},{"id":2}]}`},
		{1, "api/now/tinyurl", "", `{"url":"/api/now/table/incident?x=%"}`}, {0, "api/now/table/incident", "sysparm_tiny=x", ""},
		{0, "api/now/stats/incident", "sysparm_count=true", ""}, {1, "api/now/attachment/file", "file_name=a&table_name=task&table_sys_id=" + id, "x"},
		{1, "oauth_token.do", "", "grant_type=refresh_token&client_id=c1&client_secret=s1"}, {0, "api/sn_chg_rest/change/" + id + "/nextstates", "", ""},
		{3, "api/sn_chg_rest/change/" + id + "/approvals", "", `{"state":"rejected","comments":"no"}`},
	} {
		f.Add(s.how, s.path, s.query, s.body)
	}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"}
	kinds := []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"}
	f.Fuzz(func(t *testing.T, how uint8, path, query, body string) {
		a.t = t
		method := methods[how&7]
		u, err := url.Parse(a.base + "/" + strings.TrimPrefix(path, "/"))
		if err != nil {
			t.Skip()
		}
		u.RawQuery, u.Fragment = strings.NewReplacer("#", "%23", " ", "+", "^", "%5E").Replace(query), ""
		kind := kinds[how>>3&3]
		if strings.HasPrefix(path, "oauth") {
			kind = kinds[1]
		}
		req, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		req.SetBasicAuth("root.admin", "pw")
		req.Header.Set("Content-Type", kind)
		if how>>5&1 == 1 {
			req.Header.Set("X-HTTP-Method-Override", methods[how&7])
			req.Method = "POST"
		}
		resp, err := a.http.Do(req)
		if err != nil {
			t.Skip() // the client would not send it
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, method, resp.StatusCode, resp.Header.Get("Content-Type"), text)
		within, _ := json.Marshal(map[string]any{"batch_request_id": "b", "rest_requests": []any{map[string]any{"id": "1", "method": method, "url": "/" + strings.TrimPrefix(path, "/") + "?" + query,
			"headers": []any{map[string]string{"name": "Content-Type", "value": kind}}, "body": base64.StdEncoding.EncodeToString([]byte(body))}}})
		r := a.want(200, "POST", "/api/now/v1/batch", string(within))
		one, _ := r.json["serviced_requests"].([]any)
		if len(one) != 1 {
			t.Fatalf("%s", r.body)
		}
		part := one[0].(map[string]any)
		inner, err := base64.StdEncoding.DecodeString(part["body"].(string))
		if err != nil {
			t.Fatalf("%s", r.body)
		}
		of := ""
		for _, h := range part["headers"].([]any) {
			if h := h.(map[string]any); h["name"] == "Content-Type" {
				of, _ = h["value"].(string)
			}
		}
		answered(t, method, int(part["status_code"].(float64)), of, inner)
	})
}

// answered demands the instance's envelope.
func answered(t *testing.T, method string, status int, contentType string, text []byte) {
	t.Helper()
	switch {
	case status >= 500:
		t.Fatalf("%d %s", status, text)
	case method == "HEAD" || status == 204 || !strings.HasPrefix(contentType, "application/json"): // the last is a file
		return
	}
	var e struct {
		Result   json.RawMessage
		Serviced json.RawMessage `json:"serviced_requests"`
		Token    string          `json:"access_token"`
		Error    json.RawMessage
		Status   string
	}
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	if good := e.Result != nil || e.Serviced != nil || e.Token != ""; good != (status < 300) || !good && e.Error == nil {
		t.Fatalf("%d %s", status, text)
	}
}
