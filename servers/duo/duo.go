// Package duo plays Duo Security's Auth API v2 and the older rest/v1 of its Unix
// clients: signatures of every version that clients make, preauth, auth with all
// factors, synchronous and asynchronous, enrolment and lock-out.
//
// Left out on purpose: WebAuthn and U2F, which the Auth API does not have, the
// Admin and Accounts APIs (known, see scope.go) and the Universal Prompt, which are
// other products, and Yubikeys as passcodes. A device's e-mail and voice codes are not Duo's: they stay unseen.
package duo

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/limits"
	"counterpart/internal/serving/dialect"
)

// Server is one Duo account.
type Server struct {
	dialect.Env
	set          Settings
	integrations map[string]Integration // by integration key
	members      map[string]Member      // by the person's ID
	logo         []byte

	transactions *state.Collection[transaction]
	promises     *state.Collection[promised] // transactions that preauth has announced
	accounts     *state.Collection[account]  // of people who were enrolled here, by accountKey
	guests       *state.Collection[string]   // names that the company does not know, by Duo's user ID
	counts       *state.Collection[int]      // of guests
	bypasses     *state.Collection[int]      // uses of a bypass code, by person and digest
	limits       *limits.Limiter             // by integration key
	trusted      *signin.Sessions[struct{}]  // what trusted devices present
	ids          func() *world.Lookup        // Duo's user ID → person
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, integrations: map[string]Integration{}, members: map[string]Member{}}
	if err := env.Decode(&s.set); err != nil {
		return nil, err
	}
	if err := s.set.check(env.World); err != nil {
		return nil, err
	}
	if len(s.set.Integrations) == 0 {
		s.set.Integrations = []Integration{generated(env)}
	}
	for _, in := range s.set.Integrations {
		if in.Name == "" {
			in.Name = in.IKey
		}
		s.integrations[in.IKey] = in
	}
	for _, m := range s.set.Users {
		if u, ok := env.World.User(m.Name); ok {
			s.members[u.ID] = m
		}
	}
	s.logo, _ = base64.StdEncoding.DecodeString(s.set.Logo) // checked
	s.ids = sync.OnceValue(s.index)
	s.transactions, s.promises = state.Of[transaction](s.Store, "tx"), state.Of[promised](s.Store, "promise")
	s.accounts, s.guests, s.counts = state.Of[account](s.Store, "account"), state.Of[string](s.Store, "guest"), state.Of[int](s.Store, "count")
	s.bypasses, s.limits = state.Of[int](s.Store, "bypass"), limits.New(s.Store, s.Clock)
	s.trusted = signin.NewSessions(s.Logins, signin.Kind[struct{}]{Realm: "duo trusted device:" + s.Name})
	return s, nil
}

// Faults that only this server can play.
const (
	undeliverable = "undeliverable"      // a push or call never reaches the device
	smsLost       = "sms-lost"           // a text message never arrives
	rateLimited   = "rate-limited"       // 429; args: retry_after, x_retry_after
	clockOff      = "clock-off"          // the service's clock is off; args: by
	dirtyWords    = "control-characters" // in the sentence for the user
)

// Faults implements dialect.Server.
func (s *Server) Faults() []string {
	return []string{undeliverable, smsLost, rateLimited, clockOff, dirtyWords}
}

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	return []dialect.Port{{
		Name: "https", Listen: s.set.Listen, TLS: true, Hosts: []string{s.set.Host},
		Limits: dialect.Limits{Body: 64 << 10},
		Try:    "curl -k https://{addr}/auth/v2/ping",
		HTTP:   &dialect.HTTP{Routes: s.routes(), Error: wording.Answer, NotFound: s.unknown},
	}}
}

// pingPath is the one path that asks nobody for a key.
const pingPath = "/auth/v2/ping"

func (s *Server) routes() []dialect.Route {
	routes := []dialect.Route{
		{Method: "GET", Path: pingPath, Do: s.ping},
		{Method: "GET", Path: "/auth/v2/check", Do: s.signed(s.check)},
		{Method: "GET", Path: "/auth/v2/logo", Do: s.signed(s.showLogo)},
		{Method: "POST", Path: "/auth/v2/enroll", Do: s.signed(s.enroll)},
		{Method: "POST", Path: "/auth/v2/enroll_status", Do: s.signed(s.enrolStatus)},
		{Method: "POST", Path: "/auth/v2/preauth", Do: s.signed(s.preauth)},
		{Method: "POST", Path: "/auth/v2/auth", Do: s.signed(s.auth)},
		{Method: "GET", Path: "/auth/v2/auth_status", Do: s.signed(s.authStatus)},
	}
	return append(routes, s.legacyRoutes()...)
}

// unknown answers a path that is not there, and a known one with another verb:
// like the service after it has seen who asks.
func (s *Server) unknown(c echo.Context) error {
	body, _, _ := read(c) // for the journal
	path := c.Request().URL.Path
	i := slices.IndexFunc(s.routes(), func(r dialect.Route) bool { return r.Path == path })
	in, err := Integration{}, error(nil)
	api := apiOf(path)
	if api != "" && path != pingPath { // anything else is no API's, and asks for no key
		if in, err = s.authenticate(c, body); err != nil {
			return err
		}
		if err := s.mayUse(dialect.CallFrom(c.Request().Context()), in, api); err != nil {
			return err
		}
	}
	if i >= 0 {
		return cause.Because(wrongMethod, "%s takes %s", path, s.routes()[i].Method)
	}
	return cause.Because(cause.NotFound, "there is no %s", path)
}

// ping tells the time to anybody: a signature is never looked at.
func (s *Server) ping(c echo.Context) error {
	now := s.now(dialect.CallFrom(c.Request().Context()))
	return c.JSON(http.StatusOK, envelope{"stat": "OK", "response": map[string]any{"time": now.Unix()}})
}

func (s *Server) check(r *request) (any, error) {
	return map[string]any{"time": int(s.now(r.call()).Unix())}, nil
}

// showLogo answers octets, no envelope.
func (s *Server) showLogo(r *request) (any, error) {
	if len(s.logo) == 0 {
		return nil, cause.Because(noLogo, "the seed has no logo")
	}
	r.call().Response = "an image"
	return nil, r.Blob(http.StatusOK, "image/png", s.logo)
}

// isLegacy reports a path of the older surface.
func isLegacy(path string) bool { return strings.HasPrefix(path, "/rest/v1/") }
