package ssh

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"counterpart/internal/company/checkout"
	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
)

// sshRole is a role of the ssh engine.
type sshRole struct {
	KeyType      string            `json:"key_type"` // otp or ca
	DefaultUser  string            `json:"default_user,omitempty"`
	AllowedUsers string            `json:"allowed_users,omitempty"`
	CIDRs        string            `json:"cidrs,omitempty"`
	Excluded     string            `json:"excluded,omitempty"` // networks within CIDRs that are none
	Port         int               `json:"port,omitempty"`
	TTL          time.Duration     `json:"ttl,omitempty"`
	Max          time.Duration     `json:"max,omitempty"`
	Before       *time.Duration    `json:"before,omitempty"` // how long before its signature a certificate is valid; nil: as usual
	Extensions   map[string]string `json:"extensions,omitempty"`
	Critical     map[string]string `json:"critical,omitempty"`

	// What a client may wish for, separated by commas. Not the same is meant by
	// nothing: no extension, and every critical option.
	AllowedExtensions string `json:"allowed_extensions,omitempty"`
	AllowedCritical   string `json:"allowed_critical,omitempty"`

	UserCerts   bool   `json:"user_certs,omitempty"`
	HostCerts   bool   `json:"host_certs,omitempty"`
	KeyIDs      bool   `json:"key_ids,omitempty"` // a client may choose the key ID
	Domains     string `json:"domains,omitempty"` // of hosts
	BareDomains bool   `json:"bare_domains,omitempty"`
	Subdomains  bool   `json:"subdomains,omitempty"`
}

// sshOTP is a password that opens one login; its record is named by its hash.
type sshOTP struct {
	IP    string `json:"ip"`
	User  string `json:"user"`
	Role  string `json:"role"`
	Lease string `json:"lease"`
}

// sshCA is the key that signs.
type sshCA struct {
	Private string `json:"private"` // PEM
	Public  string `json:"public"`  // the OpenSSH line
}

// Engine is the secrets engine ssh: one-time passwords and signed keys.
func (b *Backend) Engine() *core.Engine {
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	return core.NewEngine("ssh",
		&core.Path{Pattern: "roles", Name: "roles", Ops: map[core.Operation]core.Handler{core.OpList: b.listSSHRoles}},
		&core.Path{Pattern: "roles/@role", Name: "roles", Ops: map[core.Operation]core.Handler{core.OpRead: b.getSSHRole, core.OpWrite: b.putSSHRole, core.OpDelete: b.dropSSHRole}},
		&core.Path{Pattern: "creds/@role", Name: "creds", Ops: write(b.sshCreds)},
		&core.Path{Pattern: "verify", Name: "verify", Public: true, Ops: write(b.sshVerify)},
		&core.Path{Pattern: "lookup", Name: "lookup", Ops: write(b.sshLookup)},
		&core.Path{Pattern: "config/ca", Name: "config.ca", Ops: map[core.Operation]core.Handler{core.OpRead: b.getCA, core.OpWrite: b.putCA, core.OpDelete: b.dropCA}},
		&core.Path{Pattern: "public_key", Name: "public_key", Public: true, Ops: map[core.Operation]core.Handler{core.OpRead: b.caPublicKey}},
		&core.Path{Pattern: "sign/@role", Name: "sign", Ops: write(b.sshSign)},
		&core.Path{Pattern: "issue/@role", Name: "issue", Ops: write(b.sshIssue)},
	)
}

func (b *Backend) listSSHRoles(r *core.Request) (*core.Answer, error) {
	keys, err := b.sshRoles.Names(r.Ctx, r.Mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, core.ErrNotFound
	}
	info := map[string]any{}
	for _, k := range keys {
		role, err := b.sshRoles.Get(r.Ctx, r.Mount.UUID+"/"+k)
		if err != nil {
			return nil, err
		}
		if role != nil {
			info[k] = map[string]any{"key_type": role.KeyType}
		}
	}
	return core.OK(map[string]any{"keys": keys, "key_info": info})
}

