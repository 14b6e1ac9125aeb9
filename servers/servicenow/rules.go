package servicenow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"counterpart/internal/cause"
	"counterpart/servers/servicenow/internal/query"
)

// guard refuses a write that a rule forbids: next is the row as it would be, was
// the row as it is, nil for a new one.
func (r *request) guard(next *record, when string, values map[string]string, was *record) error {
	if err := r.acl(when, next, was); err != nil {
		return err
	}
	if was != nil && r.isTask(was.class) && when == "update" && r.settings.ClosedIsReadonly && r.user.role < admin && r.value(was, "active") == "false" {
		return &failure{Cause: aclUpdate, why: "the ticket is closed"}
	}
	if r.isTask(next.class) && when != "delete" {
		if err := r.policies(next, was, values); err != nil {
			return err
		}
	}
	for i, b := range r.settings.BusinessRules {
		if b.When == when && r.covers(b.Table, next.class) && r.matches(b.Table, b.If, next) {
			name := b.Name
			if name == "" {
				name = fmt.Sprintf("%s rule %d", b.Table, i+1)
			}
			return r.aborted(next.class, name, b.Abort)
		}
	}
	return nil
}

// acl refuses a write that access forbids.
func (r *request) acl(when string, next, was *record) error {
	refusals := map[string]cause.Cause{"insert": aclInsert, "update": aclUpdate, "delete": aclDelete}
	operations := map[string]string{"insert": "create", "update": "write", "delete": "delete"}
	for i, a := range r.settings.Access {
		if a.Operation == operations[when] && r.covers(a.Table, next.class) && !r.may(a.Role) && r.matches(a.Table, a.If, cmp.Or(was, next)) {
			return &failure{Cause: refusals[when], why: fmt.Sprintf("access[%d]", i)}
		}
	}
	return nil
}

// aborted is the refusal of a business rule.
func (r *request) aborted(table, name, why string) error {
	shown := fmt.Sprintf("Operation against file '%s' was aborted by Business Rule '%s^%s'. Business Rule Stack:%s", table, name, r.idOf("sys_script", name), name)
	return &failure{Cause: byRule, shown: shown, why: name + ": " + why}
}

// matches holds a row against an encoded query of the settings.
func (r *request) matches(table, text string, rec *record) bool {
	if text == "" {
		return true
	}
	return query.Compile(query.Parse(text), r.source(table, r.user)).Match(r.glance(r.ctx(), table, nil).at(rec))
}

// policies are the state models and the mandatory fields.
func (r *request) policies(next, was *record, values map[string]string) error {
	to := r.value(next, "state")
	from := r.tableWords(next.class).draft
	if was != nil {
		from = r.value(was, "state")
	}
	enforced := next.class == "change_request" && r.settings.ChangeModel == "enforced" || next.class == "incident" && r.settings.IncidentModel == "enforced"
	if was != nil && enforced && values["state"] != "" && to != from {
		rejected := r.value(was, "approval") == "rejected"
		if !slices.Contains(nextStates(next.class, r.value(was, "type"), from, rejected), to) {
			name := map[string]string{"change_request": "Change Model: Check State Transition", "incident": "Incident: Check State Transition"}[next.class]
			return r.aborted(next.class, name, fmt.Sprintf("from state %s to %s", from, to))
		}
	}
	if next.class != "incident" || !r.settings.MandatoryOnClose || was != nil && to == from {
		return nil
	}
	var missing []string
	switch to {
	case "6", "7":
		for name, label := range map[string]string{"close_code": "Resolution code", "close_notes": "Resolution notes"} {
			if r.value(next, name) == "" {
				missing = append(missing, label)
			}
		}
	case "3":
		if r.value(next, "hold_reason") == "1" && values["comments"] == "" {
			missing = append(missing, "Additional comments")
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fail(dataPolicy, strings.Join(missing, ", "))
	}
	return nil
}
