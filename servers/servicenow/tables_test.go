package servicenow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// everyInstance are tables that clients ask every instance for: those that
// servicenow.itsm, pysnow and PySNC name in their modules and tests.
var everyInstance = strings.Fields(`task incident change_request problem change_task problem_task incident_task sc_request sc_req_item sc_task sysapproval_approver sysapproval_group
	sys_user sys_user_group sys_user_grmember sys_user_role sys_user_has_role sys_choice sys_dictionary sys_db_object sys_properties sys_journal_field sys_attachment
	cmdb cmdb_ci cmdb_ci_hardware cmdb_ci_computer cmdb_ci_server cmdb_ci_linux_server cmdb_ci_win_server cmdb_ci_unix_server cmdb_ci_netgear cmdb_ci_service cmdb_ci_appl
	cmdb_rel_ci cmdb_rel_type cmdb_model alm_asset alm_hardware std_change_producer_version std_change_producer chg_model cmn_location cmn_department cmn_cost_center core_company
	sc_catalog sc_category sc_cat_item kb_knowledge kb_knowledge_base task_sla contract_sla task_ci service_offering`)

// TestN1TablesOfEveryInstance: they are there, with rows where an instance has some,
// and what is no table still is none.
func TestN1TablesOfEveryInstance(t *testing.T) {
	a := start(t)
	a.who = "root.admin:pw"
	for _, table := range everyInstance {
		a.want(200, "GET", "/api/now/table/"+table+"?sysparm_limit=1", "")
		if a.want(200, "GET", "/api/now/table/sys_db_object?sysparm_query=name="+table, "").rows() == nil {
			t.Errorf("sys_db_object has no row of %s", table)
		}
	}
	for _, table := range strings.Fields("sys_user_role sys_user_has_role sys_choice sys_dictionary core_company cmn_location chg_model cmdb_rel_type std_change_producer_version cmdb_ci_linux_server cmdb_ci_computer") {
		if len(a.want(200, "GET", "/api/now/table/"+table+"?sysparm_limit=1", "").rows()) == 0 {
			t.Errorf("%s has no rows", table)
		}
	}
	for _, table := range []string{"u_nosuch", "cmdb_ci_nosuch", "sys_nosuch", "Incident", "incident_"} {
		a.refused(400, "Invalid table "+table, "", "GET", "/api/now/table/"+table, "")
	}
}

// TestN1ClassesOfMachines: an asset is of the class of its platform, and found
// under every class that this one extends.
func TestN1ClassesOfMachines(t *testing.T) {
	a := start(t)
	for table, want := range map[string]string{"cmdb": "db01 sw01", "cmdb_ci": "db01 sw01", "cmdb_ci_computer": "db01", "cmdb_ci_server": "db01", "cmdb_ci_linux_server": "db01", "cmdb_ci_win_server": "", "cmdb_ci_netgear": "sw01"} {
		if got := a.names(table, "ORDERBYname"); got != want {
			t.Errorf("%s: %q, want %q", table, got, want)
		}
	}
	r := a.want(200, "GET", "/api/now/table/cmdb_ci?sysparm_query=name=db01&sysparm_display_value=all&sysparm_fields=sys_class_name,sys_id", "").rows()[0]
	if c := r["sys_class_name"].(map[string]any); c["value"] != "cmdb_ci_linux_server" || c["display_value"] != "Linux Server" {
		t.Errorf("%v", c)
	}
	id := r["sys_id"].(map[string]any)["value"].(string)
	a.want(200, "GET", "/api/now/table/cmdb_ci_computer/"+id, "")
	a.want(404, "GET", "/api/now/table/cmdb_ci_win_server/"+id, "")
	made := a.want(201, "POST", "/api/now/table/cmdb_ci_win_server", `{"name":"new01","ip_address":"10.9.9.9"}`).row()
	if made["sys_class_name"] != "cmdb_ci_win_server" || a.names("cmdb_ci", "ip_address=10.9.9.9") != "new01" {
		t.Errorf("%v", made)
	}
	kind := a.want(200, "GET", "/api/now/table/cmdb_rel_type?sysparm_query=name=Runs on::Runs", "").rows()[0]
	rel := a.want(201, "POST", "/api/now/table/cmdb_rel_ci", `{"parent":"`+id+`","child":"`+made["sys_id"].(string)+`","type":"`+kind["sys_id"].(string)+`"}`).row()
	shown := a.want(200, "GET", "/api/now/table/cmdb_rel_ci/"+rel["sys_id"].(string)+"?sysparm_display_value=true&sysparm_exclude_reference_link=true&sysparm_fields=parent,child,type", "").row()
	if fmt.Sprint(shown) != "map[child:new01 parent:db01 type:Runs on::Runs]" {
		t.Errorf("%v", shown)
	}
}

