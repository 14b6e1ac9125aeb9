package ssh

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
	"counterpart/servers/vault/internal/core"
)

// backdated is how long before its signature a certificate is valid.
const backdated = 30 * time.Second

func (role *sshRole) backdated() time.Duration {
	if role.Before != nil {
		return *role.Before
	}
	return backdated
}

func (b *Backend) sshSign(r *core.Request) (*core.Answer, error) {
	role, err := b.caRole(r)
	if err != nil {
		return nil, err
	}
	text := r.Text("public_key")
	if text == "" {
		return nil, core.BadRequest("missing public_key")
	}
	key, err := publicKey(text)
	if err != nil {
		return nil, core.BadRequest("failed to parse public_key as SSH key: %s", err)
	}
	return b.sign(r, role, key)
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
func (b *Backend) caRole(r *core.Request) (*sshRole, error) {
	role, err := b.sshRoles.Get(r.Ctx, r.RoleKey())
	switch {
	case err != nil:
		return nil, err
	case role == nil:
		return nil, core.BadRequest("Unknown role: %s", r.Vars["role"])
	}
	return role, nil
}

func (b *Backend) sshIssue(r *core.Request) (*core.Answer, error) {
	role, err := b.caRole(r)
	if err != nil {
		return nil, err
	}
	kind := map[string]string{"": "ssh-rsa", "rsa": "ssh-rsa", "ed25519": "ssh-ed25519", "ec": "ecdsa-sha2-nistp256"}[r.Text("key_type")]
	if kind == "" {
		return nil, r.RefuseKey("unknown ssh key pair algorithm: " + r.Text("key_type"))
	}
	bits, err := r.Int("key_bits", 2048)
	if err != nil {
		return nil, err
	}
	if bits == 0 {
		bits = 2048
	}
	if kind == "ssh-rsa" && bits != 2048 && bits != 3072 && bits != 4096 {
		return nil, r.RefuseKey(fmt.Sprintf("refusing to generate weak rsa key: %d bits < 2048 bits", bits))
	}
	private, err := checkout.GenerateKey(kind, bits, r.Rand)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		return nil, err
	}
	a, err := b.sign(r, role, signer.PublicKey())
	if err != nil {
		return nil, err
	}
	name := r.Text("key_type")
	if name == "" {
		name = "rsa"
	}
	data := a.Data.(map[string]any)
	data["private_key"], data["private_key_type"] = private, name
	return a, nil
}

// sign makes the certificate.
func (b *Backend) sign(r *core.Request, role *sshRole, key ssh.PublicKey) (*core.Answer, error) {
	for _, name := range []string{"extensions", "critical_options"} {
		if _, err := r.TextMap(name); err != nil {
			return nil, err
		}
	}
	kind := uint32(ssh.UserCert)
	switch r.Text("cert_type") {
	case "", "user":
		if !role.UserCerts {
			return nil, core.BadRequest("cert_type 'user' is not allowed by role")
		}
	case "host":
		if kind = ssh.HostCert; !role.HostCerts {
			return nil, core.BadRequest("cert_type 'host' is not allowed by role")
		}
	default:
		return nil, core.BadRequest("cert_type must be either 'user' or 'host'")
	}
	principals, err := b.principals(r, role, kind)
	if err != nil {
		return nil, err
	}
	lasts, err := certLife(r, role)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key.Marshal())
	id := "vault-" + r.Token.Data.Display + "-" + hex.EncodeToString(sum[:])
	if wish := r.Text("key_id"); wish != "" {
		if !role.KeyIDs {
			return nil, core.BadRequest("setting key_id is not allowed by role")
		}
		id = wish
	}
	permissions, err := permissions(r, role)
	if err != nil {
		return nil, err
	}
	ca, err := b.ca(r)
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
	if r.Flavour.Bao {
		data["issuer_id"] = r.DerivedID("ssh issuer", string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	return core.OK(data)
}

// principals are the names that the certificate is good for.
func (b *Backend) principals(r *core.Request, role *sshRole, kind uint32) ([]string, error) {
	usual, list, fits := role.DefaultUser, role.AllowedUsers, func(p, allowed string) bool { return p == allowed }
	if kind == ssh.HostCert {
		usual, list, fits = "", role.Domains, role.fitsDomain
	}
	wish := splitList(r.Text("valid_principals"))
	if len(wish) == 0 && usual != "" {
		wish = []string{usual}
	}
	allowed := splitList(list)
	switch {
	case len(wish) == 0:
		if _, err := b.ca(r); err != nil && r.Flavour.Bao && kind == ssh.UserCert {
			return nil, err
		}
		return nil, core.BadRequest("empty valid principals not allowed by role")
	case len(allowed) == 0:
		return nil, core.BadRequest("role is not configured to allow any principals")
	case list == "*":
		return wish, nil
	}
	for _, p := range wish {
		if !slices.ContainsFunc(allowed, func(a string) bool { return fits(p, a) }) {
			return nil, core.BadRequest("%s is not a valid value for valid_principals", p)
		}
	}
	return wish, nil
}

// fitsDomain reports whether a host may be named in a certificate.
func (s *sshRole) fitsDomain(host, domain string) bool {
	return s.BareDomains && host == domain || s.Subdomains && strings.HasSuffix(host, "."+domain)
}

// certLife is how long the certificate is good.
func certLife(r *core.Request, role *sshRole) (time.Duration, error) {
	byDefault, most := r.Mount.Lives()
	if role.Max > 0 {
		most = min(most, role.Max)
	}
	lasts, err := r.Duration("ttl")
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
		return 0, core.BadRequest("ttl is larger than maximum allowed %d", int64(most/time.Second))
	}
	return lasts, nil
}

// permissions are what the client wants in its certificate, or else what the role
// puts there.
func permissions(r *core.Request, role *sshRole) (p ssh.Permissions, err error) {
	if p.CriticalOptions, err = r.TextMap("critical_options"); err != nil {
		return p, err
	}
	if no := strangers(p.CriticalOptions, role.AllowedCritical); len(no) > 0 && role.AllowedCritical != "" {
		return p, core.BadRequest("critical options not on allowed list: %v", no)
	}
	if p.Extensions, err = r.TextMap("extensions"); err != nil {
		return p, err
	}
	if no := strangers(p.Extensions, role.AllowedExtensions); len(no) > 0 && role.AllowedExtensions != "*" {
		return p, core.BadRequest("extensions %v are not on allowed list", no)
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

func (b *Backend) dropCA(r *core.Request) (*core.Answer, error) {
	_, err := b.sshCAs.Delete(r.Ctx, r.Mount.UUID)
	return nil, err
}