func (b *Backend) getSSHRole(r *core.Request) (*core.Answer, error) {
	role, err := core.Require(r.Ctx, b.sshRoles, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role.KeyType == "otp" {
		return core.OK(map[string]any{"allowed_users": role.AllowedUsers, "cidr_list": role.CIDRs, "default_user": role.DefaultUser, "exclude_cidr_list": role.Excluded,
			"key_type": "otp", "port": role.Port})
	}
	extensions, critical := role.Extensions, role.Critical
	if extensions == nil {
		extensions = map[string]string{}
	}
	if critical == nil {
		critical = map[string]string{}
	}
	data := map[string]any{"algorithm_signer": "default", "allow_bare_domains": role.BareDomains, "allow_empty_principals": false, "allow_host_certificates": role.HostCerts,
		"allow_subdomains": role.Subdomains, "allow_user_certificates": role.UserCerts, "allow_user_key_ids": role.KeyIDs, "allowed_critical_options": role.AllowedCritical,
		"allowed_domains": role.Domains, "allowed_domains_template": false, "allowed_extensions": role.AllowedExtensions, "allowed_user_key_lengths": map[string]any{},
		"allowed_users": role.AllowedUsers, "allowed_users_template": false, "default_critical_options": critical, "default_extensions": extensions,
		"default_extensions_template": false, "default_user": role.DefaultUser, "default_user_template": false, "key_id_format": "", "key_type": "ca",
		"max_ttl": int64(role.Max / time.Second), "not_before_duration": int64(role.backdated() / time.Second), "ttl": int64(role.TTL / time.Second)}
	if r.Flavour.Bao {
		data["issuer_ref"] = "default"
	}
	return core.OK(data)
}

func (b *Backend) putSSHRole(r *core.Request) (*core.Answer, error) {
	role := sshRole{KeyType: r.Text("key_type"), DefaultUser: r.Text("default_user"), AllowedUsers: r.Text("allowed_users"), CIDRs: r.Text("cidr_list"),
		Excluded: r.Text("exclude_cidr_list"), AllowedExtensions: r.Text("allowed_extensions"), AllowedCritical: r.Text("allowed_critical_options"), Domains: r.Text("allowed_domains")}
	var err error
	for name, to := range map[string]*map[string]string{"default_extensions": &role.Extensions, "default_critical_options": &role.Critical} {
		if *to, err = r.TextMap(name); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]*time.Duration{"ttl": &role.TTL, "max_ttl": &role.Max} {
		if *to, err = r.Duration(name); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]*bool{"allow_user_certificates": &role.UserCerts, "allow_host_certificates": &role.HostCerts, "allow_user_key_ids": &role.KeyIDs,
		"allow_bare_domains": &role.BareDomains, "allow_subdomains": &role.Subdomains} {
		if *to, err = r.Bool(name, false); err != nil {
			return nil, err
		}
	}
	if r.Has("not_before_duration") {
		before, err := r.Duration("not_before_duration")
		if err != nil {
			return nil, err
		}
		role.Before = &before
	}
	switch role.KeyType {
	case "otp":
		if role.DefaultUser == "" {
			return nil, core.BadRequest("missing default user")
		}
		if role.Port, err = r.Int("port", 22); err != nil {
			return nil, err
		}
		for name, text := range map[string]string{"cidr_list": role.CIDRs, "exclude_cidr_list": role.Excluded} {
			for _, c := range splitList(text) {
				if _, err := netip.ParsePrefix(c); err != nil {
					return nil, core.Faulty("failed to validate " + name + ": invalid CIDR address: " + c)
				}
			}
		}
	case "ca":
		if !role.UserCerts && !role.HostCerts {
			return nil, core.BadRequest("Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'")
		}
		if role.Max > 0 && role.TTL > role.Max {
			return nil, core.BadRequest("ttl cannot be greater than max_ttl")
		}
	case "":
		return nil, core.BadRequest("missing key type")
	default:
		return nil, core.BadRequest("invalid key type")
	}
	return nil, b.sshRoles.Put(r.Ctx, r.RoleKey(), role, time.Time{})
}

func (b *Backend) dropSSHRole(r *core.Request) (*core.Answer, error) {
	_, err := b.sshRoles.Delete(r.Ctx, r.RoleKey())
	return nil, err
}

func (b *Backend) sshCreds(r *core.Request) (*core.Answer, error) {
	ipText := r.Text("ip")
	if ipText == "" {
		return nil, core.BadRequest("Missing ip")
	}
	role, err := b.sshRoles.Get(r.Ctx, r.RoleKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, core.BadRequest("Role %q not found", r.Vars["role"])
	}
	user := r.Text("username")
	if user == "" {
		user = role.DefaultUser
	}
	allowed := splitList(role.AllowedUsers)
	switch known := user == role.DefaultUser || slices.Contains(allowed, user) || slices.Contains(allowed, "*"); {
	case !known && len(allowed) > 0:
		return nil, core.BadRequest("Username is not present is allowed users list")
	case !known:
		return nil, core.BadRequest("Username has to be either in allowed users list or has to be a default username")
	}
	ip, err := netip.ParseAddr(ipText)
	if err != nil {
		return nil, core.BadRequest("Invalid IP %q", ipText)
	}
	if !role.reaches(ip) {
		return nil, core.BadRequest("Error validating IP: IP does not belong to role")
	}
	otp := ids.UUID(r.Rand)
	a := &core.Answer{Data: map[string]any{"ip": ipText, "key": otp, "key_type": "otp", "port": role.Port, "username": user}}
	l, err := r.LeaseOf(a, core.Lease{})
	if err != nil {
		return nil, err
	}
	return a, b.sshOTPs.Edit(r.Ctx, core.SecretKey(r.Mount.UUID, otp), func(v *sshOTP, _ bool) (time.Time, error) {
		*v = sshOTP{ipText, user, r.Vars["role"], l.ID}
		return l.Expires, nil
	})
}

// sshVerify takes a one-time password; of two that try one gets in.
func (b *Backend) sshVerify(r *core.Request) (*core.Answer, error) {
	otp := r.Text("otp")
	if otp == "verify-echo-request" {
		return &core.Answer{MountType: new(string), Data: map[string]any{"message": "verify-echo-response"}}, nil
	}
	key := core.SecretKey(r.Mount.UUID, otp)
	kept, err := b.sshOTPs.Get(r.Ctx, key)
	if err != nil {
		return nil, err
	}
	if kept != nil {
		_, alive, err := r.LiveLease(kept.Lease)
		if err != nil {
			return nil, err
		}
		if !alive {
			kept = nil
		}
	}
	if kept == nil {
		return nil, core.BadRequest("OTP not found")
	}
	was, err := b.sshOTPs.Delete(r.Ctx, key) // of two that ask one is told
	if err != nil {
		return nil, err
	}
	if !was {
		return nil, core.BadRequest("OTP not found")
	}
	return &core.Answer{MountType: new(string), Data: map[string]any{"ip": kept.IP, "role_name": kept.Role, "username": kept.User}}, nil
}

func (b *Backend) sshLookup(r *core.Request) (*core.Answer, error) {
	text := r.Text("ip")
	if text == "" {
		return nil, core.BadRequest("Missing ip")
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return nil, core.BadRequest("Invalid IP %q", "<nil>")
	}
	keys, err := b.sshRoles.Names(r.Ctx, r.Mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	var roles []string // null when there are none
	for _, k := range keys {
		role, err := b.sshRoles.Get(r.Ctx, r.Mount.UUID+"/"+k)
		if err != nil {
			return nil, err
		}
		if role != nil && role.KeyType == "otp" && core.AddrIn(ip, splitList(role.CIDRs), ip.BitLen()) { // what is excluded does not count here
			roles = append(roles, k)
		}
	}
	return core.OK(map[string]any{"roles": roles})
}

func (b *Backend) ca(r *core.Request) (*sshCA, error) {
	ca, err := b.sshCAs.Get(r.Ctx, r.Mount.UUID)
	if err == nil && ca == nil {
		err = core.BadRequest("%s", r.Pick("keys haven't been configured yet", "no default issuer currently configured"))
	}
	return ca, err
}

func (b *Backend) getCA(r *core.Request) (*core.Answer, error) {
	ca, err := b.ca(r)
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"public_key": ca.Public})
}

