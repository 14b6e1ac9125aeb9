// Package servicenow plays a ServiceNow instance: the Table API with encoded
// queries, paging and display values, OAuth and the other ways to log in, the
// aggregate, batch, attachment, tiny URL and change APIs. Its tickets are the
// world's: what is written here, every other face of the fleet sees.
//
// Left out on purpose: JOIN and RLQUERY clauses, domains, import sets, the
// number of a ticket once it is made, and writes to people and groups, which the
// seed alone decides (they get the ACL's refusal).
package servicenow

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones of users, also where the machine has none

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
	"counterpart/internal/face/limits"
	"counterpart/internal/face/oauth"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

// Server is one instance.
type Server struct {
	dialect.Env
	settings Settings
	dict     *dict.Dictionary
	numbers  *ids.Sealer
	index    func() *index
	programs []*user
	zone     *time.Location
	zones    map[string]*time.Location
	started  time.Time
	seeded   map[string][]*record
	seededAt map[string]int // "table/sys_id" → place in seeded
	batch    *echo.Echo     // the routes, for calls within a batch
	cookies  [32]byte       // key of session cookies
	quota    int            // of one list, see glance

	written    *state.Collection[overlay] // what was written to rows that are no tickets, by rowKey
	files      state.Table                // attachments, by sys_id
	taken      *state.Collection[room]
	tinies     *state.Collection[string]   // long URLs, by key
	tinyKeys   *state.Collection[[]string] // by user, oldest first
	rates      *limits.Limiter             // by rule and user
	tokens     *oauth.Endpoint[Application]
	sets       *oauth.Sets // by application and user
	access     *signin.Sessions[bearerOf]
	refreshing *signin.Sessions[bearerOf]
}

// New builds the server.
func New(env dialect.Env) (dialect.Server, error) {
	s := &Server{Env: env, quota: usualQuota, zones: map[string]*time.Location{}, seeded: map[string][]*record{}, seededAt: map[string]int{}}
	if err := env.Decode(&s.settings); err != nil {
		return nil, err
	}
	if s.settings.Instance == "" {
		s.settings.Instance = s.Name
	}
	if p := s.settings.PathPrefix; p != "" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, ":*?#% ")) {
		return nil, fmt.Errorf("path_prefix: write it like /sn1, not %q", p)
	}
	s.collections()
	var err error
	if s.numbers, err = ids.NewSealer(s.World.Derive("servicenow", s.Name, "sys_id")); err != nil {
		return nil, err
	}
	s.World.Derive("servicenow", s.Name, "cookies").Read(s.cookies[:])
	s.started, s.index = s.Started.Truncate(time.Second), sync.OnceValue(s.buildIndex)
	if err := s.loadZones(); err != nil {
		return nil, err
	}
	s.gather()
	if err := s.dictionary(); err != nil {
		return nil, err
	}
	if err := s.plant(); err != nil {
		return nil, err
	}
	if err := s.checkSettings(); err != nil {
		return nil, err
	}
	s.batch = s.inner()
	return s, nil
}

// collections declares what the server keeps.
func (s *Server) collections() {
	s.written, s.files, s.taken = state.Of[overlay](s.Store, "row"), s.Store.Table("file"), state.Of[room](s.Store, "room")
	s.tinies, s.tinyKeys = state.Of[string](s.Store, "tiny"), state.Of[[]string](s.Store, "tinies")
	s.rates, s.tokens = limits.New(s.Store, s.Clock), s.tokenEndpoint()
	s.sets = oauth.NewSets(s.Store, "oauth", s.Clock, oauth.SetRules{Access: accessFor, Refresh: refreshFor})
	s.access = signin.NewSessions(s.Logins, signin.Kind[bearerOf]{Realm: "servicenow " + s.Name})
	s.refreshing = signin.NewSessions(s.Logins, signin.Kind[bearerOf]{Realm: "servicenow " + s.Name + " refresh"})
}

// loadZones finds all time zones that the seed names.
func (s *Server) loadZones() error {
	names := []string{s.settings.TimeZone}
	for _, u := range s.settings.Users {
		names = append(names, u.TimeZone)
	}
	for u := range s.World.Written() {
		names = append(names, u.Settings["servicenow.time_zone"])
	}
	for _, n := range names {
		if n == "" || s.zones[n] != nil {
			continue
		}
		z, err := time.LoadLocation(n)
		if err != nil || n == "Local" {
			return fmt.Errorf("time_zone: %q is no time zone; write one like Europe/Vienna", n)
		}
		s.zones[n] = z
	}
	s.zone = s.zones[s.settings.TimeZone]
	return nil
}

// dictionary makes the tables: the usual ones, the block's, and for fields that
// seeded tickets have besides, columns of text.
func (s *Server) dictionary() error {
	s.dict = dict.New(s.settings.ClosedSkipped)
	for i, t := range s.settings.Tables {
		if _, err := s.dict.AddTable(dict.Extra{Name: t.Name, Label: t.Label, Display: t.Display, Extends: t.Extends, Prefix: t.Prefix, Fields: t.Fields}); err != nil {
			return fmt.Errorf("tables[%d]: %w", i, err)
		}
	}
	for table, fields := range s.settings.Fields {
		if _, ok := s.dict.Table(table); !ok {
			return fmt.Errorf("fields: there is no table %q", table)
		}
		for name, kind := range fields {
			f, err := s.dict.Parse(name, kind)
			if err != nil {
				return fmt.Errorf("fields.%s: %w", table, err)
			}
			s.addField(table, f)
		}
	}
	for t := range s.World.Tickets() {
		if !strings.EqualFold(t.System, s.settings.System) {
			continue
		}
		for name := range t.Fields {
			if f, err := s.dict.Parse(name, "text"); err == nil && name != boardState {
				s.addField("task", f)
			}
		}
	}
	return nil
}

