package servicenow

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/servers/servicenow/internal/query"
)

// stamp is a time as it is stored.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(query.Layout)
}

// instant reads a stored time.
func instant(v string) time.Time {
	t, err := time.Parse(query.Layout, v)
	if err != nil {
		return time.Time{}
	}
	return t
}

// fixed are columns of a task that nobody sets here.
var fixed = map[string]string{"knowledge": "false", "made_sla": "true", "escalation": "0", "reassignment_count": "0", "impact": "3", "urgency": "3", "priority": "4",
	"upon_approval": "proceed", "upon_reject": "cancel", "sys_domain": "global", "sys_domain_path": "/", "order": ""}

// fixedOf are those of a table, or of the nearest that it extends.
func (s *Server) fixedOf(class string) map[string]string {
	for class != "" {
		if v, ok := fixedBy[class]; ok {
			return v
		}
		t, ok := s.dict.Table(class)
		if !ok {
			return nil
		}
		class = t.Parent
	}
	return nil
}

// fixedBy are the fixed columns by table.
var fixedBy = map[string]map[string]string{
	"incident": {"severity": "3", "notify": "1", "child_incidents": "0", "reopen_count": "0", "category": "inquiry"},
	"change_request": {"type": "normal", "risk": "3", "phase": "requested", "phase_state": "open", "scope": "3", "reason": "", "cab_required": "false", "production_system": "false",
		"outside_maintenance_schedule": "false", "conflict_status": "Not Run", "unauthorized": "false", "is_bulk": "false", "category": "Other"},
	"problem":    {"known_error": "false", "major_problem": "false", "related_incidents": "0"},
	"sc_request": {"stage": "requested", "price": "0", "request_state": "requested"}, "sc_req_item": {"stage": "request_approved", "quantity": "1", "price": "0"},
}

// personField are the columns that show who asks.
var personField = map[string]string{"incident": "caller_id", "change_request": "requested_by", "sc_request": "requested_for", "sc_req_item": "requested_for"}

// windowFields are the columns that show a ticket's window.
func windowFields(table string) (from, until string) {
	if table == "change_request" {
		return "start_date", "end_date"
	}
	return "expected_start", "due_date"
}

// ticketValue is one column of a ticket's row, as it is stored.
func (s *Server) ticketValue(r *record, field string) string {
	t := r.ticket
	from, until := windowFields(r.class)
	switch field {
	case "sys_id":
		return r.id
	case "number":
		return t.ID
	case "sys_class_name":
		return r.class
	case "short_description":
		return t.Title
	case "description":
		return t.Description
	case "assigned_to":
		return s.userID(t.Assignee)
	case "assignment_group":
		if g, ok := s.World.Group(t.Assignee); ok && s.userID(t.Assignee) == "" {
			return s.idOf("sys_user_group", g.ID)
		}
	case personField[r.class]:
		return s.userID(t.Requester)
	case "opened_by":
		if t.Fields[field] == "" {
			return s.userID(t.Requester)
		}
	case "cmdb_ci":
		if a, ok := s.targetAsset(t); ok && t.Fields[field] == "" {
			return s.idOf("cmdb_ci", a.ID)
		}
	case "u_account":
		return first(t, func(g ticket.Target) []string { return g.Accounts })
	case "u_protocol":
		return first(t, func(g ticket.Target) []string { return g.Protocols })
	case from:
		return stamp(t.Window.NotBefore)
	case until:
		return stamp(t.Window.NotAfter)
	case "opened_at", "sys_created_on":
		return stamp(t.CreatedAt)
	case "sys_updated_on":
		return stamp(t.UpdatedAt)
	case "sys_mod_count":
		return strconv.Itoa(t.Revision - 1)
	case "sys_created_by", "sys_updated_by":
		return s.writer(t, field)
	case "state", "incident_state", "problem_state", "approval", "active", "on_hold":
		return s.standingValue(r, field)
	case "comments", "work_notes", "comments_and_work_notes":
		return "" // entries are in the history
	}
	return s.fieldOr(t, field, r.class)
}

