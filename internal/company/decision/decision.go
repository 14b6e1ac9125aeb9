// Package decision is how a person or a test decides what the world decides
// otherwise: "alice's next push is denied", "bob is locked for 3 attempts", "the
// next 2 checkouts of root@db01 need approval for 5 s". The verbs are the same
// whatever server asks; domain packages consult the Overrides and the servers word
// what comes of it.
package decision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Verb is what is decided.
type Verb string

// The verbs. What each does to an operation stands with the domain package
// that consults it: a push, a code, a password, a checkout, a ticket.
const (
	Approve         Verb = "approve"
	Deny            Verb = "deny"
	Delay           Verb = "delay"   // what happens, happens After later
	Timeout         Verb = "timeout" // nobody answers
	Fraud           Verb = "fraud"
	Lock            Verb = "lock"
	Expire          Verb = "expire"
	RequireApproval Verb = "require_approval"
	Interactive     Verb = "interactive" // a person decides, who has After for it, whatever the policy
)

// Verbs lists them all.
func Verbs() []Verb {
	return []Verb{Approve, Deny, Delay, Timeout, Fraud, Lock, Expire, RequireApproval, Interactive}
}

// Field is the sort of operation that is decided.
type Field string

// The fields.
const (
	Login    Field = "login"    // a password
	Code     Field = "code"     // a typed one-time code
	Push     Field = "push"     // a request to somebody's device, or a call
	Checkout Field = "checkout" // of an account
	Ticket   Field = "ticket"   // whether a ticket permits an access
)

// Fields lists them all.
func Fields() []Field { return []Field{Login, Code, Push, Checkout, Ticket} }

// meaningful says which verbs each field knows; an order that could never be
// obeyed is refused when it is given.
var meaningful = map[Field][]Verb{
	Login:    {Deny, Delay, Lock, Expire},
	Code:     {Deny, Delay, Lock, Expire},
	Push:     {Approve, Deny, Delay, Timeout, Fraud, Lock, Expire, Interactive},
	Checkout: {Deny, Delay, RequireApproval},
	Ticket:   {Approve, Deny, Delay, Lock, Expire},
}

// Decision is one standing order.
type Decision struct {
	ID      string        `json:"id" yaml:"-"`
	Verb    Verb          `json:"verb" yaml:"verb"`
	On      Field         `json:"on,omitempty" yaml:"on"` // empty: every operation that the verb means something for
	User    string        `json:"user,omitempty" yaml:"user"`
	Device  string        `json:"device,omitempty" yaml:"device"`
	Account string        `json:"account,omitempty" yaml:"account"`
	Ticket  string        `json:"ticket,omitempty" yaml:"ticket"`
	Next    int           `json:"next,omitempty" yaml:"next"`  // how many operations; 0: until lifted
	After   time.Duration `json:"after,omitzero" yaml:"after"` // how long the answer takes, by the fleet's clock
	Until   time.Time     `json:"until,omitzero" yaml:"-"`     // the order dies by itself
	Made    time.Time     `json:"made" yaml:"-"`
	Used    int           `json:"used" yaml:"-"`

	taken time.Time // when Take found it
}

// Why is the sentence that stands in the journal for an order that was obeyed.
func (d Decision) Why() string { return fmt.Sprintf("%s says so: %s", d.ID, d.Verb) }

// Subject is the operation about to be decided.
type Subject struct {
	On                            Field
	User, Device, Account, Ticket string
	Devices                       []string // what Device could be, while it is not known
}

// Overrides holds the standing orders, in one record of the store. A nil Overrides has
// none.
type Overrides struct {
	orders *state.Collection[book]
	clock  clock.Clock
	world  *world.World
	asked  asked
}

// New returns a Overrides over a store.
func New(w *world.World, s state.Store, c clock.Clock) *Overrides {
	return &Overrides{orders: state.Of[book](s, "decisions"), clock: c, world: w}
}

const (
	record = "all"
	most   = 256 // orders at once
)

type book struct {
	Last   int        `json:"last"`
	Seeded bool       `json:"seeded,omitempty"` // those of the seed were given
	Orders []Decision `json:"orders"`
}

