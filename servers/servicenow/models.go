package servicenow

import (
	"slices"
	"strings"
)

// model is how rows of a table may move from state to state. Sources: the vendor's
// "State model and transitions" (changes), "Life cycle of an Incident", "Life cycle
// of a problem" and "Problem tasks" with the Madrid state model; what a refusal says
// is nowhere published, and is the business rule's own.
type model struct {
	rule  string // the business rule that refuses
	moves map[string][]string
}

// models are by table, those of changes by table and type.
var models = map[string]model{
	"change_request normal": {"Change Model: Check State Transition", map[string][]string{
		"-5": {"-4", "4"}, "-4": {"-3", "4"}, "-3": {"-2", "4"}, "-2": {"-1", "4"}, "-1": {"0", "4"}, "0": {"3"}}},
	"change_request standard": {"Change Model: Check State Transition", map[string][]string{
		"-5": {"-2", "4"}, "-2": {"-1", "4"}, "-1": {"0", "4"}, "0": {"3"}}},
	"change_request emergency": {"Change Model: Check State Transition", map[string][]string{
		"-5": {"-3", "4"}, "-3": {"-2", "4"}, "-2": {"-1", "4"}, "-1": {"0", "4"}, "0": {"3"}}},
	"change_task": {"Change Task: Check State Transition", map[string][]string{
		"-5": {"1", "4"}, "1": {"2", "3", "4", "-5"}, "2": {"3", "4"}}},
	"incident": {"Incident: Check State Transition", map[string][]string{
		"1": {"2", "3", "6", "8"}, "2": {"3", "6", "8"}, "3": {"2", "6", "8"}, "6": {"7", "2"}}},
	"problem": {"Problem: Check State Transition", map[string][]string{ // 107 from anywhere: canceled, duplicate, risk accepted
		"101": {"102", "107"}, "102": {"103", "107"}, "103": {"104", "107"}, "104": {"106", "103", "107"}, "106": {"107", "103"}, "107": {"103"}}},
	"problem_task": {"Problem Task: Check State Transition", map[string][]string{
		"151": {"152", "157"}, "152": {"154", "157"}, "154": {"157"}}},
}

// modelOf is the model of a table's rows; false: they have none.
func modelOf(table, kind string) (model, bool) {
	if table != "change_request" {
		m, ok := models[table]
		return m, ok
	}
	if m, ok := models[table+" "+kind]; ok {
		return m, true
	}
	return models["change_request normal"], true
}

// enforced reports whether the instance holds rows of a table to their model.
func (s *Server) enforced(table string) bool {
	switch table {
	case "change_request", "change_task":
		return s.settings.ChangeModel == "enforced"
	case "problem", "problem_task":
		return s.settings.ProblemModel == "enforced"
	case "incident":
		return s.settings.IncidentModel == "enforced"
	}
	return false
}

// nextStates are the states that a row may go to by its own model.
func nextStates(table, kind, state string, rejected bool) []string {
	m, _ := modelOf(table, kind)
	next := slices.Clone(m.moves[state])
	if rejected && state != "-5" {
		next = append(next, "-5")
	}
	return next
}

// need is what a data policy demands of rows in some states: columns that must
// not be empty. Of several with a condition, those whose condition holds count.
type need struct {
	table, states string // states separated by blanks
	field, is     string // only while this column has this value
	columns       []string
}

// needs of problems are those of the vendor's release notes of Madrid (Problem
// Management), as servicenow.itsm checks them, too.
var needs = []need{
	{table: "incident", states: "6 7", columns: []string{"close_code", "close_notes"}},
	{table: "incident", states: "3", field: "hold_reason", is: "1", columns: []string{"comments"}},
	{table: "problem", states: "102 103 104 106 107", columns: []string{"assigned_to"}},
	{table: "problem", states: "104", columns: []string{"cause_notes", "fix_notes"}},
	{table: "problem", states: "106 107", columns: []string{"resolution_code"}},
	{table: "problem", states: "106 107", field: "resolution_code", is: "fix_applied", columns: []string{"cause_notes", "fix_notes"}},
	{table: "problem", states: "106 107", field: "resolution_code", is: "risk_accepted", columns: []string{"cause_notes", "close_notes"}},
	{table: "problem", states: "106 107", field: "resolution_code", is: "canceled", columns: []string{"close_notes"}},
	{table: "problem", states: "106 107", field: "resolution_code", is: "duplicate", columns: []string{"duplicate_of"}},
}

// labels are those of columns that are not called what they are.
var labels = map[string]string{"close_code": "Resolution code", "close_notes": "Resolution notes", "comments": "Additional comments"}

// demands reports whether the instance holds rows of a table to its data policies.
func (s *Server) demands(table string) bool {
	if table == "incident" {
		return s.settings.MandatoryOnClose
	}
	return s.enforced(table)
}

// step refuses a change of state that the model does not have.
func (r *request) step(next, was *record, values map[string]string) error {
	from, to := r.value(was, "state"), r.value(next, "state")
	if values["state"] == "" || to == from || !r.enforced(next.class) {
		return nil
	}
	kind := r.value(was, "type")
	m, ok := modelOf(next.class, kind)
	if !ok || slices.Contains(nextStates(next.class, kind, from, r.value(was, "approval") == "rejected"), to) {
		return nil
	}
	return r.aborted(next.class, m.rule, "from state "+from+" to "+to)
}

// missing are the labels of columns that a data policy demands of a row which comes
// into a state.
func (r *request) missing(next *record, values map[string]string) (out []string) {
	to := r.value(next, "state")
	for _, n := range needs {
		if n.table != next.class || !slices.Contains(strings.Fields(n.states), to) || n.field != "" && r.value(next, n.field) != n.is {
			continue
		}
		for _, c := range n.columns {
			if l := labelOf(next.class, c); r.value(next, c) == "" && values[c] == "" && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	slices.Sort(out)
	return out
}

// labelOf is what a refusal calls a column.
func labelOf(table, column string) string {
	if l, ok := labels[column]; ok && table == "incident" {
		return l
	}
	return label(column)
}

// policies are the state models and the mandatory fields.
func (r *request) policies(next, was *record, values map[string]string) error {
	from := r.tableWords(next.class).draft
	if was != nil {
		from = r.value(was, "state")
		if err := r.step(next, was, values); err != nil {
			return err
		}
	}
	if !r.demands(next.class) || was != nil && r.value(next, "state") == from {
		return nil
	}
	if missing := r.missing(next, values); len(missing) > 0 {
		return fail(dataPolicy, strings.Join(missing, ", "))
	}
	return nil
}
