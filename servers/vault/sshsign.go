package vault

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"counterpart/internal/company/checkout"
)

// backdated is how long before its signature a certificate is valid.
const backdated = 30 * time.Second

func (role *sshRole) backdated() time.Duration {
	if role.Before != nil {
		return *role.Before
	}
	return backdated
}

func sshSign(r *request) (*answer, error) {
	role, err := r.caRole()
	if err != nil {
		return nil, err
	}
	text := r.text("public_key")
	if text == "" {
		return nil, bad("missing public_key")
	}
	key, err := publicKey(text)
	if err != nil {
		return nil, bad("failed to parse public_key as SSH key: %s", err)
	}
	return r.sign(role, key)
}

// publicKey reads an OpenSSH line; errors are those of its wire form.
func publicKey(line string) (ssh.PublicKey, error) {
	parts := strings.Fields(line)
	if len(parts) > 1 {
		line = parts[1]
	}
	raw, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		raw = []byte(line)
	}
	return ssh.ParsePublicKey(raw)
}

// caRole is the role of the path, which must sign.
func (r *request) caRole() (*sshRole, error) {
	role, err := r.sshRoles.Get(r.ctx, r.staticKey())
	switch {
	case err != nil:
		return nil, err
	case role == nil:
		return nil, bad("Unknown role: %s", r.vars["role"])
	}
	return role, nil
}

func sshIssue(r *request) (*answer, error) {
	role, err := r.caRole()
	if err != nil {
		return nil, err
	}
	kind := map[string]string{"": "ssh-rsa", "rsa": "ssh-rsa", "ed25519": "ssh-ed25519", "ec": "ecdsa-sha2-nistp256"}[r.text("key_type")]
	if kind == "" {
		return nil, r.badKey("unknown ssh key pair algorithm: " + r.text("key_type"))
	}
	bits, err := r.number("key_bits", 2048)
	if err != nil {
		return nil, err
	}
	if bits == 0 {
		bits = 2048
	}
	if kind == "ssh-rsa" && bits != 2048 && bits != 3072 && bits != 4096 {
		return nil, r.badKey(fmt.Sprintf("refusing to generate weak rsa key: %d bits < 2048 bits", bits))
	}
	private, err := checkout.GenerateKey(kind, bits, r.Rand)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		return nil, err
	}
	a, err := r.sign(role, signer.PublicKey())
	if err != nil {
		return nil, err
	}
	name := r.text("key_type")
	if name == "" {
		name = "rsa"
	}
	data := a.data.(map[string]any)
	data["private_key"], data["private_key_type"] = private, name
	return a, nil
}

