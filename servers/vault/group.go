package vault

import (
	"context"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
)

// identityGroup is a group of the identity store: its members have its policies, and
// those of the groups that it is a member of.
type identityGroup struct {
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

// groupTable is all groups: one record, because names are taken once, and because who
// is in whom decides what everybody may do.
type groupTable struct {
	List []*identityGroup `json:"list"` // in the order of their making
}

const groupsKey = "all"

// maxGroups is how many groups there can be.
const maxGroups = 2000

// heldGroups is the table as it stands, for somebody who keeps it.
func (s *Server) heldGroups(ctx context.Context) (*state.Held[groupTable], error) {
	kept := s.groupsKept.Load()
	if kept.Unchanged(time.Time{}) {
		return kept, nil
	}
	kept, err := s.groupTable.Hold(ctx, groupsKey, time.Time{})
	if err == nil {
		s.groupsKept.Store(kept)
	}
	return kept, err
}

// groupsNow are the groups as they stand; nobody may modify them.
func (s *Server) groupsNow(ctx context.Context) (*groupTable, error) {
	held, err := s.heldGroups(ctx)
	if err != nil || held.Value() == nil {
		return &groupTable{}, err
	}
	return held.Value(), nil
}

// by finds a group by its ID or, when there is none, by its name.
func (t *groupTable) by(id, name string) *identityGroup {
	for _, g := range t.List {
		if id != "" && g.ID == id || id == "" && name != "" && strings.EqualFold(g.Name, name) {
			return g
		}
	}
	return nil
}

// of are the groups of an entity: those that it is a member of, and those above.
func (t *groupTable) of(entity string) (direct, inherited []*identityGroup) {
	for _, g := range t.List {
		if slices.Contains(g.Entities, entity) {
			direct = append(direct, g)
		}
	}
	seen := slices.Clone(direct)
	for i := 0; i < len(seen); i++ {
		for _, up := range t.above(seen[i].ID) {
			if !slices.Contains(seen, up) {
				seen, inherited = append(seen, up), append(inherited, up)
			}
		}
	}
	return direct, inherited
}

// above are the groups that have a group as a member.
func (t *groupTable) above(id string) (out []*identityGroup) {
	for _, g := range t.List {
		if slices.Contains(g.Groups, id) {
			out = append(out, g)
		}
	}
	return out
}

// circular reports that a group is above itself.
func (t *groupTable) circular(id string) bool {
	var reach func(at string, depth int) bool
	seen := map[string]bool{}
	reach = func(at string, depth int) bool {
		if seen[at] || depth > maxGroups {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(t.above(at), func(up *identityGroup) bool { return up.ID == id || reach(up.ID, depth+1) })
	}
	return reach(id, 0)
}

func groupPaths() []*pathSpec {
	ops := map[operation]handler{opRead: getIdentityGroup, opWrite: putIdentityGroup, opDelete: dropIdentityGroup}
	list := func(byName bool) map[operation]handler {
		return map[operation]handler{opList: func(r *request) (*answer, error) { return listGroups(r, byName) }}
	}
	return []*pathSpec{
		{pattern: "group", name: "group", ops: map[operation]handler{opWrite: putIdentityGroup}},
		{pattern: "group/id", name: "group", ops: list(false)},
		{pattern: "group/name", name: "group", ops: list(true)},
		{pattern: "group/id/:id", name: "group", ops: ops},
		{pattern: "group/name/*name", name: "group", leaf: true, ops: ops},
		{pattern: "lookup/group", name: "lookup.group", ops: map[operation]handler{opWrite: lookupGroup}},
		{pattern: "lookup/entity", name: "lookup.entity", ops: map[operation]handler{opWrite: lookupEntity}},
	}
}

// groupNamed is the group that the request names.
func (r *request) groupNamed(t *groupTable) *identityGroup {
	id, name := r.vars["id"], r.vars["name"]
	if id == "" && name == "" {
		id = r.text("id")
	}
	if id == "" && name == "" {
		name = r.text("name")
	}
	return t.by(id, name)
}

func (g *identityGroup) kind() string {
	if g.External {
		return "external"
	}
	return "internal"
}

// orNull is a list that is null when it is empty.
func orNull(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (g *identityGroup) shown(t *groupTable) map[string]any {
	var metadata any
	if g.Metadata != nil {
		metadata = g.Metadata
	}
	var parents []string
	for _, up := range t.above(g.ID) {
		parents = append(parents, up.ID)
	}
	return map[string]any{"alias": map[string]any{}, "creation_time": stamp(g.Created), "id": g.ID, "last_update_time": stamp(g.Updated),
		"member_entity_ids": orNull(g.Entities), "member_group_ids": orNull(g.Groups), "metadata": metadata, "modify_index": g.Changes, "name": g.Name,
		"namespace_id": "root", "parent_group_ids": orNull(parents), "policies": orNull(g.Policies), "type": g.kind()}
}

func getIdentityGroup(r *request) (*answer, error) {
	t, err := r.groupsNow(r.ctx)
	if err != nil {
		return nil, err
	}
	g := r.groupNamed(t)
	if g == nil {
		return nil, errMissing
	}
	return ok(g.shown(t))
}

func listGroups(r *request, byName bool) (*answer, error) {
	t, err := r.groupsNow(r.ctx)
	if err != nil {
		return nil, err
	}
	var names, ids []string
	info := map[string]any{}
	for _, g := range t.List {
		names, ids = append(names, g.Name), append(ids, g.ID)
		info[g.ID] = map[string]any{"name": g.Name, "num_member_entities": len(g.Entities), "num_parent_groups": len(t.above(g.ID))}
	}
	switch {
	case len(ids) == 0:
		return nil, errMissing
	case byName:
		slices.Sort(names)
		return ok(map[string]any{"keys": names})
	}
	slices.Sort(ids)
	return ok(map[string]any{"keys": ids, "key_info": info})
}

// editGroups changes the table.
func (r *request) editGroups(fn func(t *groupTable) error) error {
	return r.groupTable.Change(r.ctx, groupsKey, func(t *groupTable, _ bool) error { return fn(t) })
}

func putIdentityGroup(r *request) (*answer, error) {
	metadata, err := r.pairs("metadata")
	if err != nil {
		return nil, err
	}
	for _, id := range r.membersWanted() {
		e, err := r.entities.Get(r.ctx, id)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, faulty("invalid entity ID \"" + id + "\"")
		}
	}
	fresh := ids.UUID(r.Rand)
	var made *identityGroup
	err = r.editGroups(func(t *groupTable) error {
		made = nil
		g := r.groupNamed(t)
		if g == nil && (r.vars["id"] != "" || r.vars["name"] == "" && r.text("id") != "") {
			return bad("invalid group ID")
		}
		if g == nil {
			if len(t.List) >= maxGroups {
				return bad("there are %d groups, which is all that are kept", maxGroups)
			}
			g = &identityGroup{ID: fresh, Created: r.Clock.Now()}
			made, t.List = g, append(t.List, g)
		}
		return r.changeGroup(t, g, metadata, made != nil)
	})
	if err != nil || made == nil {
		return nil, err
	}
	return ok(map[string]any{"id": made.ID, "name": made.Name})
}

// membersWanted are the entities that the request wants in a group that can have
// them.
func (r *request) membersWanted() []string {
	if r.text("type") == "external" {
		return nil
	}
	return r.list("member_entity_ids")
}

// changeGroup takes the parameters of a group.
func (r *request) changeGroup(t *groupTable, g *identityGroup, metadata map[string]string, isNew bool) error {
	if r.has("policies") {
		g.Policies = sanitized(r.list("policies"))
	}
	if slices.Contains(g.Policies, "root") {
		return bad("policies cannot contain root")
	}
	switch kind := r.text("type"); {
	case kind != "" && kind != "internal" && kind != "external":
		return bad("invalid group type %q", kind)
	case kind != "" && !isNew && kind != g.kind():
		return bad("group type cannot be changed")
	case kind != "":
		g.External = kind == "external"
	}
	name := r.vars["name"]
	if name == "" {
		name = r.text("name")
	}
	if name == "" && isNew {
		name = "group_" + g.ID[:8] + r.pick("", ".root")
	}
	if name != "" {
		if other := t.by("", name); other != nil && other != g {
			return bad("group name is already in use")
		}
		g.Name = name
	}
	if r.has("metadata") {
		g.Metadata = metadata
	}
	if r.has("member_entity_ids") {
		if g.External {
			return bad("member entities can't be set manually for external groups")
		}
		g.Entities = r.list("member_entity_ids")
	}
	if r.has("member_group_ids") {
		if g.External {
			return bad("member groups can't be set for external groups")
		}
		before := g.Groups
		g.Groups = r.list("member_group_ids")
		for _, id := range g.Groups {
			member := t.by(id, "")
			switch {
			case member == nil:
				return faulty("invalid member group ID \"" + id + "\"")
			case member == g:
				return faulty("member group ID \"" + id + "\" is same as the ID of the group")
			case !slices.Contains(before, id):
				member.Changes++
			}
		}
		if t.circular(g.ID) {
			return bad("cyclic relationship detected for member group ID %q", g.ID)
		}
	}
	g.Updated, g.Changes = r.Clock.Now(), g.Changes+1
	return nil
}

func dropIdentityGroup(r *request) (*answer, error) {
	return nil, r.editGroups(func(t *groupTable) error {
		g := r.groupNamed(t)
		if g == nil {
			return state.ErrKeep
		}
		t.List = slices.DeleteFunc(t.List, func(x *identityGroup) bool { return x == g })
		for _, up := range t.List {
			up.Groups = slices.DeleteFunc(up.Groups, func(id string) bool { return id == g.ID })
		}
		return nil
	})
}

func lookupGroup(r *request) (*answer, error) {
	if r.text("id") == "" && r.text("name") == "" {
		return nil, bad("query parameter not supplied")
	}
	a, err := getIdentityGroup(r)
	if reason, _ := cause.Of(err); reason == cause.NotFound {
		return nil, nil
	}
	return a, err
}

func lookupEntity(r *request) (*answer, error) {
	id, err := r.aliased()
	switch {
	case err != nil:
		return nil, err
	case id == "" && (r.text("alias_id") != "" || r.text("alias_name") != ""):
		return nil, nil
	case id != "":
		r.vars["id"] = id
	case r.text("id") == "" && r.text("name") == "":
		return nil, bad("query parameter not supplied")
	}
	a, err := getEntity(r)
	if reason, _ := cause.Of(err); reason == cause.NotFound {
		return nil, nil
	}
	return a, err
}

// aliased is the entity of the alias that the request names.
func (r *request) aliased() (string, error) {
	if name := r.text("alias_name"); name != "" {
		if r.text("alias_mount_accessor") == "" {
			return "", bad("mount_accessor must be supplied with alias_name")
		}
		id, err := r.aliases.Get(r.ctx, r.text("alias_mount_accessor")+"/"+name)
		if err != nil || id == nil {
			return "", err
		}
		return *id, nil
	}
	wanted := r.text("alias_id")
	if wanted == "" {
		return "", nil
	}
	keys, err := r.aliases.Names(r.ctx, "")
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		if r.derivedID("alias", key) == wanted {
			id, err := r.aliases.Get(r.ctx, key)
			if err != nil || id == nil {
				return "", err
			}
			return *id, nil
		}
	}
	return "", nil
}
