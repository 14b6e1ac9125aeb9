// Package identity is the paths of the identity store. Its entities and groups are the
// core's, because policies come from them.
package identity

import (
	"errors"
	"slices"
	"strings"
	"time"

	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
)

// Engine is the part of the identity store that is there: entities and
// their aliases.
func Engine() *core.Engine {
	paths := []*core.Path{
		{Pattern: "entity", Name: "entity", Ops: map[core.Operation]core.Handler{core.OpWrite: putEntity}},
		{Pattern: "entity/id", Name: "entity", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) { return listEntities(r, false) }}},
		{Pattern: "entity/name", Name: "entity", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) { return listEntities(r, true) }}},
		{Pattern: "entity/id/:id", Name: "entity", Ops: map[core.Operation]core.Handler{core.OpRead: getEntity, core.OpWrite: putEntity, core.OpDelete: dropEntity}},
		{Pattern: "entity/name/*name", Name: "entity", Ops: map[core.Operation]core.Handler{core.OpRead: getEntity, core.OpWrite: putEntity, core.OpDelete: dropEntity}},
		{Pattern: "entity-alias", Name: "entity-alias", Ops: map[core.Operation]core.Handler{core.OpWrite: putAlias}},
	}
	return core.NewEngine("identity", append(paths, groupPaths()...)...)
}

// entityID is the entity that the request names.
func entityID(r *core.Request) (string, error) {
	if id := r.Vars["id"]; id != "" {
		return id, nil
	}
	if id := r.Text("id"); id != "" {
		return id, nil
	}
	name := r.Vars["name"]
	if name == "" {
		name = r.Text("name")
	}
	owner, err := r.Named.Get(r.Ctx, name)
	if err != nil || owner == nil {
		return "", err
	}
	if has, err := r.HasEntityName(r.Ctx, name, owner.Owner); err != nil || !has {
		return "", err
	}
	return owner.Owner, nil
}

func getEntity(r *core.Request) (*core.Answer, error) {
	id, err := entityID(r)
	if err != nil {
		return nil, err
	}
	e, err := core.Require(r.Ctx, r.Entities, id)
	if err != nil {
		return nil, err
	}
	aliases := make([]any, 0, len(e.Aliases))
	for _, a := range e.Aliases {
		aliases = append(aliases, map[string]any{"canonical_id": e.ID, "creation_time": core.FormatTime(a.Created), "custom_metadata": orNothing(a.Custom), "id": a.ID,
			"last_update_time": core.FormatTime(a.Created), "local": false, "merged_from_canonical_ids": nil, "metadata": nil, "mount_accessor": a.MountAccessor,
			"mount_path": a.MountPath, "mount_type": a.MountType, "name": a.Name})
	}
	var metadata any
	if e.Metadata != nil {
		metadata = e.Metadata
	}
	t, err := r.GroupsNow(r.Ctx)
	if err != nil {
		return nil, err
	}
	direct, inherited := []string{}, []string{}
	above, more := t.Of(e.ID)
	for _, g := range above {
		direct = append(direct, g.ID)
	}
	for _, g := range more {
		inherited = append(inherited, g.ID)
	}
	return core.OK(map[string]any{"aliases": aliases, "creation_time": core.FormatTime(e.Created), "direct_group_ids": direct, "disabled": e.Disabled,
		"group_ids": append(slices.Clone(direct), inherited...), "id": e.ID, "inherited_group_ids": inherited, "last_update_time": core.FormatTime(e.Updated), "merged_entity_ids": nil,
		"metadata": metadata, "name": e.Name, "namespace_id": "root", "policies": append([]string{}, e.Policies...)})
}

func putEntity(r *core.Request) (*core.Answer, error) {
	id, err := entityID(r)
	if err != nil {
		return nil, err
	}
	known := id != ""
	name := r.Vars["name"]
	if name == "" {
		name = r.Text("name")
	}
	if !known {
		id = ids.UUID(r.Rand)
		if name == "" {
			name = r.EntityName(id)
		}
	}
	off, err := r.Bool("disabled", false)
	if err != nil {
		return nil, err
	}
	policies := core.SanitizePolicies(r.List("policies"))
	if slices.Contains(policies, "root") {
		return nil, core.BadRequest("policies cannot contain root")
	}
	metadata, err := r.KeyValues("metadata")
	if err != nil {
		return nil, err
	}
	if (!known || r.Vars["name"] == "") && name != "" {
		if _, err := r.Named.Take(r.Ctx, name, id, core.BadRequest("entity name is already in use")); err != nil {
			return nil, err
		}
	}
	now := r.Clock.Now()
	var aliases []core.Alias
	before := ""
	err = r.Entities.Change(r.Ctx, id, func(e *core.Entity, found bool) error {
		if known && !found {
			return core.BadRequest("entity not found from id")
		}
		if !found {
			*e = core.Entity{ID: id, Name: name, Created: now}
		}
		if before = e.Name; name != "" {
			e.Name = name
		}
		e.Updated = now
		if r.Has("policies") {
			e.Policies = policies
		}
		if r.Has("metadata") {
			e.Metadata = metadata
		}
		if r.Has("disabled") {
			e.Disabled = off
		}
		aliases = e.Aliases
		return nil
	})
	if err == nil && name != "" && before != "" && before != name {
		_, err = r.Named.Delete(r.Ctx, before)
	}
	if err != nil || known {
		return nil, err
	}
	var list any
	if aliases != nil {
		list = aliases
	}
	return core.OK(map[string]any{"aliases": list, "id": id, "name": name})
}