// Add gives an order, which comes after those before it. It names something
// that exists: a mistyped name would wait for ever.
func (b *Overrides) Add(ctx context.Context, d Decision) (Decision, error) {
	if err := b.check(&d); err != nil {
		return Decision{}, err
	}
	if !d.Until.IsZero() && !d.Until.After(b.clock.Now()) {
		return Decision{}, cause.Because(cause.BadInput, "until %s has passed", d.Until.Format(time.RFC3339))
	}
	err := b.orders.Change(ctx, record, func(v *book, _ bool) error { return v.add(&d, b.clock.Now()) })
	return d, err
}

// Seed gives the orders of the seed, at the time when the fleet began: all of them in
// one change, and once for all processes that share the store. The error of each that
// cannot be given is joined, and then none is.
func (b *Overrides) Seed(ctx context.Context, began time.Time, orders []Decision) error {
	var wrong []error
	for i := range orders {
		wrong = append(wrong, b.check(&orders[i]))
	}
	if err := errors.Join(wrong...); err != nil || len(orders) == 0 {
		return err
	}
	return b.orders.Change(ctx, record, func(v *book, _ bool) error {
		if v.Seeded {
			return state.ErrKeep
		}
		v.Seeded = true
		for _, d := range orders {
			if err := v.add(&d, began); err != nil {
				return err
			}
		}
		return nil
	})
}

// add appends an order that is given now.
func (v *book) add(d *Decision, now time.Time) error {
	v.Orders = slices.DeleteFunc(v.Orders, func(o Decision) bool { return !o.Until.IsZero() && !now.Before(o.Until) })
	if len(v.Orders) >= most {
		return cause.Because(cause.RateLimited, "there are %d decisions already", len(v.Orders))
	}
	v.Last++
	d.ID, d.Made, d.Used = fmt.Sprintf("decision-%d", v.Last), now, 0
	v.Orders = append(v.Orders, *d)
	return nil
}

// Check reports what is wrong with an order, as Add would.
func (b *Overrides) Check(d Decision) error { return b.check(&d) }

func (b *Overrides) check(d *Decision) error {
	bad := func(format string, args ...any) error { return cause.Because(cause.BadInput, format, args...) }
	if !slices.Contains(Verbs(), d.Verb) {
		return bad("verb must be one of %v, not %q", Verbs(), d.Verb)
	}
	if d.User == "" && d.Device == "" && d.Account == "" && d.Ticket == "" {
		return bad("say whom or what it is about: user, device, account or ticket")
	}
	if d.Next < 0 || d.After < 0 {
		return bad("next and after must be at least 0")
	}
	if d.Verb == Delay && d.After == 0 {
		return bad("a delay needs `after`")
	}
	if err := d.possible(); err != nil {
		return err
	}
	return b.resolve(d)
}

// possible refuses an order that nothing would ever obey.
func (d *Decision) possible() error {
	if d.On != "" && !slices.Contains(Fields(), d.On) {
		return cause.Because(cause.BadInput, "on must be one of %v, not %q", Fields(), d.On)
	}
	fits := func(f Field) bool {
		return (d.On == "" || d.On == f) && slices.Contains(meaningful[f], d.Verb) &&
			(d.Device == "" || f == Code || f == Push) && (d.Account == "" || f == Checkout) && (d.Ticket == "" || f == Ticket)
	}
	if !slices.ContainsFunc(Fields(), fits) {
		return cause.Because(cause.BadInput, "nothing would ever obey %q about this; a login or code knows %v, a push %v, a checkout %v, a ticket %v",
			d.Verb, meaningful[Login], meaningful[Push], meaningful[Checkout], meaningful[Ticket])
	}
	return nil
}

// resolve finds what the order names and puts its ID in.
func (b *Overrides) resolve(d *Decision) error {
	if d.User != "" {
		u, ok := b.world.Login(d.User)
		if !ok {
			return cause.Because(cause.UnknownUser, "nobody is called %q", d.User)
		}
		d.User = u.ID
	}
	if d.Account != "" {
		a, ok := b.world.AccountByID(d.Account)
		if !ok {
			return cause.Because(cause.UnknownAccount, "there is no account %q", d.Account)
		}
		d.Account = a.ID
	}
	if _, seeded := b.world.Device(d.Device); d.Device != "" && !seeded && !strings.Contains(d.Device, ":") { // enrolled ones have a colon
		return cause.Because(cause.NoDevice, "there is no device %q", d.Device)
	}
	return nil
}

