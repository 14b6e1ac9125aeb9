// Package radius is a RADIUS server (RFC 2865, 2866, 3579, 5080, 5997, 6613,
// 6614) that plays the MFA products which privileged-access gateways are
// configured against: a plain password or OTP server, FreeRADIUS, RSA
// Authentication Manager, the Duo Authentication Proxy, Microsoft NPS with the
// Entra extension, the Okta RADIUS agent, or a conversation written in the seed.
//
// A packet travels: client look-up, length, code, attribute tiling and
// authenticators on the raw octets (serve.go, internal/wire) → reply cache
// (cache.go) → accounting.go or access.go → password method (method.go, eap.go)
// → the flavour's flow → verdict → reply. Every packet that is dropped says on
// its Call why; on the wire it is silence, as the RFCs want it.
//
// Left out on purpose:
//   - RADIUS/DTLS (RFC 7360), RADIUS/1.1 and CoA/Disconnect: no client of the
//     contract uses them here;
//   - PINs that RSA's server chooses, TTLS with anything but PAP inside, TLS 1.3
//     inside EAP: nobody could say how the real system words them, or no current
//     client asks for them.
package radius

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"counterpart/internal/face/radius/attr"
	"counterpart/internal/serving/dialect"
)

// Server answers RADIUS for one virtual server of a seed.
type server struct {
	env     dialect.Env
	set     Settings
	dict    *attr.Dictionary
	clients *clientTable
	cache   *replyCache
	shared  *sharedReplies // nil: no other process answers
	flow    flow
	words   wording
	grants  *grants
	states  *states
	acct    *ledger
	tunnels *tunnels
	methods map[string]bool
	status  bool
}

// New builds a server from its block of the seed and does no I/O. The error
// names every mistake in the block.
func New(env dialect.Env) (dialect.Server, error) {
	s := &server{env: env, dict: attr.NewDictionary()}
	if err := env.Decode(&s.set); err != nil {
		return nil, err
	}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("radius server %q: %w", env.Name, err)
	}
	s.cache = newReplyCache(s.set.CacheFor, max(s.set.MaxRequests, 256*s.clients.count))
	s.shared = newSharedReplies(env, &s.set)
	s.states = newStates(env, s.set.Challenge.TTL)
	s.acct = newLedger(env.Store, s.dict)
	s.tunnels = newTunnels(env)
	return s, nil
}

// configure fills in the defaults and checks what is left.
func (s *server) configure() error {
	set := &s.set
	set.Flavour = orElse(strings.ToLower(set.Flavour), "generic")
	set.Listen, set.AcctListen = orElse(set.Listen, ":1812"), orElse(set.AcctListen, ":1813")
	set.HoldMax, set.CacheFor = orElse(set.HoldMax, time.Minute), orElse(set.CacheFor, 5*time.Second)
	set.MaxRequests = orElse(set.MaxRequests, 16384)
	set.Challenge.TTL = orElse(set.Challenge.TTL, time.Minute)
	set.Duo.Delimiter = orElse(set.Duo.Delimiter, ",")
	set.Okta.Separator = orElse(set.Okta.Separator, ",")
	set.RSA.BadTries = orElse(set.RSA.BadTries, 3)
	var wrong []error
	f, known := flavours()[set.Flavour]
	if !known {
		return fmt.Errorf("flavour: unknown %q; known are generic, freeradius, rsa, duo, nps, okta, scripted", set.Flavour)
	}
	s.words = f.words
	if set.RejectDelay == nil {
		set.RejectDelay = &f.rejectDelay
	}
	wrong = append(wrong, within("reject_delay", *set.RejectDelay, 0, 30*time.Second),
		within("hold_max", set.HoldMax, time.Second, 2*time.Minute),
		within("cache_for", set.CacheFor, 2*time.Second, 30*time.Second),
		within("challenge.ttl", set.Challenge.TTL, time.Second, time.Hour))
	status, err := parseTri("status_server", orElse(set.StatusServer, "yes"))
	s.status = status != no
	wrong = append(wrong, err, s.configureMethods(f.methods))
	if len(set.Challenge.Prompt) > 253 {
		wrong = append(wrong, errors.New("challenge.prompt: a Reply-Message has at most 253 octets"))
	}
	s.clients, err = newClientTable(set.Clients, s.env.World.Clients())
	wrong = append(wrong, err)
	s.grants, err = newGrants(s.dict, set.Attributes, s.env.World)
	wrong = append(wrong, err)
	s.flow, err = f.flow(s)
	return errors.Join(append(wrong, err)...)
}

func within(field string, d, low, high time.Duration) error {
	if d < low || d > high {
		return fmt.Errorf("%s: %v is outside %v to %v", field, d, low, high)
	}
	return nil
}

// configureMethods reads methods; def is what the flavour can do.
func (s *server) configureMethods(def []string) error {
	list := s.set.Methods
	if len(list) == 0 {
		list = def
	}
	s.methods = map[string]bool{}
	for _, m := range list {
		if !slices.Contains([]string{"pap", "chap", "mschap", "mschapv2", "eap"}, m) {
			return fmt.Errorf("methods: unknown %q; known are pap, chap, mschap, mschapv2, eap", m)
		}
		s.methods[m] = true
	}
	for _, m := range s.set.EAP.Methods {
		if !slices.Contains(eapMethods(), m) {
			return fmt.Errorf("eap.methods: unknown %q; known are %s", m, strings.Join(eapMethods(), ", "))
		}
	}
	return nil
}

// Ports are authentication and accounting over UDP, and where the seed asks for
// them RADIUS over TCP and over TLS.
func (s *server) Ports() []dialect.Port {
	ports := []dialect.Port{
		{Name: onAuth.String(), Listen: s.set.Listen, Try: s.try(), Packet: s.packet(onAuth),
			Rest: func() { s.cache.rest(s.env.Clock.Now()) }},
		{Name: onAcct.String(), After: onAuth.String(), Listen: s.set.AcctListen, Packet: s.packet(onAcct)},
	}
	if s.set.TCPListen != "" {
		ports = append(ports, dialect.Port{Name: onTCP.String(), Listen: s.set.TCPListen, Conn: s.stream(onTCP)})
	}
	if s.set.RadSecListen != "" {
		ports = append(ports, dialect.Port{Name: onRadSec.String(), Listen: s.set.RadSecListen, TLS: true,
			Cert: dialect.RequireCert, Conn: s.stream(onRadSec)})
	}
	return ports
}

// try is a command for a person, where a password alone lets alice in.
func (s *server) try() string {
	alice, ok := s.env.World.User("alice")
	f, plain := s.flow.(*steps)
	if !ok || !plain || len(f.list) != 1 || f.asksNoPassword() || len(s.set.Clients) == 0 {
		return ""
	}
	return fmt.Sprintf("radtest %s '%s' {addr} 0 '%s'", alice.Name, alice.Password, s.set.Clients[0].Secret)
}

// random fills n octets from the fleet's source.
func (s *server) random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(s.env.Rand, b)
	return b, err
}
