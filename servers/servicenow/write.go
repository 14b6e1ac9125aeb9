package servicenow

import (
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/internal/face/ids"
	"counterpart/servers/servicenow/internal/dict"
)

// derived are columns that nobody sets: they follow from others.
var derived = []string{"number", "active", "opened_at", "closed_at", "closed_by", "comments_and_work_notes", "approval_history"}

// closedToWrites are tables that the seed alone decides, or an API of their own.
var closedToWrites = []string{"sys_user", "sys_user_group", "sys_user_grmember", "sys_journal_field", "sys_attachment",
	"sys_user_role", "sys_user_has_role", "sys_group_has_role", "sys_dictionary", "sys_choice", "sys_db_object"}

// otherStates are the columns that hold the state once more, by kind of ticket.
var otherStates = map[string]string{"incident": "incident_state", "problem": "problem_state"}

// change is what a write asks for: stored values by column.
func (r *request) change(t *dict.Table, p *params) (map[string]string, error) {
	given, err := r.body()
	if err != nil {
		return nil, err
	}
	return r.stored(t, given, p.shown), nil
}

// stored turns what a client sends into columns; unknown ones are ignored.
func (r *request) stored(t *dict.Table, given map[string]string, shown bool) map[string]string {
	out := map[string]string{}
	for name, v := range given {
		f, ok := t.Field(name)
		if !ok || strings.HasPrefix(name, "sys_") {
			continue
		}
		if stored, ok := r.input(f, v, r.user, shown); ok {
			out[name] = stored
		} else if f.Type == dict.Reference && !shown { // a name where a sys_id belongs
			if stored, ok := r.input(f, v, r.user, true); ok {
				out[name] = stored
			}
		}
	}
	if alias := otherStates[r.kindOf(t.Name)]; out["state"] == "" && out[alias] != "" {
		out["state"] = out[alias]
	}
	return out
}

// insertRow makes a new row and answers it.
func (r *request) insertRow(t *dict.Table, p *params) error {
	values, err := r.change(t, p)
	if err != nil {
		return err
	}
	rec, err := r.create(t, values)
	if err != nil {
		return err
	}
	r.call().Object = r.nameOf(rec)
	version := r.version
	if version != "" {
		version += "/"
	}
	r.Response().Header().Set("Location", r.base()+"/api/now/"+version+"table/"+t.Name+"/"+rec.id)
	return r.single(http.StatusCreated, t, rec, p)
}

// create inserts a row.
func (r *request) create(t *dict.Table, values map[string]string) (*record, error) {
	if slices.Contains(closedToWrites, t.Name) || t.Name == "sysapproval_approver" || strings.HasPrefix(t.Name, "sys_") && r.user.role < admin {
		return nil, &failure{Cause: aclInsert, why: t.Name + " is decided by the seed, or by admins"}
	}
	if !r.isTask(t.Name) {
		return r.createOwn(t, values)
	}
	x := ticket.Ticket{System: r.settings.System, Type: r.kindOf(t.Name), State: ticket.Draft, Fields: map[string]string{"sys_class_name": t.Name,
		"sys_created_by": r.user.name, "sys_updated_by": r.user.name, "opened_by": r.user.id}}
	w := r.tableWords(t.Name)
	x.Fields[wroteState], x.Fields[wroteGrant], x.Fields[boardState] = w.draft, "not requested", string(ticket.Draft)
	r.apply(&x, t.Name, values)
	number := values["number"]
	if number != "" && (len(number) > ids.LongestSealed || strings.ContainsAny(number, "/ \t\r\n") || strings.ContainsFunc(number, func(c rune) bool { return c > '~' })) {
		number = ""
	}
	x.ID = number
	preview := &record{class: t.Name, ticket: &row{x}}
	if err := r.guard(preview, "insert", values, nil); err != nil {
		return nil, err
	}
	made, err := r.Tickets.CreateNumbered(r.ctx(), x, ticket.Series{Prefix: t.Prefix, Digits: 7})
	if errors.Is(err, cause.Exists) { // the instance does not mind: the second one is its own
		own := map[string]string{}
		for _, name := range t.Fields() {
			own[name] = r.value(preview, name)
		}
		return r.createOwn(t, own)
	}
	if err != nil {
		return nil, err
	}
	return r.fromTicket(made), nil
}

// createOwn inserts a row that is no ticket.
func (r *request) createOwn(t *dict.Table, values map[string]string) (*record, error) {
	rec, err := r.newOwn(t, values)
	if err != nil {
		return nil, err
	}
	return rec, r.insert(r.ctx(), rec)
}