// List returns the orders in force, in their order.
func (b *Overrides) List(ctx context.Context) ([]Decision, error) {
	if b == nil {
		return []Decision{}, nil
	}
	v, _, err := b.orders.Read(ctx, record)
	now := b.clock.Now()
	out := slices.DeleteFunc(v.Orders, func(o Decision) bool { return !o.Until.IsZero() && !now.Before(o.Until) })
	if out == nil {
		out = []Decision{}
	}
	return out, err
}

// Lift takes an order back; all of them with an empty ID.
func (b *Overrides) Lift(ctx context.Context, id string) error {
	return b.orders.Edit(ctx, record, func(v *book, _ bool) (time.Time, error) {
		before := len(v.Orders)
		v.Orders = slices.DeleteFunc(v.Orders, func(o Decision) bool { return id == "" || o.ID == id })
		if id != "" && len(v.Orders) == before {
			return time.Time{}, cause.Because(cause.NotFound, "there is no decision %q", id)
		}
		return time.Time{}, nil
	})
}

// Take returns the first order about s with one of the verbs, and counts it:
// an order for the next N operations decides exactly N of them, however many
// race. Without an order it costs one look into the store.
func (b *Overrides) Take(ctx context.Context, s Subject) (d Decision, ok bool, err error) {
	if b == nil {
		return Decision{}, false, nil
	}
	if s.On != Checkout { // which was looked for before
		b.asked.note(s)
	}
	v, err := b.orders.Get(ctx, record)
	if err != nil || v == nil || len(v.Orders) == 0 { // nearly always: nobody has decided anything
		return Decision{}, false, err
	}
	return b.take(ctx, s)
}

func (b *Overrides) take(ctx context.Context, s Subject) (d Decision, ok bool, err error) {
	err = b.orders.Edit(ctx, record, func(v *book, _ bool) (time.Time, error) {
		d, ok = Decision{}, false
		now := b.clock.Now()
		i := v.find(s, now)
		if i < 0 {
			return time.Time{}, state.ErrKeep
		}
		o := &v.Orders[i]
		o.Used++
		d, ok = *o, true
		d.taken = now
		if o.Next > 0 && o.Used >= o.Next {
			v.Orders = slices.Delete(v.Orders, i, i+1)
		}
		return time.Time{}, nil
	})
	return d, ok, err
}

// Peek is Take that does not count.
func (b *Overrides) Peek(ctx context.Context, s Subject) (Decision, bool, error) {
	if b == nil {
		return Decision{}, false, nil
	}
	if s.On == Checkout { // who is asked about a request that is open is never taken for another
		b.asked.note(s)
	}
	v, _, err := b.orders.Read(ctx, record)
	if i := v.find(s, b.clock.Now()); err == nil && i >= 0 {
		return v.Orders[i], true, nil
	}
	return Decision{}, false, err
}

// Apply is Take for callers that wait an order's After out by themselves: it
// returns once that time has passed.
func (b *Overrides) Apply(ctx context.Context, s Subject) (Decision, bool, error) {
	d, ok, err := b.Take(ctx, s)
	if ok {
		err = b.Wait(ctx, d)
	}
	return d, ok && err == nil, err
}

// Wait returns once the After of an order that was taken has passed since.
func (b *Overrides) Wait(ctx context.Context, d Decision) error {
	if d.After <= 0 {
		return nil
	}
	return b.clock.Wait(ctx, d.taken.Add(d.After))
}

func (v *book) find(s Subject, now time.Time) int {
	return slices.IndexFunc(v.Orders, func(o Decision) bool { return o.about(s) && (o.Until.IsZero() || now.Before(o.Until)) })
}

// about reports whether everything that an order names is what s is about, and
// its verb means something there.
func (d Decision) about(s Subject) bool {
	is := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	device := is(d.Device, s.Device) || s.Device == "" && slices.ContainsFunc(s.Devices, func(x string) bool { return is(d.Device, x) })
	return (d.On == "" || d.On == s.On) && slices.Contains(meaningful[s.On], d.Verb) &&
		is(d.User, s.User) && device && is(d.Account, s.Account) && is(d.Ticket, s.Ticket)
}
