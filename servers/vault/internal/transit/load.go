package transit

import (
	"fmt"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its keys.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	if in.Type != "transit" {
		return nil
	}
	for i, k := range in.Keys {
		fresh := &keyring.Key{Type: k.Type}
		if !keyring.Known(k.Type) || k.Type == keyring.HMAC {
			return fmt.Errorf("keys[%d].type: there is no key type %q", i, k.Type)
		}
		v, err := fresh.Fresh(s.World.Derive("vault", s.Name, "transit", m.Path, k.Name), s.Started)
		if err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
		fresh.Add(v)
		b.transits.Seed(m.UUID+"/"+k.Name, fresh)
	}
	return nil
}
