package servicenow_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/ticket"
	"counterpart/internal/serving/fault"
)

// native asks the native face about a ticket.
func (a *api) native(method, path, body string) reply {
	a.t.Helper()
	return a.as("Authorization: Bearer sps-secret").send(method, "http://"+a.Addr("native/http")+"/tickets/v1/tickets"+path, body)
}

// fields reads columns of a ticket as text.
func (a *api) fields(number string, names ...string) string {
	a.t.Helper()
	rows := a.want(200, "GET", "/api/now/table/change_request?sysparm_exclude_reference_link=true&number="+number, "").rows()
	if len(rows) != 1 {
		a.t.Fatalf("%d rows of %s", len(rows), number)
	}
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprint(rows[0][n]))
	}
	return strings.Join(out, " ")
}

func TestOneTicketForAllFaces(t *testing.T) {
	a := start(t)
	path := a.path("change_request", "CHG0000038")
	if got := a.fields("CHG0000038", "state", "approval", "active", "on_hold"); got != "-1 approved true false" {
		t.Errorf("as seeded: %s", got)
	}
	bob := a.want(200, "GET", "/api/now/table/sys_user?user_name=bob", "").rows()[0]["sys_id"].(string)
	a.want(200, "PATCH", path, `{"short_description":"New title","assigned_to":"`+bob+`","end_date":"2026-01-01 13:00:00","work_notes":"from here","u_account":"postgres","u_extra":"x"}`)
	n := a.native("GET", "/CHG0000038", "").json
	window, _ := n["window"].(map[string]any)
	target := n["targets"].([]any)[0].(map[string]any)
	if n["title"] != "New title" || n["assignee"] != "bob" || window["not_after"] != "2026-01-01T13:00:00Z" || n["state"] != "approved" || fmt.Sprintf("%v %v", target["accounts"], target["asset"]) != "[postgres] db01" {
		t.Errorf("%v", n)
	}
	if notes := n["notes"].([]any); len(notes) != 1 || notes[0].(map[string]any)["text"] != "from here" || notes[0].(map[string]any)["author"] != "svc-sps" {
		t.Errorf("%v", n["notes"])
	}
	a.want(200, "PATCH", path, `{"on_hold":"true"}`)
	if got := a.native("GET", "/CHG0000038", "").json["state"]; got != "on_hold" || a.fields("CHG0000038", "state", "on_hold") != "-1 true" {
		t.Errorf("held: %v %s", got, a.fields("CHG0000038", "state", "on_hold"))
	}
	a.want(200, "PATCH", path, `{"on_hold":"false"}`)
	if r := a.native("POST", "/CHG0000038/sessions", `{"session_id":"s1","user":"alice","asset":"db01","account":"postgres"}`); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := a.fields("CHG0000038", "state", "approval", "active"); got != "-1 approved true" {
		t.Errorf("in use: %s", got)
	}
	if r := a.native("POST", "/CHG0000038/sessions/s1/end", `{"close_ticket":"always","note":"bye"}`); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := a.fields("CHG0000038", "state", "approval", "active"); got != "3 approved false" {
		t.Errorf("closed by the native face: %s", got)
	}
}

func TestTwoInstancesOfOneSystem(t *testing.T) {
	a := start(t, "  - {kind: servicenow, name: sn2, tls: false, users: [{user: svc-sps, password: pw, roles: [itil]}]}\n  - {kind: servicenow, name: other, system: other, tls: false, users: [{user: svc-sps, password: pw, roles: [itil]}]}")
	b, c := *a, *a
	b.base, c.base = "http://"+a.Addr("sn2/http"), "http://"+a.Addr("other/http")
	made := a.want(201, "POST", "/api/now/table/change_request", `{"short_description":"seen by both"}`).row()["number"].(string)
	if a.id("CHG0000038") == b.id("CHG0000038") {
		t.Error("both instances have the same sys_id for a ticket")
	}
	b.want(200, "PATCH", b.path("change_request", made), `{"state":"-4"}`)
	if got := a.fields(made, "state", "approval"); got != "-4 requested" {
		t.Errorf("the first instance says %s", got)
	}
	if got := c.find("task", ""); got != "" {
		t.Errorf("another system has %s", got)
	}
}

