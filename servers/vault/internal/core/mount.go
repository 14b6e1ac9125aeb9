package core

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"counterpart/internal/face/ids"
)

// SystemTTL is how long leases and tokens last where nothing else is said, and at most.
const SystemTTL = 2764800 * time.Second

// Mount is a secrets engine or an auth method at a path.
type Mount struct {
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
	Lockout      *MountLockout     `json:"lockout,omitempty"` // instead of the server's
}

// MountLockout is the lock-out of logins at one mount; what it leaves out is the
// server's.
type MountLockout struct {
	Threshold int           `json:"threshold,omitempty"`
	Duration  time.Duration `json:"duration,omitempty"`
	Window    time.Duration `json:"window,omitempty"`
	Off       bool          `json:"off,omitempty"`
}

// IsAuth reports an auth method.
func (m *Mount) IsAuth() bool { return strings.HasPrefix(m.Path, "auth/") }

// engineOf is the engine of a mount.
func (s *Server) engineOf(m *Mount) *Engine { return s.Engines[s.EngineKey(m)] }

// Lives are the mount's effective lifetimes.
func (m *Mount) Lives() (byDefault, most time.Duration) {
	return cmp.Or(m.DefaultTTL, SystemTTL), cmp.Or(m.MaxTTL, SystemTTL)
}

// Mounts is the table of all mounts: one record, because a path is taken once.
type Mounts struct {
	List []*Mount `json:"list"` // longest path first
}

const mountsKey = "all"

// Find is the mount that path leads to.
func (t *Mounts) Find(path string) *Mount {
	for _, m := range t.List {
		if strings.HasPrefix(path, m.Path) || len(path) == len(m.Path)-1 && path == m.Path[:len(path)] {
			return m
		}
	}
	return nil
}

// At is the mount at exactly path, which ends in a slash.
func (t *Mounts) At(path string) *Mount {
	for _, m := range t.List {
		if m.Path == path {
			return m
		}
	}
	return nil
}

// Conflict is a mount whose path contains path or is contained in it.
func (t *Mounts) Conflict(path string) *Mount {
	for _, m := range t.List {
		if strings.HasPrefix(path, m.Path) || strings.HasPrefix(m.Path, path) {
			return m
		}
	}
	return nil
}

// Sort puts the longest paths first, which find relies on.
func (t *Mounts) Sort() {
	slices.SortStableFunc(t.List, func(a, b *Mount) int {
		return cmp.Or(len(b.Path)-len(a.Path), strings.Compare(a.Path, b.Path))
	})
}

// EditMounts changes the table.
func (r *Request) EditMounts(fn func(*Mounts) error) error {
	return r.mountTable.Change(r.Ctx, mountsKey, func(t *Mounts, _ bool) error {
		if err := fn(t); err != nil {
			return err
		}
		t.Sort()
		return nil
	})
}

// NewMount gives a mount its identifiers.
func NewMount(kind, path string, random io.Reader) *Mount {
	id := ids.Hex(random, 8)
	prefix := kind
	if auth, ok := strings.CutPrefix(path, "auth/"); ok && auth != "" {
		prefix = "auth_" + kind
	}
	return &Mount{Path: path, Type: kind, Accessor: prefix + "_" + id, UUID: ids.UUID(random)}
}

// MountTable is the mounts as they stand.
func (r *Request) MountTable() (*Mounts, error) {
	kept := r.mountsKept.Load()
	if !kept.Unchanged(time.Time{}) {
		var err error
		if kept, err = r.mountTable.Hold(r.Ctx, mountsKey, time.Time{}); err != nil {
			return nil, err
		}
		r.mountsKept.Store(kept)
	}
	return kept.Value(), nil
}

// MountPath is the path of the request as the table has it.
func MountPath(path string, auth bool) string {
	path = strings.Trim(path, "/") + "/"
	if auth {
		path = "auth/" + path
	}
	return path
}

// NameKey is the key of a mount's record that the variable name of the path names.
func (r *Request) NameKey() string { return r.Mount.UUID + "/" + r.Vars["name"] }

// AddMount adds a mount whose identifiers follow from the random seed.
func (s *Server) AddMount(kind, path string) *Mount {
	m := NewMount(kind, path, s.World.Derive("vault", s.Name, "mount", path))
	s.Base.List = append(s.Base.List, m)
	return m
}

// SeedMounts seeds the table with what has been put into Base, and will be.
func (s *Server) SeedMounts() { s.mountTable.Seed(mountsKey, s.Base) }

// SeedMount is AddMount for a path of the seed, which may be taken.
func (s *Server) SeedMount(kind, path string) (*Mount, error) {
	if x := s.Base.Conflict(path); x != nil {
		return nil, fmt.Errorf("the path is already in use at %s", x.Path)
	}
	return s.AddMount(kind, path), nil
}

// SecretKey is the record of a secret ID below a mount.
func SecretKey(mount, secret string) string { return mount + "/" + TokenHash(secret) }

// RoleKey is the key of a mount's record that the variable role of the path names.
func (r *Request) RoleKey() string { return r.Mount.UUID + "/" + r.Vars["role"] }
