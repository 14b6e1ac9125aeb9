package servicenow

import (
	"net/http"
	"slices"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
)

// The Change Management API is the Table API of change requests in other
// clothes: every field is an object of value and display value.

// both are its parameters: the caller's, with both values.
func (r *request) both() (*params, error) {
	p, err := r.params()
	if err == nil {
		p.display, p.links = "all", false
	}
	return p, err
}

func (r *request) listChanges() error {
	t, err := r.tableNamed("change_request")
	if err != nil {
		return err
	}
	if err := r.name("change.list", t.Name); err != nil {
		return err
	}
	p, err := r.both()
	if err != nil {
		return err
	}
	p.order = p.Get("order") // no filter here, though there is a column of that name
	return r.list(t, p)
}

func (r *request) insertChange() error {
	t, err := r.tableNamed("change_request")
	if err != nil {
		return err
	}
	if err := r.name("change.insert", t.Name); err != nil {
		return err
	}
	p, err := r.both()
	if err != nil {
		return err
	}
	values, err := r.change(t, p)
	if err != nil {
		return err
	}
	rec, err := r.create(t, values)
	if err != nil {
		return err
	}
	return r.single(http.StatusOK, t, rec, p)
}

// theChange is the change that a path names.
func (r *request) theChange(op string) (*record, error) {
	if _, err := r.tableNamed("change_request"); err != nil {
		return nil, err
	}
	if feature, known := r.foreignOf(r.Request().URL.EscapedPath(), nil); known { // change/normal is no row
		return nil, r.foreignCall(r.call(), feature)
	}
	rec, err := r.find(r.ctx(), "change_request", r.Param("sys_id"))
	object := ""
	if err == nil {
		object = r.nameOf(rec)
	}
	if broken := r.name(op, object); broken != nil {
		return nil, broken
	}
	return rec, err
}

func (r *request) oneChange() error {
	ops := map[string]string{"GET": "change.get", "HEAD": "change.get", "PATCH": "change.update", "PUT": "change.update", "DELETE": "change.delete"}
	op := ops[r.method()]
	if op == "" {
		return cause.Because(methodRefused, "%s on a change", r.method())
	}
	rec, err := r.theChange(op)
	if err != nil {
		return err
	}
	t, _ := r.dict.Table("change_request")
	p, err := r.both()
	if err != nil {
		return err
	}
	switch op {
	case "change.delete":
		if err := r.remove(rec); err != nil {
			return err
		}
		return r.NoContent(http.StatusNoContent)
	case "change.update":
		return r.updateRow(t, rec, p)
	}
	return r.single(http.StatusOK, t, rec, p)
}

// transition is one step that a change can take.
type transition struct {
	SysID      string   `json:"sys_id"`
	Display    string   `json:"display_value"`
	From       string   `json:"from_state"`
	To         string   `json:"to_state"`
	Available  bool     `json:"transition_available"`
	Automatic  bool     `json:"automatic_transition"`
	Conditions []string `json:"conditions"`
}

// nextStates tells where a change can go from where it stands.
func (r *request) nextStates() error {
	rec, err := r.theChange("change.nextstates")
	if err != nil {
		return err
	}
	t, _ := r.dict.Table("change_request")
	f, _ := t.Field("state")
	from := r.value(rec, "state")
	next := nextStates("change_request", r.value(rec, "type"), from, r.value(rec, "approval") == "rejected")
	steps, labels := [][]transition{}, map[string]string{from: f.Display(from)}
	for _, to := range next {
		labels[to] = f.Display(to)
		steps = append(steps, []transition{{SysID: r.idOf("sttrm_state_transition", from+">"+to), Display: f.Display(from) + " to " + f.Display(to), From: from, To: to,
			Available: true, Conditions: []string{}}})
	}
	return r.result(http.StatusOK, map[string]any{"available_states": append([]string{from}, next...), "state_transitions": steps, "state_label": labels})
}

// approve notes the caller's decision on a change.
func (r *request) approve() error {
	rec, err := r.theChange("change.approve")
	if err != nil {
		return err
	}
	given, err := r.body()
	if err != nil {
		return err
	}
	decision := given["state"]
	switch {
	case decision != "approved" && decision != "rejected":
		return fail(cause.BadInput, "state must be approved or rejected")
	case decision == "rejected" && given["comments"] == "":
		return fail(rejectComments, "")
	case rec.ticket == nil || !slices.ContainsFunc(rec.ticket.Approvers, func(a ticket.Approver) bool { return r.userID(a.User) == r.user.id }):
		return &failure{Cause: cause.NotApprover, why: r.user.name + " is no approver of it"}
	}
	made, err := r.Tickets.Approve(r.ctx(), rec.ticket.System, rec.ticket.ID, ticket.Approver{User: r.user.person.ID, Decision: decision, Comment: given["comments"]})
	if err != nil {
		return err
	}
	next := r.fromTicket(made)
	t, _ := r.dict.Table("change_request")
	both := func(name string) map[string]string {
		f, _ := t.Field(name)
		v := r.value(next, name)
		return map[string]string{"value": v, "display_value": r.shown(next, f, v)}
	}
	return r.result(http.StatusOK, map[string]any{"sys_id": both("sys_id"), "number": both("number"), "approval": both("approval"), "state": both("state"),
		"approver": map[string]string{"value": r.user.id, "display_value": r.user.display}})
}
