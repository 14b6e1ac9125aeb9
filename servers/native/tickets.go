package native

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

func (s *Server) ticketRoutes() []dialect.Route {
	const all, one = "/tickets/v1/tickets", "/tickets/v1/tickets/:id"
	return []dialect.Route{
		s.route("GET", all, reader, s.listTickets),
		s.write("POST", all, operator, s.createTicket),
		s.route("GET", one, reader, s.getTicket),
		s.write("PATCH", one, operator, s.patchTicket),
		s.write("POST", one+"/transitions", operator, s.transition),
		s.write("POST", one+"/approvals", operator, s.approve),
		s.route("GET", one+"/notes", validator, s.notes),
		s.write("POST", one+"/notes", validator, s.addNote),
		s.write("POST", one+"/validate", validator, s.validate),
		s.write("POST", "/tickets/v1/validate", validator, s.validate),
		s.write("POST", one+"/sessions", validator, s.openSession),
		s.write("POST", one+"/sessions/:session/end", validator, s.endSession),
	}
}

// ticketed answers a ticket with its entity tag.
func ticketed(c *caller, status int, t ticket.Ticket, err error) error {
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", t.ETag())
	return c.JSON(status, t)
}

func (s *Server) listTickets(c *caller) error {
	f := ticket.Filter{State: ticket.State(c.QueryParam("state")), Requester: c.QueryParam("requester"), Assignee: c.QueryParam("assignee"),
		Asset: c.QueryParam("asset"), Account: c.QueryParam("account"), Text: c.QueryParam("q"), System: c.QueryParam("system")}
	if at := c.QueryParam("active_at"); at != "" {
		var err error
		if f.ActiveAt, err = time.Parse(time.RFC3339, at); err != nil {
			return cause.Because(cause.BadInput, "active_at must be a time like 2026-01-01T10:00:00Z, not %q", at)
		}
	}
	found, err := s.Tickets.List(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return listed(c, found)
}

// fields are what a client may write on a ticket.
type fields struct {
	Title             *string            `json:"title"`
	Description       *string            `json:"description"`
	Type              *string            `json:"type"`
	Requester         *string            `json:"requester"`
	Assignee          *string            `json:"assignee"`
	Approvers         *[]ticket.Approver `json:"approvers"`
	MinApprovals      *int               `json:"min_approvals"`
	AllowSelfApproval *bool              `json:"allow_self_approval"`
	BreakGlass        *bool              `json:"break_glass"`
	Targets           *[]ticket.Target   `json:"targets"`
	Window            *ticket.Window     `json:"window"`
	MaxSessions       *int               `json:"max_sessions"`
	MaxUses           *int               `json:"max_uses"`
	Labels            *map[string]string `json:"labels"`
}

// set copies a value that was given.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

var types = map[string]bool{"": true, "access": true, "change": true, "incident": true, "request": true}

func (s *Server) apply(t *ticket.Ticket, f fields) error {
	set(&t.Title, f.Title)
	set(&t.Description, f.Description)
	set(&t.Type, f.Type)
	set(&t.Requester, f.Requester)
	set(&t.Assignee, f.Assignee)
	set(&t.MinApprovals, f.MinApprovals)
	set(&t.AllowSelfApproval, f.AllowSelfApproval)
	set(&t.BreakGlass, f.BreakGlass)
	set(&t.Targets, f.Targets)
	set(&t.Window, f.Window)
	set(&t.MaxSessions, f.MaxSessions)
	set(&t.MaxUses, f.MaxUses)
	set(&t.Labels, f.Labels)
	if !types[t.Type] {
		return cause.Because(cause.BadInput, "type must be access, change, incident or request, not %q", t.Type)
	}
	if f.Approvers != nil { // decisions are made by /approvals, not written
		before := t.Approvers
		t.Approvers = nil
		for _, a := range *f.Approvers {
			if u, ok := s.World.Login(a.User); ok {
				a.User = u.ID
			}
			t.Approvers = append(t.Approvers, decided(before, a.User))
		}
	}
	for i, name := range []*string{&t.Requester, &t.Assignee} {
		u, ok := s.World.Login(*name)
		if ok {
			*name = u.ID
		} else if _, group := s.World.Group(*name); *name != "" && !(i == 1 && group) {
			return cause.Because(cause.BadInput, "%s: nobody is called %q", []string{"requester", "assignee"}[i], *name)
		}
	}
	return nil
}

// decided is an approver with the decision made so far.
func decided(before []ticket.Approver, user string) ticket.Approver {
	for _, a := range before {
		if strings.EqualFold(a.User, user) {
			return a
		}
	}
	return ticket.Approver{User: user}
}

func (s *Server) createTicket(c *caller) error {
	var in struct {
		fields
		ID    string       `json:"id"`
		State ticket.State `json:"state"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	t := ticket.Ticket{ID: in.ID, System: "native", Type: "access", State: in.State}
	if err := s.apply(&t, in.fields); err != nil {
		return err
	}
	if in.State != "" && in.State != ticket.Draft && in.State != ticket.PendingApproval {
		return cause.Because(cause.BadInput, "a new ticket is a draft or pending_approval, not %q", in.State)
	}
	t, err := s.Tickets.Create(c.Request().Context(), t)
	if err == nil {
		c.call().Object = t.ID
		c.Response().Header().Set("Location", "/tickets/v1/tickets/"+t.ID)
	}
	return ticketed(c, http.StatusCreated, t, err)
}

// id is the ticket of the path.
func (c *caller) id() string {
	c.call().Object = c.Param("id")
	return c.Param("id")
}

func (s *Server) getTicket(c *caller) error {
	t, err := s.Tickets.Get(c.Request().Context(), "", c.id())
	return ticketed(c, http.StatusOK, t, err)
}

// patchTicket is a merge patch (RFC 7396): what it does not name stays, also
// inside the window and the labels, and null takes a value away.
func (s *Server) patchTicket(c *caller) error {
	var in struct {
		fields
		Labels *map[string]*string `json:"labels"` // null takes one away
	}
	patch, err := c.patch(&in)
	if err != nil {
		return err
	}
	revision, err := c.revision()
	if err != nil {
		return err
	}
	t, err := s.Tickets.Edit(c.Request().Context(), "", c.id(), revision, func(t *ticket.Ticket) error {
		merged, err := patch.onto(t)
		if err != nil {
			return err
		}
		return s.apply(t, merged)
	})
	return ticketed(c, http.StatusOK, t, err)
}

func (s *Server) transition(c *caller) error {
	var in struct {
		To      ticket.State `json:"to"`
		Comment string       `json:"comment"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	revision, err := c.revision()
	if err != nil {
		return err
	}
	move := ticket.Move{To: in.To, Revision: revision}
	if in.Comment != "" {
		move.Comment = &ticket.Note{Kind: "comment", Text: in.Comment, Author: c.Name()}
	}
	t, err := s.Tickets.Transition(c.Request().Context(), "", c.id(), move)
	return ticketed(c, http.StatusOK, t, err)
}

func (s *Server) approve(c *caller) error {
	var in struct {
		Approver string `json:"approver"`
		Decision string `json:"decision"`
		Comment  string `json:"comment"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	if in.Approver == "" {
		in.Approver = c.UserID
	}
	if u, ok := s.World.Login(in.Approver); c.Client == "" && c.role < admin && (!ok || u.ID != c.UserID) {
		return cause.Because(cause.NotApprover, "%s decides for nobody else", c.Name())
	}
	t, err := s.Tickets.Approve(c.Request().Context(), "", c.id(), ticket.Approver{User: in.Approver, Decision: in.Decision, Comment: in.Comment})
	return ticketed(c, http.StatusOK, t, err)
}

func (s *Server) notes(c *caller) error {
	t, err := s.Tickets.Get(c.Request().Context(), "", c.id())
	if err != nil {
		return err
	}
	return listed(c, t.Notes)
}

func (s *Server) addNote(c *caller) error {
	var in struct {
		Kind      string `json:"kind"`
		Text      string `json:"text"`
		SessionID string `json:"session_id"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	n, t, err := s.Tickets.AddNote(c.Request().Context(), "", c.id(), ticket.Note{Kind: in.Kind, Text: in.Text, SessionID: in.SessionID, Author: c.Name()})
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", t.ETag())
	return c.JSON(http.StatusCreated, n)
}

// accessRequest is the body of validate.
type accessRequest struct {
	User   string   `json:"user"`
	Groups []string `json:"groups"`
	Asset  struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		Port    int    `json:"port"`
	} `json:"asset"`
	Account struct {
		Name   string `json:"name"`
		Domain string `json:"domain"`
	} `json:"account"`
	Protocol string `json:"protocol"`
	Client   struct {
		Address string `json:"address"`
	} `json:"client"`
	SessionID   string    `json:"session_id"`
	At          time.Time `json:"at"`
	OpenSession bool      `json:"open_session"`
}

func (r accessRequest) access() (ticket.Access, error) {
	bad := func(format string, args ...any) (ticket.Access, error) {
		return ticket.Access{}, cause.Because(cause.BadInput, format, args...)
	}
	for field, ip := range map[string]string{"asset.address": r.Asset.Address, "client.address": r.Client.Address} {
		if _, err := netip.ParseAddr(ip); ip != "" && err != nil {
			return bad("%s: %q is no IP address", field, ip)
		}
	}
	switch {
	case world.Fold(r.User) == "":
		return bad("user is missing")
	case r.OpenSession && r.SessionID == "":
		return bad("open_session needs a session_id")
	case len(r.SessionID) > 255:
		return bad("session_id has at most 255 characters")
	case r.Asset.Port < 0 || r.Asset.Port > 65535:
		return bad("asset.port must be 0 to 65535")
	}
	return ticket.Access{User: r.User, Groups: r.Groups, Asset: r.Asset.Name, Address: r.Asset.Address, Port: r.Asset.Port, Account: r.Account.Name,
		Protocol: r.Protocol, Client: r.Client.Address, SessionID: r.SessionID, At: r.At, OpenSession: r.OpenSession}, nil
}

// decision is the answer to validate.
type decision struct {
	Allowed     bool               `json:"allowed"`
	ID          string             `json:"decision_id"`
	EvaluatedAt time.Time          `json:"evaluated_at"`
	Reasons     []ticket.Reason    `json:"reasons"`
	Ticket      *ticketRef         `json:"ticket"`
	Obligations ticket.Obligations `json:"obligations"`
}

type ticketRef struct {
	ID       string       `json:"id"`
	State    ticket.State `json:"state"`
	Revision int          `json:"revision"`
}

// validate answers for the ticket of the path, or for any ticket.
func (s *Server) validate(c *caller) error {
	var in accessRequest
	if err := c.read(&in, false); err != nil {
		return err
	}
	a, err := in.access()
	if err != nil {
		return err
	}
	var d ticket.Decision
	if c.Param("id") == "" {
		d, err = s.Tickets.ValidateAny(c.Request().Context(), a)
	} else {
		d, err = s.Tickets.Validate(c.Request().Context(), c.id(), a)
	}
	if err != nil {
		return err
	}
	out := decision{Allowed: d.Allowed, ID: d.ID, EvaluatedAt: d.EvaluatedAt, Reasons: d.Reasons, Obligations: d.Obligations}
	if out.Reasons == nil {
		out.Reasons = []ticket.Reason{}
	}
	if d.Ticket != nil {
		out.Ticket = &ticketRef{d.Ticket.ID, d.Ticket.State, d.Ticket.Revision}
	}
	if call := c.call(); !d.Allowed {
		call.Outcome = dialect.DeniedOutcome
		for _, r := range d.Reasons {
			call.Why += string(r.Code) + ": " + r.Message + "; "
			call.Cause = cmp.Or(call.Cause, strings.ReplaceAll(string(r.Code), "_", " "))
		}
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Server) openSession(c *caller) error {
	var in struct {
		SessionID string `json:"session_id"`
		User      string `json:"user"`
		Asset     string `json:"asset"`
		Account   string `json:"account"`
		Protocol  string `json:"protocol"`
		Client    string `json:"client"`
	}
	if err := c.read(&in, false); err != nil {
		return err
	}
	if in.SessionID == "" || in.User == "" || len(in.SessionID) > 255 {
		return cause.Because(cause.BadInput, "session_id (at most 255 characters) and user are needed")
	}
	t, created, err := s.Tickets.OpenSession(c.Request().Context(), "", c.id(), ticket.Access{SessionID: in.SessionID, User: in.User,
		Asset: in.Asset, Account: in.Account, Protocol: in.Protocol, Client: in.Client})
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return ticketed(c, status, t, err)
}

func (s *Server) endSession(c *caller) error {
	var in struct {
		Outcome string `json:"outcome"`
		Note    string `json:"note"`
		Close   string `json:"close_ticket"`
	}
	if err := c.read(&in, true); err != nil {
		return err
	}
	t, err := s.Tickets.EndSession(c.Request().Context(), "", c.id(), c.Param("session"), ticket.End{Outcome: in.Outcome, Note: in.Note, Author: c.Name(), Close: in.Close})
	return ticketed(c, http.StatusOK, t, err)
}
