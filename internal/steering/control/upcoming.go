package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

// upcoming is something that happens by itself, when the fleet's time gets there.
type upcoming struct {
	At   time.Time `json:"at"`
	In   span      `json:"in"`
	Kind string    `json:"kind"` // lease, request, approval, fault, decision, ticket, code, person
	ID   string    `json:"id"`
	Says string    `json:"says"`
	Href string    `json:"href"`
}

// Rows of what comes next.
const (
	usualUpcoming = 20
	mostUpcoming  = 200
)

// ticketsLooked is how many tickets are looked at for windows that open or close.
const ticketsLooked = 5000

// upcoming lists what comes next on the fleet's clock, the soonest first. With ?user the
// codes of that person's devices are among it.
func (s *Server) upcoming(c echo.Context) error {
	if err := known(c, "limit", "user"); err != nil {
		return err
	}
	n, err := number(c, "limit")
	if err != nil {
		return err
	}
	if n > mostUpcoming {
		return cause.Because(cause.BadInput, "limit is %d at most", mostUpcoming)
	}
	user, err := s.person(c)
	if err != nil {
		return err
	}
	u := &comes{Server: s, ctx: c.Request().Context(), most: int(cmp.Or(n, usualUpcoming))}
	u.now = s.Clock.Now()
	for _, look := range []func() error{u.accounts, u.approvals, u.orders, u.rules, u.tickets, func() error { return u.codes(user) }} {
		if err := look(); err != nil {
			return err
		}
	}
	u.cut()
	return c.JSON(http.StatusOK, map[string]any{"now": u.now, "frozen": s.Clock.IsFrozen(), "upcoming": orEmpty(u.all)})
}

// comes gathers what comes next.
type comes struct {
	*Server
	ctx  context.Context
	now  time.Time
	most int
	all  []upcoming
}

// add notes something, unless it is over or never comes.
func (u *comes) add(at time.Time, kind, id, says string) {
	if at.IsZero() || !at.After(u.now) {
		return
	}
	u.all = append(u.all, upcoming{At: at, In: span(at.Sub(u.now)), Kind: kind, ID: id, Says: says})
	if len(u.all) > 8*u.most { // what is held does not grow with what there is
		u.cut()
	}
}

// cut keeps the soonest.
func (u *comes) cut() {
	slices.SortStableFunc(u.all, func(a, b upcoming) int { return a.At.Compare(b.At) })
	u.all = u.all[:min(len(u.all), u.most)]
	for i := range u.all {
		x := &u.all[i]
		switch x.Kind {
		case "code":
			x.Href = "/phone/" + url.PathEscape(x.ID)
		default:
			x.Href = u.to(x.Kind, x.ID).Href
		}
	}
}

func (u *comes) accounts() error {
	leases, err := u.Accounts.Leases(u.ctx, everybody)
	if err != nil {
		return err
	}
	for _, l := range leases {
		if l.State == checkout.Active {
			u.add(l.Expires, "lease", l.ID, fmt.Sprintf("%s of %s ends; %s is given back", l.ID, cmp.Or(l.UserID, l.Client), l.AccountID))
		}
	}
	requests, err := u.Accounts.Requests(u.ctx, everybody)
	for _, r := range requests {
		switch {
		case r.State == checkout.Waiting && !r.At.IsZero() && r.At.Before(r.Expires):
			u.add(r.At, "request", r.ID, fmt.Sprintf("%s of %s approves itself: %s", r.ID, r.UserID, r.Order))
		case r.State == checkout.Waiting:
			u.add(r.Expires, "request", r.ID, fmt.Sprintf("%s of %s lapses unanswered", r.ID, r.UserID))
		case r.State == checkout.Granted:
			u.add(r.Expires, "request", r.ID, fmt.Sprintf("%s of %s, approved, lapses unused", r.ID, r.UserID))
		}
	}
	return err
}

func (u *comes) approvals() error {
	all, err := u.Factors.Approvals(u.ctx, "")
	for _, a := range all {
		if a.State != factor.Pending {
			continue
		}
		l := left(a)
		what := map[string]string{"approved": "approves itself", "denied": "denies itself", "fraud": "is reported as fraud", "expired": "ends unanswered"}[l.Ends]
		u.add(l.At, "approval", a.ID, fmt.Sprintf("a push of %s %s: %s", a.UserID, what, l.By))
	}
	return err
}

func (u *comes) orders() error {
	all, err := u.Decisions.List(u.ctx)
	for _, d := range all {
		u.add(d.Until, "decision", d.ID, fmt.Sprintf("%s ends: %s", d.ID, d.Verb))
	}
	return err
}

func (u *comes) rules() error {
	for _, r := range u.Rules.States() {
		u.add(r.Ends, "fault", r.ID, fmt.Sprintf("fault %s ends: %s", r.ID, r.Kind))
	}
	return nil
}

func (u *comes) tickets() error {
	looked := 0
	for t, err := range u.Tickets.All(u.ctx, "") {
		if err != nil {
			return err
		}
		if looked++; looked > ticketsLooked {
			return nil
		}
		if usable(t) {
			u.add(t.Window.NotBefore, "ticket", t.ID, fmt.Sprintf("the window of %s opens", t.ID))
			u.add(t.Window.NotAfter, "ticket", t.ID, fmt.Sprintf("the window of %s closes", t.ID))
		}
	}
	return nil
}

// usable reports a ticket that could open something in its window.
func usable(t ticket.Ticket) bool { return !t.State.Final() }

// codes are the turns of one person's authenticators, and the ends of codes that were sent.
func (u *comes) codes(userID string) error {
	if userID == "" {
		return nil
	}
	devices, err := u.Factors.Devices(u.ctx, userID)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if !factor.Can(d.Kind) {
			continue
		}
		_, until, err := u.Factors.Current(u.ctx, d.ID)
		if _, refused := cause.Of(err); refused {
			continue
		}
		if err != nil {
			return err
		}
		if d.Kind == world.TOTP {
			u.add(until, "code", userID, fmt.Sprintf("the code of %s turns", d.ID))
		} else {
			u.add(until, "code", userID, fmt.Sprintf("the code sent to %s is no longer good", d.ID))
		}
	}
	st, err := u.Logins.Standing(u.ctx, userID)
	if lasts := u.World.Organization().Lockout.Duration; err == nil && !st.LockedAt.IsZero() && lasts > 0 {
		u.add(st.LockedAt.Add(lasts), "person", userID, fmt.Sprintf("%s is no longer locked out", userID))
	}
	return err
}
