// Package rsa plays RSA's SecurID Authentication API (/mfa/v1_1): Authentication Manager on
// one's own premises and the cloud service. A login is an attempt: initialize names the
// methods, verify answers them, status and cancel look at it and end it. PIN, mode and codes
// of a token are the company's, so that what RADIUS has begun goes on here.
//
// Nobody has published what RSA's servers say to a bad key, an unknown attempt or a bad
// passcode: those values stand in words.go. Left out on purpose: the PIN that changes the
// code of a software token (the algorithm is RSA's own), on-demand tokencodes of
// Authentication Manager, which this API has no documented shape for, and the Administration
// API of the cloud, which is another product.
package rsa

import (
	"github.com/labstack/echo/v4"

	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
)

// Server is one Authentication Manager, or one tenant of the cloud.
type Server struct {
	dialect.Env
	set      Settings
	members  map[string]Member // by the person's ID
	attempts *state.Collection[attempt]
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, members: map[string]Member{}, attempts: state.Of[attempt](env.Store, "attempt")}
	if err := env.Decode(&s.set); err != nil {
		return nil, err
	}
	if err := s.set.check(env.World); err != nil {
		return nil, err
	}
	if len(s.set.Clients) == 0 {
		s.set.Clients = []Client{generated(env)}
	}
	for _, m := range s.set.Users {
		if u, ok := env.World.User(m.Name); ok {
			s.members[u.ID] = m
			if mode := m.mode(); mode != "" {
				env.Factors.SeedToken(u.ID, mode)
			}
		}
	}
	return s, nil
}

// base is where the API is.
const base = "/mfa/v1_1/authn/"

// Faults that only this server can play.
const (
	noReason  = "no-reason"    // an answer without attemptReasonCode
	emptyFail = "empty-fail"   // FAIL with no challenges, whatever was decided
	lostChain = "broken-chain" // the answer's messageId is none that the server knows
)

// Faults implements dialect.Server.
func (s *Server) Faults() []string { return []string{noReason, emptyFail, lostChain} }

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	var hosts []string
	if s.set.Host != "" {
		hosts = []string{s.set.Host}
	}
	return []dialect.Port{{
		Name: "https", Listen: s.set.Listen, TLS: true, Hosts: hosts, Limits: dialect.Limits{Body: 64 << 10},
		Try: "curl -k https://{addr}" + base + "initialize -H 'client-key: " + s.set.Clients[0].AccessKey + "' --json '" +
			`{"clientId":"` + s.set.agent() + `","subjectName":"` + s.someone() + `","context":{"messageId":"1"}}` + "'",
		HTTP: &dialect.HTTP{Routes: s.routes(), Error: s.answerError, NotFound: s.notFound},
	}}
}

// someone is a person to try a login with: the first of the company.
func (s *Server) someone() string {
	if s.World.WrittenCount() == 0 {
		return "nobody"
	}
	return s.World.UserAt(0).Name
}

func (s *Server) routes() []dialect.Route {
	return []dialect.Route{
		{Method: "POST", Path: base + "initialize", Do: s.known(s.initialize)},
		{Method: "POST", Path: base + "verify", Do: s.known(s.verify)},
		{Method: "POST", Path: base + "status", Do: s.known(s.status)},
		{Method: "POST", Path: base + "cancel", Do: s.known(s.cancel)},
	}
}

// cloud reports the flavour that has methods beside the token.
func (s *Server) cloud() bool { return s.set.Flavour == "cloud" }

// person is the one a request is about; known is false where the company has nobody of that
// name, which no answer tells.
func (s *Server) person(subject string) (u world.User, known bool) {
	if u, known = s.World.User(subject); known {
		return u, true
	}
	return s.World.Login(subject)
}

// handler does an operation for a client that has proved itself, with the body it sent.
type handler func(c echo.Context, who Client, body []byte) error
