// Package checkout decides who holds which secret until when: exclusive and
// shared checkout, leases with renewal and expiry, checkin, forced checkin,
// rotation, approval requests, reasons, and access by group. One account is one
// record, so of two callers who race for an exclusive account exactly one wins,
// and a password rotated through one vault is the one that every other returns.
package checkout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Config is what a Service stands on.
type Config struct {
	World *world.World
	Store state.Store
	Clock clock.Clock
	// Started is when version 1 of every secret counts as set; zero: now.
	Started time.Time
	// Decisions are a person's or a test's orders; nil has none.
	Decisions *decision.Overrides
	// Secret hears of every secret that is not the seed's; nil does not care.
	Secret func(whose, secret string)
}

// Service is where accounts are checked out and in.
type Service struct {
	Config
	ledgers *state.Collection[ledger] // by account

	mu   sync.Mutex
	keys map[string]*madeKey // making one takes a while
}

// New returns a Service over c.
func New(c Config) *Service {
	if c.Started.IsZero() {
		c.Started = c.Clock.Now()
	}
	return &Service{Config: c, ledgers: state.Of[ledger](c.Store, "account"), keys: map[string]*madeKey{}}
}

// Principal is on whose behalf something is asked.
type Principal struct {
	UserID string // whose rights count; empty for a client without a person
	Client string // the API client that asks, if any
	Admin  bool   // may use, force and approve everything
}

// Name is what journals, leases and refusals call the principal.
func (p Principal) Name() string {
	if p.UserID != "" {
		return p.UserID
	}
	return p.Client
}

// MaySee reports whether p may know that the account exists.
func (d *Service) MaySee(p Principal, a world.Account) bool {
	if d.MayUse(p, a) || p.UserID != "" && slices.Contains(a.Access.Approvers, p.UserID) {
		return true
	}
	return p.UserID != "" && slices.ContainsFunc(a.Access.Viewers, func(v string) bool {
		group, isGroup := strings.CutPrefix(v, "group:")
		return isGroup && d.World.InAnyGroup(p.UserID, []string{group}) || world.Fold(v) == p.UserID
	})
}

// MayUse reports whether p may check the account out and fetch its secrets.
func (d *Service) MayUse(p Principal, a world.Account) bool {
	if p.Admin {
		return true
	}
	return p.UserID != "" && (slices.Contains(a.Access.Users, p.UserID) || d.World.InAnyGroup(p.UserID, a.Access.Groups))
}

// Visible returns the accounts that p may see, in the seed's order.
func (d *Service) Visible(p Principal) []world.Account {
	var out []world.Account
	for a := range d.World.Accounts() {
		if d.MaySee(p, a) {
			out = append(out, a)
		}
	}
	return out
}

// Account returns an account that p may see. One that p may not see is as
// unknown as one that is not there.
func (d *Service) Account(p Principal, accountID string) (world.Account, error) {
	a, ok := d.World.AccountByID(accountID)
	if !ok {
		return world.Account{}, cause.Because(cause.UnknownAccount, "there is no account %q", accountID)
	}
	if !d.MaySee(p, a) {
		return world.Account{}, cause.Because(cause.UnknownAccount, "%s may not see %s", p.Name(), a.ID)
	}
	return a, nil
}

// usable is Account for somebody who wants its secret.
func (d *Service) usable(p Principal, accountID string) (world.Account, error) {
	if a, ok := d.World.AccountByID(accountID); ok && d.MayUse(p, a) {
		return a, nil
	}
	a, err := d.Account(p, accountID)
	if err == nil {
		err = cause.Because(cause.NotAllowed, "%s may look at %s but not use it", p.Name(), a.ID)
	}
	return a, err
}

// ledger is the one record of an account.
type ledger struct {
	Version     int            `json:"version,omitempty"` // of the secret; 0 and 1 are the seeded one
	ChangedAt   time.Time      `json:"changed_at,omitzero"`
	Set         map[int]string `json:"set,omitempty"` // passwords that were given rather than derived
	History     []Change       `json:"history,omitempty"`
	Leases      []Lease        `json:"leases,omitempty"`
	Requests    []Request      `json:"requests,omitempty"`
	LastLease   int            `json:"last_lease,omitempty"`
	LastRequest int            `json:"last_request,omitempty"`
	Marks       state.Marks    `json:"marks,omitempty"`
}

// Copy implements state.Copier: an account that is much in use has a long record, and
// to decode it each time would cost more than all that is decided on it.
func (l *ledger) Copy() *ledger {
	c := *l
	c.Set = maps.Clone(l.Set)
	c.History, c.Leases, c.Requests, c.Marks = slices.Clone(l.History), slices.Clone(l.Leases), slices.Clone(l.Requests), slices.Clone(l.Marks)
	for i := range c.Requests {
		c.Requests[i].Decisions = slices.Clone(c.Requests[i].Decisions)
	}
	return &c
}

// What a ledger remembers of what is over.
const (
	keptChanges  = 50
	keptLeases   = 50
	keptRequests = 50
	maxActive    = 10_000 // leases of one shared account at once
	maxPending   = 1_000  // open requests for one account
)

// once is edit for a change that a repeated request makes once (see state.Marks); f sets
// *out.
func once[T any](ctx context.Context, d *Service, a world.Account, out *T, f func(l *ledger, now time.Time) error) error {
	return d.edit(ctx, a, func(l *ledger, now time.Time) error {
		return state.Once(ctx, &l.Marks, state.Change[T]{What: fmt.Sprintf("%T", *out), Now: now, Out: out, Make: func() error { return f(l, now) }})
	})
}

