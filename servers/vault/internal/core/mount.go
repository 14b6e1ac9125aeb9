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

// System-wide lifetimes of leases and tokens.
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

// engine is the key of its engine.
func (m *Mount) engine() string {
	if m.IsAuth() {
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

// MountNamed is the mount of the request's path.
func (r *Request) MountNamed(auth bool) (*Mount, error) {
	t, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	return t.At(MountPath(r.Vars["path"], auth)), nil
}

// Reserved reports a path where no secrets engine can be mounted.
func Reserved(path string) bool {
	for _, prefix := range [...]string{"auth/", "cubbyhole/", "identity/", "sys/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// MaxMounts is how many mounts there can be.
const MaxMounts = 2000

// NameKey is the key of a mount's record that the variable name of the path names.
func (r *Request) NameKey() string { return r.Mount.UUID + "/" + r.Vars["name"] }

// seedMount adds a mount whose identifiers follow from the random seed.
func (s *Server) seedMount(kind, path string) *Mount {
	m := NewMount(kind, path, s.World.Derive("vault", s.Name, "mount", path))
	s.Base.List = append(s.Base.List, m)
	return m
}

// LoadMounts seeds the table with the mounts that are there by themselves.
func (s *Server) LoadMounts() {
	s.mountTable.Seed(mountsKey, s.Base)
	for _, m := range []struct{ path, kind, description string }{
		{"sys/", "system", "system endpoints used for control, policy and debugging"},
		{"identity/", "identity", "identity store"},
		{"cubbyhole/", "cubbyhole", "per-token private secret storage"},
		{"auth/token/", "token", "token based credentials"},
		{"secret/", "kv", "key/value secret storage"},
	} {
		if m.path == "secret/" && s.seedsMount(m.path) {
			continue
		}
		x := s.seedMount(m.kind, m.path)
		x.Description = m.description
		switch m.path {
		case "secret/":
			x.Options = map[string]string{"version": "2"}
		case "cubbyhole/":
			x.Local = true
		case "sys/":
			x.SealWrap, x.Passthrough = true, []string{"Accept"}
		case "identity/":
			x.Passthrough = []string{"Authorization"}
		}
	}
}

func (s *Server) seedsMount(path string) bool {
	for _, m := range s.Settings.Mounts {
		if MountPath(m.Path, false) == path {
			return true
		}
	}
	return false
}

// SeedMount is seedMount for a path of the seed, which may be taken.
func (s *Server) SeedMount(kind, path string) (*Mount, error) {
	if x := s.Base.Conflict(path); x != nil {
		return nil, fmt.Errorf("the path is already in use at %s", x.Path)
	}
	return s.seedMount(kind, path), nil
}

// SecretKey is the record of a secret ID below a mount.
func SecretKey(mount, secret string) string { return mount + "/" + TokenHash(secret) }

// RoleKey is the key of a mount's record that the variable role of the path names.
func (r *Request) RoleKey() string { return r.Mount.UUID + "/" + r.Vars["role"] }
