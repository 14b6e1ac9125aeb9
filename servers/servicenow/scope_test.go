package servicenow_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/servers/servicenow"
)

// known reports whether a feature is one of the scope's.
func known(name string) bool {
	return slices.ContainsFunc(servicenow.Scope().Unplayed, func(f dialect.Feature) bool { return f.Name == name })
}

// TestN2EveryDocumentedParameterCounts walks the table of documented parameters: a
// played one changes an answer, one that is not is journalled by its name.
func TestN2EveryDocumentedParameterCounts(t *testing.T) {
	a := start(t)
	a.who = "root.admin:pw"
	inc := a.id("INC0000046")
	list, row := "/api/now/table/change_request?sysparm_exclude_reference_link=true", "/api/now/table/incident/"+inc+"?sysparm_exclude_reference_link=false"
	stats, change := "/api/now/stats/change_request?sysparm_count=true", "/api/sn_chg_rest/change?sysparm_fields=number"
	upload := "/api/now/attachment/file?table_name=incident&table_sys_id=" + inc + "&file_name=a.txt"
	for range 2 {
		a.want(201, "POST", upload, "text", "Content-Type: text/plain")
	}
	attachments := "/api/now/attachment?x=y"
	// What is laid behind a call's URL, and to which URL, by operation.
	type probe struct{ method, path, body, value string }
	calls := map[string]probe{"table.list": {"GET", list, "", ""}, "table.get": {"GET", row, "", ""}, "table.insert": {"POST", "/api/now/table/incident?x=y", `{"state":"2","assigned_to":"alice"}`, ""},
		"table.update": {"PATCH", row, `{"urgency":"2"}`, ""}, "stats": {"GET", stats, "", ""}, "attachment.list": {"GET", attachments, "", ""}, "change.list": {"GET", change, "", ""},
		"attachment.upload": {"POST", upload, "text", ""}, "table.delete": {"DELETE", "/api/now/table/incident/%s?x=y", "", ""}, "change.insert": {"POST", "/api/sn_chg_rest/change?x=y", `{}`, ""}}
	values := map[string]string{"sysparm_query": "sys_id=x", "sysparm_display_value": "true", "sysparm_exclude_reference_link": "false", "sysparm_fields": "sys_id", "sysparm_limit": "1", "sysparm_no_count": "true",
		"sysparm_offset": "1", "sysparm_suppress_pagination_header": "true", "sysparm_input_display_value": "true", "sysparm_avg_fields": "priority", "sysparm_min_fields": "priority", "sysparm_max_fields": "priority",
		"sysparm_sum_fields": "priority", "sysparm_group_by": "state", "sysparm_having": "count^number^>^9", "sysparm_view": "mobile", "sysparm_query_category": "list", "sysparm_query_no_domain": "true",
		"sysparm_suppress_auto_sys_field": "true", "encryption_context": "x", "textSearch": "disk", "chg_model": "x", "order": "approval"}
	special := map[string][2]string{ // where it takes two calls of one's own to see it
		"table.get sysparm_exclude_reference_link":    {row, strings.Replace(row, "false", "true", 1)},
		"table.update sysparm_exclude_reference_link": {row, strings.Replace(row, "false", "true", 1)},
		"table.list sysparm_exclude_reference_link":   {list, strings.Replace(list, "true", "false", 1)},
		"table.insert sysparm_exclude_reference_link": {"/api/now/table/incident?sysparm_fields=assigned_to", "/api/now/table/incident?sysparm_fields=assigned_to&sysparm_exclude_reference_link=true"},
		"table.insert sysparm_display_value":          {"/api/now/table/incident?sysparm_fields=state", "/api/now/table/incident?sysparm_fields=state&sysparm_display_value=true"},
		"stats sysparm_count":                         {"/api/now/stats/incident", "/api/now/stats/incident?sysparm_count=true"},
		"stats sysparm_display_value":                 {stats + "&sysparm_group_by=state", stats + "&sysparm_group_by=state&sysparm_display_value=true"},
		"stats sysparm_order_by":                      {stats + "&sysparm_group_by=state", stats + "&sysparm_group_by=state&sysparm_order_by=state^DESC"},
		"stats sysparm_query":                         {stats, stats + "&sysparm_query=number=none"},
		"attachment.upload file_name":                 {upload, strings.Replace(upload, "a.txt", "b.txt", 1)},
		"attachment.upload table_name":                {upload, strings.Replace(upload, "table_name=incident", "table_name=task", 1)},
		"attachment.upload table_sys_id":              {upload, strings.Replace(upload, inc, a.id("CHG0000038"), 1)},
	}
	for op, names := range servicenow.Documented {
		for name := range strings.FieldsSeq(names) {
			if op == "change.approve" || name == "sysparm_input_display_value" {
				continue // of the body; TestWritesTakeDisplayValues and the flows have them
			}
			c := calls[op]
			if c.path == "" || values[name] == "" && special[op+" "+name][1] == "" {
				t.Errorf("nothing tries %s of %s", name, op)
				continue
			}
			if op == "table.delete" {
				c.path = fmt.Sprintf(c.path, a.want(201, "POST", "/api/now/table/incident", "{}").row()["sys_id"])
			}
			plain, with := c.path, c.path+"&"+name+"="+values[name]
			if pair, ok := special[op+" "+name]; ok {
				plain, with = pair[0], pair[1]
			}
			if _, unplayed := servicenow.UnplayedParameters[name]; unplayed {
				a.send(c.method, with, c.body)
				if e := a.Journal.Tail(1)[0]; e.Feature != name || e.Outcome != "unplayed" || !known(name) {
					t.Errorf("%s %s: %s %q", op, name, e.Outcome, e.Feature)
				}
				continue
			}
			one, two := a.send(c.method, plain, c.body), a.send(c.method, with, c.body)
			if one.body == two.body && one.header.Get("Link") == two.header.Get("Link") && one.header.Get("X-Total-Count") == two.header.Get("X-Total-Count") {
				t.Errorf("%s: %s changes nothing\n%s", op, name, two.body)
			}
		}
	}
	for _, path := range []string{list + "&sysparm_view=", list + "&sysparm_view=mobile&sysparm_fields=number", list + "&sysparm_query_no_domain=false"} {
		a.want(200, "GET", path, "")
		if e := a.Journal.Tail(1)[0]; e.Feature != "" || e.Outcome != "ok" {
			t.Errorf("%s: %s %q", path, e.Outcome, e.Feature)
		}
	}
	for query, feature := range map[string]string{"RLQUERYtask_sla.task,>=1^ENDRLQUERY": "RLQUERY in encoded queries", "JOINincident.sys_id=task_sla.task!active=true": "JOIN in encoded queries"} {
		a.want(200, "GET", list+"&sysparm_query="+url.QueryEscape(query), "")
		if e := a.Journal.Tail(1)[0]; e.Feature != feature || !known(feature) {
			t.Errorf("%s: %s %q, %s", query, e.Outcome, e.Feature, e.Why)
		}
	}
	a.want(200, "GET", stats+"&sysparm_avg_fields=start_date", "")
	if e := a.Journal.Tail(1)[0]; e.Feature != "aggregates of date_time" || !known(e.Feature) {
		t.Errorf("%+v", e)
	}
}