// standingValue is a column that follows from how the ticket stands.
func (s *Server) standingValue(r *record, field string) string {
	if r.standing == nil {
		n := s.standing(&r.ticket.Ticket, r.class)
		r.standing = &n
	}
	switch field {
	case "approval":
		return r.standing.approval
	case "active":
		return strconv.FormatBool(!s.tableWords(r.class).isClosed(r.standing.state))
	case "on_hold":
		return strconv.FormatBool(r.ticket.State == ticket.OnHold)
	}
	return r.standing.state
}

// row is a ticket with what reading its columns needs.
type row struct{ ticket.Ticket }

// fieldOr is a column that only the instance knows, or its default.
func (s *Server) fieldOr(t *row, field, class string) string {
	if v, ok := t.Fields[field]; ok && field != boardState {
		return v
	}
	if v, ok := s.fixedOf(class)[field]; ok {
		return v
	}
	return fixed[field]
}

// writer is who made or last changed a ticket.
func (s *Server) writer(t *row, field string) string {
	for _, who := range []string{t.Fields[field], t.Fields["sys_created_by"], t.Requester} {
		if who != "" {
			return who
		}
	}
	return "system"
}

// userID is the sys_id of somebody the world knows by name.
func (s *Server) userID(name string) string {
	if name == "" {
		return ""
	}
	if u, ok := s.lookup(name); ok {
		return u.id
	}
	return ""
}

// targetAsset is the first machine that a ticket is about.
func (s *Server) targetAsset(t *row) (world.Asset, bool) {
	for _, g := range t.Targets {
		if a, ok := s.World.Asset(g.Asset); ok {
			return a, true
		}
	}
	return world.Asset{}, false
}

func first(t *row, of func(ticket.Target) []string) string {
	for _, g := range t.Targets {
		if l := of(g); len(l) > 0 {
			return strings.Join(l, ",")
		}
	}
	return ""
}

// assign puts a stored value into a ticket: into the world's part of it where
// the world has one. state and approval are settled together, see settle.
func (s *Server) assign(t *ticket.Ticket, class, field, v string) {
	from, until := windowFields(class)
	switch field {
	case "short_description":
		t.Title = v
	case "description":
		t.Description = v
	case "assigned_to":
		t.Assignee = s.worldName(v)
	case personField[class]:
		t.Requester = s.worldName(v)
	case "cmdb_ci":
		delete(t.Fields, field)
		if a, ok := s.assetBy(v); ok {
			target(t).Asset = a.Name
		} else if len(t.Targets) > 0 && v == "" {
			t.Targets = nil
		} else if v != "" {
			t.Fields[field] = v
		}
	case "u_account":
		if v != "" || len(t.Targets) > 0 {
			target(t).Accounts = commas(v)
		}
	case "u_protocol":
		if v != "" || len(t.Targets) > 0 {
			target(t).Protocols = commas(v)
		}
	case from:
		t.Window.NotBefore = instant(v)
	case until:
		t.Window.NotAfter = instant(v)
	default:
		t.Fields[field] = v
	}
}

// target is the first target of a ticket, made if there is none: any machine.
func target(t *ticket.Ticket) *ticket.Target {
	t.Targets = slices.Clone(t.Targets)
	if len(t.Targets) == 0 {
		t.Targets = []ticket.Target{{Asset: "*"}}
	}
	return &t.Targets[0]
}

func commas(v string) []string {
	if v == "" {
		return nil
	}
	out := strings.Split(v, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// worldName is what the world calls the user with a sys_id.
func (s *Server) worldName(id string) string {
	u, ok := s.userBy(id)
	switch {
	case !ok:
		return ""
	case u.person.ID != "":
		return u.person.ID
	}
	return u.name
}
