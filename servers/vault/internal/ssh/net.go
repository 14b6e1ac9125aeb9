package ssh

import (
	"net/netip"
	"strings"

	"counterpart/servers/vault/internal/core"
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
	return core.AddrIn(ip, splitList(role.CIDRs), ip.BitLen()) && !core.AddrIn(ip, splitList(role.Excluded), ip.BitLen())
}
