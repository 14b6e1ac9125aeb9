package boot

import (
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/egress"
	"counterpart/internal/serving/fleet"
	"counterpart/seed"
)

// egressListen is where the proxy is unless the seed says otherwise.
const egressListen = ":3128"

// proxy leads clients that know a vendor's host name to its port.
func (c *Company) proxy(s seed.Egress) fleet.Instance {
	if s.Listen == "" {
		s.Listen = egressListen
	}
	in := fleet.Instance{Name: "egress", Kind: "egress", Server: egress.New(egress.Config{Listen: s.Listen, Username: s.Username, Password: s.Password,
		Endpoints: func() []fleet.Endpoint { return c.Fleet.Endpoints() }})}
	if s.Username != "" || s.Password != "" {
		in.Facts = []dialect.Fact{{Name: "username", Value: s.Username}, {Name: "password", Value: s.Password, Secret: true}}
	}
	return in
}
