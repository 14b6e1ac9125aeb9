package dict

func list(pairs ...string) (out []Choice) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, Choice{pairs[i], pairs[i+1]})
	}
	return out
}

var (
	incidentStates = list("1", "New", "2", "In Progress", "3", "On Hold", "6", "Resolved", "7", "Closed", "8", "Canceled")
	catalogStates  = list("-5", "Pending", "1", "Open", "2", "Work in Progress", "3", "Closed Complete", "4", "Closed Incomplete")
	problemStates  = list("101", "New", "102", "Assess", "103", "Root Cause Analysis", "104", "Fix in Progress", "106", "Resolved", "107", "Closed")
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
	"problem.state":             problemStates, "problem.problem_state": problemStates,
	"problem.resolution_code":        list("fix_applied", "Fix Applied", "risk_accepted", "Risk Accepted", "canceled", "Canceled", "duplicate", "Duplicate"),
	"change_task.state":              list("-5", "Pending", "1", "Open", "2", "In Progress", "3", "Closed", "4", "Canceled"),
	"change_task.change_task_type":   list("planning", "Planning", "implementation", "Implementation", "testing", "Testing", "review", "Review"),
	"change_task.close_code":         list("successful", "Successful", "successful_issues", "Successful with issues", "unsuccessful", "Unsuccessful"),
	"problem_task.state":             list("151", "New", "152", "Assess", "154", "Work in Progress", "157", "Closed"),
	"problem_task.problem_task_type": list("general", "General", "rca", "Root Cause Analysis"),
	"problem_task.close_code":        list("completed", "Completed", "canceled", "Canceled"),
	"install_status":                 list("0", "Retired", "1", "Installed", "2", "On Order", "3", "In Maintenance", "4", "Pending Install", "5", "Pending Repair", "6", "In Stock", "7", "Retired", "8", "Stolen", "100", "Absent"),
	"operational_status":             list("1", "Operational", "2", "Non-Operational", "3", "Repair in Progress", "4", "DR Standby", "5", "Ready", "6", "Retired"),
	"sc_request.state":               catalogStates, "sc_req_item.state": catalogStates, "sc_task.state": catalogStates,
	"task.state":                 list("-5", "Pending", "1", "Open", "2", "Work in Progress", "3", "Closed Complete", "4", "Closed Incomplete", "7", "Closed Skipped"),
	"sysapproval_approver.state": list("not requested", "Not Yet Requested", "requested", "Requested", "approved", "Approved", "rejected", "Rejected", "not_required", "No Longer Required", "cancelled", "Cancelled"),
	"approval":                   list("not requested", "Not Yet Requested", "requested", "Requested", "approved", "Approved", "rejected", "Rejected", "not_required", "Not Required", "cancelled", "Cancelled"),
	"impact":                     levels, "urgency": levels,
	"priority":      list("1", "1 - Critical", "2", "2 - High", "3", "3 - Moderate", "4", "4 - Low", "5", "5 - Planning"),
	"escalation":    list("0", "Normal", "1", "Moderate", "2", "High", "3", "Overdue"),
	"upon_approval": list("proceed", "Proceed to Next Task", "do_nothing", "Wait for a User to Close this task"),
	"upon_reject":   list("cancel", "Cancel all future Tasks", "goto", "Go to a previous Task"),
}
