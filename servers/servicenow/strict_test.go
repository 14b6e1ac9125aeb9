package servicenow_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"counterpart/internal/company/state"
)

// TestPagesOfAnySize: numbers that do not fit are no other numbers.
func TestPagesOfAnySize(t *testing.T) {
	a := start(t)
	const path = "/api/now/table/change_request?sysparm_fields=number&sysparm_query=ORDERBYnumber&sysparm_limit="
	for _, limit := range []string{"9223372036854775807", "9223372036854775806", "99999999999999999999"} {
		r := a.want(200, "GET", path+limit+"&sysparm_offset=1", "")
		if r.numbers() != "CHG0000039 CHG0000040" || strings.Contains(r.header.Get("Link"), `rel="next"`) || strings.Contains(r.header.Get("Link"), "offset=-") {
			t.Errorf("limit %s: %s %s", limit, r.body, r.header.Get("Link"))
		}
		r = a.want(200, "GET", strings.Replace(path, "sysparm_query=ORDERBYnumber&", "", 1)+limit+"&sysparm_offset=2", "")
		if r.numbers() != "CHG0000040" {
			t.Errorf("limit %s, no order: %s", limit, r.body)
		}
	}
	a.want(200, "GET", path+"1&sysparm_offset=9223372036854775807", "")
}

// TestPagesOfATinyURL: its Link leads on, too.
func TestPagesOfATinyURL(t *testing.T) {
	a := start(t)
	long, _ := json.Marshal(map[string]string{"url": "/api/now/table/change_request?sysparm_query=ORDERBYnumber&sysparm_limit=1&sysparm_fields=number"})
	tiny := a.want(200, "POST", "/api/now/tinyurl", string(long)).json["result"].(string)
	_, key, _ := strings.Cut(tiny, "sysparm_tiny=")
	next, seen := a.base+"/api/now/table/change_request?sysparm_tiny="+key, ""
	for range 5 {
		r := a.want(200, "GET", next, "")
		seen += r.numbers() + " "
		at := strings.Index(r.header.Get("Link"), `>;rel="next"`)
		if at < 0 {
			break
		}
		next = r.header.Get("Link")[strings.LastIndex(r.header.Get("Link")[:at], "<")+1 : at]
	}
	if seen != "CHG0000038 CHG0000039 CHG0000040 " {
		t.Errorf("the pages have %s", seen)
	}
}

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
	keys, err := a.Store.Table("server/sn1/tiny").Keys(t.Context(), state.Range{})
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

