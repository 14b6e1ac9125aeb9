package vault

import (
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/servers/vault/internal/keyring"
	"counterpart/servers/vault/internal/policy"
)

// load puts the block of the seed into the collections.
func (s *Server) load() error {
	s.node.Seed("self", &node{Sealed: s.settings.Sealed || !s.settings.Initialized, Initialized: s.settings.Initialized})
	for i, key := range s.settings.UnsealKeys {
		if raw, valid := unsealKey(key); !valid || len(raw) < 16 {
			return fmt.Errorf("unseal_keys[%d]: give at least 16 octets in hex or base64", i)
		}
	}
	if s.settings.Token == "" {
		return fmt.Errorf("token: a server needs a root token")
	}
	s.seeded[s.settings.Token] = SeededToken{ID: s.settings.Token, Policies: []string{"root"}}
	for _, t := range s.settings.Tokens {
		s.seeded[t.ID] = t
	}
	if err := s.loadPolicies(); err != nil {
		return err
	}
	s.base = &mounts{}
	s.mountTable.Seed(mountsKey, s.base)
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
	for i, m := range s.settings.Mounts {
		if err := s.loadMount(m); err != nil {
			return fmt.Errorf("mounts[%d] (%s): %w", i, m.Path, err)
		}
	}
	for i, m := range s.settings.Auth {
		if err := s.loadAuth(m); err != nil {
			return fmt.Errorf("auth[%d] (%s): %w", i, m.Path, err)
		}
	}
	s.base.sort()
	return s.loadIdentity()
}

func (s *Server) loadPolicies() error {
	text := defaultPolicy(s.flavour.bao)
	s.policies.Seed("default", &text)
	for i, p := range s.settings.Policies {
		if strings.EqualFold(p.Name, "root") {
			return fmt.Errorf("policies[%d]: the policy root cannot be written", i)
		}
		if _, err := policy.Parse(p.Name, p.HCL); err != nil {
			return fmt.Errorf("policies[%d] (%s): %w", i, p.Name, err)
		}
		s.policies.Seed(strings.ToLower(p.Name), &p.HCL)
	}
	return nil
}

func (s *Server) seedsMount(path string) bool {
	for _, m := range s.settings.Mounts {
		if mountPath(m.Path, false) == path {
			return true
		}
	}
	return false
}

// seedMount adds a mount whose identifiers follow from the random seed.
func (s *Server) seedMount(kind, path string) *mount {
	m := newMount(kind, path, s.World.Derive("vault", s.Name, "mount", path))
	s.base.List = append(s.base.List, m)
	return m
}

func (s *Server) loadMount(in Mount) error {
	path := mountPath(in.Path, false)
	if x := s.base.conflict(path); x != nil {
		return fmt.Errorf("the path is already in use at %s", x.Path)
	}
	m := s.seedMount(in.Type, path)
	m.Description = in.Description
	if in.Type == "kv" {
		version := max(in.Version, 1)
		if version == 2 {
			m.Options = map[string]string{"version": strconv.Itoa(version)}
		}
		for i, secret := range in.Secrets {
			if err := s.loadSecret(m, version, secret); err != nil {
				return fmt.Errorf("secrets[%d] (%s): %w", i, secret.Path, err)
			}
		}
	}
	return s.loadEngine(m, in)
}

