package core

import (
	"time"
)

// Flavour is what differs between the servers that this one can be.
type Flavour struct {
	name      string
	Version   string    // a semantic version
	Built     time.Time // when the real server of this version was built
	Bao       bool      // OpenBao
	Old       bool      // Vault before 1.10: short tokens, short envelopes
	MountType bool      // envelopes say mount_type
}

// Flavours are the servers that this one can be, by the seed's word for them.
var Flavours = map[string]Flavour{
	"vault-1.21": {name: "Vault", Version: "1.21.4", Built: time.Date(2026, 2, 4, 15, 0, 0, 0, time.UTC), MountType: true},
	"openbao-2":  {name: "OpenBao", Version: "2.0.0-HEAD", Built: time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC), Bao: true},
	"vault-1.1":  {name: "Vault", Version: "1.1.2", Built: time.Date(2019, 4, 18, 21, 0, 0, 0, time.UTC), Old: true},
}

// Pick chooses the words of a flavour.
func (s *Server) Pick(vault, bao string) string {
	if s.Flavour.Bao {
		return bao
	}
	return vault
}
