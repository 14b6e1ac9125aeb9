package servicenow

import (
	"strings"
)

// documented are the query parameters that the vendor's documentation lists for each
// operation that is played ("Table API", "Aggregate API", "Attachment API", "Change
// Management API", "Batch API"; REST API reference). Every one of them has an effect
// here, or is one of unplayedParameters.
var documented = map[string]string{
	"table.list": `sysparm_query sysparm_display_value sysparm_exclude_reference_link sysparm_fields sysparm_limit sysparm_no_count sysparm_offset
		sysparm_query_category sysparm_query_no_domain sysparm_suppress_pagination_header sysparm_view`,
	"table.get":         "sysparm_display_value sysparm_exclude_reference_link sysparm_fields sysparm_query_no_domain sysparm_view",
	"table.insert":      "sysparm_display_value sysparm_exclude_reference_link sysparm_fields sysparm_input_display_value sysparm_suppress_auto_sys_field sysparm_view",
	"table.update":      "sysparm_display_value sysparm_exclude_reference_link sysparm_fields sysparm_input_display_value sysparm_query_no_domain sysparm_suppress_auto_sys_field sysparm_view",
	"table.delete":      "sysparm_query_no_domain",
	"stats":             "sysparm_avg_fields sysparm_count sysparm_display_value sysparm_group_by sysparm_having sysparm_max_fields sysparm_min_fields sysparm_order_by sysparm_query sysparm_query_category sysparm_sum_fields",
	"attachment.list":   "sysparm_limit sysparm_offset sysparm_query",
	"attachment.upload": "encryption_context file_name table_name table_sys_id",
	"change.list":       "order sysparm_offset sysparm_query textSearch",
	"attachment.get":    "",
	"attachment.file":   "",
	"attachment.delete": "",
	"change.get":        "",
	"change.insert":     "chg_model",
	"change.update":     "",
	"change.delete":     "",
	"change.nextstates": "",
	"change.approve":    "state",
	"batch":             "",
	"tinyurl":           "",
}

// unplayedParameters are known and have no effect here.
var unplayedParameters = map[string]string{
	"sysparm_view":                    "the columns of a view of the user interface",
	"sysparm_query_category":          "which replica answers a query",
	"sysparm_query_no_domain":         "rows of other domains",
	"sysparm_suppress_auto_sys_field": "writes that leave the system's columns as they are",
	"encryption_context":              "encrypted attachments",
	"textSearch":                      "full text search",
	"chg_model":                       "changes after a change model",
	"JOIN in encoded queries":         "rows of other tables in a condition",
	"RLQUERY in encoded queries":      "how many related rows there are",
	"aggregates of date_time":         "avg and sum of times",
}

// idle reports a value of an unplayed parameter that asks for nothing.
func idle(name, value string, p *params) bool {
	switch name {
	case "sysparm_view":
		return value == "" || len(p.fields) > 0
	case "sysparm_query_no_domain", "sysparm_suppress_auto_sys_field":
		return !strings.EqualFold(value, "true")
	}
	return value == ""
}

// notice marks a call that asks for a parameter which is not played.
func (r *request) notice(p *params) {
	for name := range strings.FieldsSeq(documented[r.call().Op]) {
		if _, unplayed := unplayedParameters[name]; unplayed && !idle(name, p.Get(name), p) {
			r.call().NotPlayed(name)
		}
	}
}
