//go:build real

package vault_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestRealSSHKeygen lets OpenSSH read a certificate: who signed it, for whom, from
// when until when, and what it grants.
func TestRealSSHKeygen(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, `POST sys/mounts/ca {"type":"ssh"}`, 204)
	v.says(t, `POST ca/config/ca {"generate_signing_key":true}`, 200)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(v.get(t, "data.public_key").(string)))
	if err != nil {
		t.Fatal(err)
	}
	v.says(t, `POST ca/roles/ops {"key_type":"ca","allow_user_certificates":true,"default_user":"ubuntu","allowed_users":"bob,carol","ttl":"5m",`+
		`"default_extensions":{"permit-pty":""},"default_critical_options":{"force-command":"/bin/true"}}`, 204)
	home := t.TempDir()
	keygen := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
		cmd.Dir, cmd.Env = home, append(os.Environ(), "TZ=UTC")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "id")
	v.says(t, `POST ca/sign/ops {"public_key":"`+strings.TrimSpace(readFile(t, filepath.Join(home, "id.pub")))+`","valid_principals":"bob,carol"}`, 200)
	if err := os.WriteFile(filepath.Join(home, "id-cert.pub"), []byte(v.get(t, "data.signed_key").(string)), 0o600); err != nil {
		t.Fatal(err)
	}
	said := keygen("-L", "-f", "id-cert.pub")
	for _, part := range []string{
		"Type: ssh-ed25519-cert-v01@openssh.com user certificate",
		"Signing CA: RSA " + ssh.FingerprintSHA256(key) + " (using rsa-sha2-256)",
		`Key ID: "vault-token-`,
		"Valid: from 2026-01-01T11:59:30 to 2026-01-01T12:05:00",
		"Principals: bob carol Critical Options: force-command /bin/true Extensions: permit-pty",
	} {
		if !strings.Contains(said, part) {
			t.Errorf("ssh-keygen says\n%s\nwithout %s", said, part)
		}
	}
}
