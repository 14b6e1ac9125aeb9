package signin

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// NewPassword is a change of password.
type NewPassword struct {
	Password   string
	Old        *string // the person's own change, checked; nil is an administrator's reset
	Own        bool    // the person's own change without the old password: no reset, so the history counts
	MustChange bool    // the next login must change it again
	// Was is what the password must be until then, for an administrator's change that
	// must not undo another: else it is cause.WrongPassword, which is nobody's failure.
	Was *string
}

// SetPassword changes a password. A change by its owner is held against the old
// password, the policy and the history; an administrator's reset against the
// policy only. A wrong old password counts towards the lock-out.
func (g *Authenticator) SetPassword(ctx context.Context, userID string, n NewPassword) error {
	u, ok := g.World.User(userID)
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	policy := g.World.Organization().Policy
	if utf8.RuneCountInString(n.Password) < max(policy.MinLength, 1) {
		return cause.Because(cause.WeakPassword, "the new password has fewer than %d characters", max(policy.MinLength, 1))
	}
	g.report("user "+u.ID, n.Password)
	pinned := n.Old != nil || n.Was != nil // else whatever it is meanwhile is replaced
	const tries = 100
	for try := 1; ; try++ {
		again, err := g.setPassword(ctx, u, n)
		if !again || pinned || try == tries {
			return err
		}
	}
}

// setPassword is one attempt; again means that the password of a managed account
// was another when it was to be replaced than when it was looked at.
func (g *Authenticator) setPassword(ctx context.Context, u world.User, n NewPassword) (again bool, err error) {
	managed, err := g.managed(ctx, u.ID)
	if err != nil {
		return false, err
	}
	var verdict error
	err = g.edit(ctx, u.ID, func(p *person) error {
		if verdict = g.mayChange(u, p, managed, n); verdict != nil {
			if p.LastFailure.IsZero() {
				return state.ErrKeep
			}
			return nil
		}
		if managed != nil {
			if !g.remember(u, p, managed) {
				return state.ErrKeep
			}
			return nil
		}
		g.replace(u, p, nil, n)
		return nil
	})
	if err != nil || verdict != nil || managed == nil {
		return false, firstError(err, verdict)
	}
	// The account's record has the password, and decides. What is replaced, which is what
	// was judged, is in the history by then, where it does no harm should the change fail:
	// nobody may choose the current password either. What else the person's record has
	// about it follows, so that a change which failed has cleared nothing.
	a, _ := g.World.AccountOfUser(u.ID)
	if err := g.Managed.Set(ctx, a.ID, &managed.password, n.Password); err != nil {
		return errors.Is(err, cause.WrongPassword), err
	}
	return false, g.edit(ctx, u.ID, func(p *person) error {
		g.replace(u, p, managed, n)
		return nil
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// mayChange checks the old password of an owner's change. That the password is
// too old or must be changed is no obstacle: that is what the change is for.
func (g *Authenticator) mayChange(u world.User, p *person, managed *kept, n NewPassword) error {
	if n.Was != nil && g.password(u, p, managed) != *n.Was {
		return cause.Because(cause.WrongPassword, "the password of %s has changed meanwhile", u.ID)
	}
	if n.Old == nil && !n.Own {
		return nil
	}
	if n.Old != nil {
		err := g.judge(u, p, managed, func(want string) bool { return Same(want, *n.Old) })
		if c, _ := cause.Of(err); err != nil && c != cause.PasswordExpired && c != cause.MustChange {
			return err
		}
	}
	history := min(g.World.Organization().Policy.History, len(p.Old))
	current := g.password(u, p, managed)
	if g.World.Organization().Policy.History > 0 && (n.Password == current || slices.Contains(p.Old[:history], n.Password)) {
		return cause.Because(cause.PasswordInUse, "%s has used that password before", u.ID)
	}
	return nil
}

// remember puts the current password into the history, once, and reports whether that
// changed anything.
func (g *Authenticator) remember(u world.User, p *person, managed *kept) bool {
	keep, current := g.World.Organization().Policy.History, g.password(u, p, managed)
	if keep <= 0 || len(p.Old) > 0 && p.Old[0] == current {
		return false
	}
	p.Old = slices.Insert(p.Old, 0, current)
	p.Old = p.Old[:min(len(p.Old), keep)]
	return true
}

func (g *Authenticator) replace(u world.User, p *person, managed *kept, n NewPassword) {
	g.remember(u, p, managed)
	p.Password, p.SetAt, p.MustChange = &n.Password, g.Clock.Now(), &n.MustChange
	p.Failures, p.LastFailure = 0, time.Time{}
	if n.Old == nil && !n.Own { // a reset by an administrator also ends "must change" and "expired" of the seed
		p.LockedAt = time.Time{}
	}
	if s := effective(u, p); s == world.MustChange || s == world.Expired {
		active := world.Active
		p.Status = &active
	}
}

// Unlock ends a lock-out and forgets the failures.
func (g *Authenticator) Unlock(ctx context.Context, userID string) error {
	return g.change(ctx, userID, func(u world.User, p *person) {
		p.Failures, p.LastFailure, p.LockedAt = 0, time.Time{}, time.Time{}
		if effective(u, p) == world.Locked {
			active := world.Active
			p.Status = &active
		}
	})
}

// SetStatus gives somebody another standing. Active also ends a lock-out, a
// seeded password expiry and "must change".
func (g *Authenticator) SetStatus(ctx context.Context, userID string, s world.Status) error {
	return g.change(ctx, userID, func(_ world.User, p *person) {
		p.Status, p.MustChange = &s, nil
		if s != world.Locked {
			p.Failures, p.LastFailure, p.LockedAt = 0, time.Time{}, time.Time{}
		}
	})
}

// SetMustChange orders or lifts a change of password at the next login.
func (g *Authenticator) SetMustChange(ctx context.Context, userID string, must bool) error {
	return g.change(ctx, userID, func(_ world.User, p *person) { p.MustChange = &must })
}

func (g *Authenticator) change(ctx context.Context, userID string, f func(world.User, *person)) error {
	u, ok := g.World.User(userID)
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	return g.edit(ctx, u.ID, func(p *person) error { f(u, p); return nil })
}