// newOwn is a row that is no ticket, before it is inserted.
func (r *request) newOwn(t *dict.Table, values map[string]string) (*record, error) {
	rec := &record{class: t.Name, id: ids.Hex(r.Rand, 32), values: maps.Clone(values)}
	if _, numbered := t.Field("number"); numbered && t.Prefix != "" && !r.isTask(t.Name) && rec.values["number"] == "" {
		rec.values["number"] = t.Prefix + ids.Text(r.Rand, ids.Decimal, 7)
	}
	if _, ok := t.Field("sys_class_name"); ok {
		rec.values["sys_class_name"] = t.Name
	}
	now := stamp(r.Clock.Now())
	for k, v := range map[string]string{"sys_id": rec.id, "sys_created_on": now, "sys_updated_on": now, "sys_created_by": r.user.name, "sys_updated_by": r.user.name, "sys_mod_count": "0"} {
		rec.values[k] = v
	}
	return rec, r.guard(rec, "insert", values, nil)
}

// updateRow changes a row and answers it.
func (r *request) updateRow(t *dict.Table, rec *record, p *params) error {
	class, _ := r.dict.Table(rec.class)
	values, err := r.change(class, p)
	if err != nil {
		return err
	}
	if rec, err = r.update(rec, values); err != nil {
		return err
	}
	return r.single(http.StatusOK, t, rec, p)
}

// update writes columns of a row: of a ticket as one decision against the state
// that all checks have seen, so that of two writers the later one is checked
// against what the earlier one wrote.
func (r *request) update(rec *record, values map[string]string) (*record, error) {
	switch {
	case slices.Contains(closedToWrites, rec.class):
		return nil, &failure{Cause: aclUpdate, why: rec.class + " is decided by the seed"}
	case rec.class == "sysapproval_approver":
		return r.decide(rec, values)
	case rec.ticket == nil:
		return r.updateOwn(rec, values)
	}
	for {
		next := rec.ticket.Ticket
		next.Fields = maps.Clone(next.Fields)
		r.apply(&next, rec.class, values)
		if reflect.DeepEqual(next, rec.ticket.Ticket) {
			return rec, nil
		}
		next.Fields["sys_updated_by"] = r.user.name
		if err := r.guard(&record{class: rec.class, id: rec.id, ticket: &row{next}}, "update", values, rec); err != nil {
			return nil, err
		}
		made, err := r.Tickets.Revise(r.ctx(), r.settings.System, next.ID, func(t *ticket.Ticket) error {
			if t.Revision != rec.ticket.Revision {
				return cause.Because(cause.Stale, "%s was changed meanwhile", t.ID)
			}
			*t = next
			return nil
		})
		if err == nil {
			return r.fromTicket(made), nil
		}
		if errors.Is(err, cause.RateLimited) { // no rule about calls, but a full journal
			return nil, &failure{Cause: aclUpdate, why: cause.Why(err)}
		}
		if !errors.Is(err, cause.Stale) {
			return nil, err
		}
		if rec, err = r.find(r.ctx(), "task", rec.id); err != nil {
			return nil, err
		}
	}
}

// updateOwn writes columns of a row that is no ticket.
func (r *request) updateOwn(rec *record, values map[string]string) (*record, error) {
	preview := &record{class: rec.class, id: rec.id, values: maps.Clone(rec.values)}
	maps.Copy(preview.values, values)
	r.derive(rec.class, preview.values)
	if err := r.guard(preview, "update", values, rec); err != nil {
		return nil, err
	}
	return r.put(r.ctx(), rec, func(v map[string]string, now time.Time) error {
		maps.Copy(v, values)
		r.derive(rec.class, v)
		n, _ := strconv.Atoi(v["sys_mod_count"])
		v["sys_mod_count"], v["sys_updated_by"], v["sys_updated_on"] = strconv.Itoa(n+1), r.user.name, stamp(now)
		return nil
	})
}

