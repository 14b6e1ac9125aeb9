package servicenow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestN3StateModels walks every pair of states of every model: what the vendor's
// pages draw an arrow for is taken, all else is refused and changes nothing.
func TestN3StateModels(t *testing.T) {
	a := start(t, "    incident_model: enforced\n    closed_is_readonly: false")
	const filled = `,"assigned_to":"alice","cause_notes":"c","fix_notes":"f","close_notes":"n","resolution_code":"fix_applied"`
	for _, m := range []struct {
		table, more, states string
		moves               string // from>to,to
	}{
		{"change_request", `,"type":"normal"`, "-5 -4 -3 -2 -1 0 3 4", "-5>-4,4 -4>-3,4 -3>-2,4 -2>-1,4 -1>0,4 0>3"},
		{"change_request", `,"type":"standard"`, "-5 -4 -3 -2 -1 0 3 4", "-5>-2,4 -2>-1,4 -1>0,4 0>3"},
		{"change_request", `,"type":"emergency"`, "-5 -4 -3 -2 -1 0 3 4", "-5>-3,4 -3>-2,4 -2>-1,4 -1>0,4 0>3"},
		{"change_task", "", "-5 1 2 3 4", "-5>1,4 1>2,3,4,-5 2>3,4"},
		{"incident", `,"close_code":"User error","close_notes":"n"`, "1 2 3 6 7 8", "1>2,3,6,8 2>3,6,8 3>2,6,8 6>7,2"},
		{"problem", filled, "101 102 103 104 106 107", "101>102,107 102>103,107 103>104,107 104>106,103,107 106>107,103 107>103"},
		{"problem_task", "", "151 152 154 157", "151>152,157 152>154,157 154>157"},
	} {
		allowed := map[string][]string{}
		for _, move := range strings.Fields(m.moves) {
			from, to, _ := strings.Cut(move, ">")
			allowed[from] = strings.Split(to, ",")
		}
		for _, from := range strings.Fields(m.states) {
			for _, to := range strings.Fields(m.states) {
				if from == to {
					continue
				}
				made := a.want(201, "POST", "/api/now/table/"+m.table, `{"state":"`+from+`"`+m.more+`}`).row()
				path, want := "/api/now/table/"+m.table+"/"+made["sys_id"].(string), 403
				if slices.Contains(allowed[from], to) {
					want = 200
				}
				r := a.want(want, "PATCH", path, `{"state":"`+to+`"}`)
				if want == 403 && !strings.Contains(r.body, "was aborted by Business Rule") {
					t.Errorf("%s %s>%s: %s", m.table, from, to, r.body)
				}
				if got := a.want(200, "GET", path, "").row()["state"]; got != map[int]string{200: to, 403: from}[want] {
					t.Errorf("%s%s %s>%s: now %v", m.table, m.more, from, to, got)
				}
			}
		}
	}
}

// TestN3DataPoliciesOfProblems: columns that a state demands.
func TestN3DataPoliciesOfProblems(t *testing.T) {
	a := start(t)
	made := a.want(201, "POST", "/api/now/table/problem", `{"short_description":"p"}`).row()
	path := "/api/now/table/problem/" + made["sys_id"].(string)
	lacks := func(columns, body string) {
		t.Helper()
		a.refused(403, "Operation Failed", "Data Policy Exception: The following fields are mandatory: "+columns, "PATCH", path, body)
	}
	lacks("Assigned to", `{"state":"102"}`)
	a.want(200, "PATCH", path, `{"problem_state":"102","assigned_to":"alice"}`) // as servicenow.itsm writes it
	if row := a.want(200, "GET", path, "").row(); row["state"] != "102" || row["problem_state"] != "102" || row["active"] != "true" {
		t.Errorf("%v", row)
	}
	r := a.want(403, "PATCH", path, `{"state":"106","resolution_code":"fix_applied","cause_notes":"c","fix_notes":"f"}`)
	if !strings.Contains(r.body, "Operation against file 'problem' was aborted by Business Rule 'Problem: Check State Transition^") {
		t.Errorf("%s", r.body)
	}
	lacks("Resolution code", `{"state":"107"}`)
	lacks("Close notes", `{"state":"107","resolution_code":"canceled"}`)
	lacks("Duplicate of", `{"state":"107","resolution_code":"duplicate"}`)
	a.want(200, "PATCH", path, `{"state":"103"}`)
	lacks("Cause notes, Fix notes", `{"state":"104"}`)
	a.want(200, "PATCH", path, `{"state":"104","cause_notes":"c","fix_notes":"f"}`)
	a.want(200, "PATCH", path, `{"state":"106","resolution_code":"fix_applied"}`)
	if row := a.want(200, "PATCH", path, `{"state":"107"}`).row(); row["active"] != "false" || row["closed_at"] == "" {
		t.Errorf("%v", row)
	}
	free := start(t, "    problem_model: free")
	made = free.want(201, "POST", "/api/now/table/problem", `{"state":"102"}`).row()
	if row := free.want(200, "PATCH", fmt.Sprint("/api/now/table/problem/", made["sys_id"]), `{"state":"106"}`).row(); row["state"] != "106" {
		t.Errorf("%v", row)
	}
}