func TestSecretsStayOutOfTheJournal(t *testing.T) {
	a := start(t, "    business_rules: []")
	a.form("/oauth_token.do", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"s1"}})
	token := a.form("/oauth_token.do", url.Values{"grant_type": {"client_credentials"}, "client_id": {"sps"}, "client_secret": {"sps-secret"}}).json
	a.as("Authorization: Bearer "+token["access_token"].(string)).want(200, "PATCH", a.path("incident", "INC0000046"), `{"work_notes":"my password is Alice-Pass-1"}`)
	for _, e := range a.Journal.Tail(100) {
		for _, secret := range []string{"Alice-Pass-1", "sps-secret", "client_secret=s1", token["access_token"].(string), token["refresh_token"].(string)} {
			if strings.Contains(fmt.Sprint(e), secret) {
				t.Errorf("%s: the journal shows %s: %s %s", e.Op, secret, e.Request, e.Response)
			}
		}
	}
}

func TestApprovalsThroughEitherFace(t *testing.T) {
	a := start(t)
	if got := a.fields("CHG0000039", "state", "approval"); got != "-3 requested" {
		t.Fatalf("as seeded: %s", got)
	}
	row := a.want(200, "GET", "/api/now/table/sysapproval_approver?sysparm_query=sysapproval.number=CHG0000039&sysparm_exclude_reference_link=true", "").rows()[0]
	approver := "/api/now/table/sysapproval_approver/" + row["sys_id"].(string)
	if row["state"] != "requested" {
		t.Errorf("%v", row)
	}
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "PATCH", approver, `{"state":"approved"}`)
	trent := a.as("trent:Trent-Pass-1")
	if r := trent.want(200, "PATCH", approver, `{"state":"approved","comments":"fine"}`); r.row()["state"] != "approved" || r.row()["comments"] != "fine" {
		t.Errorf("%s", r.body)
	}
	if got := a.fields("CHG0000039", "state", "approval"); got != "-2 approved" {
		t.Errorf("approved: %s", got)
	}
	if got := a.native("GET", "/CHG0000039", "").json["state"]; got != "approved" {
		t.Errorf("native says %v", got)
	}
	trent.want(403, "PATCH", approver, `{"state":"rejected","comments":"no, wait"}`)
	// Another change, rejected by the other face.
	made := a.want(201, "POST", "/api/now/table/change_request", `{"short_description":"x","approval":"requested","state":"-4"}`).row()["number"].(string)
	if got := a.fields(made, "state", "approval"); got != "-4 requested" {
		t.Errorf("made: %s", got)
	}
	if _, err := a.Tickets.Edit(t.Context(), "", made, 0, func(x *ticket.Ticket) error {
		x.Approvers = []ticket.Approver{{User: "trent"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if r := a.native("POST", "/"+made+"/approvals", `{"approver":"trent","decision":"rejected"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := a.fields(made, "state", "approval"); got != "-5 rejected" {
		t.Errorf("rejected: %s", got)
	}
}

func TestChangesMoveAlongTheirModel(t *testing.T) {
	a := start(t).as("root.admin:pw")
	for kind, steps := range map[string]string{"normal": "-4 -3 -2 -1 0 3", "standard": "-2 -1 0 3", "emergency": "-3 -2 -1 0 3"} {
		r := a.want(201, "POST", "/api/now/table/change_request", `{"type":"`+kind+`"}`)
		path := "/api/now/table/change_request/" + r.row()["sys_id"].(string)
		a.want(403, "PATCH", path, `{"state":"-1"}`)
		for to := range strings.FieldsSeq(steps) {
			if got := a.want(200, "PATCH", path, `{"state":"`+to+`"}`).row()["state"]; got != to {
				t.Errorf("%s to %s: %v", kind, to, got)
			}
		}
		a.want(403, "PATCH", path, `{"state":"4"}`)
		if row := a.want(200, "GET", path, "").row(); row["active"] != "false" || row["closed_at"] != "2026-01-01 12:00:00" {
			t.Errorf("%v %v", row["active"], row["closed_at"])
		}
	}
	r := a.want(201, "POST", "/api/now/table/change_request", `{}`)
	path := "/api/now/table/change_request/" + r.row()["sys_id"].(string)
	a.want(200, "PATCH", path, `{"state":"-4"}`)
	if row := a.want(200, "PATCH", path, `{"approval":"approved"}`).row(); row["state"] != "-2" {
		t.Errorf("approved: %v", row["state"])
	}
	if row := a.want(200, "PATCH", path, `{"state":"4"}`).row(); row["state"] != "4" || row["active"] != "false" {
		t.Errorf("canceled: %v", row["state"])
	}
	free := start(t, "    change_model: free")
	if row := free.want(200, "PATCH", free.path("change_request", "CHG0000039"), `{"state":"3"}`).row(); row["state"] != "3" {
		t.Errorf("%v", row["state"])
	}
}

func TestChangeAPI(t *testing.T) {
	a := start(t)
	one := "/api/sn_chg_rest/v1/change/" + a.id("CHG0000039")
	r := a.want(200, "GET", one, "")
	if state, _ := r.row()["state"].(map[string]any); state["value"] != "-3" || state["display_value"] != "Authorize" {
		t.Errorf("%s", r.body)
	}
	r = a.want(200, "GET", one+"/nextstates", "")
	if got := fmt.Sprint(r.row()["available_states"]); got != "[-3 -2 4]" {
		t.Errorf("%s", r.body)
	}
	a.want(400, "PATCH", one+"/approvals", `{"state":"approved"}`)
	trent := a.as("trent:Trent-Pass-1")
	a.refused(400, "User is not an approver", "", "PATCH", one+"/approvals", `{"state":"approved"}`)
	trent.want(400, "POST", one+"/approvals", `{"state":"rejected"}`)
	trent.want(400, "POST", one+"/approvals", `{"state":"maybe"}`)
	r = trent.want(200, "PATCH", one+"/approvals", `{"state":"approved"}`)
	if approval, _ := r.row()["approval"].(map[string]any); approval["value"] != "approved" {
		t.Errorf("%s", r.body)
	}
	made := a.want(200, "POST", "/api/sn_chg_rest/change", `{"short_description":"through the change API"}`).row()
	if number := made["number"].(map[string]any)["value"]; a.find("change_request", "short_description=through the change API") != number {
		t.Errorf("%v", made)
	}
	if r := a.want(200, "GET", "/api/sn_chg_rest/change?sysparm_query=number=CHG0000038", ""); len(r.rows()) != 1 {
		t.Errorf("%s", r.body)
	}
	a.want(200, "PATCH", one, `{"close_notes":"x"}`)
	a.want(403, "DELETE", one, "")
	trent.want(204, "DELETE", one, "")
	a.want(404, "GET", one, "")
}

func TestAttachments(t *testing.T) {
	a := start(t)
	id := a.id("INC0000046")
	const file = "/api/now/attachment/file"
	r := a.want(201, "POST", file+"?table_name=incident&table_sys_id="+id+"&file_name=a.txt", "hello", "Content-Type: text/plain")
	one := "/api/now/attachment/" + r.row()["sys_id"].(string)
	if r.row()["size_bytes"] != "5" || r.row()["content_type"] != "text/plain" || r.row()["hash"] != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", one+"/file", ""); r.body != "hello" || r.header.Get("Content-Type") != "text/plain" {
		t.Errorf("%q %v", r.body, r.header)
	}
	if r := a.want(200, "GET", "/api/now/v1/attachment?table_sys_id="+id, ""); len(r.rows()) != 1 || r.header.Get("X-Total-Count") != "1" {
		t.Errorf("%s", r.body)
	}
	form := "--b\r\nContent-Disposition: form-data; name=\"table_name\"\r\n\r\nincident\r\n--b\r\nContent-Disposition: form-data; name=\"table_sys_id\"\r\n\r\n" + id +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.bin\"\r\nContent-Type: application/x-b\r\n\r\nworld\r\n--b--\r\n"
	if r := a.want(201, "POST", "/api/now/attachment/upload", form, "Content-Type: multipart/form-data; boundary=b"); r.row()["file_name"] != "b.bin" {
		t.Errorf("%s", r.body)
	}
	a.want(404, "POST", file+"?table_name=incident&table_sys_id="+strings.Repeat("0", 32)+"&file_name=a.txt", "x")
	a.want(400, "POST", file+"?table_name=incident&table_sys_id="+id+"&file_name=a/b", "x")
	a.want(413, "POST", file+"?table_name=incident&table_sys_id="+id+"&file_name=big", strings.Repeat("x", 9<<20))
	a.want(204, "DELETE", one, "")
	a.want(404, "GET", one+"/file", "")
	big := strings.Repeat("x", 8<<20)
	for i := range 9 { // eight of them fill the shelf with what is there
		status := 201
		if i > 6 {
			status = 403
		}
		a.want(status, "POST", file+"?table_name=incident&table_sys_id="+id+"&file_name=big", big, "Content-Type: text/plain")
	}
	a.as("root.admin:pw").want(204, "DELETE", "/api/now/table/incident/"+id, "")
	if r := a.want(200, "GET", "/api/now/attachment?table_sys_id="+id, ""); len(r.rows()) != 0 {
		t.Errorf("%d attachments of a row that is gone", len(r.rows()))
	}
	other := a.id("CHG0000038")
	a.want(201, "POST", file+"?table_name=change_request&table_sys_id="+other+"&file_name=big", big, "Content-Type: text/plain")
}

func TestWhatClientsWriteAndAskFor(t *testing.T) {
	a := start(t)
	path := a.path("change_request", "CHG0000038")
	bob := a.as("bob:Bob-Pass-1")
	row := bob.want(200, "PATCH", path+"?sysparm_input_display_value=true", `{"state":"Review","assigned_to":"Bob Baker","end_date":"2026-01-01 15:00:00","impact":"1 - High","nosuch":"x"}`).row()
	if row["state"] != "0" || row["end_date"] != "2026-01-01 14:00:00" || row["impact"] != "1" || row["assigned_to"].(map[string]any)["value"] == "" {
		t.Errorf("display values: %v", row)
	}
	inc := a.path("incident", "INC0000046")
	row = a.want(200, "PATCH", inc, `[{"urgency":1,"knowledge":true,"close_notes":null,"category":{"value":"network","display_value":"Network"},"state":"Review","due_date":"soon","priority":"high"},{"urgency":2}]`).row()
	if row["urgency"] != "1" || row["knowledge"] != "true" || row["category"] != "network" || row["state"] != "2" || row["due_date"] != "" || row["priority"] != "4" {
		t.Errorf("%v", row)
	}
	if r := a.want(200, "POST", inc, `{"urgency":"2"}`, "X-HTTP-Method-Override: PATCH"); r.row()["urgency"] != "2" {
		t.Errorf("%s", r.body)
	}
	a.want(405, "POST", inc, `{}`)
	for query, want := range map[string]string{"state=Review&type=normal": "CHG0000038", "assigned_to=bob": "CHG0000038 CHG0000040", "approval=Requested": "CHG0000039", "nosuch=1&number=CHG0000039": "CHG0000039", "number=CHG0000038&sysparm_query=number=CHG0000039": "CHG0000039"} {
		if got := a.want(200, "GET", "/api/now/table/change_request?"+query, "").numbers(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	server := a.want(200, "GET", "/api/now/table/cmdb_ci?name=db01", "").rows()[0]
	if row := a.want(200, "PATCH", "/api/now/table/cmdb_ci_server/"+server["sys_id"].(string), `{"serial_number":"S1"}`).row(); row["serial_number"] != "S1" || row["ip_address"] != "10.0.0.5" || row["sys_mod_count"] != "1" {
		t.Errorf("%v", row)
	}
	made := a.want(201, "POST", "/api/now/table/cmdb_ci", `{"name":"new01"}`).row()
	a.want(200, "PATCH", path, `{"cmdb_ci":"`+made["sys_id"].(string)+`"}`)
	if r := a.want(200, "GET", path+"?sysparm_fields=cmdb_ci&sysparm_display_value=true&sysparm_exclude_reference_link=true", ""); r.row()["cmdb_ci"] != "new01" {
		t.Errorf("%s", r.body)
	}
}

// TestWritersDoNotLoseEachOther has many write one ticket at once: each note and
// each count is there afterwards.
func TestWritersDoNotLoseEachOther(t *testing.T) {
	a := start(t, oddRows)
	ticketPath, row := a.path("incident", "INC0000046"), ""
	for _, r := range a.want(200, "GET", "/api/now/table/u_odd?name=r1", "").rows() {
		row = "/api/now/table/u_odd/" + r["sys_id"].(string)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			a.want(200, "PATCH", ticketPath, fmt.Sprintf(`{"work_notes":"note %d"}`, i))
			a.want(200, "PATCH", row, fmt.Sprintf(`{"u_word":"word %d"}`, i))
		})
	}
	wg.Wait()
	if got := a.want(200, "GET", ticketPath, "").row(); got["sys_mod_count"] != "40" {
		t.Errorf("the ticket: %v", got["sys_mod_count"])
	}
	if got := a.want(200, "GET", row, "").row(); got["sys_mod_count"] != "40" || !strings.HasPrefix(got["u_word"].(string), "word ") {
		t.Errorf("the row: %v", got)
	}
	history := a.want(200, "GET", ticketPath+"?sysparm_display_value=true&sysparm_fields=work_notes", "").row()["work_notes"].(string)
	if n := strings.Count(history, "(Work notes)"); n != 40 {
		t.Errorf("%d notes", n)
	}
}

// TestOneOfTwentyTakesTheLastStep has many race for the last step of a change: the
// model lets one of them take it.
func TestOneOfTwentyTakesTheLastStep(t *testing.T) {
	a := start(t)
	path := a.path("change_request", "CHG0000038")
	a.want(200, "PATCH", path, `{"state":"0"}`)
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 20 {
		wg.Go(func() {
			r := a.send("PATCH", path, fmt.Sprintf(`{"state":"3","close_notes":"by %d"}`, i))
			mu.Lock()
			statuses[r.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if statuses[200] != 1 || statuses[403] != 19 {
		t.Errorf("%v", statuses)
	}
}

func TestFaultsOfItsOwn(t *testing.T) {
	a := start(t)
	set := func(rules ...fault.Rule) {
		t.Helper()
		if err := a.Faults.Set(rules); err != nil {
			t.Fatal(err)
		}
	}
	const all = "/api/now/table/task?sysparm_fields=number"
	set(fault.Rule{Kind: "transaction-cancelled"})
	if r := a.want(200, "GET", all, ""); len(r.rows()) != 2 || r.json["error"].(map[string]any)["message"] != "Transaction cancelled: maximum execution time exceeded" {
		t.Errorf("%s", r.body)
	}
	set(fault.Rule{Kind: "hibernating"})
	if r := a.want(200, "GET", all, ""); !strings.Contains(r.body, "<html>") || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		t.Errorf("%s", r.body)
	}
	set(fault.Rule{Kind: "mfa-required"})
	if r := a.refused(401, "User Not Authenticated", noAuth, "GET", all, ""); r.header.Get("X-MFA_TOKEN") != "invalid" {
		t.Errorf("%v", r.header)
	}
	set(fault.Rule{Kind: "row-security"})
	if r := a.want(200, "GET", all, ""); r.body != `{"result":[]}` || r.header.Get("X-Total-Count") != "4" {
		t.Errorf("%s %v", r.body, r.header)
	}
	set(fault.Rule{Kind: "batch-unserviced"})
	if r := a.want(200, "POST", "/api/now/batch", `{"batch_request_id":1,"rest_requests":[{"id":"a","method":"GET","url":"/api/now/table/task","headers":[]}]}`); fmt.Sprint(r.json["unserviced_requests"]) != "[a]" {
		t.Errorf("%s", r.body)
	}
	set(fault.Rule{Kind: "replica-lag", Args: map[string]string{"for": "10s"}})
	a.Clock.Advance(time.Minute)
	path := a.path("change_request", "CHG0000039")
	made := a.want(201, "POST", "/api/now/table/change_request", `{"short_description":"fresh"}`)
	a.want(200, "PATCH", path, `{"approval":"approved"}`)
	const q = "number=CHG0000039^approval=approved"
	if got := a.find("change_request", q); got != "" {
		t.Errorf("the list is ahead: %s", got)
	}
	if got := a.want(200, "GET", path, "").row()["approval"]; got != "approved" {
		t.Errorf("the row itself is behind: %v", got)
	}
	if got := a.find("change_request", "short_description=fresh"); got != "" {
		t.Errorf("the list has %s already", got)
	}
	a.Clock.Advance(11 * time.Second)
	if got := a.find("change_request", q+"^NQshort_description=fresh^ORDERBYnumber"); got != "CHG0000039 "+made.row()["number"].(string) {
		t.Errorf("later: %s", got)
	}
}
