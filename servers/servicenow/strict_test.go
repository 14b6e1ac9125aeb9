package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestTinyURLsAreBounded: the oldest of many is forgotten.
func TestTinyURLsAreBounded(t *testing.T) {
	a := start(t)
	var first, last string
	for i := range 300 {
		r := a.want(200, "POST", "/api/now/tinyurl", fmt.Sprintf(`{"url":"/api/now/table/incident?sysparm_query=number=%d"}`, i))
		_, last, _ = strings.Cut(r.json["result"].(string), "sysparm_tiny=")
		if i == 0 {
			first = last
		}
	}
	a.want(404, "GET", "/api/now/table/incident?sysparm_tiny="+first, "")
	a.want(200, "GET", "/api/now/table/incident?sysparm_tiny="+last, "")
	keys, err := a.Store.List(t.Context(), "server/sn1/tiny/")
	if err != nil || len(keys) > 250 {
		t.Errorf("%d are kept, %v", len(keys), err)
	}
}

// TestWhatFollowsJSONIsNoJSON: a closing bracket too many is one.
func TestWhatFollowsJSONIsNoJSON(t *testing.T) {
	a := start(t)
	for _, body := range []string{`{"short_description":"x"}}`, `{"short_description":"x"}]`, `{"short_description":"x"}{}`, `{"short_description":"x"}x`, `[{"short_description":"x"}]]`} {
		a.refused(400, "Exception while reading request", "The payload is not valid JSON.", "POST", "/api/now/table/incident", body)
	}
	for _, body := range []string{`{"batch_request_id":1,"rest_requests":[]}}`, `{"batch_request_id":1,"rest_requests":[]}{}`} {
		a.refused(400, "Exception while reading request", "The payload is not valid JSON.", "POST", "/api/now/v1/batch", body)
	}
	a.want(201, "POST", "/api/now/table/incident", "{\"short_description\":\"x\"} \r\n")
}

// TestABatchCallsTheAPIOnly: a login in a batch would put passwords and tokens
// into base64, past whatever hides them.
func TestABatchCallsTheAPIOnly(t *testing.T) {
	a := start(t)
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"s1"}}
	body, _ := json.Marshal(map[string]any{"batch_request_id": 1, "rest_requests": []any{
		map[string]any{"id": "1", "method": "POST", "url": "/oauth_token.do", "headers": []any{map[string]string{"name": "Content-Type", "value": "application/x-www-form-urlencoded"}},
			"body": base64.StdEncoding.EncodeToString([]byte(form.Encode()))}}})
	r := a.want(200, "POST", "/api/now/v1/batch", string(body))
	one := r.json["serviced_requests"].([]any)[0].(map[string]any)
	if one["status_code"] != 400.0 {
		t.Errorf("%s", r.body)
	}
}