// addField gives a table, and those that extend it, another field.
func (s *Server) addField(table string, f *dict.Field) {
	for _, class := range s.classes(table) {
		t, _ := s.dict.Table(class)
		t.Add(f)
	}
}

// checkSettings refuses what tags cannot: names that mean nobody, queries that
// have a mistake.
func (s *Server) checkSettings() error {
	for i, g := range s.settings.Roles {
		if (g.User == "") == (g.Group == "") {
			return fmt.Errorf("roles[%d]: give either a user or a group", i)
		}
	}
	whose := map[string]string{}
	for i, a := range s.settings.OAuth {
		if a.User != "" {
			whose[fmt.Sprintf("oauth[%d]", i)] = a.User
		}
	}
	for i, k := range s.settings.APIKeys {
		whose[fmt.Sprintf("api_keys[%d]", i)] = k.User
	}
	for i, c := range s.settings.Certificates {
		whose[fmt.Sprintf("certificates[%d]", i)] = c.User
	}
	for i, l := range s.settings.RateLimits {
		if l.Scope == "user" {
			whose[fmt.Sprintf("rate_limits[%d]", i)] = l.User
		} else if l.Scope == "role" && l.Role == "" {
			return fmt.Errorf("rate_limits[%d]: scope role needs a role", i)
		}
		if _, ok := s.dict.Table(l.Table); l.Table != "" && !ok {
			return fmt.Errorf("rate_limits[%d]: there is no table %q", i, l.Table)
		}
	}
	for where, name := range whose {
		if _, ok := s.lookup(name); !ok {
			return fmt.Errorf("%s: %q is no user: neither of users, nor a person, nor a client", where, name)
		}
	}
	for i, b := range s.settings.BusinessRules {
		if err := s.checkQuery(b.Table, b.If); err != nil {
			return fmt.Errorf("business_rules[%d]: %w", i, err)
		}
	}
	for i, a := range s.settings.Access {
		if err := s.checkQuery(a.Table, a.If); err != nil {
			return fmt.Errorf("access[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *Server) checkQuery(table, text string) error {
	if _, ok := s.dict.Table(table); !ok {
		return fmt.Errorf("there is no table %q", table)
	}
	if p := query.Compile(query.Parse(text), s.source(table, nil)); len(p.Dropped) > 0 {
		return fmt.Errorf("if: %q is no condition on %s", p.Dropped[0], table)
	}
	return nil
}

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	port := dialect.Port{Name: "https", Listen: s.settings.Listen, TLS: s.settings.TLS, Cert: dialect.WantCert,
		Hosts: []string{s.settings.Instance + ".service-now.com"}, Limits: dialect.Limits{Body: maxUpload}, Try: s.try(),
		HTTP: &dialect.HTTP{Routes: s.routes(), NotFound: s.unknown, Error: wording.Answer}}
	if !port.TLS {
		port.Name, port.Cert = "http", dialect.NoCert
	}
	return []dialect.Port{port}
}

// try is a command that works: as the first person who may log in.
func (s *Server) try() string {
	command, scheme := "curl -g", "http"
	if s.settings.TLS {
		command, scheme = "curl -gk", "https"
	}
	for u := range s.World.Users() {
		if u.Status == world.Active && u.Password != "" && s.personal(u).role != noRole && !strings.ContainsAny(u.Name+u.Password, "'\\ ") {
			return command + " -u '" + u.Name + ":" + u.Password + "' '" + scheme + "://{addr}" + s.settings.PathPrefix + "/api/now/table/task?sysparm_fields=number,state,approval'"
		}
	}
	return command + " " + scheme + "://{addr}" + s.settings.PathPrefix + "/api/now/table/task"
}

// unknown answers a path outside the contract, or another method on one inside:
// after the login, as an instance does.
func (s *Server) unknown(c echo.Context) error {
	if _, spoken := c.Response().Writer.(*xmlWriter); !spoken {
		speak(c)
	}
	if _, err := s.identify(c); err != nil {
		return err
	}
	path := c.Request().URL.EscapedPath()
	if feature, known := s.foreignOf(path, c.QueryParams()); known {
		return s.foreignCall(dialect.CallFrom(c.Request().Context()), feature)
	}
	if slices.ContainsFunc(s.routes(), func(r dialect.Route) bool { return fits(r.Path, path) }) {
		return cause.Because(methodRefused, "%s %s", c.Request().Method, path)
	}
	return cause.Because(cause.NotFound, "there is no %s %s", c.Request().Method, path)
}

// fits reports whether a path has the form of a route's: ":x" is any one part.
func fits(route, path string) bool {
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, ":") && g != "" })
}
