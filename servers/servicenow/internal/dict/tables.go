package dict

// definition is a table in short: name:type words, see parse.
type definition struct{ name, label, prefix, parent, display, fields string }

// system are the fields that every table has.
const system = "sys_id:g sys_created_by sys_created_on:t sys_updated_by sys_updated_on:t sys_mod_count:i sys_tags"

// standard are the tables of ticketing.md section 3.5, with the fields that the
// vendor's own samples show.
var standard = []definition{
	{name: "task", label: "Task", prefix: "TASK", display: "number", fields: `active:b activity_due:t additional_assignee_list approval approval_history:j approval_set:t
		assigned_to:@sys_user assignment_group:@sys_user_group business_duration:t business_service:@cmdb_ci calendar_duration:t close_notes closed_at:t
		closed_by:@sys_user cmdb_ci:@cmdb_ci comments:j comments_and_work_notes:j company:@core_company contact_type correlation_display
		correlation_id delivery_plan:@sc_cat_item_delivery_plan delivery_task:@sc_cat_item_delivery_task description due_date:t escalation expected_start:t
		follow_up:t group_list impact knowledge:b location:@cmn_location made_sla:b number opened_at:t opened_by:@sys_user order:i parent:@task
		priority reassignment_count:i rejection_goto service_offering:@cmdb_ci short_description sla_due:t state sys_class_name
		sys_domain:@sys_user_group sys_domain_path time_worked upon_approval upon_reject urgency user_input watch_list wf_activity work_end:t
		work_notes:j work_notes_list work_start:t u_account u_protocol`},
	{name: "incident", label: "Incident", prefix: "INC", parent: "task", display: "number", fields: `caller_id:@sys_user category subcategory caused_by:@change_request
		child_incidents:i close_code incident_state hold_reason notify parent_incident:@incident problem_id:@problem reopen_count:i resolved_at:t
		resolved_by:@sys_user rfc:@change_request severity calendar_stc:i business_stc:i`},
	{name: "change_request", label: "Change Request", prefix: "CHG", parent: "task", display: "number", fields: `type risk risk_value risk_impact_analysis phase phase_state
		category reason scope requested_by:@sys_user requested_by_date:t start_date:t end_date:t cab_date:t cab_required:b cab_recommendation
		cab_delegate:@sys_user change_plan backout_plan test_plan implementation_plan justification review_comments review_date:d review_status
		production_system:b outside_maintenance_schedule:b conflict_status conflict_last_run:t on_hold:b on_hold_reason on_hold_task chg_model:@chg_model
		std_change_producer_version:@std_change_producer_version unauthorized:b is_bulk:b close_code`},
	{name: "problem", label: "Problem", prefix: "PRB", parent: "task", display: "number", fields: `category subcategory cause_notes fix_notes known_error:b major_problem:b
		problem_state related_incidents:i resolution_code resolved_at:t resolved_by:@sys_user rfc:@change_request workaround`},
	{name: "sc_request", label: "Request", prefix: "REQ", parent: "task", display: "number", fields: `requested_for:@sys_user requested_date:t request_state stage price special_instructions delivery_address`},
	{name: "sc_req_item", label: "Requested Item", prefix: "RITM", parent: "task", display: "number", fields: `requested_for:@sys_user request:@sc_request cat_item:@sc_cat_item stage quantity:i price estimated_delivery:t`},
	{name: "sc_task", label: "Catalog Task", prefix: "SCTASK", parent: "task", display: "number", fields: `request:@sc_request request_item:@sc_req_item sc_catalog:@sc_catalog`},
	{name: "sysapproval_approver", label: "Approval", display: "sysapproval", fields: `approver:@sys_user sysapproval:@task source_table document_id state comments due_date:t expected_start:t group:@sysapproval_group order:i approval_source`},
	{name: "sys_journal_field", label: "Journal Entry", display: "sys_id", fields: `name element element_id value`},
	{name: "sys_user", label: "User", display: "name", fields: `user_name name first_name last_name email phone mobile_phone active:b locked_out:b title department:@cmn_department
		manager:@sys_user location:@cmn_location company:@core_company employee_number roles time_zone web_service_access_only:b internal_integration_user:b sys_class_name sys_domain:@sys_user_group`},
	{name: "sys_user_group", label: "Group", display: "name", fields: `name description email active:b manager:@sys_user parent:@sys_user_group roles type`},
	{name: "sys_user_grmember", label: "Group Member", display: "sys_id", fields: `user:@sys_user group:@sys_user_group`},
	{name: "cmdb_ci", label: "Configuration Item", display: "name", fields: `name short_description ip_address fqdn dns_domain host_name asset_tag serial_number category subcategory
		install_status:i operational_status:i assigned_to:@sys_user support_group:@sys_user_group owned_by:@sys_user managed_by:@sys_user company:@core_company
		location:@cmn_location environment comments sys_class_name sys_domain:@sys_user_group`},
	{name: "cmdb_ci_server", label: "Server", parent: "cmdb_ci", display: "name", fields: `os os_version os_domain cpu_count:i ram:i virtual:b used_for classification`},
	{name: "sys_attachment", label: "Attachment", display: "file_name", fields: `file_name table_name table_sys_id content_type size_bytes:i size_compressed:i compressed:b state hash average_image_color image_height image_width`},
}

