package checkout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// Change is one version of an account's secret.
type Change struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"` // "checkin of …", "schedule", who asked
}

// Secret is a password or private key in one version.
type Secret struct {
	Account world.Account
	Version int
	Since   time.Time // when that version became the current one
	Current bool
	Value   string
	Type    string // for keys: ssh-rsa, …
}

// rotate makes the next version the current one.
func (l *ledger) rotate(at time.Time, why string) {
	l.Version++
	l.ChangedAt = at
	l.History = append(l.History, Change{Version: l.Version, At: at, Why: why})
}

// passwordLength is the length of derived passwords.
const passwordLength = 20

// password is version n: the seeded one, the one that was given, or derived
// from (random seed, account, n), so that replicas agree and nothing secret
// needs storing.
func (d *Service) password(a world.Account, l *ledger, n int) string {
	p, given := l.Set[n]
	switch {
	case given:
	case n <= 1:
		return d.World.AccountPassword(a)
	default:
		p = world.Password(d.World.Derive("account", a.ID, strconv.Itoa(n)), passwordLength)
	}
	d.told(a, p)
	return p
}

// told passes on a secret that the seed does not have.
func (d *Service) told(a world.Account, secret string) {
	if d.Secret != nil {
		d.Secret("account "+a.ID, secret)
	}
}

// since is when version n became current.
func (d *Service) since(l *ledger, n int) time.Time {
	for _, c := range l.History {
		if c.Version == n {
			return c.At
		}
	}
	return d.Started
}

// Which names the secret that is wanted.
type Which struct {
	Version int  // 0: the current one
	Key     bool // a private key rather than the password
	Type    string
}

// Fetch returns a secret to somebody who may use the account now. An account
// that is exclusive, or needs approval or a reason, must be checked out by p first:
// cause.NotCheckedOut, or CheckedOut when somebody else has it.
func (d *Service) Fetch(ctx context.Context, p Principal, accountID string, w Which) (Secret, error) {
	a, err := d.usable(p, accountID)
	if err != nil {
		return Secret{}, err
	}
	l, err := d.read(ctx, a)
	if err != nil {
		return Secret{}, err
	}
	if err := l.opensFor(a, p); err != nil {
		return Secret{}, err
	}
	return d.secret(a, l, w)
}

// opensFor refuses an account that p must check out first.
func (l *ledger) opensFor(a world.Account, p Principal) error {
	open := !a.Checkout.Exclusive && !needsApproval(a) && a.Checkout.Reason != "required"
	if open && !slices.ContainsFunc(l.Leases, func(x Lease) bool { return x.State == Active && x.Exclusive }) {
		return nil
	}
	if slices.ContainsFunc(l.Leases, func(x Lease) bool { return x.State == Active && x.of(p) }) {
		return nil
	}
	if err := l.free(a, false); err != nil {
		return err
	}
	return cause.Because(cause.NotCheckedOut, "%s must check %s out first", p.Name(), a.ID)
}

func (d *Service) secret(a world.Account, l *ledger, w Which) (Secret, error) {
	n := w.Version
	if n == 0 {
		n = l.Version
	}
	if first := max(l.Version-keptChanges+1, 1); n < first || n > l.Version {
		return Secret{}, cause.Because(cause.NoSuchVersion, "%s has versions %d to %d", a.ID, first, l.Version)
	}
	out := Secret{Account: a, Version: n, Since: d.since(l, n), Current: n == l.Version}
	if !w.Key {
		if out.Value = d.password(a, l, n); out.Value == "" {
			return Secret{}, cause.Because(cause.NoSecret, "%s has no password", a.ID)
		}
		return out, nil
	}
	for i, k := range a.Keys {
		if w.Type != "" && w.Type != k.Type {
			continue
		}
		var err error
		out.Type = k.Type
		out.Value, err = d.key(a, k, fmt.Sprintf("%d/%d", i, n), n)
		d.told(a, out.Value)
		return out, err
	}
	return Secret{}, cause.Because(cause.NoSecret, "%s has no %s key", a.ID, w.Type)
}

// Reveal returns an account's current password without asking who wants it:
// for servers whose own rules have decided (Vault's policies) and for signin.
func (d *Service) Reveal(ctx context.Context, accountID string, w Which) (Secret, error) {
	a, ok := d.World.AccountByID(accountID)
	if !ok {
		return Secret{}, cause.Because(cause.UnknownAccount, "there is no account %q", accountID)
	}
	l, err := d.read(ctx, a)
	if err != nil {
		return Secret{}, err
	}
	return d.secret(a, l, w)
}

// Rotate makes a new version at once: for those who manage the account, and for
// p when p holds it.
func (d *Service) Rotate(ctx context.Context, p Principal, accountID string) (Change, error) {
	a, err := d.Account(p, accountID)
	if err != nil {
		return Change{}, err
	}
	var out Change
	err = once(ctx, d, a, &out, func(l *ledger, now time.Time) error {
		holds := slices.ContainsFunc(l.Leases, func(x Lease) bool { return x.State == Active && x.of(p) })
		if !holds && !d.mayManage(p, a) {
			return cause.Because(cause.NotAllowed, "%s neither manages nor holds %s", p.Name(), a.ID)
		}
		l.rotate(now, "asked by "+p.Name())
		out = l.History[len(l.History)-1]
		return nil
	})
	return out, err
}

// Set makes password the next version: somebody changed it on the target.
func (d *Service) Set(ctx context.Context, accountID, password, why string) error {
	return d.Replace(ctx, accountID, nil, password, why)
}

// Replace is Set for somebody who knows what the password was; it is
// cause.WrongPassword when that has changed meanwhile.
func (d *Service) Replace(ctx context.Context, accountID string, was *string, password, why string) error {
	a, ok := d.World.AccountByID(accountID)
	if !ok {
		return cause.Because(cause.UnknownAccount, "there is no account %q", accountID)
	}
	d.told(a, password)
	return d.edit(ctx, a, func(l *ledger, now time.Time) error {
		if was != nil && d.password(a, l, l.Version) != *was {
			return cause.Because(cause.WrongPassword, "the password of %s has changed meanwhile", a.ID)
		}
		l.rotate(now, why)
		if l.Set == nil {
			l.Set = map[int]string{}
		}
		l.Set[l.Version] = password
		maps.DeleteFunc(l.Set, func(n int, _ string) bool { return n <= l.Version-keptChanges }) // bounded, like the history
		return nil
	})
}

// History returns the versions of an account's secret on record, oldest first,
// to those who may see the account.
func (d *Service) History(ctx context.Context, p Principal, accountID string) ([]Change, error) {
	a, err := d.Account(p, accountID)
	if err != nil {
		return nil, err
	}
	l, err := d.read(ctx, a)
	if err != nil {
		return nil, err
	}
	if len(l.History) > 0 && l.History[0].Version > 2 {
		return l.History, nil
	}
	return slices.Insert(l.History, 0, Change{Version: 1, At: d.Started, Why: "seed"}), nil
}
