package auth

import (
	"fmt"
	"strings"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with the users, groups, certificates and roles of its block.
func (b *Backend) Load(s *core.Server, in settings.AuthMount) error {
	m, err := s.SeedMount(in.Type, core.MountPath(in.Path, true))
	if err != nil {
		return err
	}
	for i, u := range in.Users {
		if u.Password == "" && in.Type == "userpass" {
			if _, known := s.World.Login(u.Name); !known {
				return fmt.Errorf("users[%d]: %q has no password and is no person of the seed", i, u.Name)
			}
		}
		name := plainLogin(u.Name)
		b.users.Seed(m.UUID+"/"+name, &authUser{Name: name, Password: u.Password, Groups: u.Groups,
			TokenFields: core.TokenFields{Policies: core.SanitizePolicies(u.Policies), TTL: u.TTL, MaxTTL: u.MaxTTL}})
	}
	for _, g := range in.Groups {
		b.groups.Seed(m.UUID+"/"+strings.ToLower(g.Name), &authGroup{core.SanitizePolicies(g.Policies)})
	}
	for _, c := range in.Certs {
		b.users.Seed(m.UUID+"/"+plainLogin(c.Name), &authUser{Name: c.Name, Groups: c.Names, TokenFields: core.TokenFields{Policies: core.SanitizePolicies(c.Policies)}})
	}
	if in.Type == "ldap" {
		s.Configs.Seed(m.UUID, &map[string]any{"url": in.URL})
	}
	for _, role := range in.Roles {
		b.loadAppRole(s, m, role)
	}
	return nil
}

func (b *Backend) loadAppRole(s *core.Server, m *core.Mount, in settings.AppRole) {
	name := strings.ToLower(in.Name)
	role := &appRole{Name: name, RoleID: in.RoleID, Bind: in.Bind, NumUses: in.NumUses, SecretTTL: in.SecretTTL,
		Token: core.TokenFields{Policies: core.SanitizePolicies(in.Policies), TTL: in.TTL, MaxTTL: in.MaxTTL}}
	if role.RoleID == "" {
		role.RoleID = s.DerivedID("role", m.Path, name)
	}
	b.approles.Seed(m.UUID+"/"+name, role)
	b.roleIDs.Seed(m.UUID+"/"+role.RoleID, &state.Claim{Owner: name})
	for _, id := range in.SecretIDs {
		key := core.SecretKey(m.UUID, id.Value)
		sec := &secretID{Role: name, Accessor: s.DerivedID("secret-id", m.Path, id.Value), Made: s.Started, Updated: s.Started, Uses: id.NumUses, TTL: id.TTL}
		if id.TTL > 0 {
			sec.Expires = s.Started.Add(id.TTL)
		}
		b.secrets.Seed(key, sec)
		b.secretNames.Seed(accessorKey(m.UUID, sec.Accessor), &key)
	}
}
