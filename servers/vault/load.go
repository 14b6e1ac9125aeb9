package vault

import (
	"fmt"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/identity"
	"counterpart/servers/vault/internal/settings"
	"counterpart/servers/vault/internal/system"
)

// load puts the block of the seed into the collections.
func (s *Server) load() error {
	if err := s.LoadNode(); err != nil {
		return err
	}
	if err := system.LoadPolicies(s.Server); err != nil {
		return err
	}
	s.loadMounts()
	for i, m := range s.Settings.Mounts {
		if err := s.loadMount(m); err != nil {
			return fmt.Errorf("mounts[%d] (%s): %w", i, m.Path, err)
		}
	}
	for i, m := range s.Settings.Auth {
		if err := s.auth.Load(s.Server, m); err != nil {
			return fmt.Errorf("auth[%d] (%s): %w", i, m.Path, err)
		}
	}
	s.Base.Sort()
	return identity.Load(s.Server)
}

func (s *Server) loadMount(in settings.Mount) error {
	m, err := s.SeedMount(in.Type, core.MountPath(in.Path, false))
	if err != nil {
		return err
	}
	m.Description = in.Description
	for _, load := range []func(*core.Server, *core.Mount, settings.Mount) error{s.kv.Load, s.rotation.Load, s.directory.Load, s.ssh.Load, s.database.Load, s.transit.Load, s.totp.Load} {
		if err := load(s.Server, m, in); err != nil {
			return err
		}
	}
	return nil
}

// loadMounts seeds the mounts that are there by themselves.
func (s *Server) loadMounts() {
	s.SeedMounts()
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
		x := s.AddMount(m.kind, m.path)
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
		if core.MountPath(m.Path, false) == path {
			return true
		}
	}
	return false
}
