package rotation

import (
	"fmt"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its static roles.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	for i, role := range in.Static {
		if _, there := TargetOf(s, role.Account); !there {
			return fmt.Errorf("static_roles[%d].account: neither a person nor an account is called %q", i, role.Account)
		}
		b.Statics.Seed(m.UUID+"/"+role.Name, &StaticRole{Name: role.Name, Username: role.Account, Period: role.Rotation, Made: s.Started, Rotated: s.Started})
	}
	return nil
}
