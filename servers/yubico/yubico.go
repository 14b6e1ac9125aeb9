// Package yubico plays Yubico's validation server (protocols 1.0 and 2.0) with its key
// storage module: verify, decrypt, revoke, sync and resync. Facts follow ykval 2.42 and
// ykksm, and what released clients send and read. A YubiKey is a device of the company:
// what is accepted here is used up for every server, and the key itself, which is
// pressed through the control port, is no part of this server.
//
// Left out on purpose: the queue that delivers to peers later what they have missed
// (nothing that a client can ask depends on it), the monitoring pages of ykval, and a
// limit of requests, which ykval does not have.
package yubico

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
)

// Server is one validation server with its key storage module.
type Server struct {
	dialect.Env
	set     Settings
	clients map[uint64]client
	nobody  *signer         // with the empty key
	keys    map[string]*key // by public ID
	allowed map[string][]netip.Prefix
	rows    *state.Collection[row] // of keys that the key storage module does not know, by public ID
	peers   *state.Collection[row] // what each of the pool has seen, by peer and public ID
	ops     map[string]echo.HandlerFunc
}

// row is what a validation server has seen of a key.
type row struct {
	factor.YubikeyRow
	Inactive bool `json:"inactive,omitempty"`
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, clients: map[uint64]client{}, nobody: newSigner(nil), keys: map[string]*key{}, allowed: map[string][]netip.Prefix{},
		rows: state.Of[row](env.Store, "row"), peers: state.Of[row](env.Store, "peer")}
	if err := env.Decode(&s.set); err != nil {
		return nil, err
	}
	for _, load := range []func() error{s.loadAddresses, s.loadClients, s.loadKeys, s.loadRows, s.loadPeers} {
		if err := load(); err != nil {
			return nil, err
		}
	}
	s.ops = map[string]echo.HandlerFunc{opVerify: s.verify, opDecrypt: s.decrypt, opRevoke: s.revoke, opSync: s.sync, opResync: s.resync}
	return s, nil
}

// The operations, by the last part of their paths.
const (
	opVerify  = "verify"
	opDecrypt = "decrypt"
	opRevoke  = "revoke"
	opSync    = "sync"
	opResync  = "resync"
)

// hosts are the names that clients know by themselves.
var hosts = []string{"api.yubico.com", "api2.yubico.com", "api3.yubico.com", "api4.yubico.com", "api5.yubico.com"}

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	face := &dialect.HTTP{Routes: s.routes(), Error: answerError, NotFound: notFound}
	limits := dialect.Limits{Body: 64 << 10}
	const try = "://{addr}/wsapi/2.0/verify?id=1&nonce=0123456789abcdef&otp=cccccccccccccccccccccccccccccccccccccccccccc'"
	return []dialect.Port{
		{Name: "http", Listen: s.set.Listen, Hosts: hosts, Limits: limits, Try: "curl 'http" + try, HTTP: face},
		{Name: "https", Listen: s.set.TLSListen, TLS: true, Hosts: hosts, Limits: limits, Try: "curl -k 'https" + try, HTTP: face},
	}
}

// routes are wide: any path that ends in /verify is one, whatever leads there.
func (s *Server) routes() []dialect.Route {
	var out []dialect.Route
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
		out = append(out, dialect.Route{Method: method, Path: "/*", Do: s.dispatch})
	}
	return out
}

// operation is what a path leads to; "" is none.
func operation(path string) string {
	path = strings.TrimRight(path, "/")
	at := strings.LastIndexByte(path, '/')
	name := path[at+1:]
	switch name {
	case opVerify:
		return name
	case opDecrypt, opRevoke, opSync, opResync:
		if rest, ours := strings.CutPrefix(path[:at+1], "/wsapi/"); ours && (rest == "" || versionAt(path+"/") >= 0) {
			return name
		}
	}
	return ""
}

// dispatch finds the operation of a path.
func (s *Server) dispatch(c echo.Context) error {
	call := dialect.CallFrom(c.Request().Context())
	op := operation(c.Request().URL.Path)
	if op == "" {
		call.Op, call.Unnamed, call.Outcome = c.Request().Method+" "+c.Request().URL.Path, true, dialect.Unimplemented
		return notFound(c)
	}
	call.Op = op
	if err := call.Admit(c.Request().Context()); err != nil {
		return err
	}
	return s.ops[op](c)
}

// notFound is the page of the web server before the scripts.
func notFound(c echo.Context) error {
	call := dialect.CallFrom(c.Request().Context())
	call.Why = cause.Why(cause.Because(cause.NotFound, "there is no %s", c.Request().URL.Path))
	return c.Blob(http.StatusNotFound, "text/html; charset=iso-8859-1", []byte("<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n"+
		"<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n"))
}
