package identity

import (
	"slices"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
)

func groupPaths() []*core.Path {
	ops := map[core.Operation]core.Handler{core.OpRead: getIdentityGroup, core.OpWrite: putIdentityGroup, core.OpDelete: dropIdentityGroup}
	list := func(byName bool) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) { return listGroups(r, byName) }}
	}
	return []*core.Path{
		{Pattern: "group", Name: "group", Ops: map[core.Operation]core.Handler{core.OpWrite: putIdentityGroup}},
		{Pattern: "group/id", Name: "group", Ops: list(false)},
		{Pattern: "group/name", Name: "group", Ops: list(true)},
		{Pattern: "group/id/:id", Name: "group", Ops: ops},
		{Pattern: "group/name/*name", Name: "group", Leaf: true, Ops: ops},
		{Pattern: "lookup/group", Name: "lookup.group", Ops: map[core.Operation]core.Handler{core.OpWrite: lookupGroup}},
		{Pattern: "lookup/entity", Name: "lookup.entity", Ops: map[core.Operation]core.Handler{core.OpWrite: lookupEntity}},
	}
}

// groupNamed is the group that the request names.
func groupNamed(r *core.Request, t *core.GroupTable) *core.IdentityGroup {
	id, name := r.Vars["id"], r.Vars["name"]
	if id == "" && name == "" {
		id = r.Text("id")
	}
	if id == "" && name == "" {
		name = r.Text("name")
	}
	return t.By(id, name)
}

func kindOf(g *core.IdentityGroup) string {
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

func shown(g *core.IdentityGroup, t *core.GroupTable) map[string]any {
	var metadata any
	if g.Metadata != nil {
		metadata = g.Metadata
	}
	var parents []string
	for _, up := range t.Above(g.ID) {
		parents = append(parents, up.ID)
	}
	return map[string]any{"alias": map[string]any{}, "creation_time": core.FormatTime(g.Created), "id": g.ID, "last_update_time": core.FormatTime(g.Updated),
		"member_entity_ids": orNull(g.Entities), "member_group_ids": orNull(g.Groups), "metadata": metadata, "modify_index": g.Changes, "name": g.Name,
		"namespace_id": "root", "parent_group_ids": orNull(parents), "policies": orNull(g.Policies), "type": kindOf(g)}
}

func getIdentityGroup(r *core.Request) (*core.Answer, error) {
	t, err := r.GroupsNow(r.Ctx)
	if err != nil {
		return nil, err
	}
	g := groupNamed(r, t)
	if g == nil {
		return nil, core.ErrNotFound
	}
	return core.OK(shown(g, t))
}

func listGroups(r *core.Request, byName bool) (*core.Answer, error) {
	t, err := r.GroupsNow(r.Ctx)
	if err != nil {
		return nil, err
	}
	var names, ids []string
	info := map[string]any{}
	for _, g := range t.List {
		names, ids = append(names, g.Name), append(ids, g.ID)
		info[g.ID] = map[string]any{"name": g.Name, "num_member_entities": len(g.Entities), "num_parent_groups": len(t.Above(g.ID))}
	}
	switch {
	case len(ids) == 0:
		return nil, core.ErrNotFound
	case byName:
		slices.Sort(names)
		return core.OK(map[string]any{"keys": names})
	}
	slices.Sort(ids)
	return core.OK(map[string]any{"keys": ids, "key_info": info})
}

// editGroups changes the table.
func editGroups(r *core.Request, fn func(t *core.GroupTable) error) error {
	return r.GroupTable.Change(r.Ctx, core.GroupsKey, func(t *core.GroupTable, _ bool) error { return fn(t) })
}

func putIdentityGroup(r *core.Request) (*core.Answer, error) {
	metadata, err := r.KeyValues("metadata")
	if err != nil {
		return nil, err
	}
	for _, id := range membersWanted(r) {
		e, err := r.Entities.Get(r.Ctx, id)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, core.Faulty("invalid entity ID \"" + id + "\"")
		}
	}
	fresh := ids.UUID(r.Rand)
	var made *core.IdentityGroup
	err = editGroups(r, func(t *core.GroupTable) error {
		made = nil
		g := groupNamed(r, t)
		if g == nil && (r.Vars["id"] != "" || r.Vars["name"] == "" && r.Text("id") != "") {
			return core.BadRequest("invalid group ID")
		}
		if g == nil {
			if len(t.List) >= core.MaxGroups {
				return core.BadRequest("there are %d groups, which is all that are kept", core.MaxGroups)
			}
			g = &core.IdentityGroup{ID: fresh, Created: r.Clock.Now()}
			made, t.List = g, append(t.List, g)
		}
		if r.Has("metadata") {
			g.Metadata = metadata
		}
		return changeGroup(r, t, g, made != nil)
	})
	if err != nil || made == nil {
		return nil, err
	}
	return core.OK(map[string]any{"id": made.ID, "name": made.Name})
}

