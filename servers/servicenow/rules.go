package servicenow

import (
	"cmp"
	"fmt"

	"counterpart/internal/company/cause"
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