// sign makes the certificate.
func (r *request) sign(role *sshRole, key ssh.PublicKey) (*answer, error) {
	for _, name := range []string{"extensions", "critical_options"} {
		if _, err := r.texts(name); err != nil {
			return nil, err
		}
	}
	kind := uint32(ssh.UserCert)
	switch r.text("cert_type") {
	case "", "user":
		if !role.UserCerts {
			return nil, bad("cert_type 'user' is not allowed by role")
		}
	case "host":
		if kind = ssh.HostCert; !role.HostCerts {
			return nil, bad("cert_type 'host' is not allowed by role")
		}
	default:
		return nil, bad("cert_type must be either 'user' or 'host'")
	}
	principals, err := r.principals(role, kind)
	if err != nil {
		return nil, err
	}
	lasts, err := r.certLife(role)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key.Marshal())
	id := "vault-" + r.token.Data.Display + "-" + hex.EncodeToString(sum[:])
	if wish := r.text("key_id"); wish != "" {
		if !role.KeyIDs {
			return nil, bad("setting key_id is not allowed by role")
		}
		id = wish
	}
	permissions, err := r.permissions(role)
	if err != nil {
		return nil, err
	}
	ca, err := r.ca()
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(ca.Private))
	if err != nil {
		return nil, err
	}
	var number [8]byte
	if _, err := io.ReadFull(r.Rand, number[:]); err != nil {
		return nil, err
	}
	nonce := make([]byte, 32)
	if _, err := io.ReadFull(r.Rand, nonce); err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	c := &ssh.Certificate{Nonce: nonce, Key: key, Serial: binary.BigEndian.Uint64(number[:]), CertType: kind, KeyId: id, ValidPrincipals: principals,
		ValidAfter: uint64(now.Add(-role.backdated()).Unix()), ValidBefore: uint64(now.Add(lasts).Unix()),
		Permissions: permissions}
	if s, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
		if signer, err = ssh.NewSignerWithAlgorithms(s, []string{ssh.KeyAlgoRSASHA256}); err != nil {
			return nil, err
		}
	}
	if err := c.SignCert(r.Rand, signer); err != nil {
		return nil, err
	}
	data := map[string]any{"serial_number": strconv.FormatUint(c.Serial, 16), "signed_key": string(ssh.MarshalAuthorizedKey(c))}
	if r.flavour.bao {
		data["issuer_id"] = r.derivedID("ssh issuer", string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	return ok(data)
}

// principals are the names that the certificate is good for.
func (r *request) principals(role *sshRole, kind uint32) ([]string, error) {
	usual, list, fits := role.DefaultUser, role.AllowedUsers, func(p, allowed string) bool { return p == allowed }
	if kind == ssh.HostCert {
		usual, list, fits = "", role.Domains, role.fitsDomain
	}
	wish := splitList(r.text("valid_principals"))
	if len(wish) == 0 && usual != "" {
		wish = []string{usual}
	}
	allowed := splitList(list)
	switch {
	case len(wish) == 0:
		if _, err := r.ca(); err != nil && r.flavour.bao && kind == ssh.UserCert {
			return nil, err
		}
		return nil, bad("empty valid principals not allowed by role")
	case len(allowed) == 0:
		return nil, bad("role is not configured to allow any principals")
	case list == "*":
		return wish, nil
	}
	for _, p := range wish {
		if !slices.ContainsFunc(allowed, func(a string) bool { return fits(p, a) }) {
			return nil, bad("%s is not a valid value for valid_principals", p)
		}
	}
	return wish, nil
}

// fitsDomain reports whether a host may be named in a certificate.
func (s *sshRole) fitsDomain(host, domain string) bool {
	return s.BareDomains && host == domain || s.Subdomains && strings.HasSuffix(host, "."+domain)
}

// certLife is how long the certificate is good.
func (r *request) certLife(role *sshRole) (time.Duration, error) {
	byDefault, most := r.mount.lives()
	if role.Max > 0 {
		most = min(most, role.Max)
	}
	lasts, err := r.lasts("ttl")
	if err != nil {
		return 0, err
	}
	if lasts == 0 {
		lasts = role.TTL
	}
	if lasts == 0 {
		lasts = min(byDefault, most)
	}
	if lasts > most {
		return 0, bad("ttl is larger than maximum allowed %d", int64(most/time.Second))
	}
	return lasts, nil
}

// permissions are what the client wants in its certificate, or else what the role
// puts there.
func (r *request) permissions(role *sshRole) (p ssh.Permissions, err error) {
	if p.CriticalOptions, err = r.texts("critical_options"); err != nil {
		return p, err
	}
	if no := strangers(p.CriticalOptions, role.AllowedCritical); len(no) > 0 && role.AllowedCritical != "" {
		return p, bad("critical options not on allowed list: %v", no)
	}
	if p.Extensions, err = r.texts("extensions"); err != nil {
		return p, err
	}
	if no := strangers(p.Extensions, role.AllowedExtensions); len(no) > 0 && role.AllowedExtensions != "*" {
		return p, bad("extensions %v are not on allowed list", no)
	}
	if len(p.CriticalOptions) == 0 {
		p.CriticalOptions = role.Critical
	}
	if len(p.Extensions) == 0 {
		p.Extensions = role.Extensions
	}
	return p, nil
}

// strangers are the names that a list separated by commas has not, sorted.
func strangers(wish map[string]string, list string) []string {
	var out []string
	for name := range wish {
		if !slices.Contains(strings.Split(list, ","), name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func dropCA(r *request) (*answer, error) {
	_, err := r.sshCAs.Delete(r.ctx, r.mount.UUID)
	return nil, err
}
