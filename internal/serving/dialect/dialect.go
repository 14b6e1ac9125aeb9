// Package dialect is the contract that every server of a fleet fulfils. A
// server is passive: it hands the fleet routes or one function and answers. It
// never listens, sleeps, reads the wall clock or starts a goroutine that
// outlives its request or connection; sockets, TLS, limits, faults, the journal
// and shutdown exist once, in the fleet.
package dialect

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

// Server is one fake system.
type Server interface {
	Ports() []Port    // what to listen on, and who answers there
	Faults() []string // fault kinds that only this server can play: "sealed"
}

// New builds a server and does no I/O. An error names what is wrong in the
// server's block of the seed. servers/servers.go lists all of them.
type New func(Env) (Server, error)

// Kind is one row of the table of servers.
type Kind struct {
	Name     string // as in the seed: "radius"
	New      New
	Settings any // the zero value of the server's block, for the schema
	Personal []Personal
	Secrets  []Place      // what is secret in its messages by where it stands
	Scope    func() Scope // what it plays and what not; asked when somebody wants to know
	// Facts are what clients of a server that New made are configured with, besides its
	// addresses, defaults and all; nil: nothing.
	Facts func(Server) []Fact
	// Refusals are the ways in which it says no, as its tests have met them; nil: nobody
	// has counted.
	Refusals func() []Refusal
	// Load is the plan of a load test of this kind of server (docs/load.md), against a fleet of
	// its own.
	Load func() string
}

// Fact is something that a client of a server is told before it can ask: an API host, a
// client ID, a shared secret.
type Fact struct {
	Name   string `json:"name"` // "api_host"; scenarios read it as {{ SERVER.api_host }}
	Value  string `json:"value"`
	Secret bool   `json:"secret,omitempty"` // it is to be typed or configured, not shown on a screen
}

// Personal is what one kind of server wants to know of a person or a client; it
// stands in their settings in the seed.
type Personal struct {
	Of  string // "user" or "client"
	Key string // "ldap.logon_hours"
	Doc string
}

// Port is one listener. Exactly one of HTTP, Conn and Packet is set.
type Port struct {
	Name   string // "http", "ldaps", "auth"; the ports file calls it "<server>/<name>"
	Listen string // "[host]:port"; the seed may move it
	// After names the port of the same server whose number + 1 this one takes where
	// numbers are free to choose: clients know one of the two and assume the other.
	After string
	TLS   bool // the fleet terminates TLS from the first octet
	Cert  Cert // whether a client certificate is asked for, with TLS
	Hosts []string
	// Certs say of some of the Hosts what Cert says of the port: a client that names such
	// a host in its TLS greeting is asked, or not asked, for a certificate of its own, others
	// at the same port are not. "*.x" is every name below x. Of a request's Host header it
	// knows nothing: a server that wants a certificate looks for one.
	Certs  map[string]Cert
	Try    string // a command for a person; {addr}, {host} and {port} are filled in
	Quiet  bool   // neither journalled nor broken: the control port
	Limits Limits
	HTTP   *HTTP
	Conn   func(ctx context.Context, c net.Conn)
	// Packet answers one datagram; nil means silence. The fleet runs many at once.
	// Its context outlives the datagram and ends with the fleet. req is only good
	// until Packet returns; resp is not modified by the fleet, so it may be kept.
	Packet func(ctx context.Context, req []byte, from net.Addr) (resp []byte)
	// Rest lets go what the server keeps in memory and nobody needs any more. It is
	// called now and then; nil: there is nothing of that kind.
	Rest func()
}

// HasHost reports whether a host name leads to the port: one of its Hosts, or a name below
// one that is "*.x".
func (p Port) HasHost(host string) bool {
	host = world.Fold(host)
	return slices.ContainsFunc(p.Hosts, func(h string) bool {
		h = world.Fold(h)
		below, wide := strings.CutPrefix(h, "*")
		return h == host || wide && strings.HasSuffix(host, below) && len(host) > len(below)
	})
}

// CertOf is what the port wants to know of a client that asks for a host: its own word
// in Certs, that of the longest "*.x" it is below, or Cert. "" is a client that names none.
func (p Port) CertOf(host string) Cert {
	host = world.Fold(strings.TrimSuffix(host, "."))
	if c, ok := p.Certs[host]; ok {
		return c
	}
	for rest := host; ; {
		_, below, ok := strings.Cut(rest, ".")
		if !ok {
			return p.Cert
		}
		if c, ok := p.Certs["*."+below]; ok {
			return c
		}
		rest = below
	}
}

// Cert says what a TLS port wants to know of its clients. Certificates are held
// against the fleet's own CA.
type Cert int

// What a TLS port does about client certificates.
const (
	NoCert       Cert = iota
	WantCert          // asked for, verified when given
	RequireCert       // no handshake without
	UnverifiedOK      // asked for, anything accepted: the server judges it
)

// Limits bound what a client can make the fleet hold. Zero means the default.
type Limits struct {
	Body     int64         // octets of an HTTP request body; default 1 MiB
	Conns    int           // connections or running datagrams at once; default 16384
	Idle     time.Duration // an idle HTTP connection is closed after; default 2 min
	Datagram int           // longest datagram read; default 4096
}

// HTTP is the face of a server that speaks HTTP.
type HTTP struct {
	Routes []Route // data, so that docs, faults and "every route is tested" can read it
	// NotFound answers an unknown path, or a known path with another method, in
	// the vendor's own words. The journal marks it "unimplemented".
	NotFound echo.HandlerFunc
	// Error puts causes into the vendor's status and body; it is the only place
	// where a status is chosen for an error.
	Error func(error, echo.Context)
}

// Route is one operation. "POST /v1/auth/userpass/login/:user" is the name it
// has in faults, journal and metrics, unless its handler sets another Call.Op.
type Route struct {
	Method, Path string // echo syntax
	Do           echo.HandlerFunc
}

// Name is the operation's name.
func (r Route) Name() string { return r.Method + " " + r.Path }

// Env is all that a server may know about the process around it.
type Env struct {
	Name     string // the instance's name in the seed; one kind may run several times
	World    *world.World
	Accounts *checkout.Service     // shared by all vaults: one account, one holder
	Factors  *factor.Service       // shared by all MFA servers: one device, one counter
	Logins   *signin.Authenticator // shared by all: one password, one failure count
	Tickets  *ticket.Service
	Store    state.Store // this server's own keys, already prefixed
	Clock    clock.Clock
	Started  time.Time // when the fleet began; replicas that start later say the same
	Rand     io.Reader // identifiers and nonces; repeatable, safe for concurrent use
	Log      *slog.Logger
	TLS      *tls.Config              // for StartTLS inside Conn
	Decode   func(v any) error        // this server's block of the seed, strictly; errors carry file:line:col
	URL      func(port string) string // how clients reach a port, for links inside answers
}
