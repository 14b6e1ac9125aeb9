package ssh

import (
	"fmt"

	"golang.org/x/crypto/ssh"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its roles and the key of its CA.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	for _, role := range in.SSH {
		b.sshRoles.Seed(m.UUID+"/"+role.Name, &sshRole{KeyType: role.KeyType, DefaultUser: role.DefaultUser, AllowedUsers: role.AllowedUsers,
			CIDRs: role.CIDRs, Port: 22, TTL: role.TTL, UserCerts: role.KeyType == "ca"})
	}
	if in.CAKey == "" {
		return nil
	}
	signer, err := ssh.ParsePrivateKey([]byte(in.CAKey))
	if err != nil {
		return fmt.Errorf("ca_private_key: %w", err)
	}
	b.sshCAs.Seed(m.UUID, &sshCA{in.CAKey, string(ssh.MarshalAuthorizedKey(signer.PublicKey()))})
	return nil
}
