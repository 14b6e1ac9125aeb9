package ticket

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Code is a reason why a ticket does not permit an access.
type Code string

// The codes of ticketing.md section 3.8, in the order in which a decision lists
// them. A window closed on both sides that has not opened is OutsideWindow, one
// with no end NotYetValid; whatever has ended is TooLate ("expired").
const (
	UnknownTicket  Code = "unknown_ticket"
	NotApproved    Code = "not_approved"
	IsRejected     Code = "rejected"
	IsCancelled    Code = "cancelled"
	IsClosed       Code = "closed"
	IsOnHold       Code = "on_hold"
	NotYetValid    Code = "not_yet_valid"
	TooLate        Code = "expired"
	OutsideWindow  Code = "outside_window"
	WrongUser      Code = "wrong_user"
	WrongAsset     Code = "wrong_asset"
	WrongAccount   Code = "wrong_account"
	WrongProtocol  Code = "wrong_protocol"
	SessionLimit   Code = "session_limit"
	UseLimit       Code = "use_limit"
	SelfApproved   Code = "self_approved"
	reviewRequired      = "review_required"
)

// Codes lists all codes in a decision's order.
func Codes() []Code {
	return []Code{UnknownTicket, NotApproved, IsRejected, IsCancelled, IsClosed, IsOnHold, NotYetValid, TooLate, OutsideWindow,
		WrongUser, WrongAsset, WrongAccount, WrongProtocol, SessionLimit, UseLimit, SelfApproved}
}

// Access is what somebody wants to reach.
type Access struct {
	User        string
	Groups      []string
	Asset       string // name
	Address     string
	Port        int // 0: not said
	Account     string
	Protocol    string
	Client      string // address of the person's machine
	SessionID   string
	At          time.Time // zero: now
	OpenSession bool      // record the session if it is allowed, in the same decision

	order *decision.Decision // what somebody ordered for this one access

	system string // of the ticket; empty: any
}

