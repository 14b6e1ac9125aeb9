package vault

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"counterpart/internal/company/checkout"
	"counterpart/internal/face/ids"
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

// sshEngine is the secrets engine ssh: one-time passwords and signed keys.
func sshEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	return newEngine("ssh",
		&pathSpec{pattern: "roles", name: "roles", ops: map[operation]handler{opList: listSSHRoles}},
		&pathSpec{pattern: "roles/@role", name: "roles", ops: map[operation]handler{opRead: getSSHRole, opWrite: putSSHRole, opDelete: dropSSHRole}},
		&pathSpec{pattern: "creds/@role", name: "creds", ops: write(sshCreds)},
		&pathSpec{pattern: "verify", name: "verify", public: true, ops: write(sshVerify)},
		&pathSpec{pattern: "lookup", name: "lookup", ops: write(sshLookup)},
		&pathSpec{pattern: "config/ca", name: "config.ca", ops: map[operation]handler{opRead: getCA, opWrite: putCA, opDelete: dropCA}},
		&pathSpec{pattern: "public_key", name: "public_key", public: true, ops: map[operation]handler{opRead: caPublicKey}},
		&pathSpec{pattern: "sign/@role", name: "sign", ops: write(sshSign)},
		&pathSpec{pattern: "issue/@role", name: "issue", ops: write(sshIssue)},
	)
}

func listSSHRoles(r *request) (*answer, error) {
	keys, err := r.sshRoles.Names(r.ctx, r.mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errMissing
	}
	info := map[string]any{}
	for _, k := range keys {
		role, err := r.sshRoles.Get(r.ctx, r.mount.UUID+"/"+k)
		if err != nil {
			return nil, err
		}
		if role != nil {
			info[k] = map[string]any{"key_type": role.KeyType}
		}
	}
	return ok(map[string]any{"keys": keys, "key_info": info})
}

