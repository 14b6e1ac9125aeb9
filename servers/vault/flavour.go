package vault

import "time"

// flavour is what differs between the servers that this one can be.
type flavour struct {
	name      string
	version   string // a semantic version
	built     time.Time
	bao       bool // OpenBao
	old       bool // Vault before 1.10: short tokens, short envelopes
	mountType bool // envelopes say mount_type
}

var flavours = map[string]flavour{
	"vault-1.21": {name: "Vault", version: "1.21.4", built: time.Date(2026, 2, 4, 15, 0, 0, 0, time.UTC), mountType: true},
	"openbao-2":  {name: "OpenBao", version: "2.0.0-HEAD", built: time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC), bao: true},
	"vault-1.1":  {name: "Vault", version: "1.1.2", built: time.Date(2019, 4, 18, 21, 0, 0, 0, time.UTC), old: true},
}

// pick chooses the words of a flavour.
func (s *Server) pick(vault, bao string) string {
	if s.flavour.bao {
		return bao
	}
	return vault
}