// edit settles an account's ledger and hands it to f as one decision.
func (d *Service) edit(ctx context.Context, a world.Account, f func(l *ledger, now time.Time) error) error {
	return d.ledgers.Edit(ctx, a.ID, func(l *ledger, _ bool) (time.Time, error) {
		now := d.Clock.Now()
		d.settle(a, l, now)
		err := f(l, now)
		l.trim()
		return time.Time{}, err
	})
}

// read is an account's ledger as it stands now.
func (d *Service) read(ctx context.Context, a world.Account) (*ledger, error) {
	shared, err := d.ledgers.Get(ctx, a.ID)
	l := &ledger{}
	if shared != nil {
		l = shared.Copy()
	}
	d.settle(a, l, d.Clock.Now())
	return l, err
}

// settle does what time alone has brought: leases and requests that ran out,
// rotations that fell due. It depends on the record and now only, so every
// reader comes to the same result, written or not.
func (d *Service) settle(a world.Account, l *ledger, now time.Time) {
	l.Version = max(l.Version, 1)
	if l.ChangedAt.IsZero() {
		l.ChangedAt = d.Started
	}
	over, held := l.runOut(now)
	for i, lease := range over { // in the order in which it happened, whoever looked when
		l.schedule(a, lease.Expires)
		lease.State, lease.Ended = Expired, lease.Expires
		if last := i == len(over)-1; (lease.Rotates || a.Checkout.Rotate == world.RotateOnCheckin) && last && !held {
			l.rotate(lease.Ended, "expiry of "+lease.ID)
		}
	}
	l.schedule(a, now)
	for i := range l.Requests {
		l.Requests[i].settle(now)
	}
}

// runOut are the active leases whose time is over, in the order of their ends; held
// says that there are others.
func (l *ledger) runOut(now time.Time) (over []*Lease, held bool) {
	for i := range l.Leases {
		switch x := &l.Leases[i]; {
		case x.State != Active:
		case now.Before(x.Expires):
			held = true
		default:
			over = append(over, x)
		}
	}
	slices.SortStableFunc(over, func(a, b *Lease) int { return a.Expires.Compare(b.Expires) })
	return over, held
}

// schedule makes the rotations that fell due up to a moment.
func (l *ledger) schedule(a world.Account, until time.Time) {
	every := a.Checkout.Every
	if a.Checkout.Rotate != world.RotateScheduled || every <= 0 {
		return
	}
	if n := int(until.Sub(l.ChangedAt) / every); n > 0 { // years of missed rotations are one step
		l.Version += n - 1
		l.rotate(l.ChangedAt.Add(time.Duration(n)*every), "schedule")
	}
}

func (l *ledger) held() bool {
	return slices.ContainsFunc(l.Leases, func(x Lease) bool { return x.State == Active })
}

// trim forgets the oldest of what is over.
func (l *ledger) trim() {
	over := 0
	for _, x := range l.Leases {
		if x.State != Active {
			over++
		}
	}
	l.Leases = slices.DeleteFunc(l.Leases, func(x Lease) bool {
		drop := x.State != Active && over > keptLeases
		if drop {
			over--
		}
		return drop
	})
	done := 0
	for _, r := range l.Requests {
		if r.over() {
			done++
		}
	}
	l.Requests = slices.DeleteFunc(l.Requests, func(r Request) bool {
		drop := r.over() && done > keptRequests
		if drop {
			done--
		}
		return drop
	})
	l.History = l.History[max(0, len(l.History)-keptChanges):]
}

// An identifier names its account, so that every look-up touches one record.
func identifier(kind string, n int, accountID string) string {
	return fmt.Sprintf("%s-%d.%s", kind, n, accountID)
}

// accountOf finds the account that an identifier names.
func (d *Service) accountOf(kind, id string, unknown cause.Cause) (world.Account, error) {
	head, account, ok := strings.Cut(id, ".")
	number, isKind := strings.CutPrefix(head, kind+"-")
	if _, err := strconv.Atoi(number); ok && isKind && err == nil {
		if a, found := d.World.AccountByID(account); found {
			return a, nil
		}
	}
	return world.Account{}, cause.Because(unknown, "there is no %s %q", kind, id)
}

// part is something in an account's ledger, as a caller names it.
type part[T interface{ called() string }] struct {
	kind, id string
	unknown  cause.Cause // when there is none
	of       func(*ledger) []T
}

// within edits one part of the ledger that its ID leads to, and returns what
// became of it.
func within[T interface{ called() string }](ctx context.Context, d *Service, p part[T], f func(world.Account, *ledger, *T, time.Time) error) (out T, err error) {
	a, err := d.accountOf(p.kind, p.id, p.unknown)
	if err != nil {
		return out, err
	}
	err = once(ctx, d, a, &out, func(l *ledger, now time.Time) error {
		all := p.of(l)
		i := slices.IndexFunc(all, func(x T) bool { return strings.EqualFold(x.called(), p.id) })
		if i < 0 {
			return cause.Because(p.unknown, "there is no %s %q", p.kind, p.id)
		}
		err := f(a, l, &all[i], now)
		out = all[i]
		return err
	})
	return out, err
}
