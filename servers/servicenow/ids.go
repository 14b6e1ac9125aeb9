package servicenow

import (
	"strings"
	"sync"

	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/face/ids"
)

// A sys_id has 32 hexadecimal digits. Those of tickets are the number, enciphered
// under a key of the instance: they never change and lead back to the ticket
// without an index, whoever made it. Those of other rows follow from the table
// and a name. A seed may give any of them.

// idOf is the sys_id of a row that is no ticket.
func (s *Server) idOf(table, name string) string {
	return ids.Hex(s.World.Derive("servicenow", s.Name, table, world.Fold(name)), 32)
}

// isID reports whether v looks like a sys_id.
func isID(v string) bool {
	return len(v) == 32 && strings.Trim(v, "0123456789abcdef") == ""
}

// ticketID is the sys_id of a ticket.
func (s *Server) ticketID(t *ticket.Ticket) string {
	if id := t.Fields["sys_id"]; isID(id) {
		return id
	}
	return s.numberID(t.ID)
}

func (s *Server) numberID(number string) string {
	if id, ok := s.numbers.Seal(number); ok {
		return id
	}
	return s.idOf("task", number) // too long: those come from seeds only
}

// numberOf is the number that a ticket's sys_id stands for; false when it can be
// none. The ticket may still not be there.
func (s *Server) numberOf(id string) (string, bool) {
	if number, given := s.index().tickets[id]; given {
		return number, true
	}
	return s.numbers.Open(id)
}

// index finds people, groups, machines and odd tickets of the seed by sys_id. It
// is made when first asked for.
type index struct {
	people   func() *world.Lookup // these two when first asked for: there may be a million
	programs map[string]*user
	groups   map[string]world.Group
	assets   func() *world.Lookup
	tickets  map[string]string // sys_ids that the cipher does not give → number
}

// userBy finds a user by sys_id.
func (s *Server) userBy(id string) (*user, bool) {
	if u, ok := s.index().programs[id]; ok {
		return u, true
	}
	i, ok := s.index().people().Find(id)
	if !ok {
		return nil, false
	}
	return s.personal(s.World.UserAt(i)), true
}

// assetBy finds an asset by sys_id.
func (s *Server) assetBy(id string) (world.Asset, bool) {
	i, ok := s.index().assets().Find(id)
	if !ok {
		return world.Asset{}, false
	}
	return s.World.AssetAt(i), true
}

func (s *Server) buildIndex() *index {
	x := &index{programs: map[string]*user{}, groups: map[string]world.Group{}, tickets: map[string]string{},
		people: sync.OnceValue(func() *world.Lookup { return world.NewLookup(s.World.UserCount(), s.personID) }),
		assets: sync.OnceValue(func() *world.Lookup {
			return world.NewLookup(s.World.AssetCount(), func(i int) string { return s.idOf("cmdb_ci", s.World.AssetAt(i).ID) })
		})}
	for _, u := range s.programs {
		x.programs[u.id] = u
	}
	for g := range s.World.Groups() {
		x.groups[s.idOf("sys_user_group", g.ID)] = g
	}
	for t := range s.World.Tickets() {
		if id := t.Fields["sys_id"]; isID(id) {
			x.tickets[id] = t.ID
		} else if _, sealed := s.numbers.Seal(t.ID); !sealed {
			x.tickets[s.numberID(t.ID)] = t.ID
		}
	}
	return x
}