// TestUnplayedOperations: an instance's other APIs are refused as to a user whom no
// ACL lets in, after the login, and journalled by their name.
func TestUnplayedOperations(t *testing.T) {
	a := start(t)
	seen := map[string]bool{}
	for call, feature := range map[string]string{
		"POST /api/now/import/u_staging": "Import Set API", "POST /api/now/v1/import/u_staging/insertMultiple": "Import Set API", "GET /api/now/cmdb/instance/cmdb_ci_server": "CMDB Instance API",
		"GET /api/now/v1/cmdb/meta/cmdb_ci": "CMDB Meta API", "POST /api/now/identifyreconcile": "Identification and Reconciliation API", "GET /api/sn_sc/servicecatalog/items": "Service Catalog API",
		"GET /api/sn_sc/v1/servicecatalog/items": "Service Catalog API", "GET /api/sn_chg_rest/change/normal": "Change Management API: normal", "POST /api/sn_chg_rest/v1/change/standard/0123": "Change Management API: standard",
		"GET /api/sn_chg_rest/change/" + a.id("CHG0000038") + "/task": "Change Management API: tasks", "GET /api/now/attachment/x/attributes": "Attachment API: attributes",
		"GET /incident.do?SOAP": "SOAP web service", "GET /incident_list.do?JSONv2": "JSONv2 web service", "GET /oauth_auth.do?client_id=c1": "OAuth authorization endpoint",
	} {
		method, path, _ := strings.Cut(call, " ")
		if method == "POST" && strings.Contains(path, "standard") {
			method = "PATCH"
		}
		a.as("").want(401, method, path, "")
		a.refused(403, "User Not Authorized", "Failed API level ACL Validation", method, path, "")
		e := a.Last(journal.Match{Server: "sn1", Outcome: "unplayed"})
		if e.Feature != feature || !known(feature) {
			t.Errorf("%s: %q, want %q", call, e.Feature, feature)
		}
		seen[feature] = true
	}
	plays := servicenow.Scope().Plays
	if !slices.Contains(plays, "GET /api/now/stats/:table") || len(plays) < 15 {
		t.Errorf("%q", plays)
	}
	a.as("").want(401, "GET", "/api/now/nosuch", "")
	a.as("").want(401, "PUT", "/api/now/table/incident", "")
}