// loadEngine puts what the other engines are seeded with into their collections.
func (s *Server) loadEngine(m *mount, in Mount) error {
	if in.Type == "ldap" || in.Type == "ad" {
		s.configs.Seed(m.UUID, &map[string]any{"binddn": "cn=vault", "bindpass": "seeded"})
	}
	for i, role := range in.Static {
		if _, there := s.targetOf(role.Account); !there {
			return fmt.Errorf("static_roles[%d].account: neither a person nor an account is called %q", i, role.Account)
		}
		s.statics.Seed(m.UUID+"/"+role.Name, &staticRole{Name: role.Name, Username: role.Account, Period: role.Rotation, Made: s.started, Rotated: s.started})
	}
	for i, l := range in.Libraries {
		name := strings.ToLower(l.Name)
		for j, account := range l.Accounts {
			if _, there := s.targetOf(account); !there {
				return fmt.Errorf("libraries[%d].accounts[%d]: neither a person nor an account is called %q", i, j, account)
			}
			key := m.UUID + "/" + strings.ToLower(account)
			if other := s.managed.OfSeed(key); other != nil {
				return fmt.Errorf("libraries[%d].accounts[%d]: %q is in the library %s, too", i, j, account, other.Owner)
			}
			s.managed.Seed(key, &state.Claim{Owner: name})
		}
		if l.MaxTTL < l.TTL {
			return fmt.Errorf("libraries[%d]: max_ttl %s is less than ttl %s", i, l.MaxTTL, l.TTL)
		}
		s.libraries.Seed(m.UUID+"/"+name, &library{Name: name, Accounts: l.Accounts, TTL: l.TTL, Max: l.MaxTTL, Open: l.DisableCheckIn})
	}
	for _, role := range in.SSH {
		s.sshRoles.Seed(m.UUID+"/"+role.Name, &sshRole{KeyType: role.KeyType, DefaultUser: role.DefaultUser, AllowedUsers: role.AllowedUsers,
			CIDRs: role.CIDRs, Port: 22, TTL: role.TTL, UserCerts: role.KeyType == "ca"})
	}
	if in.CAKey != "" {
		signer, err := ssh.ParsePrivateKey([]byte(in.CAKey))
		if err != nil {
			return fmt.Errorf("ca_private_key: %w", err)
		}
		s.sshCAs.Seed(m.UUID, &sshCA{in.CAKey, string(ssh.MarshalAuthorizedKey(signer.PublicKey()))})
	}
	for _, role := range in.Roles {
		s.dynamics.Seed(m.UUID+"/"+role.Name, &dynamicRole{Database: "seeded", TTL: role.TTL, Max: role.MaxTTL})
	}
	return s.loadKeys(m, in)
}

func (s *Server) loadKeys(m *mount, in Mount) error {
	for i, k := range in.Keys {
		if in.Type == "transit" {
			fresh := &keyring.Key{Type: k.Type}
			if !keyring.Known(k.Type) || k.Type == keyring.HMAC {
				return fmt.Errorf("keys[%d].type: there is no key type %q", i, k.Type)
			}
			v, err := fresh.Fresh(s.World.Derive("vault", s.Name, "transit", m.Path, k.Name), s.started)
			if err != nil {
				return fmt.Errorf("keys[%d]: %w", i, err)
			}
			fresh.Add(v)
			s.transits.Seed(m.UUID+"/"+k.Name, fresh)
			continue
		}
		key := &totpKey{Secret: strings.ToUpper(k.Secret), Issuer: k.Issuer, Account: k.Account, Digits: k.Digits, Period: k.Period, Algorithm: "SHA1", Skew: 1}
		if k.Device != "" {
			d, there := s.World.Device(k.Device)
			if !there || d.Kind != world.TOTP {
				return fmt.Errorf("keys[%d].device: %q is no TOTP device", i, k.Device)
			}
			*key = totpKey{Secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d.Secret), Issuer: k.Issuer, Account: d.UserID,
				Digits: d.Digits, Period: int(d.Period / time.Second), Algorithm: d.Algorithm, Skew: 1, Device: d.ID}
		}
		if err := key.check(false); err != nil {
			return fmt.Errorf("keys[%d] (%s): %w", i, k.Name, err)
		}
		s.totps.Seed(m.UUID+"/"+k.Name, key)
	}
	return nil
}

func (s *Server) loadSecret(m *mount, version int, in Secret) error {
	if in.Account != "" {
		if _, known := s.World.AccountByID(in.Account); !known {
			return fmt.Errorf("account: there is no account %q; name it as name@asset", in.Account)
		}
	}
	contents := in.Versions
	if len(contents) == 0 {
		contents = []map[string]any{in.Data}
	}
	if len(in.Versions) > 0 && version == 1 {
		return fmt.Errorf("versions: this is kv version 1, which keeps one")
	}
	var raws []json.RawMessage
	for _, data := range contents {
		if data == nil {
			data = map[string]any{}
		}
		raw, err := json.Marshal(data)
		if err != nil {
			return err
		}
		raws = append(raws, raw)
	}
	key := m.UUID + "/" + strings.Trim(in.Path, "/")
	if version == 1 {
		v := &kvData{Data: raws[0], Account: in.Account}
		for _, name := range []string{"lease", "ttl"} {
			if d, err := lasts(jsonValue(in.Data[name])); err == nil && d > 0 {
				v.Lasts = d
			}
		}
		s.kv1.Seed(key, v)
		return nil
	}
	sec := &kvSecret{Created: s.started, Updated: s.started, Current: len(raws), Custom: in.Metadata, Account: in.Account}
	for i, raw := range raws {
		sec.Versions = append(sec.Versions, kvVersion{N: i + 1, Data: raw, Created: s.started})
	}
	s.kv2.Seed(key, sec)
	return nil
}

