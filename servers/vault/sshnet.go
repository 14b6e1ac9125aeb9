package vault

import (
	"net/netip"
	"strings"
)

func splitList(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// reaches reports whether a role covers an address.
func (role *sshRole) reaches(ip netip.Addr) bool {
	return comesFrom(ip, splitList(role.CIDRs), ip.BitLen()) && !comesFrom(ip, splitList(role.Excluded), ip.BitLen())
}
