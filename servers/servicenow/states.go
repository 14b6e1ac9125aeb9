package servicenow

import (
	"slices"

	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

// A ticket of the world has one state for all its faces; an instance has its own
// words, and more of them. What an instance wrote is kept with the state that the
// ticket had then (boardState): as long as the ticket has that state, or one that
// the words fit as well, they are shown; once another face has moved the ticket
// on, the words follow.

// Keys of ticket.Ticket.Fields that are the instance's own and no columns.
const (
	boardState = "board_state"
	wroteState = "state"
	wroteGrant = "approval"
)

// standing is how a ticket stands, in the instance's words.
type standing struct{ state, approval string }

// words are the state values of a table.
type words struct {
	closed          []string // in which active is false; the first is what Closed is shown as
	cancelled       string
	hold            string // empty: holding is no state of its own
	draft, pending  string
	approved, going string
	done            []string // still active, yet nothing is permitted any more
}

var wordsOf = map[string]words{
	"incident":       {closed: []string{"7"}, cancelled: "8", hold: "3", draft: "1", pending: "1", approved: "1", going: "2", done: []string{"6"}},
	"change_request": {closed: []string{"3"}, cancelled: "4", draft: "-5", pending: "-3", approved: "-2", going: "-1"},
	"problem":        {closed: []string{"107"}, draft: "101", pending: "102", approved: "103", going: "104", done: []string{"106"}},
	"change_task":    {closed: []string{"3"}, cancelled: "4", draft: "1", pending: "-5", approved: "1", going: "2"},
	"problem_task":   {closed: []string{"157"}, draft: "151", pending: "152", approved: "152", going: "154"},
	"":               {closed: []string{"3", "4", "5", "7"}, cancelled: "4", draft: "1", pending: "-5", approved: "1", going: "2"},
}

// tableWords are those of a table, or of the nearest that it extends.
func (s *Server) tableWords(table string) words {
	for table != "" {
		if w, ok := wordsOf[table]; ok {
			return w
		}
		t, ok := s.dict.Table(table)
		if !ok {
			break
		}
		table = t.Parent
	}
	return wordsOf[""]
}

// isClosed reports whether a state makes active false.
func (w words) isClosed(state string) bool {
	return slices.Contains(w.closed, state) || state == w.cancelled && state != ""
}

// boardState is the world's state for what an instance says.
func (w words) boardState(table string, n standing, was ticket.State) ticket.State {
	switch {
	case n.state == w.cancelled && n.state != "":
		return ticket.Cancelled
	case w.isClosed(n.state) || slices.Contains(w.done, n.state):
		return ticket.Closed
	case n.approval == "rejected":
		return ticket.Rejected
	case w.hold != "" && n.state == w.hold:
		return ticket.OnHold
	}
	working := n.state != w.draft && n.state != w.pending
	if table == "change_request" {
		working = n.state == "0" || n.state == "-1" && was == ticket.InProgress
	}
	granted := n.approval == "approved" || n.approval == "not_required"
	switch {
	case working && (granted || table != "change_request"):
		return ticket.InProgress
	case granted:
		return ticket.Approved
	case n.approval == "requested":
		return ticket.PendingApproval
	}
	return ticket.Draft
}

// shown is the state word for a state of the world.
func (w words) shown(s ticket.State) string {
	switch s {
	case ticket.PendingApproval:
		return w.pending
	case ticket.Approved:
		return w.approved
	case ticket.InProgress:
		return w.going
	case ticket.OnHold:
		if w.hold != "" {
			return w.hold
		}
		return w.going
	case ticket.Closed:
		return w.closed[0]
	case ticket.Cancelled:
		if w.cancelled != "" {
			return w.cancelled
		}
		return w.closed[0]
	}
	return w.draft
}

// standing reads a ticket's state and approval.
func (s *Server) standing(t *ticket.Ticket, table string) standing {
	w := s.tableWords(table)
	n, since := standing{t.Fields[wroteState], t.Fields[wroteGrant]}, ticket.State(t.Fields[boardState])
	if since == "" {
		n, since = s.seededStanding(t, table, n)
	}
	if since == t.State {
		return n
	}
	n.approval = approvalOf(t, n.approval)
	if t.State == ticket.OnHold && w.hold == "" && n.state != "" && !w.isClosed(n.state) { // on hold is a field of its own
		return n
	}
	sent := t.State == ticket.Rejected && table == "change_request" // back to New
	if sent || w.boardState(table, n, t.State) != t.State || t.State == ticket.Approved && table == "change_request" && early(n.state) {
		n.state = w.shown(t.State)
	}
	return n
}

// early are the states of a change that it leaves when it is approved.
func early(state string) bool { return state == "-5" || state == "-4" || state == "-3" }

// seededStanding is what the seed says, in this table's values.
func (s *Server) seededStanding(t *ticket.Ticket, table string, given standing) (standing, ticket.State) {
	tab, _ := s.dict.Table(table)
	seeded, ok := s.World.Ticket(t.System, t.ID)
	if !ok {
		return given, ""
	}
	since := ticket.StateOf(seeded)
	read := func(field, word, otherwise string) string {
		if f, ok := tab.Field(field); ok && word != "" {
			if c, ok := f.Choice(word); ok {
				return c.Value
			}
		}
		return otherwise
	}
	w := s.tableWords(table)
	return standing{state: read("state", seeded.State, w.shown(since)), approval: read("approval", seeded.Approval, "not requested")}, since
}

// approvalOf is how far the approval is once another face has changed the ticket.
func approvalOf(t *ticket.Ticket, known string) string {
	switch t.State {
	case ticket.Draft:
		if known == "approved" || known == "rejected" || known == "" {
			return "not requested"
		}
	case ticket.PendingApproval:
		return "requested"
	case ticket.Rejected:
		return "rejected"
	case ticket.Approved:
		if known != "not_required" {
			return "approved"
		}
	default:
		approved := slices.ContainsFunc(t.Approvers, func(a ticket.Approver) bool { return a.Decision == "approved" })
		if approved && known != "not_required" || known == "requested" {
			return "approved"
		}
		if known == "" {
			return "not requested"
		}
	}
	return known
}

// classOf is the table that a ticket is a row of.
func (s *Server) classOf(t *ticket.Ticket) string {
	if c := t.Fields["sys_class_name"]; c != "" {
		if s.isTask(c) {
			return c
		}
	}
	for _, c := range []string{"incident", "change_request", "problem", "sc_request", "sc_task"} {
		if kinds[c] == world.Fold(t.Type) {
			return c
		}
	}
	return "sc_req_item" // access
}

// kinds are the tables of tickets and what their rows are to the world.
var kinds = map[string]string{"incident": "incident", "change_request": "change", "problem": "problem", "sc_request": "request",
	"sc_req_item": "access", "sc_task": "task", "task": "task"}

// kindOf is what rows of a table are to the world: what those of the nearest table
// are that it extends.
func (s *Server) kindOf(table string) string {
	for {
		if k, ok := kinds[table]; ok {
			return k
		}
		t, ok := s.dict.Table(table)
		if !ok || t.Parent == "" {
			return "task"
		}
		table = t.Parent
	}
}