func dropEntity(r *core.Request) (*core.Answer, error) {
	id, err := entityID(r)
	if err != nil || id == "" {
		return nil, err
	}
	e, err := r.Entities.Get(r.Ctx, id)
	if err != nil || e == nil {
		return nil, err
	}
	if _, err = r.Entities.Delete(r.Ctx, id); err != nil { // what leads to nobody is as good as not there
		return nil, err
	}
	for _, a := range e.Aliases {
		if _, err := r.Aliases.Delete(r.Ctx, a.MountAccessor+"/"+a.Name); err != nil {
			return nil, err
		}
	}
	_, err = r.Named.Delete(r.Ctx, e.Name)
	return nil, err
}

func listEntities(r *core.Request, byName bool) (*core.Answer, error) {
	names, err := r.Named.Names(r.Ctx, "")
	if err != nil {
		return nil, err
	}
	info, ids, there := map[string]any{}, []string{}, []string{}
	for _, name := range names {
		id, err := r.Named.Get(r.Ctx, name)
		if err != nil {
			return nil, err
		}
		if id == nil {
			continue
		}
		if has, err := r.HasEntityName(r.Ctx, name, id.Owner); err != nil {
			return nil, err
		} else if has {
			ids, there = append(ids, id.Owner), append(there, name)
			if info[id.Owner], err = shownInList(r, id.Owner, name); err != nil {
				return nil, err
			}
		}
	}
	if len(ids) == 0 {
		return nil, core.ErrNotFound
	}
	if byName {
		return core.OK(map[string]any{"keys": there})
	}
	slices.Sort(ids)
	return core.OK(map[string]any{"keys": ids, "key_info": info})
}

// orNothing is a map that is null when it is not there.
func orNothing(m map[string]string) any {
	if m == nil {
		return nil
	}
	return m
}

// shownInList is what a listing tells of an entity.
func shownInList(r *core.Request, id, name string) (map[string]any, error) {
	e, err := r.Entities.Get(r.Ctx, id)
	if err != nil || e == nil {
		return map[string]any{"name": name}, err
	}
	out := map[string]any{"name": e.Name}
	var aliases []any
	for _, a := range e.Aliases {
		aliases = append(aliases, map[string]any{"id": a.ID, "mount_accessor": a.MountAccessor, "mount_path": a.MountPath, "mount_type": a.MountType, "name": a.Name})
	}
	if aliases != nil {
		out["aliases"] = aliases
	}
	return out, nil
}

// errNoEntity is the refusal of an alias for an entity that is not there.
var errNoEntity = errors.New("invalid entity ID")

func putAlias(r *core.Request) (*core.Answer, error) {
	name, accessor, id := r.Text("name"), r.Text("mount_accessor"), r.Text("canonical_id")
	if id == "" {
		id = r.Text("entity_id") // its older name
	}
	switch {
	case name == "":
		return nil, core.BadRequest("missing alias name")
	case accessor == "":
		return nil, core.BadRequest("missing mount_accessor")
	}
	table, err := r.MountTable()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(table.List, func(m *core.Mount) bool { return m.Accessor == accessor })
	if i < 0 {
		return nil, core.BadRequest("invalid mount accessor %q", accessor)
	}
	m := table.List[i]
	if strings.EqualFold(m.Type, "userpass") {
		name = strings.ToLower(name)
	}
	if id == "" {
		if id, err = r.EntityOf(r.Ctx, m, name); err != nil {
			return nil, err
		}
	}
	custom, err := r.KeyValues("custom_metadata")
	if err != nil {
		return nil, err
	}
	a := core.Alias{ID: r.DerivedID("alias", accessor+"/"+name), Name: name, MountAccessor: accessor, MountPath: m.Path, MountType: m.Type, Created: r.Clock.Now(), Custom: custom}
	err = r.Entities.Change(r.Ctx, id, func(e *core.Entity, found bool) error {
		if !found {
			return errNoEntity
		}
		if !slices.ContainsFunc(e.Aliases, func(x core.Alias) bool { return x.ID == a.ID }) {
			e.Aliases = append(e.Aliases, a)
		}
		return nil
	})
	if errors.Is(err, errNoEntity) {
		return nil, core.BadRequest("invalid entity ID")
	}
	if err != nil {
		return nil, err
	}
	if err := r.Aliases.Put(r.Ctx, accessor+"/"+name, id, time.Time{}); err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"canonical_id": id, "id": a.ID})
}
