package directory

import (
	"strings"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// rootRotation is a change of the password with which an engine logs in to the
// directory.
type rootRotation struct {
	Next *rotation.Pending `json:"next,omitempty"`
}

// bindTarget is the person that the engine logs in as: a distinguished name's first
// value, or a name.
func bindTarget(r *core.Request, config map[string]any) (rotation.Target, bool) {
	name := core.Fields(config).Text("binddn")
	if _, value, isDN := strings.Cut(name, "="); isDN {
		name, _, _ = strings.Cut(value, ",")
	}
	return rotation.TargetOf(r.Server, strings.TrimSpace(name))
}

// rotateRoot gives the engine's own login a password that nobody but the engine
// knows. It is decided in a record before the directory is touched, and so is what the
// engine logs in with after. A login that is nobody's in the company stays as it is.
func (b *Backend) rotateRoot(r *core.Request) (*core.Answer, error) {
	c, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, core.Faulty("the config is currently unset")
	}
	t, known := bindTarget(r, *c)
	if !known {
		return nil, nil
	}
	next, err := rotation.Decide(r, t)
	if err != nil {
		return nil, err
	}
	edit := func(fn func(v *rootRotation) bool) error {
		return b.roots.Change(r.Ctx, r.Mount.UUID, func(v *rootRotation, _ bool) error {
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
	is := func(v *rootRotation, c rotation.Pending) bool { return v.Next != nil && *v.Next == c }
	return nil, rotation.Finish(r, t, rotation.Record{Held: func() (*rotation.Pending, error) {
		v, err := b.roots.Get(r.Ctx, r.Mount.UUID)
		if err != nil || v == nil {
			return nil, err
		}
		return v.Next, nil
	}, Moved: func(c rotation.Pending, now string) error {
		return edit(func(v *rootRotation) bool {
			mine := is(v, c)
			if mine {
				v.Next.Was = now
			}
			return mine
		})
	}, Done: func(c rotation.Pending) error {
		err := r.Configs.Change(r.Ctx, r.Mount.UUID, func(v *map[string]any, found bool) error {
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
	}})
}
