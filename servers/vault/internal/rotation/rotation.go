package rotation

import (
	"context"
	"errors"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Pending is a change of an account's password that is decided and may not have
// happened yet. It stands in the record of whoever wants it before the account is
// touched, and is taken away after: whoever reads the record meanwhile, or after a
// failure, makes the same change, which changes the account once.
type Pending struct {
	Password string    `json:"password"`
	Was      string    `json:"was"` // what it takes the place of
	At       time.Time `json:"at"`
}

// rotationTries is how often a rotation is tried against somebody who changes the
// password at the same time.
const rotationTries = 16

// Decide decides on a password for an account.
func Decide(r *core.Request, t Target) (*Pending, error) {
	was, err := Password(r.Ctx, r.Server, t)
	if err != nil {
		return nil, err
	}
	return &Pending{Password: r.Alphanumerics(64), Was: was, At: r.Clock.Now()}, nil
}

// make changes the password, unless that has been done. now is what the password
// is: somebody else may have changed it.
func (c *Pending) make(ctx context.Context, s *core.Server, t Target) (now string, err error) {
	if now, err = Password(ctx, s, t); err != nil || now != c.Was {
		return now, err
	}
	err = SetPassword(ctx, s, t, Change{Password: c.Password, was: &c.Was, Why: "rotated by vault " + s.Name})
	if errors.Is(err, cause.WrongPassword) {
		return Password(ctx, s, t)
	}
	return c.Password, err
}

// Record is where a pending change stands.
type Record struct {
	Held  func() (*Pending, error)          // the change there, nil when there is none by now
	Moved func(c Pending, now string) error // tells the record what the password has become meanwhile
	Done  func(c Pending) error             // ends the change
}

// Finish makes the change that a record holds.
func Finish(r *core.Request, t Target, in Record) error {
	for range rotationTries {
		c, err := in.Held()
		if err != nil || c == nil {
			return err
		}
		if _, fails := r.Call.Fault("rotation-fails"); fails {
			return Failed(r)
		}
		now, err := c.make(r.Ctx, r.Server, t)
		if err != nil {
			return err
		}
		if now == c.Password {
			return in.Done(*c)
		}
		if err := in.Moved(*c, now); err != nil {
			return err
		}
	}
	return state.ErrUnavailable
}

// Rotate gives the role's account a new password if it is wanted, which is asked
// of the role as it stands then: of two who find a rotation due one decides, and
// both see it through. A rotation that was left behind comes first.
func (b *Backend) Rotate(r *core.Request, wanted func(*StaticRole) bool) error {
	role, err := b.settledStatic(r)
	if err != nil || role == nil || !wanted(role) {
		return err
	}
	t, there := TargetOf(r.Server, role.Username)
	if !there {
		return nil
	}
	if _, fails := r.Call.Fault("rotation-fails"); fails {
		return Failed(r)
	}
	next, err := Decide(r, t)
	if err != nil {
		return err
	}
	r.Call.Object = t.Object()
	err = b.Statics.Change(r.Ctx, r.RoleKey(), func(v *StaticRole, found bool) error {
		if !found || v.Next != nil || !wanted(v) {
			return state.ErrKeep
		}
		v.Next = next
		return nil
	})
	if err != nil {
		return err
	}
	_, err = b.settledStatic(r)
	return err
}

// Create keeps a new role, with its first rotation in the same record.
func (b *Backend) Create(r *core.Request, role StaticRole, rotates bool) error {
	role.Made = r.Clock.Now()
	if t, there := TargetOf(r.Server, role.Username); there && rotates {
		if _, fails := r.Call.Fault("rotation-fails"); fails {
			return Failed(r)
		}
		next, err := Decide(r, t)
		if err != nil {
			return err
		}
		r.Call.Object, role.Next = t.Object(), next
	}
	if err := b.Statics.Put(r.Ctx, r.RoleKey(), role, time.Time{}); err != nil {
		return err
	}
	_, err := b.settledStatic(r)
	return err
}

// Always wants a rotation whatever the role is.
func Always(*StaticRole) bool { return true }

// Due wants one when the role's period is over.
func Due(r *core.Request, v *StaticRole) bool {
	return v.Period > 0 && !r.Clock.Now().Before(v.Since().Add(v.Period))
}

// settledStatic is the role of the path with no rotation left to be made; nil when
// there is no role.
func (b *Backend) settledStatic(r *core.Request) (*StaticRole, error) {
	role, err := b.Statics.Get(r.Ctx, r.RoleKey())
	if err != nil || role == nil || role.Next == nil {
		return role, err
	}
	t, there := TargetOf(r.Server, role.Username)
	if !there {
		return role, nil
	}
	edit := func(c Pending, fn func(*StaticRole)) error {
		return b.Statics.Change(r.Ctx, r.RoleKey(), func(v *StaticRole, found bool) error {
			if !found || v.Next == nil || *v.Next != c {
				return state.ErrKeep
			}
			fn(v)
			return nil
		})
	}
	err = Finish(r, t, Record{Held: func() (*Pending, error) {
		if role, err = b.Statics.Get(r.Ctx, r.RoleKey()); err != nil || role == nil {
			return nil, err
		}
		return role.Next, nil
	}, Moved: func(c Pending, now string) error {
		return edit(c, func(v *StaticRole) { v.Next.Was = now })
	}, Done: func(c Pending) error {
		return edit(c, func(v *StaticRole) {
			v.Last = c.Was
			if v.Rotated.IsZero() {
				v.Last = "" // somebody else's
			}
			v.Rotated, v.Next = c.At, nil
		})
	}})
	if err != nil {
		return nil, err
	}
	return b.Statics.Get(r.Ctx, r.RoleKey())
}

// Credential is the role of the path and what its account's password is: both as
// they were at one moment.
func (b *Backend) Credential(r *core.Request, wanted func(*StaticRole) bool) (role *StaticRole, t Target, password string, err error) {
	for range rotationTries {
		if err = b.Rotate(r, wanted); err != nil {
			return nil, t, "", err
		}
		if role, err = b.settledStatic(r); err != nil || role == nil {
			return nil, t, "", err
		}
		there := false
		if t, there = TargetOf(r.Server, role.Username); !there {
			return role, t, "", nil
		}
		if password, err = Password(r.Ctx, r.Server, t); err != nil {
			return nil, t, "", err
		}
		now, err := b.Statics.Get(r.Ctx, r.RoleKey())
		if err != nil {
			return nil, t, "", err
		}
		if now != nil && now.Next == nil && now.Rotated.Equal(role.Rotated) && now.Last == role.Last {
			return role, t, password, nil
		}
	}
	return nil, t, "", state.ErrUnavailable
}
