package vault

import (
	"strings"

	"counterpart/internal/company/state"
)

// rootRotation is a change of the password with which an engine logs in to the
// directory.
type rootRotation struct {
	Next *rotation `json:"next,omitempty"`
}

// bindTarget is the person that the engine logs in as: a distinguished name's first
// value, or a name.
func (r *request) bindTarget(config map[string]any) (target, bool) {
	name := fields(config).text("binddn")
	if _, value, isDN := strings.Cut(name, "="); isDN {
		name, _, _ = strings.Cut(value, ",")
	}
	return r.targetOf(strings.TrimSpace(name))
}

// rotateRoot gives the engine's own login a password that nobody but the engine
// knows. It is decided in a record before the directory is touched, and so is what the
// engine logs in with after. A login that is nobody's in the company stays as it is.
func rotateRoot(r *request) (*answer, error) {
	c, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, faulty("the config is currently unset")
	}
	t, known := r.bindTarget(*c)
	if !known {
		return nil, nil
	}
	next, err := r.newRotation(t)
	if err != nil {
		return nil, err
	}
	edit := func(fn func(v *rootRotation) bool) error {
		return r.roots.Change(r.ctx, r.mount.UUID, func(v *rootRotation, _ bool) error {
			if !fn(v) {
				return state.ErrKeep
			}
			return nil
		})
	}
	if err := edit(func(v *rootRotation) bool {
		fresh := v.Next == nil
		if fresh {
			v.Next = next
		}
		return fresh
	}); err != nil {
		return nil, err
	}
	is := func(v *rootRotation, c rotation) bool { return v.Next != nil && *v.Next == c }
	return nil, r.finish(t, func() (*rotation, error) {
		v, err := r.roots.Get(r.ctx, r.mount.UUID)
		if err != nil || v == nil {
			return nil, err
		}
		return v.Next, nil
	}, func(c rotation, now string) error {
		return edit(func(v *rootRotation) bool {
			mine := is(v, c)
			if mine {
				v.Next.Was = now
			}
			return mine
		})
	}, func(c rotation) error {
		err := r.configs.Change(r.ctx, r.mount.UUID, func(v *map[string]any, found bool) error {
			if !found {
				return state.ErrKeep
			}
			changed := map[string]any{}
			for k, x := range *v {
				changed[k] = x
			}
			changed["bindpass"] = c.Password
			*v = changed
			return nil
		})
		if err != nil {
			return err
		}
		return edit(func(v *rootRotation) bool {
			mine := is(v, c)
			if mine {
				v.Next = nil
			}
			return mine
		})
	})
}
