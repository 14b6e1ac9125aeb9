package core

import (
	"context"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
)

// Entity is somebody in the identity store.
type Entity struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Policies []string          `json:"policies,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Aliases  []Alias           `json:"aliases,omitempty"`
	Disabled bool              `json:"disabled,omitempty"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
}

// Alias is a login name of an entity.
type Alias struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	MountAccessor string    `json:"mount_accessor"`
	MountPath     string    `json:"mount_path"`
	MountType     string    `json:"mount_type"`
	Created       time.Time `json:"created"`
	// Custom is what clients have noted about it.
	Custom map[string]string `json:"custom,omitempty"`
}

// DerivedID is the identifier that follows from the random seed: of two logins
// that race for a new entity both come to the same.
func (s *Server) DerivedID(parts ...string) string {
	return ids.UUID(s.World.Derive(append([]string{"vault", s.Name}, parts...)...))
}

// EntityOf finds or makes the entity of a login name.
func (r *Request) EntityOf(ctx context.Context, m *Mount, name string) (string, error) {
	key := m.Accessor + "/" + name
	known, err := r.Aliases.Get(ctx, key)
	if err != nil {
		return "", err
	}
	if known != nil {
		if e, err := r.Entities.Get(ctx, *known); err != nil || e != nil {
			return *known, err
		}
	}
	id := r.DerivedID("entity", key)
	now := r.Clock.Now()
	if _, err := r.Named.Take(r.Ctx, r.EntityName(id), id, BadRequest("entity name is already in use")); err != nil {
		return "", err
	}
	err = r.Entities.Change(ctx, id, func(e *Entity, found bool) error {
		if found {
			return state.ErrKeep
		}
		*e = Entity{ID: id, Name: r.EntityName(id), Created: now, Updated: now,
			Aliases: []Alias{{r.DerivedID("alias", key), name, m.Accessor, m.Path, m.Type, now, nil}}}
		return nil
	})
	if err == nil {
		err = r.Aliases.Put(ctx, key, id, time.Time{})
	}
	return id, err
}

// HasEntityName reports whether the entity has the name of a claim.
func (s *Server) HasEntityName(ctx context.Context, name, id string) (bool, error) {
	e, err := s.Entities.Get(ctx, id)
	return e != nil && e.Name == name, err
}

// IdentityGroup is a group of the identity store: its members have its policies, and
// those of the groups that it is a member of.
type IdentityGroup struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	External bool              `json:"external,omitempty"`
	Policies []string          `json:"policies,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Entities []string          `json:"entities,omitempty"`
	Groups   []string          `json:"groups,omitempty"` // members, by their ID
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
	Changes  int               `json:"changes"`
}

// GroupTable is all groups: one record, because names are taken once, and because who
// is in whom decides what everybody may do.
type GroupTable struct {
	List []*IdentityGroup `json:"list"` // in the order of their making
}

// GroupsKey is the one record of the table of groups.
const GroupsKey = "all"

// MaxGroups is how many groups there can be.
const MaxGroups = 2000

// heldGroups is the table as it stands, for somebody who keeps it.
func (s *Server) heldGroups(ctx context.Context) (*state.Held[GroupTable], error) {
	kept := s.groupsKept.Load()
	if kept.Unchanged(time.Time{}) {
		return kept, nil
	}
	kept, err := s.GroupTable.Hold(ctx, GroupsKey, time.Time{})
	if err == nil {
		s.groupsKept.Store(kept)
	}
	return kept, err
}

// GroupsNow are the groups as they stand; nobody may modify them.
func (s *Server) GroupsNow(ctx context.Context) (*GroupTable, error) {
	held, err := s.heldGroups(ctx)
	if err != nil || held.Value() == nil {
		return &GroupTable{}, err
	}
	return held.Value(), nil
}

// By finds a group by its ID or, when there is none, by its name.
func (t *GroupTable) By(id, name string) *IdentityGroup {
	for _, g := range t.List {
		if id != "" && g.ID == id || id == "" && name != "" && strings.EqualFold(g.Name, name) {
			return g
		}
	}
	return nil
}

// Of are the groups of an entity: those that it is a member of, and those above.
func (t *GroupTable) Of(entity string) (direct, inherited []*IdentityGroup) {
	for _, g := range t.List {
		if slices.Contains(g.Entities, entity) {
			direct = append(direct, g)
		}
	}
	seen := slices.Clone(direct)
	for i := 0; i < len(seen); i++ {
		for _, up := range t.Above(seen[i].ID) {
			if !slices.Contains(seen, up) {
				seen, inherited = append(seen, up), append(inherited, up)
			}
		}
	}
	return direct, inherited
}

// Above are the groups that have a group as a member.
func (t *GroupTable) Above(id string) (out []*IdentityGroup) {
	for _, g := range t.List {
		if slices.Contains(g.Groups, id) {
			out = append(out, g)
		}
	}
	return out
}

// Circular reports that a group is above itself.
func (t *GroupTable) Circular(id string) bool {
	var reach func(at string, depth int) bool
	seen := map[string]bool{}
	reach = func(at string, depth int) bool {
		if seen[at] || depth > MaxGroups {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(t.Above(at), func(up *IdentityGroup) bool { return up.ID == id || reach(up.ID, depth+1) })
	}
	return reach(id, 0)
}
