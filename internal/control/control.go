// Package control is the fleet's own port: what runs where, whether it is
// ready, which code a person's device shows, what was asked and answered, and
// the CA to trust. It needs no token on loopback.
package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/cause"
	"counterpart/internal/clock"
	"counterpart/internal/dialect"
	"counterpart/internal/factor"
	"counterpart/internal/fleet"
	"counterpart/internal/journal"
	"counterpart/internal/pki"
	"counterpart/internal/signin"
	"counterpart/internal/world"
)

// Config is what the control port stands on.
type Config struct {
	Listen  string // "[host]:port"
	Token   string // needed by every request; may be empty on loopback only
	World   *world.World
	Factors *factor.Bench
	Journal *journal.Journal
	PKI     *pki.Authority
	Clock   clock.Clock
	Fleet   func() *fleet.Fleet // nil until the ports are bound
}

// Server is the control port as a server of the fleet.
type Server struct{ Config }

// New refuses a control port that strangers could reach without a token.
func New(c Config) (*Server, error) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("control: listen %q: %w", c.Listen, err)
	}
	if c.Token == "" && !loopback(host) {
		return nil, fmt.Errorf("control: %s can be reached from elsewhere and hands out codes; set `control.token` in the seed or COUNTERPART_CONTROL_TOKEN, or listen on 127.0.0.1", c.Listen)
	}
	return &Server{c}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Faults implements dialect.Server: none are played here.
func (s *Server) Faults() []string { return nil }

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	get := func(path string, do echo.HandlerFunc) dialect.Route {
		return dialect.Route{Method: "GET", Path: path, Do: s.guard(do)}
	}
	return []dialect.Port{{Name: "http", Listen: s.Listen, Quiet: true, Try: "curl http://{addr}/endpoints", HTTP: &dialect.HTTP{
		Routes: []dialect.Route{
			get("/healthz", func(c echo.Context) error { return c.JSON(200, map[string]string{"status": "ok"}) }),
			get("/readyz", s.ready),
			get("/endpoints", s.endpoints),
			get("/users/:user/otp", s.otp),
			get("/journal", s.journal),
			get("/ca.pem", func(c echo.Context) error { return c.Blob(200, "application/x-pem-file", s.PKI.PEM()) }),
		},
		NotFound: s.guard(func(c echo.Context) error {
			return cause.Because(cause.NotFound, "there is no %s %s", c.Request().Method, c.Request().URL.Path)
		}),
		Error: problem,
	}}}
}

// guard checks the Host header, so that no web page can reach the port through
// a name of its own, and the token if there is one.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		host := c.Request().Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		own, _, _ := net.SplitHostPort(s.Listen)
		if bare := strings.Trim(host, "[]"); net.ParseIP(bare) == nil && host != "localhost" && host != own && !strings.HasPrefix(host, "counterpart") {
			return cause.Because(cause.NotAllowed, "the Host header says %q, which is not this port", host)
		}
		if s.Token != "" {
			got, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer ")
			if !ok || !signin.Same(got, s.Token) {
				return cause.Because(cause.NotAuthenticated, "the control port wants its token: Authorization: Bearer …")
			}
		}
		return next(c)
	}
}

func (s *Server) ready(c echo.Context) error {
	if f := s.Fleet(); f == nil || !f.Ready() {
		return cause.Because(cause.Unavailable, "the ports are being bound")
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
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
	return c.JSON(http.StatusOK, map[string]any{"endpoints": rows})
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

// longestWait bounds how long /journal holds a request.
const longestWait = 60 * time.Second

// journal answers what was recorded after ?since=N, filtered; ?wait=10s holds
// the request until there is something.
func (s *Server) journal(c echo.Context) error {
	since, err := number(c, "since")
	if err != nil {
		return err
	}
	limit, err := number(c, "limit")
	if err != nil {
		return err
	}
	m := journal.Match{Server: c.QueryParam("server"), Op: c.QueryParam("op"), Actor: c.QueryParam("actor"),
		Object: c.QueryParam("object"), Outcome: c.QueryParam("outcome")}
	if w := c.QueryParam("wait"); w != "" {
		d, err := time.ParseDuration(w)
		if err != nil || d < 0 {
			return cause.Because(cause.BadInput, "wait must be a duration like 10s, not %q", w)
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), min(d, longestWait))
		defer cancel()
		s.Journal.Await(ctx, since, m) // that nothing came is an answer too
	}
	return c.JSON(http.StatusOK, s.Journal.Since(since, m, int(limit)))
}

func number(c echo.Context, name string) (uint64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, cause.Because(cause.BadInput, "%s must be a whole number, not %q", name, text)
	}
	return n, nil
}

var statuses = map[cause.Cause]int{
	cause.NotFound: 404, cause.UnknownUser: 404, cause.BadInput: 400, cause.NotAllowed: 403, cause.NotAuthenticated: 401,
	cause.Unavailable: 503,
}

// problem answers an error as a problem document (RFC 9457).
func problem(err error, c echo.Context) {
	reason, known := cause.Of(err)
	status, ok := statuses[reason]
	if !ok {
		status = http.StatusInternalServerError
	}
	title := string(reason)
	if !known {
		title = http.StatusText(status)
	}
	if status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", "Bearer")
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	c.JSON(status, map[string]any{"type": "about:blank", "title": title, "status": status, "detail": cause.Why(err)})
}