// Reason is one rule that is violated.
type Reason struct {
	Code    Code   `json:"code"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// Decision is the answer to "may X reach Y as Z now".
type Decision struct {
	Allowed     bool
	ID          string
	EvaluatedAt time.Time
	Reasons     []Reason
	Ticket      *Ticket // nil for an unknown one
	Obligations Obligations
}

// Obligations are what an allowed access must observe.
type Obligations struct {
	NotAfter       time.Time `json:"not_after,omitzero"`
	CloseOnEnd     bool      `json:"close_on_end,omitempty"` // this is the last permitted use
	ReviewRequired bool      `json:"review_required,omitempty"`
}

var errNo = errors.New("ticket: not allowed")

// Validate decides whether a ticket permits an access, and with OpenSession
// records its use in the same decision. An unknown ticket is a decision, not an
// error. All violated rules are listed, in the order of Codes.
func (b *Service) Validate(ctx context.Context, id string, a Access) (Decision, error) {
	o, ordered, err := b.Decisions.Apply(ctx, b.subject(id, a))
	if err != nil {
		return Decision{}, err
	}
	if ordered {
		a.order = &o
	}
	d := Decision{EvaluatedAt: b.Clock.Now()}
	if !a.At.IsZero() {
		d.EvaluatedAt = a.At
	}
	var raw [6]byte
	io.ReadFull(b.Rand, raw[:])
	d.ID = "d-" + hex.EncodeToString(raw[:])
	t, err := b.decide(ctx, id, a, &d)
	if c, _ := cause.Of(err); c == cause.UnknownTicket {
		d.Reasons = []Reason{{UnknownTicket, "ticket", fmt.Sprintf("there is no ticket %q", id)}}
		return d, nil
	}
	if err != nil && !errors.Is(err, errNo) {
		return Decision{}, err
	}
	d.Ticket, d.Allowed = &t, len(d.Reasons) == 0
	if d.Allowed {
		d.Obligations = Obligations{NotAfter: t.Window.NotAfter, ReviewRequired: t.BreakGlass && t.approvals() < t.MinApprovals,
			CloseOnEnd: t.MaxUses > 0 && t.Uses >= t.MaxUses}
	}
	return d, nil
}

func (b *Service) decide(ctx context.Context, id string, a Access, d *Decision) (Ticket, error) {
	if !a.OpenSession {
		t, err := b.Get(ctx, a.system, id)
		d.Reasons = b.reasons(&t, a, d.EvaluatedAt)
		return t, err
	}
	return b.edit(ctx, a.system, id, func(t *Ticket, now time.Time) error {
		if s := t.session(a.SessionID); s != nil && s.ClosedAt.IsZero() {
			if !t.has(b.session(a, now)) {
				return cause.Because(cause.BadInput, "session %q is open for %s on %s as %s", s.SessionID, s.User, s.Asset, s.Account)
			}
			d.Reasons = nil
			return state.ErrKeep // asked again for a session that is open
		}
		if d.Reasons = b.reasons(t, a, d.EvaluatedAt); len(d.Reasons) > 0 {
			return errNo
		}
		t.open(b.session(a, now))
		return nil
	})
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// reasons lists the rules of t that the access violates at a moment.
func (b *Service) reasons(t *Ticket, a Access, at time.Time) []Reason {
	out := []Reason{}
	if a.order != nil && a.order.Verb != decision.Delay {
		return byOrder(*a.order)
	}
	add := func(c Code, field, format string, args ...any) {
		if c != "" {
			out = append(out, Reason{c, field, fmt.Sprintf(format, args...)})
		}
	}
	add(t.usableState(), "state", "the ticket is %s", t.State)
	switch c := t.timing(at); c {
	case TooLate:
		add(c, "window.not_after", "the ticket ended %s ago", at.Sub(t.Window.NotAfter).Round(time.Second))
	default:
		add(c, "window.not_before", "the ticket opens in %s", t.Window.NotBefore.Sub(at).Round(time.Second))
	}
	if !b.isFor(t, a) {
		add(WrongUser, "user", "the ticket is not for %s", a.User)
	}
	for _, c := range b.bestTarget(t, a) {
		add(c.Code, c.Field, "%s", c.Message)
	}
	if t.MaxSessions > 0 && t.openSessions() >= t.MaxSessions {
		add(SessionLimit, "max_sessions", "%d of %d sessions are open", t.openSessions(), t.MaxSessions)
	}
	if t.MaxUses > 0 && t.Uses >= t.MaxUses {
		add(UseLimit, "max_uses", "the ticket was used %d of %d times", t.Uses, t.MaxUses)
	}
	if t.selfApproved() {
		add(SelfApproved, "approvers", "the requester's own approval does not count")
	}
	return out
}

// usableState is the code for a state in which a ticket opens nothing.
func (t *Ticket) usableState() Code {
	switch t.State {
	case Draft, PendingApproval:
		if t.BreakGlass {
			return ""
		}
		return NotApproved
	case Rejected:
		return IsRejected
	case Cancelled:
		return IsCancelled
	case Closed:
		return IsClosed
	case OnHold:
		return IsOnHold
	}
	return ""
}

// timing is the code for a moment outside the window.
func (t *Ticket) timing(at time.Time) Code {
	switch w := t.Window; {
	case !w.NotAfter.IsZero() && !at.Before(w.NotAfter):
		return TooLate
	case w.NotBefore.IsZero() || !at.Before(w.NotBefore):
		return ""
	case w.NotAfter.IsZero():
		return NotYetValid
	}
	return OutsideWindow
}

// isFor reports whether the ticket is the user's: requester, assignee, or
// member of the group that it is assigned to. A ticket without either is
// anybody's.
func (b *Service) isFor(t *Ticket, a Access) bool {
	if t.Requester == "" && t.Assignee == "" {
		return true
	}
	user := world.Fold(a.User)
	if u, ok := b.World.Login(a.User); ok {
		user = u.ID
	}
	if user == world.Fold(t.Requester) || user == world.Fold(t.Assignee) {
		return true
	}
	return t.Assignee != "" && (b.World.InAnyGroup(user, []string{t.Assignee}) ||
		slices.ContainsFunc(a.Groups, func(g string) bool { return strings.EqualFold(g, t.Assignee) }))
}

// bestTarget lists what is wrong with the target that fits best; nothing when
// one fits or the ticket names none.
func (b *Service) bestTarget(t *Ticket, a Access) []Reason {
	var best []Reason
	for i, g := range t.Targets {
		var wrong []Reason
		if !b.reaches(g, a) {
			wrong = append(wrong, Reason{WrongAsset, "asset", fmt.Sprintf("the ticket is for %s", g.Asset)})
		}
		if !g.allowsAccount(a.Account) {
			wrong = append(wrong, Reason{WrongAccount, "account.name", fmt.Sprintf("the ticket is for %s", strings.Join(g.Accounts, ", "))})
		}
		if !g.allowsProtocol(a) {
			wrong = append(wrong, Reason{WrongProtocol, "protocol", "the ticket is for another protocol or port"})
		}
		if len(wrong) == 0 {
			return nil
		}
		if i == 0 || len(wrong) < len(best) {
			best = wrong
		}
	}
	return best
}

// reaches reports whether a target means the asset: by any of the names the
// world knows it by, an address, a CIDR or a glob.
func (b *Service) reaches(g Target, a Access) bool {
	named, one := b.World.Asset(a.Asset)
	addressed, two := b.World.Asset(a.Address)
	if one && two && named.ID != addressed.ID {
		return false // the name of one machine with the address of another
	}
	want, known := b.World.Asset(g.Asset)
	names := []string{a.Asset, a.Address}
	for _, n := range names {
		if n == "" {
			continue
		}
		if got, ok := b.World.Asset(n); ok {
			if known && got.ID == want.ID {
				return true
			}
			names = append(names, got.Name, got.Address.String())
			names = append(names, got.Hostnames...)
		}
	}
	prefix, err := netip.ParsePrefix(g.Asset)
	return slices.ContainsFunc(names, func(n string) bool {
		if n == "" {
			return false
		}
		if ip, bad := netip.ParseAddr(n); err == nil && bad == nil {
			return prefix.Contains(ip.Unmap())
		}
		ok, _ := path.Match(world.Fold(g.Asset), world.Fold(n))
		return ok
	})
}

func (g Target) allowsAccount(name string) bool {
	return len(g.Accounts) == 0 || slices.ContainsFunc(g.Accounts, func(x string) bool { return x == "*" || strings.EqualFold(x, name) })
}

func (g Target) allowsProtocol(a Access) bool {
	if len(g.Protocols) > 0 && !slices.ContainsFunc(g.Protocols, func(x string) bool { return strings.EqualFold(x, a.Protocol) }) {
		return false
	}
	return len(g.Ports) == 0 || a.Port == 0 || slices.Contains(g.Ports, a.Port)
}

// approvals counts the approvals that count: not the requester's own, unless
// the ticket allows it.
func (t *Ticket) approvals() (n int) {
	for _, a := range t.Approvers {
		if a.Decision == "approved" && (t.AllowSelfApproval || !strings.EqualFold(a.User, t.Requester)) {
			n++
		}
	}
	return n
}

// selfApproved reports a ticket that would lack approvals but for its
// requester's own.
func (t *Ticket) selfApproved() bool {
	if t.AllowSelfApproval || t.BreakGlass || t.approvals() >= max(t.MinApprovals, 1) {
		return false
	}
	return slices.ContainsFunc(t.Approvers, func(a Approver) bool {
		return a.Decision == "approved" && strings.EqualFold(a.User, t.Requester)
	})
}
