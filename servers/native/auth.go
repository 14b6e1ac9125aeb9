package native

import (
	"crypto/sha256"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

// role is what a caller may do; each includes the ones before it.
type role int

const (
	reader    role = iota + 1 // look
	validator                 // verify codes, validate tickets, record sessions
	operator                  // fetch and check out, trigger, write tickets
	admin                     // force, enrol, unlock, act for everybody
)

var roles = map[string]role{"reader": reader, "validator": validator, "operator": operator, "admin": admin}

func (r role) String() string {
	for name, x := range roles {
		if x == r {
			return name
		}
	}
	return "nobody"
}

// caller is who asks.
type caller struct {
	echo.Context
	checkout.Principal
	role role
}

// call is the operation in flight.
func (c *caller) call() *dialect.Call { return dialect.CallFrom(c.Request().Context()) }

// handler is a route that knows who asks.
type handler func(*caller) error

func fingerprint(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// authenticated lets a handler run for callers of at least a role.
func (s *Server) authenticated(need role, do handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, err := s.identify(c)
		if err != nil {
			return err
		}
		who.call().Actor = who.Name()
		if err := who.call().Admit(c.Request().Context()); err != nil { // for faults about this caller
			return err
		}
		if who.role < need {
			return cause.Because(cause.NotAllowed, "%s is %s, and this needs %s", who.Name(), who.role, need)
		}
		if err := s.checkQuery(who); err != nil {
			return err
		}
		return do(who)
	}
}

// identify finds out who asks: Bearer with a client's secret, or Basic with a
// person's or a client's name.
func (s *Server) identify(c echo.Context) (*caller, error) {
	r := c.Request()
	if key, given := httpapi.Bearer(r.Header, httpapi.SchemeRules{AnyCase: true}); given == httpapi.Present {
		client, known := s.keys[fingerprint(key)]
		if !known {
			return nil, cause.Because(cause.NotAuthenticated, "no client has that API key")
		}
		return s.onBehalf(c, s.client(client))
	}
	name, password, given := httpapi.Basic(r.Header)
	if given != httpapi.Present {
		return nil, cause.Because(cause.NotAuthenticated, "send Authorization: Bearer <API key>, or Basic")
	}
	if client, known := s.keys[fingerprint(password)]; known && strings.EqualFold(client.Name, name) {
		return s.onBehalf(c, s.client(client))
	}
	u, err := s.Logins.Login(r.Context(), name, password)
	if err != nil {
		dialect.CallFrom(r.Context()).Actor = u.ID // who was tried
		if _, refused := cause.Of(err); refused {
			err = cause.Because(cause.NotAuthenticated, "%s", cause.Why(err))
		}
		return nil, err
	}
	return s.onBehalf(c, &caller{Principal: checkout.Principal{UserID: u.ID}, role: s.roleOf(u)})
}

// client is a client's caller: with a person's rights if the seed names one.
func (s *Server) client(c world.Client) *caller {
	r := roles[c.Role]
	if r == 0 {
		r = operator
	}
	return &caller{Principal: checkout.Principal{UserID: c.UserID, Client: c.ID, Admin: r == admin && c.UserID == ""}, role: r}
}

// roleOf is the highest role that the settings give to a person.
func (s *Server) roleOf(u world.User) role {
	var best role
	for _, g := range s.settings.Roles {
		if world.Fold(g.User) == u.ID || g.Group != "" && s.World.InAnyGroup(u.ID, []string{g.Group}) {
			best = max(best, roles[g.Role])
		}
	}
	if best == 0 {
		return operator
	}
	return best
}

// onBehalf obeys X-On-Behalf-Of: a client of at least operator, or an admin,
// acts with the rights of a person. Nobody has any whose account is off.
func (s *Server) onBehalf(c echo.Context, who *caller) (*caller, error) {
	who.Context = c
	name := c.Request().Header.Get("X-On-Behalf-Of")
	if name == "" {
		return who, nil
	}
	if who.role < admin && (who.Client == "" || who.role < operator) {
		return nil, cause.Because(cause.NotAllowed, "%s may not act for others", who.Name())
	}
	u, ok := s.World.Login(name)
	if !ok {
		return nil, cause.Because(cause.UnknownUser, "X-On-Behalf-Of: nobody is called %q", name)
	}
	standing, err := s.Logins.Standing(c.Request().Context(), u.ID)
	if err != nil {
		return nil, err
	}
	switch standing.Status {
	case world.Disabled, world.Locked, world.AccountExpired:
		return nil, cause.Because(cause.NotAllowed, "X-On-Behalf-Of: the account of %s is %s", u.ID, standing.Status)
	}
	who.UserID, who.Admin = u.ID, false
	return who, nil
}
