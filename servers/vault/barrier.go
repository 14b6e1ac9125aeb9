package vault

import (
	"time"
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

func keyringPaths() []*pathSpec {
	return []*pathSpec{
		{pattern: "key-status", name: "key-status", ops: map[operation]handler{opRead: keyStatus}},
		{pattern: "rotate", name: "rotate", sudo: true, ops: map[operation]handler{opWrite: rotateBarrier}},
		{pattern: "rotate/config", name: "rotate.config", ops: map[operation]handler{opRead: getRotation, opWrite: putRotation}},
		{pattern: "leases/count", name: "leases.count", ops: map[operation]handler{opRead: countLeases}},
		{pattern: "leases", name: "leases", sudo: true, ops: map[operation]handler{opRead: irrevocableLeases}},
	}
}

// barrierNow is the key as it stands.
func (r *request) barrierNow() (barrier, error) {
	b, err := r.barriers.Get(r.ctx, "self")
	if err != nil || b == nil {
		return barrier{Term: 1, Since: r.started}, err
	}
	return *b, nil
}

// editBarrier changes it.
func (r *request) editBarrier(fn func(b *barrier) error) (*answer, error) {
	return nil, r.barriers.Change(r.ctx, "self", func(b *barrier, found bool) error {
		if !found {
			*b = barrier{Term: 1, Since: r.started}
		}
		return fn(b)
	})
}

func keyStatus(r *request) (*answer, error) {
	b, err := r.barrierNow()
	if err != nil {
		return nil, err
	}
	return &answer{twin: true, data: map[string]any{"encryptions": 1, "install_time": stamp(b.Since), "term": b.Term}}, nil
}

func rotateBarrier(r *request) (*answer, error) {
	return r.editBarrier(func(b *barrier) error {
		b.Term, b.Since = b.Term+1, r.Clock.Now()
		return nil
	})
}

func getRotation(r *request) (*answer, error) {
	b, err := r.barrierNow()
	if err != nil {
		return nil, err
	}
	var interval any = 0
	if b.Interval > 0 {
		interval = goDuration(b.Interval)
	}
	most := b.Most
	if most == 0 {
		most = mostOperations
	}
	return ok(map[string]any{"enabled": !b.Off, "interval": interval, "max_operations": most})
}

func putRotation(r *request) (*answer, error) {
	return r.editBarrier(func(b *barrier) error {
		on, err := r.flag("enabled", !b.Off)
		if err != nil {
			return err
		}
		b.Off = !on
		if r.has("interval") {
			if b.Interval, err = r.lasts("interval"); err != nil {
				return err
			}
			if b.Interval > 0 && b.Interval < 24*time.Hour {
				return bad("interval must be greater or equal to %s", goDuration(24*time.Hour))
			}
		}
		if r.has("max_operations") {
			n, err := r.number("max_operations", 0)
			if err != nil {
				return err
			}
			if n < 1000000 || n > mostOperations {
				return bad("max_operations must be greater or equal to 1000000 and less than or equal to %d", int64(mostOperations))
			}
			b.Most = int64(n)
		}
		return nil
	})
}

// countLeases counts the leases that cannot be revoked: there are none.
func countLeases(r *request) (*answer, error) {
	if r.text("type") != "irrevocable" {
		return nil, errMissing
	}
	return ok(map[string]any{"counts": map[string]any{}, "lease_count": 0})
}

func irrevocableLeases(r *request) (*answer, error) {
	if r.text("type") != "irrevocable" {
		return nil, errMissing
	}
	return ok(map[string]any{"lease_count": 0, "leases": []any{}})
}
