package directory

import (
	"fmt"
	"strings"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its configuration and its libraries.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	if in.Type == "ldap" || in.Type == "ad" {
		s.Configs.Seed(m.UUID, &map[string]any{"binddn": "cn=vault", "bindpass": "seeded"})
	}
	for i, l := range in.Libraries {
		name := strings.ToLower(l.Name)
		for j, account := range l.Accounts {
			if _, there := rotation.TargetOf(s, account); !there {
				return fmt.Errorf("libraries[%d].accounts[%d]: neither a person nor an account is called %q", i, j, account)
			}
			key := m.UUID + "/" + strings.ToLower(account)
			if other := b.managed.OfSeed(key); other != nil {
				return fmt.Errorf("libraries[%d].accounts[%d]: %q is in the library %s, too", i, j, account, other.Owner)
			}
			b.managed.Seed(key, &state.Claim{Owner: name})
		}
		if l.MaxTTL < l.TTL {
			return fmt.Errorf("libraries[%d]: max_ttl %s is less than ttl %s", i, l.MaxTTL, l.TTL)
		}
		b.libraries.Seed(m.UUID+"/"+name, &library{Name: name, Accounts: l.Accounts, TTL: l.TTL, Max: l.MaxTTL, Open: l.DisableCheckIn})
	}
	return nil
}