func getSSHRole(r *request) (*answer, error) {
	role, err := need(r.ctx, r.sshRoles, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role.KeyType == "otp" {
		return ok(map[string]any{"allowed_users": role.AllowedUsers, "cidr_list": role.CIDRs, "default_user": role.DefaultUser, "exclude_cidr_list": role.Excluded,
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
	if r.flavour.bao {
		data["issuer_ref"] = "default"
	}
	return ok(data)
}

func putSSHRole(r *request) (*answer, error) {
	role := sshRole{KeyType: r.text("key_type"), DefaultUser: r.text("default_user"), AllowedUsers: r.text("allowed_users"), CIDRs: r.text("cidr_list"),
		Excluded: r.text("exclude_cidr_list"), AllowedExtensions: r.text("allowed_extensions"), AllowedCritical: r.text("allowed_critical_options"), Domains: r.text("allowed_domains")}
	var err error
	for name, to := range map[string]*map[string]string{"default_extensions": &role.Extensions, "default_critical_options": &role.Critical} {
		if *to, err = r.texts(name); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]*time.Duration{"ttl": &role.TTL, "max_ttl": &role.Max} {
		if *to, err = r.lasts(name); err != nil {
			return nil, err
		}
	}
	for name, to := range map[string]*bool{"allow_user_certificates": &role.UserCerts, "allow_host_certificates": &role.HostCerts, "allow_user_key_ids": &role.KeyIDs,
		"allow_bare_domains": &role.BareDomains, "allow_subdomains": &role.Subdomains} {
		if *to, err = r.flag(name, false); err != nil {
			return nil, err
		}
	}
	if r.has("not_before_duration") {
		before, err := r.lasts("not_before_duration")
		if err != nil {
			return nil, err
		}
		role.Before = &before
	}
	switch role.KeyType {
	case "otp":
		if role.DefaultUser == "" {
			return nil, bad("missing default user")
		}
		if role.Port, err = r.number("port", 22); err != nil {
			return nil, err
		}
		for name, text := range map[string]string{"cidr_list": role.CIDRs, "exclude_cidr_list": role.Excluded} {
			for _, c := range splitList(text) {
				if _, err := netip.ParsePrefix(c); err != nil {
					return nil, faulty("failed to validate " + name + ": invalid CIDR address: " + c)
				}
			}
		}
	case "ca":
		if !role.UserCerts && !role.HostCerts {
			return nil, bad("Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'")
		}
		if role.Max > 0 && role.TTL > role.Max {
			return nil, bad("ttl cannot be greater than max_ttl")
		}
	case "":
		return nil, bad("missing key type")
	default:
		return nil, bad("invalid key type")
	}
	return nil, r.sshRoles.Put(r.ctx, r.staticKey(), role, time.Time{})
}

func dropSSHRole(r *request) (*answer, error) {
	_, err := r.sshRoles.Delete(r.ctx, r.staticKey())
	return nil, err
}

func sshCreds(r *request) (*answer, error) {
	ipText := r.text("ip")
	if ipText == "" {
		return nil, bad("Missing ip")
	}
	role, err := r.sshRoles.Get(r.ctx, r.staticKey())
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, bad("Role %q not found", r.vars["role"])
	}
	user := r.text("username")
	if user == "" {
		user = role.DefaultUser
	}
	allowed := splitList(role.AllowedUsers)
	switch known := user == role.DefaultUser || slices.Contains(allowed, user) || slices.Contains(allowed, "*"); {
	case !known && len(allowed) > 0:
		return nil, bad("Username is not present is allowed users list")
	case !known:
		return nil, bad("Username has to be either in allowed users list or has to be a default username")
	}
	ip, err := netip.ParseAddr(ipText)
	if err != nil {
		return nil, bad("Invalid IP %q", ipText)
	}
	if !role.reaches(ip) {
		return nil, bad("Error validating IP: IP does not belong to role")
	}
	otp := ids.UUID(r.Rand)
	a := &answer{data: map[string]any{"ip": ipText, "key": otp, "key_type": "otp", "port": role.Port, "username": user}}
	l, err := r.leaseOf(a, lease{})
	if err != nil {
		return nil, err
	}
	return a, r.sshOTPs.Edit(r.ctx, secretKey(r.mount.UUID, otp), func(v *sshOTP, _ bool) (time.Time, error) {
		*v = sshOTP{ipText, user, r.vars["role"], l.ID}
		return l.Expires, nil
	})
}

// sshVerify takes a one-time password; of two that try one gets in.
func sshVerify(r *request) (*answer, error) {
	otp := r.text("otp")
	if otp == "verify-echo-request" {
		return &answer{mountType: new(string), data: map[string]any{"message": "verify-echo-response"}}, nil
	}
	key := secretKey(r.mount.UUID, otp)
	kept, err := r.sshOTPs.Get(r.ctx, key)
	if err != nil {
		return nil, err
	}
	if kept != nil {
		_, alive, err := r.liveLease(kept.Lease)
		if err != nil {
			return nil, err
		}
		if !alive {
			kept = nil
		}
	}
	if kept == nil {
		return nil, bad("OTP not found")
	}
	was, err := r.sshOTPs.Delete(r.ctx, key) // of two that ask one is told
	if err != nil {
		return nil, err
	}
	if !was {
		return nil, bad("OTP not found")
	}
	return &answer{mountType: new(string), data: map[string]any{"ip": kept.IP, "role_name": kept.Role, "username": kept.User}}, nil
}

func sshLookup(r *request) (*answer, error) {
	text := r.text("ip")
	if text == "" {
		return nil, bad("Missing ip")
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return nil, bad("Invalid IP %q", "<nil>")
	}
	keys, err := r.sshRoles.Names(r.ctx, r.mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	var roles []string // null when there are none
	for _, k := range keys {
		role, err := r.sshRoles.Get(r.ctx, r.mount.UUID+"/"+k)
		if err != nil {
			return nil, err
		}
		if role != nil && role.KeyType == "otp" && comesFrom(ip, splitList(role.CIDRs), ip.BitLen()) { // what is excluded does not count here
			roles = append(roles, k)
		}
	}
	return ok(map[string]any{"roles": roles})
}

func (r *request) ca() (*sshCA, error) {
	ca, err := r.sshCAs.Get(r.ctx, r.mount.UUID)
	if err == nil && ca == nil {
		err = bad("%s", r.pick("keys haven't been configured yet", "no default issuer currently configured"))
	}
	return ca, err
}

func getCA(r *request) (*answer, error) {
	ca, err := r.ca()
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"public_key": ca.Public})
}

func caPublicKey(r *request) (*answer, error) {
	ca, err := r.sshCAs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if ca == nil && r.flavour.bao {
		return nil, bad("no default issuer currently configured")
	}
	if ca == nil {
		return nil, errMissing
	}
	return &answer{text: []byte(ca.Public), textType: "text/plain"}, nil
}

func putCA(r *request) (*answer, error) {
	private, public := r.text("private_key"), r.text("public_key")
	generate, err := r.flag("generate_signing_key", private == "" || public == "")
	if err != nil {
		return nil, err
	}
	if r.flavour.bao && generate && (private != "" || public != "") {
		return nil, bad("public_key and private_key must not be set when generate_signing_key is set to true")
	}
	generate = generate && (private == "" || public == "") // keys that are given are taken
	if !generate && (private == "" || public == "") {
		return nil, bad("missing public_key or private_key")
	}
	errThere := bad("keys are already configured; delete them before reconfiguring")
	if there, err := r.sshCAs.Get(r.ctx, r.mount.UUID); err != nil {
		return nil, err
	} else if there != nil {
		return nil, errThere // before a key is made, which takes seconds
	}
	if generate {
		kind, bits := "ssh-rsa", 4096
		switch r.text("key_type") {
		case "ed25519", "ssh-ed25519":
			kind = "ssh-ed25519"
		case "ec", "ecdsa-sha2-nistp256":
			kind = "ecdsa-sha2-nistp256"
		case "", "rsa", "ssh-rsa":
			if bits, err = r.number("key_bits", 4096); err != nil {
				return nil, err
			}
			if bits == 0 {
				bits = 4096
			}
			if bits != 2048 && bits != 3072 && bits != 4096 {
				return nil, bad("refusing to generate signing key of %d bits", bits)
			}
		default:
			return nil, bad("unknown key type %s", r.text("key_type"))
		}
		if private, err = checkout.GenerateKey(kind, bits, r.Rand); err != nil {
			return nil, err
		}
	}
	signer, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		return nil, bad("Unable to parse private_key as an SSH private key: %s", err)
	}
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	if public == "" {
		public = line
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public)); err != nil {
		return nil, bad("Unable to parse public_key as an SSH public key: %s", err)
	}
	err = r.sshCAs.Change(r.ctx, r.mount.UUID, func(v *sshCA, found bool) error {
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
	if r.flavour.bao {
		data["issuer_id"], data["issuer_name"] = r.derivedID("ssh issuer", public), ""
	}
	return ok(data)
}