// TestPathsAndVerbs: a verb is refused where the path is known, a path elsewhere;
// HEAD goes wherever GET does, and the override on every path.
func TestPathsAndVerbs(t *testing.T) {
	a := start(t)
	for _, path := range []string{"/api/now/table/incident/x/y", "/api/now/table", "/api/now/v3/table/incident", "/api/now/tables/incident", "/api/x/table/incident"} {
		a.refused(400, "Requested URI does not represent any resource", "", "GET", path, "")
	}
	for call, verb := range map[string]string{"/api/now/table/incident": "PUT", "/api/now/v2/stats/incident": "POST", "/api/now/tinyurl": "GET", "/api/now/v1/batch": "GET",
		"/api/now/attachment": "PUT", "/api/sn_chg_rest/change": "DELETE"} {
		a.refused(405, "Method not supported", "", verb, call, "")
	}
	id := a.id("CHG0000039")
	for _, path := range []string{"/api/now/table/change_request", "/api/now/table/change_request/" + id, "/api/now/stats/incident?sysparm_count=true", "/api/now/attachment",
		"/api/sn_chg_rest/change", "/api/sn_chg_rest/change/" + id, "/api/sn_chg_rest/change/" + id + "/nextstates"} {
		if r := a.want(200, "HEAD", path, ""); r.body != "" {
			t.Errorf("HEAD %s has a body", path)
		}
	}
	change := "/api/sn_chg_rest/change/" + id
	a.want(200, "POST", change, `{"short_description":"overridden"}`, "X-HTTP-Method-Override: PATCH")
	if r := a.want(200, "POST", change, "", "X-HTTP-Method-Override: GET"); !strings.Contains(r.body, "overridden") {
		t.Errorf("%s", r.body)
	}
	a.refused(405, "Method not supported", "", "POST", change, "{}")
	up := a.want(201, "POST", "/api/now/attachment/file?table_name=change_request&table_sys_id="+id+"&file_name=a.txt", "text", "Content-Type: text/plain")
	a.want(204, "POST", "/api/now/attachment/"+up.row()["sys_id"].(string), "", "X-HTTP-Method-Override: DELETE")
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

// TestDotsLeadNowhereClosed: a reference into a closed table shows its name alone,
// and a journal is that of the ticket it was asked of.
func TestDotsLeadNowhereClosed(t *testing.T) {
	a := start(t, "    access: [{table: sys_user, operation: read, role: admin}]")
	const path = "/api/now/table/incident?sysparm_display_value=all&sysparm_fields=number,assigned_to,assigned_to.email&sysparm_query="
	row := a.want(200, "GET", path, "").rows()[0]
	if email := row["assigned_to.email"].(map[string]any)["value"]; email != "" || row["assigned_to"].(map[string]any)["display_value"] != "Alice Adams" {
		t.Errorf("%v", row)
	}
	if n := a.find("incident", "assigned_to.email=alice@acme.test"); n != "" {
		t.Errorf("a query reads what is closed: %s", n)
	}
	if row := a.as("trent:Trent-Pass-1").want(200, "GET", path+"assigned_to.email=alice@acme.test", "").rows()[0]; row["assigned_to.email"].(map[string]any)["value"] != "alice@acme.test" {
		t.Errorf("%v", row)
	}
	child := a.want(201, "POST", "/api/now/table/incident", `{"short_description":"child","parent":"`+a.id("CHG0000039")+`","work_notes":"of the child"}`).row()
	a.want(200, "PATCH", a.path("change_request", "CHG0000039"), `{"work_notes":"of the parent"}`)
	r := a.want(200, "GET", "/api/now/table/incident/"+child["sys_id"].(string)+"?sysparm_display_value=true&sysparm_fields=parent.work_notes", "")
	if !strings.Contains(r.body, "of the parent") || strings.Contains(r.body, "of the child") {
		t.Errorf("%s", r.body)
	}
}

// TestPartsOfClosedRows: attachments, journals and approvals of a table that access
// closes are closed with it, and closing a table closes those below it.
func TestPartsOfClosedRows(t *testing.T) {
	a := start(t, "    access: [{table: task, operation: read, role: admin}]")
	trent := a.as("trent:Trent-Pass-1")
	a.refused(403, "User Not Authorized", "Failed API level ACL Validation", "GET", "/api/now/table/incident", "")
	id := trent.id("CHG0000039")
	trent.want(200, "PATCH", "/api/now/table/change_request/"+id, `{"work_notes":"a secret note"}`)
	up := trent.want(201, "POST", "/api/now/attachment/file?table_name=change_request&table_sys_id="+id+"&file_name=a.txt", "a secret file", "Content-Type: text/plain")
	file := "/api/now/attachment/" + up.row()["sys_id"].(string)
	for _, table := range []string{"sys_journal_field", "sysapproval_approver", "sys_attachment"} {
		if r := a.want(200, "GET", "/api/now/table/"+table, ""); len(r.rows()) != 0 {
			t.Errorf("%s: %s", table, r.body)
		}
		rows := trent.want(200, "GET", "/api/now/table/"+table, "").rows()
		if len(rows) == 0 {
			t.Fatalf("%s is empty", table)
		}
		a.want(404, "GET", "/api/now/table/"+table+"/"+rows[0]["sys_id"].(string), "")
	}
	if r := a.want(200, "GET", "/api/now/attachment", ""); len(r.rows()) != 0 {
		t.Errorf("%s", r.body)
	}
	a.want(404, "GET", file, "")
	a.want(404, "GET", file+"/file", "")
	a.want(404, "DELETE", file, "")
	trent.want(204, "DELETE", file, "")
}

// TestWhoMayNotWriteMayNotAttach: a file is a change of the row.
func TestWhoMayNotWriteMayNotAttach(t *testing.T) {
	a := start(t, "    access: [{table: change_request, operation: write, role: admin}]")
	id := a.id("CHG0000039")
	upload := "/api/now/attachment/file?file_name=a.txt&table_name=change_request&table_sys_id=" + id
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "POST", upload, "text")
	up := a.as("trent:Trent-Pass-1").want(201, "POST", upload, "text")
	a.want(403, "DELETE", "/api/now/attachment/"+up.row()["sys_id"].(string), "")
	a.want(200, "GET", "/api/now/attachment/"+up.row()["sys_id"].(string)+"/file", "")
}

// TestAttachmentsTakeTheirRoomAlone: neither a form's other parts nor uploads that
// a rule refuses take any.
func TestAttachmentsTakeTheirRoomAlone(t *testing.T) {
	a := start(t, "    business_rules: [{table: sys_attachment, when: insert, if: file_nameENDSWITH.exe, abort: no programs}]")
	id := a.id("CHG0000039")
	for range 1001 {
		a.want(403, "POST", "/api/now/attachment/file?file_name=a.exe&table_name=change_request&table_sys_id="+id, "x", "Content-Type: text/plain")
	}
	var form strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&form, "--b\r\nContent-Disposition: form-data; name=\"f%d\"\r\n\r\n%s\r\n", i, strings.Repeat("x", 900))
	}
	for name, v := range map[string]string{"table_name": "change_request", "table_sys_id": id, "sys_tags": "mine", "image_width": "7"} {
		fmt.Fprintf(&form, "--b\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", name, v)
	}
	form.WriteString("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\ntext\r\n--b--\r\n")
	up := a.want(201, "POST", "/api/now/attachment/upload", form.String(), "Content-Type: multipart/form-data; boundary=b").row()
	if up["sys_tags"] != "" || up["image_width"] != "" || up["file_name"] != "a.txt" {
		t.Errorf("%v", up)
	}
	r, err := a.Store.Table("server/sn1/row").Get(t.Context(), "sys_attachment/"+up["sys_id"].(string))
	if err != nil || len(r.Value) > 2000 {
		t.Errorf("the row has %d octets, %v", len(r.Value), err)
	}
}

// TestAFullJournalIsNoRateLimit: clients would ask again and again.
func TestAFullJournalIsNoRateLimit(t *testing.T) {
	a := start(t)
	path := a.path("change_request", "CHG0000039")
	for range 1000 {
		a.want(204, "PATCH", path, `{"work_notes":"x"}`, "X-no-response-body: true")
	}
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "PATCH", path, `{"work_notes":"x"}`)
	a.want(200, "PATCH", path, `{"short_description":"x"}`)
}
