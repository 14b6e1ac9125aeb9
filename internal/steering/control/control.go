// Package control is the fleet's own port: what runs where and whether it is
// ready; clock, faults and decisions to set; approvals, codes and leases to see;
// the journal to search and to hold expectations against. It needs no token on
// loopback. openapi.yaml describes it.
package control

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.yaml.in/yaml/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
	"counterpart/internal/serving/replica"
)

// Config is what the control port stands on.
type Config struct {
	Listen  string // "[host]:port"
	Token   string // needed by every request; may be empty on loopback only
	World   *world.World
	Factors *factor.Service
	Journal *journal.Journal
	PKI     *pki.Authority
	Clock   *clock.Virtual
	Fleet   func() *fleet.Fleet              // nil until the ports are bound
	Facts   func() map[string][]dialect.Fact // what clients are configured with, by server; nil: none

	Accounts  *checkout.Service
	Logins    *signin.Authenticator
	Tickets   *ticket.Service
	Decisions *decision.Overrides
	Rules     *fault.Table
	// Counted is what all replicas have counted; with an error, what this one knows.
	Counted  func(context.Context) (journal.Counts, error)
	Secrets  *journal.Secrets
	Replicas *replica.Group
	Store    state.Store // has the tokens of phones
	// Health is what hinders the store, within the context's time; nil when nothing does.
	Health func(context.Context) error
	// Reset takes the fleet back to its seed.
	Reset func(context.Context) error
	// Export is the fleet as it stands, as a seed; nil: not to be had.
	Export func(context.Context) ([]byte, error)
	// Load takes another seed in place of the one that runs, and returns its digest;
	// nil: not to be had.
	Load   func(ctx context.Context, text []byte) (digest string, err error)
	Digest string // of the seed that runs
	// Locate finds where the seed says something: see seed.Seed.Locate. nil: nowhere.
	Locate func(in, name string, keys ...string) (at Place, ok bool)
	// Plugins runs sessions of plugins; nil: none are to be had.
	Plugins *Plugins
	// Profiles opens the runtime's profiles under /debug/pprof/.
	Profiles bool
}

// Server is the control port as a server of the fleet.
type Server struct {
	Config
	json    func() ([]byte, error)           // the specification as JSON, made when first asked for
	readers atomic.Int64                     // of the journal's stream
	turns   chan struct{}                    // of listings, exports and imports
	scrapes chan struct{}                    // of /metrics
	glance  glance                           // of those who wait for an approval
	probe   probe                            // of the store
	status  status                           // of the fleet, for those who follow it
	files   func() (map[string]asset, error) // of the console, likewise
}

//go:embed openapi.yaml
var spec []byte

// New refuses a control port that strangers could reach without a token.
func New(c Config) (*Server, error) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("control: listen %q: %w", c.Listen, err)
	}
	if c.Token == "" && !loopback(host) {
		return nil, fmt.Errorf("control: %s can be reached from elsewhere and hands out codes; set `control.token` in the seed or COUNTERPART_CONTROL_TOKEN, or listen on 127.0.0.1", c.Listen)
	}
	if err := sendable(c.Token); c.Token != "" && err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return &Server{Config: c, json: sync.OnceValues(specification), files: sync.OnceValues(assets),
		turns: make(chan struct{}, heavyAtOnce), scrapes: make(chan struct{}, 1)}, nil
}

// specification is openapi.yaml as JSON.
func specification() ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return nil, fmt.Errorf("control: openapi.yaml: %w", err)
	}
	return json.Marshal(document)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Faults implements dialect.Server: none are played here.
