package vault

import (
	"strings"
	"time"
)

// renewRefused is how the server prints the engine's answer.
const renewRefused = `failed to renew entry: resp: &logical.Response{Secret:<nil>, Auth:<nil>, Data:map[string]interface {}{"error":"%s is already checked in, ` +
	`please call check-out to regain it"}, Redirect:"", Warnings:[]string(nil), WrapInfo:(*wrapping.ResponseWrapInfo)(nil), ` +
	`Headers:map[string][]string(nil), MountType:""} err: %%!w(<nil>)`

// libraryRenew refuses the lease of an account that was checked in.
func libraryRenew(r *request, l *lease) error {
	name := l.Data["account"]
	if name == "" {
		return nil
	}
	here := r.mount
	defer func() { r.mount = here }()
	r.mount = &mount{UUID: l.Mount}
	s, err := r.judged(name)
	if err != nil {
		return err
	}
	if !s.Out || s.Lease != l.ID {
		return bad(renewRefused, name)
	}
	return nil
}

// libraryRenewed tells the fleet when the account comes back now.
func libraryRenewed(r *request, l *lease) error {
	s, err := r.slots.Get(r.ctx, l.Mount+"/"+strings.ToLower(l.Data["account"]))
	if err != nil || s == nil || s.Lent == "" || s.Lease != l.ID {
		return err
	}
	t, err := r.byAccessor(r.ctx, s.Token)
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	_, err = r.Accounts.Until(r.ctx, r.borrower(t), s.Lent, now.Add(within(l.Expires.Sub(now), t, now)))
	return err
}

// libraryTokenRenewed does so when the borrower's token lives longer, or shorter.
func libraryTokenRenewed(r *request, t *token) error {
	keys, err := r.slots.Names(r.ctx, "")
	if err != nil {
		return err
	}
	for _, key := range keys {
		s, err := r.slots.Get(r.ctx, key)
		if err != nil {
			return err
		}
		if s == nil || !s.Out || s.Token != t.ID {
			continue
		}
		l, alive, err := r.liveLease(s.Lease)
		if err != nil {
			return err
		}
		if back, err := r.takenBack(*s); err != nil || back || !alive {
			if err != nil {
				return err
			}
			continue
		}
		if err := libraryRenewed(r, l); err != nil {
			return err
		}
	}
	return nil
}

// libraryRevoke gives back what an ended lease had.
func libraryRevoke(r *request, l *lease) error {
	here := r.mount
	defer func() { r.mount = here }()
	r.mount = &mount{UUID: l.Mount}
	if account := l.Data["account"]; account != "" {
		_, err := r.judged(account)
		return err
	}
	return nil
}

// librarySweep gives back what the ended lease or token had.
func librarySweep(r *request) error {
	keys, err := r.slots.Names(r.ctx, "")
	if err != nil {
		return err
	}
	here := r.mount
	defer func() { r.mount = here }()
	for _, key := range keys {
		id, account, _ := strings.Cut(key, "/")
		r.mount = &mount{UUID: id}
		if _, err := r.judged(account); err != nil {
			return err
		}
	}
	return nil
}

// within is how long the fleet lends an account: it comes back with the borrower's
// token at the latest.
func within(lasts time.Duration, t *token, now time.Time) time.Duration {
	if t.Expires.IsZero() {
		return lasts
	}
	return min(lasts, max(t.Expires.Sub(now), time.Second))
}
