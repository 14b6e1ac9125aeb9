package core

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// ParseCIDRs reads what tokens are bound to: addresses and networks. One that is a
// network of itself alone is shown as an address.
func ParseCIDRs(list []string) ([]string, error) {
	out := make([]string, 0, len(list))
	for _, text := range list {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, ip.String())
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("error parsing address %q: Unable to convert %q to an IPv4 or IPv6 address, or a UNIX Socket", text, text)
		}
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
		} else {
			out = append(out, p.String())
		}
	}
	return out, nil
}

// CheckNetworks refuses a list in which something is no network.
func CheckNetworks(list []string) error {
	for _, text := range list {
		if _, err := netip.ParsePrefix(text); err != nil {
			return Faulty("failed to validate CIDR blocks: invalid CIDR address: " + text)
		}
	}
	return nil
}

// InNetworks reports whether all of inner lie within one of outer each.
func InNetworks(inner, outer []string) bool {
	for _, text := range inner {
		p, err := netip.ParsePrefix(text)
		if err != nil || !AddrIn(p.Addr(), outer, p.Bits()) {
			return false
		}
	}
	return true
}

// AddrIn reports whether an address lies in one of the networks, whose prefix
// has at most so many bits.
func AddrIn(ip netip.Addr, list []string, bits int) bool {
	for _, text := range list {
		if !strings.Contains(text, "/") {
			if same, err := netip.ParseAddr(text); err == nil && same == ip && bits >= ip.BitLen() {
				return true
			}
			continue
		}
		if p, err := netip.ParsePrefix(text); err == nil && p.Bits() <= bits && p.Contains(ip) {
			return true
		}
	}
	return false
}

// Source is the address that the request comes from.
func (r *Request) Source() netip.Addr {
	at, err := netip.ParseAddrPort(r.HTTP.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// SourceIn reports whether the request comes from one of the networks; an empty list
// is from anywhere.
func (r *Request) SourceIn(list []string) bool {
	if len(list) == 0 {
		return true
	}
	ip := r.Source()
	return AddrIn(ip, list, ip.BitLen())
}

// elsewhere is the refusal of a request from an address that the rules do not name.
func (r *Request) elsewhere(list []string) error {
	return Refuse(http.StatusForbidden, "permission denied").Because("it comes from %s, which is not in %v", r.Source(), list)
}
