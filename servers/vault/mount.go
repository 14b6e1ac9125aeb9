package vault

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"time"

	"counterpart/internal/face/ids"
)

// System-wide lifetimes of leases and tokens.
const systemTTL = 2764800 * time.Second

// mount is a secrets engine or an auth method at a path.
type mount struct {
	Path         string            `json:"path"` // with a slash at the end; auth methods start with auth/
	Type         string            `json:"type"`
	Description  string            `json:"description,omitempty"`
	Accessor     string            `json:"accessor"`
	UUID         string            `json:"uuid"`
	Options      map[string]string `json:"options"`
	DefaultTTL   time.Duration     `json:"default_ttl,omitempty"` // 0: the system's
	MaxTTL       time.Duration     `json:"max_ttl,omitempty"`
	TokenType    string            `json:"token_type,omitempty"`
	Visibility   string            `json:"visibility,omitempty"`
	ForceNoCache bool              `json:"force_no_cache,omitempty"`
	Passthrough  []string          `json:"passthrough,omitempty"`
	Local        bool              `json:"local,omitempty"`
	SealWrap     bool              `json:"seal_wrap,omitempty"`
	Shown        map[string]any    `json:"shown,omitempty"`   // what tuning keeps and answers show; nothing follows from it here
	Lockout      *mountLockout     `json:"lockout,omitempty"` // instead of the server's
}

// mountLockout is the lock-out of logins at one mount; what it leaves out is the
// server's.
type mountLockout struct {
	Threshold int           `json:"threshold,omitempty"`
	Duration  time.Duration `json:"duration,omitempty"`
	Window    time.Duration `json:"window,omitempty"`
	Off       bool          `json:"off,omitempty"`
}

// isAuth reports an auth method.
func (m *mount) isAuth() bool { return strings.HasPrefix(m.Path, "auth/") }

// engine is the key of its engine.
func (m *mount) engine() string {
	if m.isAuth() {
		return "auth/" + m.Type
	}
	switch {
	case m.Type == "kv" && m.Options["version"] == "2":
		return "kv2"
	case m.Type == "openldap":
		return "ldap"
	}
	return m.Type
}

// lives are the mount's effective lifetimes.
func (m *mount) lives() (byDefault, most time.Duration) {
	return cmp.Or(m.DefaultTTL, systemTTL), cmp.Or(m.MaxTTL, systemTTL)
}

// mounts is the table of all mounts: one record, because a path is taken once.
type mounts struct {
	List []*mount `json:"list"` // longest path first
}

const mountsKey = "all"

// find is the mount that path leads to.
func (t *mounts) find(path string) *mount {
	for _, m := range t.List {
		if strings.HasPrefix(path, m.Path) || len(path) == len(m.Path)-1 && path == m.Path[:len(path)] {
			return m
		}
	}
	return nil
}

// at is the mount at exactly path, which ends in a slash.
func (t *mounts) at(path string) *mount {
	for _, m := range t.List {
		if m.Path == path {
			return m
		}
	}
	return nil
}

// conflict is a mount whose path contains path or is contained in it.
func (t *mounts) conflict(path string) *mount {
	for _, m := range t.List {
		if strings.HasPrefix(path, m.Path) || strings.HasPrefix(m.Path, path) {
			return m
		}
	}
	return nil
}

func (t *mounts) sort() {
	slices.SortStableFunc(t.List, func(a, b *mount) int {
		return cmp.Or(len(b.Path)-len(a.Path), strings.Compare(a.Path, b.Path))
	})
}

// editMounts changes the table.
func (r *request) editMounts(fn func(*mounts) error) error {
	return r.mountTable.Change(r.ctx, mountsKey, func(t *mounts, _ bool) error {
		if err := fn(t); err != nil {
			return err
		}
		t.sort()
		return nil
	})
}

// newMount gives a mount its identifiers.
func newMount(kind, path string, random io.Reader) *mount {
	id := ids.Hex(random, 8)
	prefix := kind
	if auth, ok := strings.CutPrefix(path, "auth/"); ok && auth != "" {
		prefix = "auth_" + kind
	}
	return &mount{Path: path, Type: kind, Accessor: prefix + "_" + id, UUID: ids.UUID(random)}
}

// table is the mounts as they stand.
func (r *request) table() (*mounts, error) {
	kept := r.mountsKept.Load()
	if !kept.Unchanged(time.Time{}) {
		var err error
		if kept, err = r.mountTable.Hold(r.ctx, mountsKey, time.Time{}); err != nil {
			return nil, err
		}
		r.mountsKept.Store(kept)
	}
	return kept.Value(), nil
}
