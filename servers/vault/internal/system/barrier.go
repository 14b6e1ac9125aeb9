package system

import (
	"time"

	"counterpart/servers/vault/internal/core"
)

// barrier is the key that a real server's storage is encrypted with. Here it is no
// more than what is told of it.
type barrier struct {
	Term     int           `json:"term"`
	Since    time.Time     `json:"since"`
	Off      bool          `json:"off,omitempty"` // rotation by itself
	Interval time.Duration `json:"interval,omitempty"`
	Most     int64         `json:"most,omitempty"` // operations
}

// mostOperations is how often a key encrypts before it is rotated (NIST SP 800-38D,
// less a margin).
const mostOperations = 3865470566

func (b *Backend) keyringPaths() []*core.Path {
	return []*core.Path{
		{Pattern: "key-status", Name: "key-status", Ops: map[core.Operation]core.Handler{core.OpRead: b.keyStatus}},
		{Pattern: "rotate", Name: "rotate", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.rotateBarrier}},
		{Pattern: "rotate/config", Name: "rotate.config", Ops: map[core.Operation]core.Handler{core.OpRead: b.getRotation, core.OpWrite: b.putRotation}},
		{Pattern: "leases/count", Name: "leases.count", Ops: map[core.Operation]core.Handler{core.OpRead: countLeases}},
		{Pattern: "leases", Name: "leases", Sudo: true, Ops: map[core.Operation]core.Handler{core.OpRead: irrevocableLeases}},
	}
}

// barrierNow is the key as it stands.
func (b *Backend) barrierNow(r *core.Request) (barrier, error) {
	kept, err := b.barriers.Get(r.Ctx, "self")
	if err != nil || kept == nil {
		return barrier{Term: 1, Since: r.Started}, err
	}
	return *kept, nil
}

// editBarrier changes it.
func (b *Backend) editBarrier(r *core.Request, fn func(kept *barrier) error) (*core.Answer, error) {
	return nil, b.barriers.Change(r.Ctx, "self", func(kept *barrier, found bool) error {
		if !found {
			*kept = barrier{Term: 1, Since: r.Started}
		}
		return fn(kept)
	})
}

func (b *Backend) keyStatus(r *core.Request) (*core.Answer, error) {
	kept, err := b.barrierNow(r)
	if err != nil {
		return nil, err
	}
	return &core.Answer{Twin: true, Data: map[string]any{"encryptions": 1, "install_time": core.FormatTime(kept.Since), "term": kept.Term}}, nil
}

func (b *Backend) rotateBarrier(r *core.Request) (*core.Answer, error) {
	return b.editBarrier(r, func(kept *barrier) error {
		kept.Term, kept.Since = kept.Term+1, r.Clock.Now()
		return nil
	})
}

func (b *Backend) getRotation(r *core.Request) (*core.Answer, error) {
	kept, err := b.barrierNow(r)
	if err != nil {
		return nil, err
	}
	var interval any = 0
	if kept.Interval > 0 {
		interval = core.GoDuration(kept.Interval)
	}
	most := kept.Most
	if most == 0 {
		most = mostOperations
	}
	return core.OK(map[string]any{"enabled": !kept.Off, "interval": interval, "max_operations": most})
}

func (b *Backend) putRotation(r *core.Request) (*core.Answer, error) {
	return b.editBarrier(r, func(kept *barrier) error {
		on, err := r.Bool("enabled", !kept.Off)
		if err != nil {
			return err
		}
		kept.Off = !on
		if r.Has("interval") {
			if kept.Interval, err = r.Duration("interval"); err != nil {
				return err
			}
			if kept.Interval > 0 && kept.Interval < 24*time.Hour {
				return core.BadRequest("interval must be greater or equal to %s", core.GoDuration(24*time.Hour))
			}
		}
		if r.Has("max_operations") {
			n, err := r.Int("max_operations", 0)
			if err != nil {
				return err
			}
			if n < 1000000 || n > mostOperations {
				return core.BadRequest("max_operations must be greater or equal to 1000000 and less than or equal to %d", int64(mostOperations))
			}
			kept.Most = int64(n)
		}
		return nil
	})
}

// countLeases counts the leases that cannot be revoked: there are none.
func countLeases(r *core.Request) (*core.Answer, error) {
	if r.Text("type") != "irrevocable" {
		return nil, core.ErrNotFound
	}
	return core.OK(map[string]any{"counts": map[string]any{}, "lease_count": 0})
}

func irrevocableLeases(r *core.Request) (*core.Answer, error) {
	if r.Text("type") != "irrevocable" {
		return nil, core.ErrNotFound
	}
	return core.OK(map[string]any{"lease_count": 0, "leases": []any{}})
}