func list(pairs ...string) (out []Choice) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, Choice{pairs[i], pairs[i+1]})
	}
	return out
}

var (
	incidentStates = list("1", "New", "2", "In Progress", "3", "On Hold", "6", "Resolved", "7", "Closed", "8", "Canceled")
	catalogStates  = list("-5", "Pending", "1", "Open", "2", "Work in Progress", "3", "Closed Complete", "4", "Closed Incomplete")
	levels         = list("1", "1 - High", "2", "2 - Medium", "3", "3 - Low")
)

// choices of fields, those of one table by "table.field".
var choices = map[string][]Choice{
	"incident.state": incidentStates, "incident.incident_state": incidentStates,
	"incident.hold_reason": list("1", "Awaiting Caller", "3", "Awaiting Problem", "4", "Awaiting Vendor", "5", "Awaiting Change"),
	"incident.close_code": list("Duplicate", "Duplicate", "Known error", "Known error", "Resolved by caller", "Resolved by caller", "Resolved by change", "Resolved by change",
		"Resolved by problem", "Resolved by problem", "Solution provided", "Solution provided", "Workaround provided", "Workaround provided", "User error", "User error"),
	"change_request.state":      list("-5", "New", "-4", "Assess", "-3", "Authorize", "-2", "Scheduled", "-1", "Implement", "0", "Review", "3", "Closed", "4", "Canceled"),
	"change_request.type":       list("normal", "Normal", "standard", "Standard", "emergency", "Emergency"),
	"change_request.close_code": list("successful", "Successful", "successful_issues", "Successful with issues", "unsuccessful", "Unsuccessful"),
	"change_request.risk":       list("2", "High", "3", "Moderate", "4", "Low"),
	"problem.state":             list("101", "New", "102", "Assess", "103", "Root Cause Analysis", "104", "Fix in Progress", "106", "Resolved", "107", "Closed"),
	"sc_request.state":          catalogStates, "sc_req_item.state": catalogStates, "sc_task.state": catalogStates,
	"task.state":                 list("-5", "Pending", "1", "Open", "2", "Work in Progress", "3", "Closed Complete", "4", "Closed Incomplete", "7", "Closed Skipped"),
	"sysapproval_approver.state": list("not requested", "Not Yet Requested", "requested", "Requested", "approved", "Approved", "rejected", "Rejected", "not_required", "No Longer Required", "cancelled", "Cancelled"),
	"approval":                   list("not requested", "Not Yet Requested", "requested", "Requested", "approved", "Approved", "rejected", "Rejected", "not_required", "Not Required", "cancelled", "Cancelled"),
	"impact":                     levels, "urgency": levels,
	"priority":       list("1", "1 - Critical", "2", "2 - High", "3", "3 - Moderate", "4", "4 - Low", "5", "5 - Planning"),
	"escalation":     list("0", "Normal", "1", "Moderate", "2", "High", "3", "Overdue"),
	"upon_approval":  list("proceed", "Proceed to Next Task", "do_nothing", "Wait for a User to Close this task"),
	"upon_reject":    list("cancel", "Cancel all future Tasks", "goto", "Go to a previous Task"),
	"sys_class_name": list("task", "Task", "incident", "Incident", "change_request", "Change Request", "problem", "Problem", "sc_request", "Request", "sc_req_item", "Requested Item", "sc_task", "Catalog Task", "sys_user", "User", "cmdb_ci", "Configuration Item", "cmdb_ci_server", "Server"),
}
