package ticket

import (
	"context"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Edit changes a ticket's own words through f. With a revision above zero the
// ticket must still have it: cause.Stale otherwise. State, notes and sessions
// have operations of their own and are put back.
func (b *Service) Edit(ctx context.Context, system, id string, revision int, f func(*Ticket) error) (Ticket, error) {
	return b.edit(ctx, system, id, func(t *Ticket, _ time.Time) error {
		if revision > 0 && revision != t.Revision {
			return cause.Because(cause.Stale, "%s is at revision %d, not %d", t.ID, t.Revision, revision)
		}
		was := *t
		if err := f(t); err != nil {
			return err
		}
		t.ID, t.System, t.State, t.Notes, t.Sessions, t.Uses = was.ID, was.System, was.State, was.Notes, was.Sessions, was.Uses
		t.CreatedAt, t.Revision = was.CreatedAt, was.Revision
		t.normalize()
		return b.check(*t)
	})
}

// Revise changes a ticket through f as one decision, its state with everything
// else, for systems with a state machine of their own. Notes that f appends get
// a number and the time; earlier ones, sessions and uses are put back.
func (b *Service) Revise(ctx context.Context, system, id string, f func(*Ticket) error) (Ticket, error) {
	return b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		was := *t
		was.Approvers = slices.Clone(t.Approvers)
		if err := f(t); err != nil {
			return err
		}
		added := t.Notes[min(len(was.Notes), len(t.Notes)):]
		t.ID, t.System, t.Notes, t.Sessions, t.Uses = was.ID, was.System, slices.Clone(was.Notes), was.Sessions, was.Uses
		t.CreatedAt, t.Revision = was.CreatedAt, was.Revision
		if err := t.take(added, now); err != nil {
			return err
		}
		t.normalize()
		return b.check(*t)
	})
}

// take appends notes.
func (t *Ticket) take(notes []Note, now time.Time) error {
	for _, n := range notes {
		if strings.TrimSpace(n.Text) == "" || len(n.Text) > maxText {
			return cause.Because(cause.BadInput, "a note has 1 to %d octets of text", maxText)
		}
		if len(t.Notes) >= maxNotes {
			return cause.Because(cause.RateLimited, "%s has %d notes", t.ID, len(t.Notes))
		}
		n.ID, n.At = len(t.Notes)+1, now
		t.Notes = append(t.Notes, n)
	}
	return nil
}

// Delete deletes a ticket; its number is not given to another one
// of the seed's.
func (b *Service) Delete(ctx context.Context, system, id string) error {
	key := b.key(system, id)
	was, err := b.tickets.DeleteIf(ctx, key, func(t *Ticket) error {
		if system != "" && !strings.EqualFold(t.System, system) {
			return state.ErrKeep
		}
		return nil
	})
	if err == nil && !was {
		err = cause.Because(cause.UnknownTicket, "there is no ticket %q", id)
	}
	return err
}

// Move is a ticket's step to another state, with a comment or without.
type Move struct {
	To       State
	Revision int // the ticket must still have it: cause.Stale otherwise; 0: whatever it has
	Comment  *Note
}

// Transition moves a ticket to another state, and comments on it, as one decision:
// cause.IllegalTransition where the state machine has no such step, or approvals are missing.
func (b *Service) Transition(ctx context.Context, system, id string, m Move) (Ticket, error) {
	to := m.To
	return b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		if m.Revision > 0 && m.Revision != t.Revision {
			return cause.Because(cause.Stale, "%s is at revision %d, not %d", t.ID, t.Revision, m.Revision)
		}
		if !slices.Contains(States(), to) {
			return cause.Because(cause.BadInput, "state %q is unknown", to)
		}
		legal := slices.Contains(next[t.State], to) || to == Cancelled && !t.State.Final()
		if legal && to == Approved && t.State == PendingApproval {
			legal = t.approvals() >= t.MinApprovals
		}
		if !legal {
			return cause.Because(cause.IllegalTransition, "%s cannot go from %s to %s", t.ID, t.State, to)
		}
		t.State = to
		if m.Comment == nil {
			return nil
		}
		return t.take([]Note{*m.Comment}, now)
	})
}

// Approve notes an approver's decision. Enough approvals approve the ticket,
// one rejection rejects it. Causes: NotApprover, Decided, BadInput, Final.
func (b *Service) Approve(ctx context.Context, system, id string, a Approver) (Ticket, error) {
	u, known := b.World.Login(a.User)
	return b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		i := slices.IndexFunc(t.Approvers, func(x Approver) bool { return known && world.Fold(x.User) == u.ID })
		switch {
		case a.Decision != "approved" && a.Decision != "rejected":
			return cause.Because(cause.BadInput, "decision must be approved or rejected, not %q", a.Decision)
		case i < 0:
			return cause.Because(cause.NotApprover, "%q is no approver of %s", a.User, t.ID)
		case t.Approvers[i].Decision != "":
			return cause.Because(cause.Decided, "%s has %s %s", u.ID, t.Approvers[i].Decision, t.ID)
		case t.State.Final():
			return cause.Because(cause.Final, "%s is %s", t.ID, t.State)
		}
		t.Approvers[i] = Approver{User: u.ID, Decision: a.Decision, At: now, Comment: a.Comment}
		if t.State == PendingApproval && a.Decision == "rejected" {
			t.State = Rejected
		}
		if t.State == PendingApproval && t.approvals() >= max(t.MinApprovals, 1) {
			t.State = Approved
		}
		return nil
	})
}

