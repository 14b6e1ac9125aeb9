package checkout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// LeaseState is where a lease stands.
type LeaseState string

// The states; all but Active are final.
const (
	Active   LeaseState = "active"
	Returned LeaseState = "returned"
	Forced   LeaseState = "forced" // taken back by an administrator
	Expired  LeaseState = "expired"
)

// Lease is an account in somebody's hands.
type Lease struct {
	ID        string     `json:"id"`
	AccountID string     `json:"account"`
	UserID    string     `json:"user,omitempty"`
	Client    string     `json:"client,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Ticket    string     `json:"ticket,omitempty"`
	Request   string     `json:"request,omitempty"` // the approved request it was taken on
	Taken     time.Time  `json:"taken"`
	Expires   time.Time  `json:"expires"`
	Last      time.Time  `json:"last,omitzero"` // no renewal goes past this; zero: no such end
	State     LeaseState `json:"state"`
	Ended     time.Time  `json:"ended,omitzero"`
	EndedBy   string     `json:"ended_by,omitempty"`
	Version   int        `json:"version"` // of the secret when it was taken
	Renewals  int        `json:"renewals,omitempty"`
	Exclusive bool       `json:"alone,omitempty"`   // see Take
	Rotates   bool       `json:"rotates,omitempty"` // see Take
}

// of reports whether p holds the lease.
func (l Lease) of(p Principal) bool {
	return l.UserID == p.UserID && (p.UserID != "" || l.Client == p.Client)
}

// Take is a wish to check an account out.
type Take struct {
	AccountID string
	Reason    string
	Ticket    string
	For       time.Duration // 0: the account's own
	// What the taker's own vault wants besides the account's policy: that nobody
	// else has the account meanwhile, that its secret changes when the lease ends
	// (Vault's libraries do both), and when renewals end; 0: the account's own.
	Exclusive, Rotate bool
	Max               time.Duration
}

// Checkout hands an account to p. Causes: UnknownAccount, NotAllowed,
// ReasonRequired, TooLong, ApprovalRequired, NotApproved, CheckedOut (the
// Refusal says by whom and until when).
func (d *Service) Checkout(ctx context.Context, p Principal, t Take) (Lease, error) {
	a, err := d.usable(p, t.AccountID)
	if err != nil {
		return Lease{}, err
	}
	lasts, err := length(a, t)
	if err != nil {
		return Lease{}, err
	}
	if err := d.ordered(ctx, a, p, t); err != nil {
		return Lease{}, err
	}
	var out Lease
	err = once(ctx, d, a, &out, func(l *ledger, now time.Time) error {
		if err := l.free(a, t.Exclusive); err != nil {
			return err
		}
		request, err := l.spend(a, p, now)
		if err != nil {
			return err
		}
		if a.Checkout.Rotate == world.RotateOnCheckout && !l.held() {
			l.rotate(now, "checkout by "+p.Name())
		}
		l.LastLease++
		out = Lease{ID: identifier("lease", l.LastLease, a.ID), AccountID: a.ID, UserID: p.UserID, Client: p.Client,
			Reason: t.Reason, Ticket: t.Ticket, Request: request, Taken: now, Expires: now.Add(lasts), State: Active, Version: l.Version,
			Exclusive: t.Exclusive, Rotates: t.Rotate}
		if most := cmp.Or(t.Max, a.Checkout.Max); most > 0 {
			out.Last = now.Add(most)
		}
		l.Leases = append(l.Leases, out)
		return nil
	})
	if err != nil {
		return Lease{}, err
	}
	return out, nil
}

// length checks the wish against the policy.
func length(a world.Account, t Take) (time.Duration, error) {
	lasts := t.For
	if lasts == 0 {
		lasts = leaseFor(a)
	}
	switch {
	case lasts < 0:
		return 0, cause.Because(cause.BadInput, "a lease of %s is none", lasts)
	case a.Checkout.Max > 0 && lasts > a.Checkout.Max:
		return 0, cause.Because(cause.TooLong, "%s can be had for %s at most", a.ID, a.Checkout.Max)
	case a.Checkout.Reason == "required" && strings.TrimSpace(t.Reason) == "":
		return 0, cause.Because(cause.ReasonRequired, "%s needs a reason", a.ID)
	}
	return lasts, nil
}

// leaseFor is how long a lease lasts by itself: an hour unless the seed says.
func leaseFor(a world.Account) time.Duration {
	if a.Checkout.For == 0 {
		return time.Hour
	}
	return a.Checkout.For
}

// free refuses an account that somebody has, if one of the two wants to be alone.
func (l *ledger) free(a world.Account, alone bool) error {
	active := 0
	for _, x := range l.Leases {
		if x.State != Active {
			continue
		}
		if active++; a.Checkout.Exclusive || alone || x.Exclusive {
			by := Principal{UserID: x.UserID, Client: x.Client}.Name()
			return &cause.Refusal{Cause: cause.CheckedOut, By: by, Until: x.Expires,
				Why: fmt.Sprintf("%s is with %s until %s (%s)", a.ID, by, x.Expires.Format(time.RFC3339), x.ID)}
		}
	}
	if active >= maxActive {
		return cause.Because(cause.RateLimited, "%s has %d leases", a.ID, active)
	}
	return nil
}

// withLease edits one lease of one account.
func (d *Service) withLease(ctx context.Context, id string, f func(world.Account, *ledger, *Lease, time.Time) error) (Lease, error) {
	return within(ctx, d, part[Lease]{"lease", id, cause.UnknownLease, func(l *ledger) []Lease { return l.Leases }}, f)
}

func (x Lease) called() string { return x.ID }

// alive refuses a lease that is over.
func (x *Lease) alive() error {
	switch x.State {
	case Active:
		return nil
	case Expired:
		return cause.Because(cause.LeaseExpired, "%s ran out at %s", x.ID, x.Ended.Format(time.RFC3339))
	}
	return cause.Because(cause.LeaseReturned, "%s was %s by %s at %s", x.ID, x.State, x.EndedBy, x.Ended.Format(time.RFC3339))
}

// Checkin gives an account back. Only its holder may; cause.NotHolder for
// others, LeaseReturned and LeaseExpired for a lease that is over.
func (d *Service) Checkin(ctx context.Context, p Principal, leaseID string) (Lease, error) {
	return d.withLease(ctx, leaseID, func(a world.Account, l *ledger, x *Lease, now time.Time) error {
		if !x.of(p) {
			return d.notYours(p, a, x)
		}
		if err := x.alive(); err != nil {
			return err
		}
		l.end(a, x, ending{Returned, p.Name(), now})
		return nil
	})
}

// Force takes an account back from whoever holds it: for administrators and
// the account's approvers.
func (d *Service) Force(ctx context.Context, p Principal, leaseID string) (Lease, error) {
	return d.withLease(ctx, leaseID, func(a world.Account, l *ledger, x *Lease, now time.Time) error {
		if !d.mayManage(p, a) {
			return d.notYours(p, a, x)
		}
		if err := x.alive(); err != nil {
			return err
		}
		l.end(a, x, ending{Forced, p.Name(), now})
		return nil
	})
}

// mayManage reports whether p may force, rotate and decide for an account.
func (d *Service) mayManage(p Principal, a world.Account) bool {
	return p.Admin || p.UserID != "" && slices.Contains(a.Access.Approvers, p.UserID)
}

// notYours refuses somebody else's lease; to people who may not even see the
// account it does not exist.
func (d *Service) notYours(p Principal, a world.Account, x *Lease) error {
	if !d.MaySee(p, a) {
		return cause.Because(cause.UnknownLease, "%s may not see %s", p.Name(), a.ID)
	}
	return &cause.Refusal{Cause: cause.NotHolder, By: Principal{UserID: x.UserID, Client: x.Client}.Name(),
		Why: fmt.Sprintf("%s is not %s's", x.ID, p.Name())}
}

// ending is how, by whom and when a lease ended.
type ending struct {
	how LeaseState
	by  string
	at  time.Time
}

func (l *ledger) end(a world.Account, x *Lease, e ending) {
	x.State, x.EndedBy, x.Ended = e.how, e.by, e.at
	if (x.Rotates || a.Checkout.Rotate == world.RotateOnCheckin) && !l.held() {
		l.rotate(e.at, "checkin of "+x.ID)
	}
}

// Renew prolongs a lease from now by its account's length, never past the
// account's maximum. A lease that cannot get longer is cause.NotRenewable.
func (d *Service) Renew(ctx context.Context, p Principal, leaseID string, by time.Duration) (Lease, error) {
	return d.withLease(ctx, leaseID, func(a world.Account, _ *ledger, x *Lease, now time.Time) error {
		if !x.of(p) {
			return d.notYours(p, a, x)
		}
		if err := x.alive(); err != nil {
			return err
		}
		if by < 0 {
			return cause.Because(cause.BadInput, "a renewal by %s is none", by)
		}
		if by == 0 {
			by = leaseFor(a)
		}
		end := now.Add(by)
		if !x.Last.IsZero() && end.After(x.Last) {
			end = x.Last
		}
		if !end.After(x.Expires) {
			return cause.Because(cause.NotRenewable, "%s already lasts until %s", x.ID, x.Expires.Format(time.RFC3339))
		}
		x.Expires, x.Renewals = end, x.Renewals+1
		return nil
	})
}

// Until moves the end of a lease to a moment, earlier or later, but not past its
// last: for vaults whose renewals can shorten.
func (d *Service) Until(ctx context.Context, p Principal, leaseID string, end time.Time) (Lease, error) {
	return d.withLease(ctx, leaseID, func(a world.Account, _ *ledger, x *Lease, _ time.Time) error {
		if !x.of(p) {
			return d.notYours(p, a, x)
		}
		if err := x.alive(); err != nil {
			return err
		}
		if !x.Last.IsZero() && end.After(x.Last) {
			end = x.Last
		}
		x.Expires, x.Renewals = end, x.Renewals+1
		return nil
	})
}

// Lease returns one lease: its holder's, or any for those who manage the account.
func (d *Service) Lease(ctx context.Context, p Principal, leaseID string) (Lease, error) {
	a, err := d.accountOf("lease", leaseID, cause.UnknownLease)
	if err != nil {
		return Lease{}, err
	}
	l, err := d.read(ctx, a)
	if err != nil {
		return Lease{}, err
	}
	for i := range l.Leases {
		if x := l.Leases[i]; strings.EqualFold(x.ID, leaseID) {
			if !x.of(p) && !d.mayManage(p, a) {
				return Lease{}, d.notYours(p, a, &x)
			}
			return x, nil
		}
	}
	return Lease{}, cause.Because(cause.UnknownLease, "there is no lease %q", leaseID)
}

// Leases returns the leases on record that p may see, oldest first per account:
// p's own, and all of the accounts that p manages.
func (d *Service) Leases(ctx context.Context, p Principal) ([]Lease, error) {
	var out []Lease
	err := d.eachLedger(ctx, func(a world.Account, l *ledger) {
		for _, x := range l.Leases {
			if x.of(p) || d.mayManage(p, a) {
				out = append(out, x)
			}
		}
	})
	return out, err
}

// eachLedger visits every account of which anything is on record.
func (d *Service) eachLedger(ctx context.Context, visit func(world.Account, *ledger)) error {
	for after := ""; ; {
		keys, err := d.ledgers.Keys(ctx, state.Range{After: after, Limit: 256})
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, k := range keys {
			a, ok := d.World.AccountByID(k)
			if !ok {
				continue
			}
			shared, err := d.ledgers.Get(ctx, k)
			if err != nil {
				return err
			}
			if shared != nil {
				l := shared.Copy() // since settling changes it
				d.settle(a, l, d.Clock.Now())
				visit(a, l)
			}
		}
		after = keys[len(keys)-1]
	}
}

// Holders returns the active leases of an account.
func (d *Service) Holders(ctx context.Context, a world.Account) ([]Lease, error) {
	l, err := d.read(ctx, a)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(l.Leases, func(x Lease) bool { return x.State != Active }), nil
}
