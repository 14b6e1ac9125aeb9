package directory

import (
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
)

// renewRefused is how the server prints the engine's answer.
const renewRefused = `failed to renew entry: resp: &logical.Response{Secret:<nil>, Auth:<nil>, Data:map[string]interface {}{"error":"%s is already checked in, ` +
	`please call check-out to regain it"}, Redirect:"", Warnings:[]string(nil), WrapInfo:(*wrapping.ResponseWrapInfo)(nil), ` +
	`Headers:map[string][]string(nil), MountType:""} err: %%!w(<nil>)`

// libraryRenew refuses the lease of an account that was checked in.
func (b *Backend) libraryRenew(r *core.Request, l *core.Lease) error {
	name := l.Data["account"]
	if name == "" {
		return nil
	}
	here := r.Mount
	defer func() { r.Mount = here }()
	r.Mount = &core.Mount{UUID: l.Mount}
	s, err := b.judged(r, name)
	if err != nil {
		return err
	}
	if !s.Out || s.Lease != l.ID {
		return core.BadRequest(renewRefused, name)
	}
	return nil
}

// libraryRenewed tells the fleet when the account comes back now.
func (b *Backend) libraryRenewed(r *core.Request, l *core.Lease) error {
	s, err := b.slots.Get(r.Ctx, l.Mount+"/"+strings.ToLower(l.Data["account"]))
	if err != nil || s == nil || s.Lent == "" || s.Lease != l.ID {
		return err
	}
	t, err := r.ByAccessor(r.Ctx, s.Token)
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	_, err = r.Accounts.Until(r.Ctx, borrower(r, t), s.Lent, now.Add(within(l.Expires.Sub(now), t, now)))
	return err
}

// libraryTokenRenewed does so when the borrower's token lives longer, or shorter.
func (b *Backend) libraryTokenRenewed(r *core.Request, t *core.Token) error {
	for handed, err := range r.LeasesOf(t.ID) {
		if err != nil {
			return err
		}
		key := handed.Value.Mount + "/" + strings.ToLower(handed.Value.Data["account"])
		s, err := b.slots.Get(r.Ctx, key)
		if err != nil {
			return err
		}
		if s == nil || !s.Out || s.Lease != handed.Key {
			continue
		}
		l, alive, err := r.LiveLease(s.Lease)
		if err != nil {
			return err
		}
		if back, err := takenBack(r, *s); err != nil || back || !alive {
			if err != nil {
				return err
			}
			continue
		}
		if err := b.libraryRenewed(r, l); err != nil {
			return err
		}
	}
	return nil
}

// libraryRevoke gives back what an ended lease had.
func (b *Backend) libraryRevoke(r *core.Request, l *core.Lease) error {
	here := r.Mount
	defer func() { r.Mount = here }()
	r.Mount = &core.Mount{UUID: l.Mount}
	if account := l.Data["account"]; account != "" {
		_, err := b.judged(r, account)
		return err
	}
	return nil
}

// within is how long the fleet lends an account: it comes back with the borrower's
// token at the latest.
func within(lasts time.Duration, t *core.Token, now time.Time) time.Duration {
	if t.Expires.IsZero() {
		return lasts
	}
	return min(lasts, max(t.Expires.Sub(now), time.Second))
}
