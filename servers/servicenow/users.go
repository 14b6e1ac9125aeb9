package servicenow

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/world"
)

// role is what a user may do; each includes the ones before it.
type role int

const (
	noRole role = iota
	itil
	admin
)

var roleNames = map[string]role{"none": noRole, "itil": itil, "admin": admin}

func (r role) String() string { return [...]string{"none", "itil", "admin"}[r] }

// user is one row of sys_user: a person of the seed, an API client of it, or a
// user that only this instance knows.
type user struct {
	name    string // as they log in
	id      string // sys_id
	display string
	role    role
	person  world.User // ID is empty for a program
	secret  string     // of a program
	zone    *time.Location
}

// everybody yields all users, people first. Where a name is taken, whoever comes
// first has it.
func (s *Server) everybody() iter.Seq[*user] {
	return func(yield func(*user) bool) {
		for u := range s.World.Users() {
			if !yield(s.personal(u)) {
				return
			}
		}
		for _, u := range s.programs {
			if !yield(u) {
				return
			}
		}
	}
}

// sysID is a person's sys_id.
func (s *Server) sysID(p world.User) string {
	if id := p.Settings["servicenow.sys_id"]; isID(id) {
		return id
	}
	return s.idOf("sys_user", p.ID)
}

// personID is the sys_id of the person of a number.
func (s *Server) personID(i int) string {
	if i < s.World.WrittenCount() {
		return s.sysID(s.World.UserAt(i))
	}
	return s.idOf("sys_user", s.World.UserIDAt(i))
}

func displayOf(p world.User) string { return cmp.Or(p.DisplayName, p.Name) }

// personal is a person's row.
func (s *Server) personal(p world.User) *user {
	u := &user{name: p.Name, display: displayOf(p), person: p, id: s.sysID(p), role: roleNames[s.settings.DefaultRole], zone: s.zone}
	if z := s.zones[p.Settings["servicenow.time_zone"]]; z != nil {
		u.zone = z
	}
	best, named := noRole, false
	for _, g := range s.settings.Roles {
		if world.Fold(g.User) == p.ID && g.User != "" || g.Group != "" && s.World.InAnyGroup(p.ID, []string{g.Group}) {
			best, named = max(best, roleNames[g.Role]), true
		}
	}
	if named {
		u.role = best
	}
	return u
}

// gather makes the users that are programs: the block's, then the seed's clients.
func (s *Server) gather() {
	for _, b := range s.settings.Users {
		u := &user{name: b.User, display: b.Name, id: b.SysID, secret: b.Password, zone: s.zone}
		if u.display == "" {
			u.display = b.User
		}
		if !isID(u.id) {
			u.id = s.idOf("sys_user", b.User)
		}
		if z := s.zones[b.TimeZone]; z != nil {
			u.zone = z
		}
		for _, r := range b.Roles {
			u.role = max(u.role, roleNames[r])
		}
		s.programs = append(s.programs, u)
	}
	for c := range s.World.Clients() {
		if c.Secret == "" || c.System != "" && c.System != "servicenow" {
			continue
		}
		u := &user{name: c.Name, display: c.Name, id: s.idOf("sys_user", "client "+c.ID), secret: c.Secret, role: itil, zone: s.zone}
		if c.Role == "admin" {
			u.role = admin
		}
		if _, taken := s.program(c.Name); !taken {
			s.programs = append(s.programs, u)
		}
	}
}

// program finds a user that is no person.
func (s *Server) program(name string) (*user, bool) {
	i := slices.IndexFunc(s.programs, func(u *user) bool { return strings.EqualFold(u.name, name) })
	if i < 0 {
		return nil, false
	}
	return s.programs[i], true
}

// lookup finds a user by login name, e-mail address or sys_id.
func (s *Server) lookup(name string) (*user, bool) {
	if u, ok := s.program(name); ok {
		return u, true
	}
	if p, ok := s.World.Login(name); ok {
		return s.personal(p), true
	}
	if isID(name) {
		u, ok := s.userBy(name)
		return u, ok
	}
	return nil, false
}

// groupNamed finds a group by sys_id or name.
func (s *Server) groupNamed(v string) (world.Group, bool) {
	if g, ok := s.index().groups[v]; ok {
		return g, true
	}
	return s.World.Group(v)
}

// assetNamed finds an asset by sys_id, name or address.
func (s *Server) assetNamed(v string) (world.Asset, bool) {
	if a, ok := s.assetBy(v); ok {
		return a, true
	}
	return s.World.Asset(v)
}
