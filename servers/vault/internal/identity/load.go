package identity

import (
	"fmt"
	"strings"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
)

// Load seeds the identity store.
func Load(s *core.Server) error {
	for i, in := range s.Settings.Identity {
		id := s.DerivedID("entity", in.Name)
		e := &core.Entity{ID: id, Name: in.Name, Policies: core.SanitizePolicies(in.Policies), Metadata: in.Metadata, Created: s.Started, Updated: s.Started}
		for j, a := range in.Aliases {
			m := s.Base.At(core.MountPath(strings.TrimPrefix(strings.Trim(a.Mount, "/"), "auth/"), true))
			if m == nil {
				return fmt.Errorf("identity[%d].aliases[%d]: there is no auth mount %q", i, j, a.Mount)
			}
			key := m.Accessor + "/" + a.Name
			s.Aliases.Seed(key, &id)
			e.Aliases = append(e.Aliases, core.Alias{ID: s.DerivedID("alias", key), Name: a.Name, MountAccessor: m.Accessor, MountPath: m.Path, MountType: m.Type, Created: s.Started})
		}
		s.Entities.Seed(id, e)
		s.Named.Seed(in.Name, &state.Claim{Owner: id})
	}
	return nil
}