// decide writes an approver's decision, which only that person or an admin may.
func (r *request) decide(rec *record, values map[string]string) (*record, error) {
	t, person, err := r.approverOf(r.ctx(), rec)
	if err != nil {
		return nil, err
	}
	if person != r.user.person.ID && r.user.role < admin {
		return nil, &failure{Cause: aclUpdate, why: "only " + person + " or an admin decides"}
	}
	if s := values["state"]; s == "approved" || s == "rejected" {
		if s == "rejected" && values["comments"] == "" {
			return nil, fail(rejectComments, "")
		}
		_, err = r.Tickets.Approve(r.ctx(), t.System, t.ID, ticket.Approver{User: person, Decision: s, Comment: values["comments"]})
		if c, known := cause.Of(err); known && (c == cause.NotApprover || c == cause.Decided || c == cause.Final) {
			return nil, &failure{Cause: aclUpdate, why: cause.Why(err)}
		}
		if err != nil {
			return nil, err
		}
	}
	return r.find(r.ctx(), rec.class, rec.id)
}

// remove deletes a row: admins only.
func (r *request) remove(rec *record) error {
	if r.user.role < admin || slices.Contains(closedToWrites, rec.class) || rec.class == "sysapproval_approver" {
		return &failure{Cause: aclDelete, why: r.user.name + " may not delete from " + rec.class}
	}
	if err := r.guard(rec, "delete", nil, rec); err != nil {
		return err
	}
	if err := r.discardOf(r.ctx(), rec.id); err != nil { // first: whoever deletes the row again finds it, and what is left
		return err
	}
	if rec.ticket != nil {
		return r.Tickets.Delete(r.ctx(), r.settings.System, rec.ticket.ID)
	}
	return r.drop(r.ctx(), rec)
}

// apply puts columns into a ticket.
func (r *request) apply(t *ticket.Ticket, class string, values map[string]string) {
	was := r.standing(t, class)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		switch {
		case slices.Contains(derived, name) || name == boardState || name == "state" || name == otherStates[t.Type] || name == "approval" || name == "on_hold":
		case name == "comments" || name == "work_notes":
			kind := "comment"
			if name == "work_notes" {
				kind = "worklog"
			}
			if strings.TrimSpace(v) != "" {
				t.Notes = append(slices.Clone(t.Notes), ticket.Note{Kind: kind, Text: v, Author: r.user.actor(), At: r.Clock.Now()})
			}
		default:
			if name == "u_account" || name == "u_protocol" || v != "" || t.Fields[name] != "" || fixed[name] != "" || r.fixedOf(class)[name] != "" || worldly(class, name) {
				r.assign(t, class, name, v)
			}
		}
	}
	r.settle(t, class, was, values)
}

// worldly reports whether the world has a place for a column, so that it can be
// emptied.
func worldly(class, name string) bool {
	from, until := windowFields(class)
	return slices.Contains([]string{"short_description", "description", "assigned_to", "cmdb_ci", personField[class], from, until}, name)
}

// settle makes the world's state of what a write says about state, approval and
// holding, with what follows: an approved change goes on to Scheduled, one that
// is reverted to New asks nobody any more.
func (r *request) settle(t *ticket.Ticket, class string, was standing, values map[string]string) {
	state, wroteS := values["state"]
	grant, wroteG := values["approval"]
	hold, wroteH := values["on_hold"]
	now := was
	if wroteS && state != "" {
		now.state = state
	}
	if wroteG && grant != "" {
		now.approval = grant
	}
	if now == was && !wroteH {
		return
	}
	if class == "change_request" {
		switch {
		case now.state == was.state && now.approval == "approved" && (was.state == "-4" || was.state == "-3"):
			now.state = "-2"
		case now.state == was.state && now.approval == "rejected" && was.approval != "rejected":
			now.state = "-5"
		case now.state == "-5" && was.state != "-5" && !wroteG:
			now.approval = "not requested"
		case (now.state == "-4" || now.state == "-3") && now.approval == "not requested":
			now.approval = "requested"
		}
	}
	w := r.tableWords(class)
	next := w.boardState(class, now, t.State)
	if wroteH && hold == "true" || !wroteH && t.State == ticket.OnHold && w.hold == "" {
		if !w.isClosed(now.state) && class == "change_request" {
			next = ticket.OnHold
		}
	}
	if closed := w.isClosed(now.state); closed != w.isClosed(was.state) {
		delete(t.Fields, "closed_at")
		delete(t.Fields, "closed_by")
		if closed {
			t.Fields["closed_at"], t.Fields["closed_by"] = stamp(r.Clock.Now()), r.user.id
		}
	}
	if class == "incident" && now.state == "6" && was.state != "6" {
		t.Fields["resolved_at"], t.Fields["resolved_by"] = stamp(r.Clock.Now()), r.user.id
	}
	t.State = next
	t.Fields[wroteState], t.Fields[wroteGrant], t.Fields[boardState] = now.state, now.approval, string(next)
}