// TestN1TheDictionaryIsTrue: sys_dictionary and sys_choice say what the tables hold.
func TestN1TheDictionaryIsTrue(t *testing.T) {
	a := start(t)
	a.who = "root.admin:pw"
	list := func(table, query, field string) (out []string) {
		for _, row := range a.want(200, "GET", "/api/now/table/"+table+"?sysparm_exclude_reference_link=true&sysparm_query="+query, "").rows() {
			out = append(out, row[field].(string))
		}
		return out
	}
	if got := list("sys_choice", "name=change_task^element=state^ORDERBYsequence", "label"); strings.Join(got, ",") != "Pending,Open,In Progress,Closed,Canceled" {
		t.Errorf("%q", got)
	}
	if got := list("sys_choice", "name=incident^element=state^language=en^inactive=false^ORDERBYsequence", "value"); strings.Join(got, ",") != "1,2,3,6,7,8" {
		t.Errorf("%q", got)
	}
	if got := list("sys_choice", "name=incident^element=impact", "value"); got != nil || len(list("sys_choice", "name=task^element=impact", "value")) != 3 {
		t.Errorf("choices of a column stand under the table that declares it: %q", got)
	}
	declared := append(list("sys_dictionary", "name=task^elementISNOTEMPTY", "element"), list("sys_dictionary", "name=incident^elementISNOTEMPTY", "element")...)
	var seen []string
	for name := range a.want(200, "GET", "/api/now/table/incident?sysparm_limit=1", "").rows()[0] {
		seen = append(seen, name)
	}
	slices.Sort(declared)
	slices.Sort(seen)
	if !slices.Equal(declared, seen) {
		t.Errorf("declared %q\nseen %q", declared, seen)
	}
	row := a.want(200, "GET", "/api/now/table/sys_dictionary?sysparm_query=name=task^element=assigned_to", "").rows()[0]
	if row["internal_type"] != "reference" || row["reference"] != "sys_user" || row["sys_id"] == "" {
		t.Errorf("%v", row)
	}
	a.want(200, "GET", "/api/now/table/sys_dictionary/"+row["sys_id"].(string), "")
	a.refused(403, "Operation Failed", "ACL Exception Update Failed due to security constraints", "PATCH", "/api/now/table/sys_dictionary/"+row["sys_id"].(string), `{"mandatory":"true"}`)
}

// TestN1TablesOfTheSeed: a table of the seed's own has choices, references and rows;
// one that extends task has tickets, which are tasks, too.
func TestN1TablesOfTheSeed(t *testing.T) {
	a := start(t, `    tables:
      - {name: u_site, label: Site, fields: {name: text, u_kind: "choice lab=Laboratory,dc=Data center", u_owner: reference sys_user}, rows: [{name: north, u_kind: dc, u_owner: alice}, {name: south}]}
      - name: sn_hr_core_case
        label: HR Case
        extends: task
        prefix: HRC
        fields: {u_site: reference u_site, state: "choice 10=Ready,18=Work in Progress", hr_service: text}
        rows: [{number: HRC0000001, short_description: seeded, u_site: north}]`)
	row := a.want(200, "GET", "/api/now/table/u_site?name=north&sysparm_display_value=true&sysparm_exclude_reference_link=true", "").rows()[0]
	if row["u_kind"] != "Data center" || row["u_owner"] != "Alice Adams" {
		t.Errorf("%v", row)
	}
	made := a.want(201, "POST", "/api/now/table/sn_hr_core_case", `{"short_description":"new","u_site":"north","hr_service":"s"}`).row()
	if n := made["number"].(string); !strings.HasPrefix(n, "HRC") || made["sys_class_name"] != "sn_hr_core_case" || made["active"] != "true" {
		t.Errorf("%v", made)
	}
	if got := a.find("task", "sys_class_name=sn_hr_core_case^ORDERBYnumber"); len(strings.Fields(got)) != 2 {
		t.Errorf("task has %q", got)
	}
	if got := a.find("sn_hr_core_case", "u_site.name=north^ORDERBYnumber"); len(strings.Fields(got)) != 2 {
		t.Errorf("%q", got)
	}
	if r := a.want(200, "GET", "/api/now/table/sys_choice?sysparm_query=name=u_site^element=u_kind^ORDERBYsequence&sysparm_fields=label", ""); strings.TrimSpace(r.body) != `{"result":[{"label":"Laboratory"},{"label":"Data center"}]}` {
		t.Errorf("%s", r.body)
	}
}
