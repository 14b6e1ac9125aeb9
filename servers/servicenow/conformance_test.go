package servicenow_test

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
)

const noAuth = "Required to provide Auth information"

// TestConformance walks the part SN of ticketing.md's checklist. 24, 25, 27 and 28
// replay here what the unmodified clients send; real_test.go runs the clients.
func TestConformance(t *testing.T) {
	list := dialecttest.Checklist(t, "testdata/checklist.txt")
	list.Run("1 wrong password and no Authorization", func(t *testing.T) {
		a := start(t)
		const path = "/api/now/table/incident"
		for _, who := range []string{"", "svc-sps:wrong", "alice:wrong", "nobody:x", "nobody.rest:pw", "victor:Victor-Pass-1", "dave:Dave-Pass-1", "x-sn-apikey: k2", "Authorization: Bearer x", "Authorization: Digest x", "Authorization: Basic !"} {
			a.as(who).refused(401, "User Not Authenticated", noAuth, "GET", path, "")
		}
	})
	list.Run("2 every way to log in", func(t *testing.T) { logins(t) })
	list.Run("3 client credentials in the header or the body", func(t *testing.T) {
		a := start(t)
		form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}}
		basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("c1:s1"))
		if r := a.form("/oauth_token.do", form, basic); r.status != 200 || r.json["token_type"] != "Bearer" || r.json["scope"] != "useraccount" || r.json["expires_in"] != 1800.0 || r.json["refresh_token"] == "" {
			t.Errorf("%d %s", r.status, r.body)
		}
		form.Set("client_id", "c1")
		form.Set("client_secret", "s1")
		if r := a.form("/oauth_token.do", form); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
		denied(t, a.as("").send("POST", "/oauth_token.do", `{"grant_type":"password","username":"alice","password":"Alice-Pass-1","client_id":"c1","client_secret":"s1"}`))
	})
	list.Run("4 the live token again, a new one after expiry", func(t *testing.T) {
		a := start(t)
		form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"s1"}}
		one := a.form("/oauth_token.do", form)
		a.Clock.Advance(10 * time.Minute)
		two := a.form("/oauth_token.do", form)
		if one.json["access_token"] != two.json["access_token"] || two.json["expires_in"] != 1200.0 {
			t.Errorf("%s then %s", one.body, two.body)
		}
		a.Clock.Advance(20 * time.Minute)
		bearer := a.as("Authorization: Bearer " + one.json["access_token"].(string))
		bearer.refused(401, "User Not Authenticated", noAuth, "GET", "/api/now/table/incident", "")
		three := a.form("/oauth_token.do", form)
		if three.json["access_token"] == one.json["access_token"] || three.json["refresh_token"] != one.json["refresh_token"] {
			t.Errorf("%s after %s", three.body, one.body)
		}
		refreshed := a.form("/oauth_token.do", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {one.json["refresh_token"].(string)}, "client_id": {"c1"}, "client_secret": {"s1"}})
		if refreshed.json["refresh_token"] != one.json["refresh_token"] || refreshed.json["access_token"] == three.json["access_token"] {
			t.Errorf("%s", refreshed.body)
		}
		a.as("Authorization: Bearer "+refreshed.json["access_token"].(string)).want(200, "GET", "/api/now/table/incident", "")
	})
	list.Run("5 whatever is wrong with a grant", func(t *testing.T) {
		a := start(t)
		good := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"Alice-Pass-1"}, "client_id": {"c1"}, "client_secret": {"s1"}}
		token := a.form("/oauth_token.do", good)
		for _, change := range []string{"client_secret=x", "client_id=x", "password=x", "username=x", "username=dave&password=Dave-Pass-1", "grant_type=x", "grant_type=refresh_token&refresh_token=x",
			"grant_type=refresh_token&refresh_token=" + token.json["access_token"].(string), "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer"} {
			form := url.Values{}
			for k, v := range good {
				form[k] = v
			}
			changes, _ := url.ParseQuery(change)
			for k, v := range changes {
				form[k] = v
			}
			denied(t, a.form("/oauth_token.do", form))
		}
		a.Clock.Advance(101 * 24 * time.Hour)
		denied(t, a.form("/oauth_token.do", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.json["refresh_token"].(string)}, "client_id": {"c1"}, "client_secret": {"s1"}}))
	})
	list.Run("6 the plugin's first request, verbatim", func(t *testing.T) {
		a := start(t)
		r := a.want(200, "GET", "/api/now/table/change_request?sysparm_query="+url.QueryEscape("number=CHG0000038^approval=approved")+
			"&sysparm_limit=10000&sysparm_offset=0&sysparm_display_value=False&sysparm_suppress_pagination_header=False&sysparm_exclude_reference_link=False&sysparm_view=&sysparm_fields=", "",
			"content-type: application/json", "User-Agent: pysnow")
		if len(r.rows()) != 1 {
			t.Fatalf("%s", r.body)
		}
		row := r.rows()[0]
		for name := range strings.FieldsSeq(taskFields) {
			if _, ok := row[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
		for name, v := range row {
			if ref, isRef := v.(map[string]any); isRef {
				if len(ref) != 2 || ref["value"] == "" || !strings.HasPrefix(ref["link"].(string), a.base+"/api/now/table/") {
					t.Errorf("%s: %v", name, v)
				}
			} else if _, text := v.(string); !text {
				t.Errorf("%s is %T", name, v)
			}
		}
		for name, want := range map[string]string{"state": "-1", "approval": "approved", "active": "true", "type": "normal", "sys_class_name": "change_request", "start_date": "2026-01-01 11:00:00", "end_date": "2026-01-01 20:00:00",
			"priority": "4", "close_notes": "", "short_description": "Replace the disk", "u_account": "root", "sys_mod_count": "0"} {
			if row[name] != want {
				t.Errorf("%s: %v, want %s", name, row[name], want)
			}
		}
	})
	list.Run("7 case of a number", func(t *testing.T) {
		for setting, want := range map[string]string{"ci": "CHG0000038", "cs": ""} {
			a := start(t, "    string_compare: "+setting)
			if got := a.find("change_request", "active=true^approval=approved^number=chg0000038"); got != want {
				t.Errorf("%s: %q", setting, got)
			}
		}
	})
	list.Run("8 AND, OR, NQ and order", func(t *testing.T) {
		a := start(t, oddRows)
		for q, want := range map[string]string{"u_a=1^u_b=2^ORu_b=3^ORDERBYname": "r1 r2", "u_a=2^NQu_b=2^ORDERBYname": "r1 r3 r4", "nameSTARTSWITHr^ORDERBYu_a^ORDERBYDESCname": "r5 r2 r1 r4 r3", "nameSTARTSWITHr^ORDERBYDESCu_b^ORDERBYname": "r4 r2 r1 r3 r5"} {
			if got := a.names("u_odd", q); got != want {
				t.Errorf("%s: %q, want %q", q, got, want)
			}
		}
	})
	list.Run("9 every operator, by type", func(t *testing.T) { operators(t) })
	list.Run("10 a window opens and closes with the clock", func(t *testing.T) {
		a := start(t)
		const q = "number=CHG0000038^start_date<=javascript:gs.nowDateTime()^end_date>=javascript:gs.nowDateTime()"
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{0, "CHG0000038"}, {8 * time.Hour, "CHG0000038"}, {time.Second, ""}} {
			a.Clock.Advance(step.wait)
			if got := a.find("change_request", q); got != step.want {
				t.Errorf("after %s: %q", step.wait, got)
			}
		}
	})
	list.Run("11 an unknown field in a query", func(t *testing.T) {
		for setting, want := range map[string]string{"drop": "CHG0000038", "none": ""} {
			a := start(t, "    invalid_query: "+setting)
			if got := a.find("change_request", "aproval=approved^number=CHG0000038"); got != want {
				t.Errorf("%s: %q", setting, got)
			}
		}
	})
	list.Run("12 no match", func(t *testing.T) {
		a := start(t)
		for _, v := range []string{"", "/v2"} {
			if r := a.want(200, "GET", "/api/now"+v+"/table/incident?sysparm_query=number=NONE", ""); r.body != `{"result":[]}` || r.header.Get("X-Total-Count") != "0" {
				t.Errorf("%q: %s", v, r.body)
			}
		}
		a.refused(404, "No Record found", "Records matching query not found", "GET", "/api/now/v1/table/incident?sysparm_query=number=NONE", "")
		start(t, "    empty_v1_404: false").want(200, "GET", "/api/now/v1/table/incident?sysparm_query=number=NONE", "")
	})
	list.Run("13 pages", func(t *testing.T) { pages(t) })
	list.Run("14 without Link, without a count", func(t *testing.T) {
		a := start(t)
		r := a.want(200, "GET", "/api/now/table/task?sysparm_limit=2&sysparm_suppress_pagination_header=true", "")
		if r.header.Get("Link") != "" || r.header.Get("X-Total-Count") != "4" {
			t.Errorf("Link %q, count %q", r.header.Get("Link"), r.header.Get("X-Total-Count"))
		}
		r = a.want(200, "GET", "/api/now/table/task?sysparm_limit=2&sysparm_no_count=true", "")
		if _, there := r.header["X-Total-Count"]; there || r.header.Get("Link") == "" {
			t.Errorf("%v", r.header)
		}
	})
	list.Run("15 display values and links", func(t *testing.T) { displays(t) })
	list.Run("16 chosen fields", func(t *testing.T) {
		a := start(t)
		r := a.want(200, "GET", "/api/now/table/change_request?sysparm_query=number=CHG0000038&sysparm_fields=number,assigned_to.user_name,nosuch,assigned_to.nosuch", "")
		if r.body != `{"result":[{"number":"CHG0000038","assigned_to.user_name":"alice"}]}` {
			t.Errorf("%s", r.body)
		}
	})
	list.Run("17 PUT with a leftover query", func(t *testing.T) {
		a := start(t)
		r := a.want(200, "PUT", a.path("change_request", "CHG0000039")+"?sysparm_query=number=CHG0000038&sysparm_limit=10000&sysparm_fields=", `{"close_notes":"SPS session id: x","sys_created_by":"me","nosuch":"x"}`)
		if row := r.row(); row["number"] != "CHG0000039" || row["close_notes"] != "SPS session id: x" || row["sys_mod_count"] != "1" || row["sys_updated_by"] != "svc-sps" || row["sys_created_by"] != "alice" {
			t.Errorf("%s", r.body)
		}
		if other := a.want(200, "GET", a.path("change_request", "CHG0000038"), "").row(); other["close_notes"] != "" || other["sys_mod_count"] != "0" {
			t.Errorf("the other one: %v", other)
		}
	})
	list.Run("18 journal fields", func(t *testing.T) {
		a := start(t)
		path := a.path("incident", "INC0000046")
		for _, note := range []string{"first", "second"} {
			if r := a.want(200, "PATCH", path, `{"work_notes":"`+note+`","close_notes":"`+note+`"}`); r.row()["work_notes"] != "" || r.row()["close_notes"] != note {
				t.Errorf("%s", r.body)
			}
		}
		all := a.want(200, "GET", path+"?sysparm_display_value=true", "").row()["work_notes"].(string)
		if all != "2026-01-01 12:00:00 - svc-sps (Work notes)\nsecond\n\n2026-01-01 12:00:00 - svc-sps (Work notes)\nfirst\n\n" {
			t.Errorf("%q", all)
		}
		r := a.want(200, "GET", "/api/now/table/sys_journal_field?element=work_notes&element_id="+a.id("INC0000046"), "")
		if len(r.rows()) != 2 {
			t.Errorf("%s", r.body)
		}
	})
	list.Run("19 POST, and numbers under a hundred of them", func(t *testing.T) { inserts(t) })
	list.Run("20 an unknown sys_id, and DELETE", func(t *testing.T) {
		a := start(t).as("root.admin:pw")
		for _, id := range []string{strings.Repeat("0", 32), "nonsense", a.id("INC0000046")[:31] + "x"} {
			for _, m := range []string{"GET", "PUT", "PATCH", "DELETE"} {
				a.refused(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval", m, "/api/now/table/incident/"+id, `{"close_notes":"x"}`)
			}
		}
		a.refused(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval", "GET", "/api/now/table/incident/"+a.id("CHG0000038"), "")
		path := a.path("incident", "INC0000046")
		if r := a.want(204, "DELETE", path, ""); r.body != "" {
			t.Errorf("%q", r.body)
		}
		a.want(404, "GET", path, "")
		if got := a.find("task", "number=INC0000046"); got != "" {
			t.Errorf("%s is still listed", got)
		}
	})
	list.Run("21 what is malformed", func(t *testing.T) {
		a := start(t)
		a.refused(400, "Invalid table nosuch", "", "GET", "/api/now/table/nosuch", "")
		a.refused(400, "Requested URI does not represent any resource", "", "GET", "/api/now/nosuch", "")
		a.refused(400, "Requested URI does not represent any resource", "", "GET", "/api/now/v3/nosuch", "")
		a.refused(405, "Method not supported", "", "PUT", "/api/now/table/incident", "{}")
		a.refused(400, "offset is -1", "Negative offset is not supported", "GET", "/api/now/table/incident?sysparm_offset=-1", "")
		for _, body := range []string{"{", "", "[]", `"x"`, "3", `{"a":1} {`, "{'a': }"} {
			a.refused(400, "Exception while reading request", "The payload is not valid JSON.", "POST", "/api/now/table/incident", body)
		}
		if r := a.want(201, "POST", "/api/now/table/incident", `{'short_description': 'it\'s "slow"', 'urgency': 1}`); r.row()["short_description"] != `it's "slow"` || r.row()["urgency"] != "1" {
			t.Errorf("%s", r.body)
		}
		if r := a.want(414, "GET", "/api/now/table/incident?sysparm_query="+strings.Repeat("x", 17<<10), ""); !strings.Contains(r.body, "<html>") {
			t.Errorf("%s", r.body)
		}
		s := start(t, "    strict_headers: true")
		s.want(400, "GET", "/api/now/table/incident", "", "Accept: -")
		s.want(406, "GET", "/api/now/table/incident", "", "Accept: text/plain")
		s.want(200, "GET", "/api/now/table/incident", "", "Accept: application/json")
		s.want(415, "POST", "/api/now/table/incident", "a=b", "Content-Type: application/x-www-form-urlencoded")
		s.want(400, "POST", "/api/now/table/incident", `{'a':'b'}`)
		a.want(406, "GET", "/api/now/table/incident", "", "Accept: text/plain")
		a.want(200, "GET", "/api/now/table/incident", "", "Accept: -")
	})
	list.Run("22 business rules and access rules", func(t *testing.T) { rules(t) })
	list.Run("23 rate limits", func(t *testing.T) { limits(t) })
	list.Run("24 the plugin's verdicts, replayed", func(t *testing.T) { replay(t) })
	list.Run("25 the injected ticket id", func(t *testing.T) {
		for _, setting := range []string{"drop", "none"} {
			a := start(t, "    invalid_query: "+setting)
			if got := a.find("change_request", "active=true^approval=approved^number=CHG9^NQnumber=CHG0000039"); got != "CHG0000039" {
				t.Errorf("%s: %q", setting, got)
			}
			if got := a.find("change_request", "number=CHG9^NQnumber=CHG0000039"); got != "CHG0000039" {
				t.Errorf("%s: %q", setting, got)
			}
		}
	})
	list.Run("26 a reader that stops", func(t *testing.T) { stalled(t) })
	list.Run("27 compressed and chunked", func(t *testing.T) { compressed(t) })
	list.Run("28 batch, tiny URL and the ansible flow, replayed", func(t *testing.T) { clients(t) })
	list.Run("29 a count is text", func(t *testing.T) {
		a := start(t)
		for path, want := range map[string]string{"incident?sysparm_count=true": `{"result":{"stats":{"count":"1"}}}`, "task?sysparm_count=true&sysparm_query=sys_class_name=change_request": `{"result":{"stats":{"count":"3"}}}`, "incident": `{"result":{"stats":{}}}`} {
			if r := a.want(200, "GET", "/api/now/stats/"+path, ""); strings.TrimSpace(r.body) != want {
				t.Errorf("%s: %s", path, r.body)
			}
		}
	})
	list.Run("30 the vendor's host name", func(t *testing.T) { vendorName(t) })
}

// denied demands the token endpoint's refusal.
func denied(t *testing.T, r reply) {
	t.Helper()
	if r.status != 401 || r.json["error"] != "server_error" || r.json["error_description"] != "access_denied" || len(r.json) != 2 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

const taskFields = `active activity_due additional_assignee_list approval approval_history approval_set assigned_to assignment_group business_duration business_service
calendar_duration close_notes closed_at closed_by cmdb_ci comments comments_and_work_notes company contact_type correlation_display correlation_id delivery_plan delivery_task
description due_date escalation expected_start follow_up group_list impact knowledge location made_sla number opened_at opened_by order parent priority reassignment_count
rejection_goto service_offering short_description sla_due state sys_class_name sys_created_by sys_created_on sys_domain sys_domain_path sys_id sys_mod_count sys_tags
sys_updated_by sys_updated_on time_worked upon_approval upon_reject urgency user_input watch_list wf_activity work_end work_notes work_notes_list work_start
type risk risk_value start_date end_date backout_plan on_hold close_code requested_by`

// oddRows is a table of the seed's own, with a field of each type.
const oddRows = `
    tables:
      - {name: u_odd, fields: {name: text, u_a: integer, u_b: integer, u_flag: boolean, u_when: date_time, u_until: date_time, u_day: date, u_who: reference sys_user, u_word: text}}
    records:
      u_odd:
        - {name: r1, u_a: 1, u_b: 2, u_flag: true, u_when: now-30m, u_until: +3d, u_day: "2026-01-01", u_who: alice, u_word: Alpha Beta}
        - {name: r2, u_a: 1, u_b: 3, u_flag: false, u_when: -2d, u_who: bob, u_word: gamma}
        - {name: r3, u_a: 2, u_b: 2}
        - {name: r4, u_a: 2, u_b: 4}
        - {name: r5}
`

// names joins the names of the rows that a query finds.
func (a *api) names(table, query string) string {
	a.t.Helper()
	var out []string
	for _, row := range a.want(200, "GET", "/api/now/table/"+table+"?sysparm_query="+url.QueryEscape(query), "").rows() {
		out = append(out, row["name"].(string))
	}
	return strings.Join(out, " ")
}

// operators has each operator over HTTP, with the rows it finds; the table in
// internal/query has each one both ways.
func operators(t *testing.T) {
	a := start(t, oddRows)
	for q, want := range map[string]string{
		"u_word=alpha beta": "r1", "u_word!=gamma^nameINr1,r2,r3": "r1 r3", "u_wordLIKEMM": "r2", "u_word*mm": "r2", "u_wordNOT LIKEmm": "r1 r3 r4 r5", "u_word!*mm": "r1 r3 r4 r5",
		"u_wordSTARTSWITHal": "r1", "u_wordENDSWITHta": "r1", "u_word%ta": "r1", "u_wordISEMPTY": "r3 r4 r5", "u_wordISNOTEMPTY": "r1 r2", "u_wordEMPTYSTRING": "r3 r4 r5", "u_wordANYTHING": "r1 r2 r3 r4 r5",
		"u_word<=b": "r1", "u_word>=b": "r2", "u_wordBETWEENa@b": "r1", "nameNOT INr1,r2": "r3 r4 r5", "nameSAMEASname": "r1 r2 r3 r4 r5", "nameNSAMEASu_word^nameINr1": "r1",
		"u_whoLIKEadams": "r1", "u_whoSTARTSWITHbob": "r2", "u_whoENDSWITHbaker": "r2", "u_whoNOT LIKEadams": "r2 r3 r4 r5", "u_whoISEMPTY": "r3 r4 r5", "u_who.user_name=alice": "r1", "u_who=alice": "",
		"u_a=1": "r1 r2", "u_a!=1": "r3 r4 r5", "u_b<3": "r1 r3", "u_b>3": "r4", "u_b<=3": "r1 r2 r3", "u_b>=3": "r2 r4", "u_bIN3,4": "r2 r4", "u_bNOT IN3,4": "r1 r3 r5", "u_bBETWEEN3@4": "r2 r4", "u_bGT_FIELDu_a": "r1 r2 r4",
		"u_aLT_FIELDu_b": "r1 r2 r4", "u_aGT_OR_EQUALS_FIELDu_b": "r3", "u_bLT_OR_EQUALS_FIELDu_a": "r3", "u_flag=true": "r1", "u_flag!=true": "r2 r3 r4 r5", "u_flag=false": "r2", "u_flagISEMPTY": "r3 r4 r5",
		"u_when>2026-01-01": "r1", "u_when<javascript:gs.hoursAgoStart(1)": "r2", "u_whenISNOTEMPTY": "r1 r2", "u_whenONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()": "r1",
		"u_whenNOTONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()": "r2", "u_whenRELATIVEGT@hour@ago@1": "r1", "u_whenRELATIVELT@hour@ago@1": "r2", "u_whenRELATIVEGE@minute@ago@30": "r1",
		"u_whenRELATIVELE@dayofweek@ago@2": "r2", "u_whenRELATIVEEE@dayofweek@ago@2": "r2", "u_whenDATEPARTTuesday@javascript:gs.datePart('dayofweek','tuesday','EE')": "r2",
		"u_untilMORETHANu_when@day@after@2": "r1", "u_whenLESSTHANu_until@day@before@4": "r1", "u_day=2026-01-01": "r1", "u_day=javascript:gs.now()": "r1",
		`u_whenBETWEENjavascript:gs.dateGenerate("2026-01-01 00:00:00")@javascript:gs.dateGenerate("2026-01-01 23:59:59")`: "r1",
	} {
		if got := a.names("u_odd", q); got != want {
			t.Errorf("%s: %q, want %q", q, got, want)
		}
	}
	if got := a.as("alice:Alice-Pass-1").names("u_odd", "u_who=javascript:gs.getUserID()"); got != "r1" {
		t.Errorf("her own rows: %q", got)
	}
}

func inserts(t *testing.T) {
	a := start(t)
	r := a.want(201, "POST", "/api/now/table/incident", `{"short_description":"new","caller_id":"`+"alice"+`","urgency":"1","number":"","sys_id":"x"}`)
	if loc := r.header.Get("Location"); !strings.HasPrefix(loc, a.base+"/api/now/table/incident/") || a.want(200, "GET", loc, "").row()["short_description"] != "new" {
		t.Errorf("Location %q", loc)
	}
	if row := r.row(); row["number"] != "INC0000047" || row["state"] != "1" || row["sys_created_by"] != "svc-sps" || row["active"] != "true" || row["opened_at"] != "2026-01-01 12:00:00" {
		t.Errorf("%s", r.body)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 100 {
		wg.Go(func() {
			number, _ := a.want(201, "POST", "/api/now/table/change_request", `{"short_description":"one of many"}`).row()["number"].(string)
			mu.Lock()
			defer mu.Unlock()
			if number == "" || seen[number] {
				t.Errorf("number %q", number)
			}
			seen[number] = true
		})
	}
	wg.Wait()
	if got := a.want(200, "GET", "/api/now/stats/change_request?sysparm_count=true&short_description=one+of+many", ""); !strings.Contains(got.body, `"100"`) {
		t.Errorf("%s", got.body)
	}
	if r := a.want(204, "POST", "/api/now/table/incident", `{}`, "X-no-response-body: true"); r.body != "" {
		t.Errorf("%s", r.body)
	}
	twice := a.want(201, "POST", "/api/now/table/incident", `{"number":"INC0000046","short_description":"a duplicate"}`)
	if twice.row()["number"] != "INC0000046" || a.find("incident", "number=INC0000046") != "INC0000046 INC0000046" {
		t.Errorf("%s", twice.body)
	}
}

func pages(t *testing.T) {
	a := start(t)
	next, visited := "/api/now/table/task?sysparm_limit=3&sysparm_fields=number&sysparm_query=ORDERBYnumber&sysparm_offset=0", ""
	for n := 0; next != "" && n < 5; n++ {
		r := a.want(200, "GET", next, "")
		if r.header.Get("X-Total-Count") != "4" {
			t.Errorf("count %s", r.header.Get("X-Total-Count"))
		}
		visited += r.numbers() + "|"
		links := map[string]string{}
		for part := range strings.SplitSeq(r.header.Get("Link"), ",") {
			target, rel, _ := strings.Cut(part, ";rel=")
			links[strings.Trim(rel, `"`)] = strings.Trim(target, "<>")
		}
		wanted := []string{"first", "last", "next"}
		if n == 1 {
			wanted = []string{"first", "last", "prev"}
		}
		if len(links) != 3 {
			t.Errorf("%v", links)
		}
		for _, rel := range wanted {
			if !strings.HasPrefix(links[rel], a.base+"/api/now/table/task?") || !strings.Contains(links[rel], "sysparm_query=ORDERBYnumber") || strings.Count(links[rel], "sysparm_offset") != 1 {
				t.Errorf("%s: %q", rel, links[rel])
			}
		}
		next = links["next"]
	}
	if visited != "CHG0000038 CHG0000039 CHG0000040|INC0000046|" {
		t.Error(visited)
	}
	for query, want := range map[string]string{"sysparm_offset=3": "1", "sysparm_offset=99": "0", "sysparm_limit=0": "0", "sysparm_limit=x": "4", "sysparm_limit=2&sysparm_offset=1": "2"} {
		if r := a.want(200, "GET", "/api/now/table/task?"+query, ""); strconv.Itoa(len(r.rows())) != want || r.header.Get("X-Total-Count") != "4" {
			t.Errorf("%s: %d rows", query, len(r.rows()))
		}
	}
	if r := a.want(200, "HEAD", "/api/now/table/task", ""); r.body != "" || r.header.Get("X-Total-Count") != "4" {
		t.Errorf("HEAD: %q %v", r.body, r.header)
	}
}