func (b *Backend) caPublicKey(r *core.Request) (*core.Answer, error) {
	ca, err := b.sshCAs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	if ca == nil && r.Flavour.Bao {
		return nil, core.BadRequest("no default issuer currently configured")
	}
	if ca == nil {
		return nil, core.ErrNotFound
	}
	return &core.Answer{Text: []byte(ca.Public), TextType: "text/plain"}, nil
}

func (b *Backend) putCA(r *core.Request) (*core.Answer, error) {
	private, public := r.Text("private_key"), r.Text("public_key")
	generate, err := r.Bool("generate_signing_key", private == "" || public == "")
	if err != nil {
		return nil, err
	}
	if r.Flavour.Bao && generate && (private != "" || public != "") {
		return nil, core.BadRequest("public_key and private_key must not be set when generate_signing_key is set to true")
	}
	generate = generate && (private == "" || public == "") // keys that are given are taken
	if !generate && (private == "" || public == "") {
		return nil, core.BadRequest("missing public_key or private_key")
	}
	errThere := core.BadRequest("keys are already configured; delete them before reconfiguring")
	if there, err := b.sshCAs.Get(r.Ctx, r.Mount.UUID); err != nil {
		return nil, err
	} else if there != nil {
		return nil, errThere // before a key is made, which takes seconds
	}
	if generate {
		kind, bits := "ssh-rsa", 4096
		switch r.Text("key_type") {
		case "ed25519", "ssh-ed25519":
			kind = "ssh-ed25519"
		case "ec", "ecdsa-sha2-nistp256":
			kind = "ecdsa-sha2-nistp256"
		case "", "rsa", "ssh-rsa":
			if bits, err = r.Int("key_bits", 4096); err != nil {
				return nil, err
			}
			if bits == 0 {
				bits = 4096
			}
			if bits != 2048 && bits != 3072 && bits != 4096 {
				return nil, core.BadRequest("refusing to generate signing key of %d bits", bits)
			}
		default:
			return nil, core.BadRequest("unknown key type %s", r.Text("key_type"))
		}
		if private, err = checkout.GenerateKey(kind, bits, r.Rand); err != nil {
			return nil, err
		}
	}
	signer, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		return nil, core.BadRequest("Unable to parse private_key as an SSH private key: %s", err)
	}
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	if public == "" {
		public = line
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public)); err != nil {
		return nil, core.BadRequest("Unable to parse public_key as an SSH public key: %s", err)
	}
	err = b.sshCAs.Change(r.Ctx, r.Mount.UUID, func(v *sshCA, found bool) error {
		if found && v.Private != "" {
			return errThere
		}
		*v = sshCA{private, public}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !generate {
		return nil, nil
	}
	data := map[string]any{"public_key": public}
	if r.Flavour.Bao {
		data["issuer_id"], data["issuer_name"] = r.DerivedID("ssh issuer", public), ""
	}
	return core.OK(data)
}