// AddNote appends a note.
func (b *Service) AddNote(ctx context.Context, system, id string, n Note) (Note, Ticket, error) {
	t, err := b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		if n.Kind != "comment" && n.Kind != "worklog" {
			return cause.Because(cause.BadInput, "kind must be comment or worklog, not %q", n.Kind)
		}
		return t.take([]Note{n}, now)
	})
	if err == nil {
		n = t.Notes[len(t.Notes)-1]
	}
	return n, t, err
}

// OpenSession records a session on a ticket; a repeated session ID changes
// nothing. created tells the two apart. cause.SessionLimit when no more fit.
func (b *Service) OpenSession(ctx context.Context, system, id string, a Access) (t Ticket, created bool, err error) {
	t, err = b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		created = false
		if t.session(a.SessionID) != nil {
			return state.ErrKeep
		}
		if code := t.usableState(); code != "" {
			return cause.Because(cause.IllegalTransition, "%s is %s", t.ID, t.State)
		}
		if t.MaxSessions > 0 && t.openSessions() >= t.MaxSessions || t.MaxUses > 0 && t.Uses >= t.MaxUses || t.openSessions() >= maxSessions {
			return cause.Because(cause.SessionLimit, "%s has %d sessions open and %d uses", t.ID, t.openSessions(), t.Uses)
		}
		t.open(b.session(a, now))
		created = true
		return nil
	})
	return t, created, err
}

// End is how a session ended.
type End struct {
	Outcome string
	Note    string
	Author  string
	Close   string // never, if_last, always
}

// EndSession closes a session and, as asked, its ticket. A repetition changes
// nothing.
func (b *Service) EndSession(ctx context.Context, system, id, sessionID string, e End) (Ticket, error) {
	return b.edit(ctx, system, id, func(t *Ticket, now time.Time) error {
		s := t.session(sessionID)
		switch {
		case e.Close != "" && e.Close != "never" && e.Close != "if_last" && e.Close != "always":
			return cause.Because(cause.BadInput, "close_ticket must be never, if_last or always, not %q", e.Close)
		case len(e.Note) > maxText:
			return cause.Because(cause.BadInput, "a note has at most %d octets", maxText)
		case s == nil:
			return cause.Because(cause.UnknownSession, "%s has no session %q", t.ID, sessionID)
		case !s.ClosedAt.IsZero():
			return state.ErrKeep
		}
		s.ClosedAt, s.Outcome = now, e.Outcome
		if e.Note != "" && len(t.Notes) < maxNotes {
			t.Notes = append(t.Notes, Note{ID: len(t.Notes) + 1, Kind: "worklog", Text: e.Note, Author: e.Author, SessionID: sessionID, At: now})
		}
		if !t.State.Final() && (e.Close == "always" || e.Close == "if_last" && t.openSessions() == 0) {
			t.State = Closed
		}
		return nil
	})
}

func (b *Service) session(a Access, now time.Time) Session {
	user := a.User
	if u, ok := b.World.Login(a.User); ok {
		user = u.ID
	}
	asset := a.Asset
	if asset == "" {
		asset = a.Address
	}
	return Session{SessionID: a.SessionID, User: user, Asset: asset, Account: a.Account, Protocol: a.Protocol, Client: a.Client, OpenedAt: now}
}

// has reports whether x is open: the same person on the same machine and account.
func (t *Ticket) has(x Session) bool {
	s := t.session(x.SessionID)
	return s != nil && s.ClosedAt.IsZero() && s.User == x.User && strings.EqualFold(s.Asset, x.Asset) && strings.EqualFold(s.Account, x.Account)
}

// session is the open one with that ID, else the latest that was closed.
func (t *Ticket) session(id string) (found *Session) {
	for i := range t.Sessions {
		if s := &t.Sessions[i]; s.SessionID == id && id != "" {
			if found = s; s.ClosedAt.IsZero() {
				return s
			}
		}
	}
	return found
}

// open counts a use; the first one sets the ticket in progress.
func (t *Ticket) open(s Session) {
	t.Uses++
	if t.State == Approved {
		t.State = InProgress
	}
	t.Sessions = append(t.Sessions, s)
	for i := 0; len(t.Sessions) > keptSessions && i < len(t.Sessions); i++ {
		if !t.Sessions[i].ClosedAt.IsZero() {
			t.Sessions = slices.Delete(t.Sessions, i, i+1)
			i--
		}
	}
}

func (t *Ticket) openSessions() (n int) {
	for _, s := range t.Sessions {
		if s.ClosedAt.IsZero() {
			n++
		}
	}
	return n
}
