package radius

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
)

// listener is one of the ports.
type listener uint8

const (
	onAuth listener = iota
	onAcct
	onTCP
	onRadSec
)

func (l listener) String() string { return [...]string{"auth", "acct", "tcp", "radsec"}[l] }

// tri is yes, no or auto. What auto has learnt belongs to this process: it is
// about the software of the client, not about anybody's login.
type tri int32

const (
	auto tri = iota
	yes
	no
)

func parseTri(field, s string) (tri, error) {
	switch strings.ToLower(s) {
	case "", "auto":
		return auto, nil
	case "yes", "true", "on":
		return yes, nil
	case "no", "false", "off":
		return no, nil
	}
	return auto, fmt.Errorf("%s must be yes, no or auto, not %q", field, s)
}

// client is one entry of the client table.
type client struct {
	name      string
	prefix    netip.Prefix // invalid: known by certificate only
	cn        string
	secret    *wire.Secret
	overTLS   *wire.Secret // what it is over TLS
	listeners []string
	streams   atomic.Int32 // open connections
	requireMA atomic.Int32 // tri
	limitPS   atomic.Int32 // tri
}

func (c *client) serves(l listener) bool {
	return len(c.listeners) == 0 || slices.Contains(c.listeners, l.String())
}

// shared is the secret that holds on a port. Over TLS it is fixed, unless the
// entry was written for TLS (RFC 6614 section 2.3).
func (c *client) shared(l listener) *wire.Secret {
	if l == onRadSec {
		return c.overTLS
	}
	return c.secret
}

// clientTable finds clients by the longest prefix, or by certificate.
type clientTable struct {
	bits  []int // prefix lengths in use, longest first
	by    map[netip.Prefix][]*client
	names []*client // with tls_cn
	count int
}

// radsecSecret is the shared secret of RADIUS over TLS (RFC 6614 section 2.3).
const radsecSecret = "radsec"

// errNoClient says what to add to a seed in which nobody may ask.
var errNoClient = errors.New(`clients: nobody may ask this server; add for example {from: 127.0.0.0/8, secret: testing123}`)

// newClientTable reads the server's own clients and those of the world that say
// where they come from. Every mistake is reported.
func newClientTable(own []ClientSettings, all func(func(world.Client) bool)) (*clientTable, error) {
	t := &clientTable{by: map[netip.Prefix][]*client{}}
	var wrong []error
	for i, s := range own {
		c, err := newClient(s)
		if err == nil && c.prefix.IsValid() && t.taken(c) {
			err = fmt.Errorf("%s is listed twice", c.prefix)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("clients[%d]: %w", i, err))
			continue
		}
		t.add(c)
	}
	for w := range all {
		if w.System != "" && w.System != "radius" || len(w.From) == 0 {
			continue
		}
		for _, p := range w.From {
			c, err := newClient(ClientSettings{Name: w.ID, From: p.String(), Secret: w.Secret,
				RequireMessageAuthenticator: w.Settings["require_message_authenticator"],
				LimitProxyState:             w.Settings["limit_proxy_state"], TLSCN: w.Settings["tls_cn"]})
			if err != nil {
				wrong = append(wrong, fmt.Errorf("client %s of the seed: %w", w.ID, err))
			} else if !t.taken(c) { // the server's own entry goes before
				t.add(c)
			}
		}
	}
	if t.count == 0 && len(wrong) == 0 {
		wrong = append(wrong, errNoClient)
	}
	return t, errors.Join(wrong...)
}

func newClient(s ClientSettings) (*client, error) {
	c := &client{name: s.Name, cn: s.TLSCN, listeners: s.Listeners}
	secret, err := secretOctets(s.Secret, s.TLSCN != "")
	if err != nil {
		return nil, err
	}
	c.secret, c.overTLS = wire.NewSecret(secret), wire.NewSecret([]byte(radsecSecret))
	if s.TLSCN != "" || slices.Contains(s.Listeners, onRadSec.String()) {
		c.overTLS = c.secret // the entry is about TLS, so its secret is too
	}
	require, err := parseTri("require_message_authenticator", s.RequireMessageAuthenticator)
	limit, err2 := parseTri("limit_proxy_state", s.LimitProxyState)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	c.requireMA.Store(int32(require))
	c.limitPS.Store(int32(limit))
	for _, l := range s.Listeners {
		if !slices.Contains([]string{"auth", "acct", "tcp", "radsec"}, l) {
			return nil, fmt.Errorf("listeners: %q is none of auth, acct, tcp, radsec", l)
		}
	}
	if s.From == "" && s.TLSCN != "" {
		c.name = orElse(c.name, s.TLSCN)
		return c, nil
	}
	if c.prefix, err = parsePrefix(s.From); err != nil {
		return nil, err
	}
	c.name = orElse(c.name, s.From)
	return c, nil
}

func orElse[T comparable](v, otherwise T) T {
	var none T
	if v == none {
		return otherwise
	}
	return v
}

// secretOctets reads a secret. Secrets are octets: nothing is trimmed.
func secretOctets(s string, tls bool) ([]byte, error) {
	if s == "" && tls {
		s = radsecSecret
	}
	if rest, ok := strings.CutPrefix(s, "hex:"); ok {
		b, err := hex.DecodeString(rest)
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("secret: %q is not hex octets", s)
		}
		return b, nil
	}
	if s == "" || len(s) > 8192 {
		return nil, errors.New("secret: it must have 1 to 8192 octets")
	}
	return []byte(s), nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("from: %q is neither an address nor a CIDR", s)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// taken reports whether another entry claims c's prefix on one of its ports.
func (t *clientTable) taken(c *client) bool {
	return slices.ContainsFunc(t.by[c.prefix], func(o *client) bool {
		return len(o.listeners) == 0 || len(c.listeners) == 0 ||
			slices.ContainsFunc(c.listeners, func(l string) bool { return slices.Contains(o.listeners, l) })
	})
}

func (t *clientTable) add(c *client) {
	t.count++
	if c.cn != "" {
		t.names = append(t.names, c)
	}
	if !c.prefix.IsValid() {
		return
	}
	t.by[c.prefix] = append(t.by[c.prefix], c)
	if !slices.Contains(t.bits, c.prefix.Bits()) {
		t.bits = append(t.bits, c.prefix.Bits())
		slices.SortFunc(t.bits, func(a, b int) int { return b - a })
	}
}

// find is the client for a source address, nil if there is none.
func (t *clientTable) find(l listener, a netip.Addr) *client {
	for _, bits := range t.bits {
		p, err := a.Prefix(bits)
		if err != nil {
			continue // an IPv6 prefix length, an IPv4 address
		}
		for _, c := range t.by[p] {
			if c.serves(l) {
				return c
			}
		}
	}
	return nil
}

// named is the client whose certificate carries one of names.
func (t *clientTable) named(names []string) *client {
	for _, c := range t.names {
		if c.serves(onRadSec) && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.cn) }) {
			return c
		}
	}
	return nil
}

// addrPort is the address behind a net.Addr, IPv4 unmapped and without a zone.
func addrPort(from net.Addr) (netip.AddrPort, bool) {
	var ap netip.AddrPort
	switch a := from.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	case interface{ AddrPort() netip.AddrPort }:
		ap = a.AddrPort()
	case nil:
		return ap, false
	default:
		var err error
		if ap, err = netip.ParseAddrPort(from.String()); err != nil {
			return ap, false
		}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), ap.IsValid()
}
