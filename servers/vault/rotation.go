package vault

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// rotation is a change of an account's password that is decided and may not have
// happened yet. It stands in the record of whoever wants it before the account is
// touched, and is taken away after: whoever reads the record meanwhile, or after a
// failure, makes the same change, which changes the account once.
type rotation struct {
	Password string    `json:"password"`
	Was      string    `json:"was"` // what it takes the place of
	At       time.Time `json:"at"`
}

// rotationTries is how often a rotation is tried against somebody who changes the
// password at the same time.
const rotationTries = 16

// newRotation decides on a password for an account.
func (r *request) newRotation(t target) (*rotation, error) {
	was, err := r.password(r.ctx, t)
	if err != nil {
		return nil, err
	}
	return &rotation{Password: r.alphanumerics(64), Was: was, At: r.Clock.Now()}, nil
}

// make changes the password, unless that has been done. now is what the password
// is: somebody else may have changed it.
func (c *rotation) make(ctx context.Context, s *Server, t target) (now string, err error) {
	if now, err = s.password(ctx, t); err != nil || now != c.Was {
		return now, err
	}
	err = s.setPassword(ctx, t, change{password: c.Password, was: &c.Was, why: "rotated by vault " + s.Name})
	if errors.Is(err, cause.WrongPassword) {
		return s.password(ctx, t)
	}
	return c.Password, err
}

// finish makes the change that a record holds. held is the change there, nil when
// there is none by now; moved tells the record what the password has become
// meanwhile; done ends it.
func (r *request) finish(t target, held func() (*rotation, error), moved func(c rotation, now string) error, done func(c rotation) error) error {
	for range rotationTries {
		c, err := held()
		if err != nil || c == nil {
			return err
		}
		if _, fails := r.call.Fault("rotation-fails"); fails {
			return r.errRotation()
		}
		now, err := c.make(r.ctx, r.Server, t)
		if err != nil {
			return err
		}
		if now == c.Password {
			return done(*c)
		}
		if err := moved(*c, now); err != nil {
			return err
		}
	}
	return state.ErrUnavailable
}

// rotate gives the role's account a new password if it is wanted, which is asked
// of the role as it stands then: of two who find a rotation due one decides, and
// both see it through. A rotation that was left behind comes first.
func (r *request) rotate(wanted func(*staticRole) bool) error {
	role, err := r.settledStatic()
	if err != nil || role == nil || !wanted(role) {
		return err
	}
	t, there := r.targetOf(role.Username)
	if !there {
		return nil
	}
	if _, fails := r.call.Fault("rotation-fails"); fails {
		return r.errRotation()
	}
	next, err := r.newRotation(t)
	if err != nil {
		return err
	}
	r.call.Object = t.object()
	err = r.statics.Change(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
		if !found || v.Next != nil || !wanted(v) {
			return state.ErrKeep
		}
		v.Next = next
		return nil
	})
	if err != nil {
		return err
	}
	_, err = r.settledStatic()
	return err
}

// newStatic keeps a new role, with its first rotation in the same record.
func (r *request) newStatic(role staticRole, rotates bool) error {
	role.Made = r.Clock.Now()
	if t, there := r.targetOf(role.Username); there && rotates {
		if _, fails := r.call.Fault("rotation-fails"); fails {
			return r.errRotation()
		}
		next, err := r.newRotation(t)
		if err != nil {
			return err
		}
		r.call.Object, role.Next = t.object(), next
	}
	if err := r.statics.Put(r.ctx, r.staticKey(), role, time.Time{}); err != nil {
		return err
	}
	_, err := r.settledStatic()
	return err
}

// always wants a rotation whatever the role is.
func always(*staticRole) bool { return true }

// due wants one when the role's period is over.
func (r *request) due(v *staticRole) bool {
	return v.Period > 0 && !r.Clock.Now().Before(v.since().Add(v.Period))
}

// settledStatic is the role of the path with no rotation left to be made; nil when
// there is no role.
func (r *request) settledStatic() (*staticRole, error) {
	role, err := r.statics.Get(r.ctx, r.staticKey())
	if err != nil || role == nil || role.Next == nil {
		return role, err
	}
	t, there := r.targetOf(role.Username)
	if !there {
		return role, nil
	}
	edit := func(c rotation, fn func(*staticRole)) error {
		return r.statics.Change(r.ctx, r.staticKey(), func(v *staticRole, found bool) error {
			if !found || v.Next == nil || *v.Next != c {
				return state.ErrKeep
			}
			fn(v)
			return nil
		})
	}
	err = r.finish(t, func() (*rotation, error) {
		if role, err = r.statics.Get(r.ctx, r.staticKey()); err != nil || role == nil {
			return nil, err
		}
		return role.Next, nil
	}, func(c rotation, now string) error {
		return edit(c, func(v *staticRole) { v.Next.Was = now })
	}, func(c rotation) error {
		return edit(c, func(v *staticRole) {
			v.Last = c.Was
			if v.Rotated.IsZero() {
				v.Last = "" // somebody else's
			}
			v.Rotated, v.Next = c.At, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return r.statics.Get(r.ctx, r.staticKey())
}

// credential is the role of the path and what its account's password is: both as
// they were at one moment.
func (r *request) credential(wanted func(*staticRole) bool) (role *staticRole, t target, password string, err error) {
	for range rotationTries {
		if err = r.rotate(wanted); err != nil {
			return nil, t, "", err
		}
		if role, err = r.settledStatic(); err != nil || role == nil {
			return nil, t, "", err
		}
		there := false
		if t, there = r.targetOf(role.Username); !there {
			return role, t, "", nil
		}
		if password, err = r.password(r.ctx, t); err != nil {
			return nil, t, "", err
		}
		now, err := r.statics.Get(r.ctx, r.staticKey())
		if err != nil {
			return nil, t, "", err
		}
		if now != nil && now.Next == nil && now.Rotated.Equal(role.Rotated) && now.Last == role.Last {
			return role, t, password, nil
		}
	}
	return nil, t, "", state.ErrUnavailable
}