func (s *Server) Faults() []string { return nil }

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	routes := []dialect.Route{
		s.route("GET", "/healthz", func(c echo.Context) error { return c.JSON(200, map[string]string{"status": "ok"}) }),
		s.route("GET", "/readyz", s.ready),
		s.route("GET", "/endpoints", s.endpoints),
		s.route("GET", "/replicas", s.replicas),
		s.route("GET", "/users/:user/otp", s.otp),
		s.route("GET", "/openapi.yaml", func(c echo.Context) error { return c.Blob(200, "application/yaml", spec) }),
		s.route("GET", "/openapi.json", func(c echo.Context) error {
			text, err := s.json()
			if err != nil {
				return err
			}
			return c.JSONBlob(200, text)
		}),
		s.inTurn(s.scrapes, dialect.Route{Method: "GET", Path: "/metrics", Do: s.metrics}),
		s.inTurn(s.scrapes, dialect.Route{Method: "GET", Path: "/times", Do: s.times}),
		s.route("GET", "/clock", s.showClock),
		s.route("POST", "/clock", s.setClock),
		s.heavy("GET", "/clock/upcoming", s.upcoming),
		s.heavy("GET", "/state", s.export),
		s.heavy("PUT", "/state", s.load),
		s.route("POST", "/state/reset", s.reset),
		s.heavy("GET", "/audit", s.audit),
	}
	routes = append(routes, s.certificateRoutes()...)
	routes = append(routes, s.faultRoutes()...)
	routes = append(routes, s.decisionRoutes()...)
	routes = append(routes, s.peopleRoutes()...)
	routes = append(routes, s.listRoutes()...)
	routes = append(routes, s.pairingRoutes()...)
	routes = append(routes, s.phoneRoutes()...)
	routes = append(routes, s.yubikeyRoutes()...)
	routes = append(routes, s.journalRoutes()...)
	routes = append(routes, s.consoleRoutes()...)
	routes = append(routes, s.sessionRoutes()...)
	routes = append(routes, s.profiles()...)
	return []dialect.Port{{Name: "http", Listen: s.Listen, Quiet: true, Try: "curl http://{addr}/endpoints",
		Limits: dialect.Limits{Body: largestSeed}, HTTP: &dialect.HTTP{
			Routes: routes,
			NotFound: s.guard(func(c echo.Context) error {
				if err := httpapi.MethodNotAllowed(c, routes); err != nil {
					return err
				}
				return cause.Because(cause.NotFound, "there is no %s %s; see /openapi.yaml", c.Request().Method, c.Request().URL.Path)
			}),
			Error: wording.Answer,
		}}}
}

func (s *Server) route(method, path string, do echo.HandlerFunc) dialect.Route {
	return dialect.Route{Method: method, Path: path, Do: s.guard(do)}
}

// guard lets in whoever comes from here and has the token, if there is one.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return s.fromHere(func(c echo.Context) error {
		if s.Token != "" {
			got, given := httpapi.Bearer(c.Request().Header, httpapi.SchemeRules{})
			if (given != httpapi.Present || !signin.Same(got, s.Token)) && !s.byCookie(c) {
				return cause.Because(cause.NotAuthenticated, "the control port wants its token: Authorization: Bearer …")
			}
		}
		return next(c)
	})
}

// fromHere checks the Host header, so that no web page can reach the port through a name of
// its own, and that no page of another site sends the request.
func (s *Server) fromHere(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		host := c.Request().Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		own, _, _ := net.SplitHostPort(s.Listen)
		if bare := strings.Trim(host, "[]"); net.ParseIP(bare) == nil && host != "localhost" && host != own && host != "counterpart" {
			return cause.Because(cause.NotAllowed, "the Host header says %q, which is not this port", host)
		}
		// A page of another site may send simple requests without being allowed to
		// read the answer; here that would be enough to do harm.
		if from := c.Request().Header.Get("Origin"); from != "" && from != "http://"+c.Request().Host && from != "https://"+c.Request().Host {
			return cause.Because(cause.NotAllowed, "the request comes from a page of %s", from)
		}
		return next(c)
	}
}

// endpoint is a row of /endpoints.
type endpoint struct {
	fleet.Endpoint
	Name string `json:"name"`
	URL  string `json:"url"`
}

func (s *Server) endpoints(c echo.Context) error {
	f := s.Fleet()
	if f == nil {
		return cause.Because(cause.Unavailable, "the ports are being bound")
	}
	rows := []endpoint{}
	for _, e := range f.Endpoints() {
		rows = append(rows, endpoint{e, e.ID(), e.URL()})
	}
	facts := map[string][]dialect.Fact{}
	if s.Facts != nil {
		facts = s.Facts()
	}
	return c.JSON(http.StatusOK, map[string]any{"endpoints": rows, "facts": facts})
}

// shown is what a device displays now.
type shown struct {
	Device string           `json:"device"`
	Kind   world.DeviceKind `json:"kind"`
	Code   string           `json:"code,omitempty"`
	Until  time.Time        `json:"until,omitzero"`
	Locked bool             `json:"locked,omitempty"`
	Off    bool             `json:"disabled,omitempty"`
	Note   string           `json:"note,omitempty"`
}

func (s *Server) otp(c echo.Context) error {
	ctx := c.Request().Context()
	u, ok := s.World.Login(c.Param("user"))
	if !ok {
		return cause.Because(cause.UnknownUser, "nobody is called %q", c.Param("user"))
	}
	devices, err := s.Factors.Devices(ctx, u.ID)
	if err != nil {
		return err
	}
	rows := []shown{}
	for _, d := range devices {
		if !factor.Can(d.Kind) {
			continue
		}
		row := shown{Device: d.ID, Kind: d.Kind, Locked: d.Locked, Off: d.Disabled}
		row.Code, row.Until, err = s.Factors.Current(ctx, d.ID)
		if errors.Is(err, cause.NoneDelivered) {
			row.Note, err = cause.Why(err), nil
		}
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return c.JSON(http.StatusOK, map[string]any{"user": u.ID, "at": s.Clock.Now(), "devices": rows})
}
