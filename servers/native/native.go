// Package native is Counterpart's own plain REST: a vault, one-time passwords
// and tickets over one HTTP port, described by openapi.yaml, which the server
// itself hands out. It is the smallest example of a server: routes, wire.go for
// what bodies look like, errors.go for refusals, and no network code.
//
// Left out on purpose: attachments on tickets and a listing of all people; no
// client of the fleet asks for them here.
package native

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"go.yaml.in/yaml/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

// Settings is a native server's block of the seed.
type Settings struct {
	Listen string  `yaml:"listen" doc:"Address and port of the REST API." default:":8080" format:"listen"`
	TLS    bool    `yaml:"tls" doc:"Whether the port speaks TLS."`
	Roles  []Grant `yaml:"roles" doc:"Roles of people who log in with their own name and password. Everybody else is an operator."`
}

// Grant gives a role to a person or to the members of a group.
type Grant struct {
	User  string `yaml:"user" doc:"Name of a person." ref:"user"`
	Group string `yaml:"group" doc:"Name of a group." ref:"group"`
	Role  string `yaml:"role" doc:"What they may do." enum:"reader|validator|operator|admin" required:"true"`
}

//go:embed openapi.yaml
var spec []byte

// Server is the native REST API.
type Server struct {
	dialect.Env
	settings Settings
	keys     map[[32]byte]world.Client // by the hash of the secret
	json     []byte                    // the specification as JSON
	queries  map[string]map[string]*parameter
	answers  *state.Collection[answer] // to requests with an Idempotency-Key
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, settings: Settings{Listen: ":8080"}, keys: map[[32]byte]world.Client{}, answers: state.Of[answer](env.Store, "idempotency")}
	if err := env.Decode(&s.settings); err != nil {
		return nil, err
	}
	for i, g := range s.settings.Roles {
		if (g.User == "") == (g.Group == "") {
			return nil, fmt.Errorf("roles[%d]: give either a user or a group", i)
		}
	}
	for c := range env.World.Clients() {
		if c.System != "" && c.System != "native" || c.Secret == "" {
			continue
		}
		id := fingerprint(c.Secret)
		if other, taken := s.keys[id]; taken {
			return nil, fmt.Errorf("clients %q and %q have the same secret, which is their API key here; give them different ones", other.Name, c.Name)
		}
		s.keys[id] = c
	}
	var document map[string]any
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return nil, fmt.Errorf("native: openapi.yaml: %w", err)
	}
	var err error
	s.json, err = json.Marshal(document)
	s.queries = queries(document)
	return s, err
}

// Faults implements dialect.Server.
func (s *Server) Faults() []string { return nil }

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	scheme := "http"
	if s.settings.TLS {
		scheme = "https"
	}
	return []dialect.Port{{
		Name: "http", Listen: s.settings.Listen, TLS: s.settings.TLS,
		Try:  s.try(scheme),
		HTTP: &dialect.HTTP{Routes: s.routes(), Error: wording.Answer, NotFound: s.unknown},
	}}
}

// unknown answers a path or a method that is not there: what is there is said to
// those who have logged in.
func (s *Server) unknown(c echo.Context) error {
	path := c.Request().URL.EscapedPath()
	if !strings.HasPrefix(path, "/openapi.") {
		who, err := s.identify(c)
		if err != nil {
			return err
		}
		who.call().Actor = who.Name()
	}
	if err := httpapi.MethodNotAllowed(c, s.routes()); err != nil {
		return err
	}
	return cause.Because(cause.NotFound, "there is no %s; see /openapi.yaml", c.Request().URL.Path)
}

func (s *Server) routes() []dialect.Route {
	routes := []dialect.Route{
		{Method: "GET", Path: "/openapi.yaml", Do: func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", spec) }},
		{Method: "GET", Path: "/openapi.json", Do: func(c echo.Context) error { return c.JSONBlob(http.StatusOK, s.json) }},
	}
	routes = append(routes, s.vaultRoutes()...)
	routes = append(routes, s.otpRoutes()...)
	return append(routes, s.ticketRoutes()...)
}

// try is a command that works: as the first person who may log in.
func (s *Server) try(scheme string) string {
	command := "curl"
	if s.settings.TLS {
		command += " -k"
	}
	for u := range s.World.Users() {
		if u.Status == world.Active && u.Password != "" {
			who := strings.ReplaceAll(u.Name+":"+u.Password, "'", `'\''`)
			if strings.Trim(who, shellSafe) != "" {
				who = "'" + who + "'"
			}
			return command + " -u " + who + " " + scheme + "://{addr}/vault/v1/accounts"
		}
	}
	return command + " " + scheme + "://{addr}/openapi.yaml"
}

// shellSafe needs no quotes on a command line.
const shellSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-@+"

// route is one operation with the role it needs.
func (s *Server) route(method, path string, need role, do handler) dialect.Route {
	return dialect.Route{Method: method, Path: path, Do: s.authenticated(need, do)}
}

// write is a route that obeys Idempotency-Key.
func (s *Server) write(method, path string, need role, do handler) dialect.Route {
	return dialect.Route{Method: method, Path: path, Do: s.authenticated(need, s.once(do))}
}