// membersWanted are the entities that the request wants in a group that can have
// them.
func membersWanted(r *core.Request) []string {
	if r.Text("type") == "external" {
		return nil
	}
	return r.List("member_entity_ids")
}

// changeGroup takes the parameters of a group but its metadata.
func changeGroup(r *core.Request, t *core.GroupTable, g *core.IdentityGroup, isNew bool) error {
	if r.Has("policies") {
		g.Policies = core.SanitizePolicies(r.List("policies"))
	}
	if slices.Contains(g.Policies, "root") {
		return core.BadRequest("policies cannot contain root")
	}
	switch kind := r.Text("type"); {
	case kind != "" && kind != "internal" && kind != "external":
		return core.BadRequest("invalid group type %q", kind)
	case kind != "" && !isNew && kind != kindOf(g):
		return core.BadRequest("group type cannot be changed")
	case kind != "":
		g.External = kind == "external"
	}
	name := r.Vars["name"]
	if name == "" {
		name = r.Text("name")
	}
	if name == "" && isNew {
		name = "group_" + g.ID[:8] + r.Pick("", ".root")
	}
	if name != "" {
		if other := t.By("", name); other != nil && other != g {
			return core.BadRequest("group name is already in use")
		}
		g.Name = name
	}
	if r.Has("member_entity_ids") {
		if g.External {
			return core.BadRequest("member entities can't be set manually for external groups")
		}
		g.Entities = r.List("member_entity_ids")
	}
	if r.Has("member_group_ids") {
		if g.External {
			return core.BadRequest("member groups can't be set for external groups")
		}
		before := g.Groups
		g.Groups = r.List("member_group_ids")
		for _, id := range g.Groups {
			member := t.By(id, "")
			switch {
			case member == nil:
				return core.Faulty("invalid member group ID \"" + id + "\"")
			case member == g:
				return core.Faulty("member group ID \"" + id + "\" is same as the ID of the group")
			case !slices.Contains(before, id):
				member.Changes++
			}
		}
		if t.Circular(g.ID) {
			return core.BadRequest("cyclic relationship detected for member group ID %q", g.ID)
		}
	}
	g.Updated, g.Changes = r.Clock.Now(), g.Changes+1
	return nil
}

func dropIdentityGroup(r *core.Request) (*core.Answer, error) {
	return nil, editGroups(r, func(t *core.GroupTable) error {
		g := groupNamed(r, t)
		if g == nil {
			return state.ErrKeep
		}
		t.List = slices.DeleteFunc(t.List, func(x *core.IdentityGroup) bool { return x == g })
		for _, up := range t.List {
			up.Groups = slices.DeleteFunc(up.Groups, func(id string) bool { return id == g.ID })
		}
		return nil
	})
}

func lookupGroup(r *core.Request) (*core.Answer, error) {
	if r.Text("id") == "" && r.Text("name") == "" {
		return nil, core.BadRequest("query parameter not supplied")
	}
	a, err := getIdentityGroup(r)
	if reason, _ := cause.Of(err); reason == cause.NotFound {
		return nil, nil
	}
	return a, err
}

func lookupEntity(r *core.Request) (*core.Answer, error) {
	id, err := aliased(r)
	switch {
	case err != nil:
		return nil, err
	case id == "" && (r.Text("alias_id") != "" || r.Text("alias_name") != ""):
		return nil, nil
	case id != "":
		r.Vars["id"] = id
	case r.Text("id") == "" && r.Text("name") == "":
		return nil, core.BadRequest("query parameter not supplied")
	}
	a, err := getEntity(r)
	if reason, _ := cause.Of(err); reason == cause.NotFound {
		return nil, nil
	}
	return a, err
}

// aliased is the entity of the alias that the request names.
func aliased(r *core.Request) (string, error) {
	if name := r.Text("alias_name"); name != "" {
		if r.Text("alias_mount_accessor") == "" {
			return "", core.BadRequest("mount_accessor must be supplied with alias_name")
		}
		id, err := r.Aliases.Get(r.Ctx, r.Text("alias_mount_accessor")+"/"+name)
		if err != nil || id == nil {
			return "", err
		}
		return *id, nil
	}
	wanted := r.Text("alias_id")
	if wanted == "" {
		return "", nil
	}
	e, err := r.EntityByAlias.One(r.Ctx, wanted)
	return e.Key, err
}