// jsonValue is a value of the seed as a body would bring it.
func jsonValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return v
	}
	return json.Number(fmt.Sprint(v))
}

func (s *Server) loadAuth(in AuthMount) error {
	path := mountPath(in.Path, true)
	if x := s.base.conflict(path); x != nil {
		return fmt.Errorf("the path is already in use at %s", x.Path)
	}
	m := s.seedMount(in.Type, path)
	for i, u := range in.Users {
		if u.Password == "" && in.Type == "userpass" {
			if _, known := s.World.Login(u.Name); !known {
				return fmt.Errorf("users[%d]: %q has no password and is no person of the seed", i, u.Name)
			}
		}
		name := plainLogin(u.Name)
		s.users.Seed(m.UUID+"/"+name, &authUser{Name: name, Password: u.Password, Groups: u.Groups,
			tokenFields: tokenFields{Policies: sanitized(u.Policies), TTL: u.TTL, MaxTTL: u.MaxTTL}})
	}
	for _, g := range in.Groups {
		s.groups.Seed(m.UUID+"/"+strings.ToLower(g.Name), &authGroup{sanitized(g.Policies)})
	}
	for _, c := range in.Certs {
		s.users.Seed(m.UUID+"/"+plainLogin(c.Name), &authUser{Name: c.Name, Groups: c.Names, tokenFields: tokenFields{Policies: sanitized(c.Policies)}})
	}
	if in.Type == "ldap" {
		s.configs.Seed(m.UUID, &map[string]any{"url": in.URL})
	}
	for _, role := range in.Roles {
		s.loadAppRole(m, role)
	}
	return nil
}

func (s *Server) loadAppRole(m *mount, in AppRole) {
	name := strings.ToLower(in.Name)
	role := &appRole{Name: name, RoleID: in.RoleID, Bind: in.Bind, NumUses: in.NumUses, SecretTTL: in.SecretTTL,
		Token: tokenFields{Policies: sanitized(in.Policies), TTL: in.TTL, MaxTTL: in.MaxTTL}}
	if role.RoleID == "" {
		role.RoleID = s.derivedID("role", m.Path, name)
	}
	s.approles.Seed(m.UUID+"/"+name, role)
	s.roleIDs.Seed(m.UUID+"/"+role.RoleID, &state.Claim{Owner: name})
	for _, id := range in.SecretIDs {
		key := secretKey(m.UUID, id.Value)
		sec := &secretID{Role: name, Accessor: s.derivedID("secret-id", m.Path, id.Value), Made: s.started, Updated: s.started, Uses: id.NumUses, TTL: id.TTL}
		if id.TTL > 0 {
			sec.Expires = s.started.Add(id.TTL)
		}
		s.secrets.Seed(key, sec)
		s.secretNames.Seed(accessorKey(m.UUID, sec.Accessor), &key)
	}
}

func (s *Server) loadIdentity() error {
	for i, in := range s.settings.Identity {
		id := s.derivedID("entity", in.Name)
		e := &entity{ID: id, Name: in.Name, Policies: sanitized(in.Policies), Metadata: in.Metadata, Created: s.started, Updated: s.started}
		for j, a := range in.Aliases {
			m := s.base.at(mountPath(strings.TrimPrefix(strings.Trim(a.Mount, "/"), "auth/"), true))
			if m == nil {
				return fmt.Errorf("identity[%d].aliases[%d]: there is no auth mount %q", i, j, a.Mount)
			}
			key := m.Accessor + "/" + a.Name
			s.aliases.Seed(key, &id)
			e.Aliases = append(e.Aliases, alias{s.derivedID("alias", key), a.Name, m.Accessor, m.Path, m.Type, s.started, nil})
		}
		s.entities.Seed(id, e)
		s.named.Seed(in.Name, &state.Claim{Owner: id})
	}
	return nil
}
