package vault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
)

// entity is somebody in the identity store.
type entity struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Policies []string          `json:"policies,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Aliases  []alias           `json:"aliases,omitempty"`
	Disabled bool              `json:"disabled,omitempty"`
	Created  time.Time         `json:"created"`
	Updated  time.Time         `json:"updated"`
}

// alias is a login name of an entity.
type alias struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	MountAccessor string    `json:"mount_accessor"`
	MountPath     string    `json:"mount_path"`
	MountType     string    `json:"mount_type"`
	Created       time.Time `json:"created"`
	// Custom is what clients have noted about it.
	Custom map[string]string `json:"custom,omitempty"`
}

// derivedID is the identifier that follows from the random seed: of two logins
// that race for a new entity both come to the same.
func (s *Server) derivedID(parts ...string) string {
	return ids.UUID(s.World.Derive(append([]string{"vault", s.Name}, parts...)...))
}

// entityOf finds or makes the entity of a login name.
func (r *request) entityOf(ctx context.Context, m *mount, name string) (string, error) {
	key := m.Accessor + "/" + name
	known, err := r.aliases.Get(ctx, key)
	if err != nil {
		return "", err
	}
	if known != nil {
		if e, err := r.entities.Get(ctx, *known); err != nil || e != nil {
			return *known, err
		}
	}
	id := r.derivedID("entity", key)
	now := r.Clock.Now()
	if _, err := r.named.Take(r.ctx, r.entityName(id), id, bad("entity name is already in use")); err != nil {
		return "", err
	}
	err = r.entities.Change(ctx, id, func(e *entity, found bool) error {
		if found {
			return state.ErrKeep
		}
		*e = entity{ID: id, Name: r.entityName(id), Created: now, Updated: now,
			Aliases: []alias{{r.derivedID("alias", key), name, m.Accessor, m.Path, m.Type, now, nil}}}
		return nil
	})
	if err == nil {
		err = r.aliases.Put(ctx, key, id, time.Time{})
	}
	return id, err
}

// identityEngine is the part of the identity store that is there: entities and
// their aliases.
func identityEngine() *engine {
	paths := []*pathSpec{
		{pattern: "entity", name: "entity", ops: map[operation]handler{opWrite: putEntity}},
		{pattern: "entity/id", name: "entity", ops: map[operation]handler{opList: func(r *request) (*answer, error) { return listEntities(r, false) }}},
		{pattern: "entity/name", name: "entity", ops: map[operation]handler{opList: func(r *request) (*answer, error) { return listEntities(r, true) }}},
		{pattern: "entity/id/:id", name: "entity", ops: map[operation]handler{opRead: getEntity, opWrite: putEntity, opDelete: dropEntity}},
		{pattern: "entity/name/*name", name: "entity", ops: map[operation]handler{opRead: getEntity, opWrite: putEntity, opDelete: dropEntity}},
		{pattern: "entity-alias", name: "entity-alias", ops: map[operation]handler{opWrite: putAlias}},
	}
	return newEngine("identity", append(paths, groupPaths()...)...)
}

// entityID is the entity that the request names.
func (r *request) entityID() (string, error) {
	if id := r.vars["id"]; id != "" {
		return id, nil
	}
	if id := r.text("id"); id != "" {
		return id, nil
	}
	name := r.vars["name"]
	if name == "" {
		name = r.text("name")
	}
	owner, err := r.named.Get(r.ctx, name)
	if err != nil || owner == nil {
		return "", err
	}
	if has, err := r.hasEntityName(r.ctx, name, owner.Owner); err != nil || !has {
		return "", err
	}
	return owner.Owner, nil
}

// hasEntityName reports whether the entity has the name of a claim.
func (s *Server) hasEntityName(ctx context.Context, name, id string) (bool, error) {
	e, err := s.entities.Get(ctx, id)
	return e != nil && e.Name == name, err
}

func getEntity(r *request) (*answer, error) {
	id, err := r.entityID()
	if err != nil {
		return nil, err
	}
	e, err := need(r.ctx, r.entities, id)
	if err != nil {
		return nil, err
	}
	aliases := make([]any, 0, len(e.Aliases))
	for _, a := range e.Aliases {
		aliases = append(aliases, map[string]any{"canonical_id": e.ID, "creation_time": stamp(a.Created), "custom_metadata": orNothing(a.Custom), "id": a.ID,
			"last_update_time": stamp(a.Created), "local": false, "merged_from_canonical_ids": nil, "metadata": nil, "mount_accessor": a.MountAccessor,
			"mount_path": a.MountPath, "mount_type": a.MountType, "name": a.Name})
	}
	var metadata any
	if e.Metadata != nil {
		metadata = e.Metadata
	}
	t, err := r.groupsNow(r.ctx)
	if err != nil {
		return nil, err
	}
	direct, inherited := []string{}, []string{}
	above, more := t.of(e.ID)
	for _, g := range above {
		direct = append(direct, g.ID)
	}
	for _, g := range more {
		inherited = append(inherited, g.ID)
	}
	return ok(map[string]any{"aliases": aliases, "creation_time": stamp(e.Created), "direct_group_ids": direct, "disabled": e.Disabled,
		"group_ids": append(slices.Clone(direct), inherited...), "id": e.ID, "inherited_group_ids": inherited, "last_update_time": stamp(e.Updated), "merged_entity_ids": nil,
		"metadata": metadata, "name": e.Name, "namespace_id": "root", "policies": append([]string{}, e.Policies...)})
}

func putEntity(r *request) (*answer, error) {
	id, err := r.entityID()
	if err != nil {
		return nil, err
	}
	known := id != ""
	name := r.vars["name"]
	if name == "" {
		name = r.text("name")
	}
	if !known {
		id = ids.UUID(r.Rand)
		if name == "" {
			name = r.entityName(id)
		}
	}
	off, err := r.flag("disabled", false)
	if err != nil {
		return nil, err
	}
	policies := sanitized(r.list("policies"))
	if slices.Contains(policies, "root") {
		return nil, bad("policies cannot contain root")
	}
	metadata, err := r.pairs("metadata")
	if err != nil {
		return nil, err
	}
	if (!known || r.vars["name"] == "") && name != "" {
		if _, err := r.named.Take(r.ctx, name, id, bad("entity name is already in use")); err != nil {
			return nil, err
		}
	}
	now := r.Clock.Now()
	var aliases []alias
	before := ""
	err = r.entities.Change(r.ctx, id, func(e *entity, found bool) error {
		if known && !found {
			return bad("entity not found from id")
		}
		if !found {
			*e = entity{ID: id, Name: name, Created: now}
		}
		if before = e.Name; name != "" {
			e.Name = name
		}
		e.Updated = now
		if r.has("policies") {
			e.Policies = policies
		}
		if r.has("metadata") {
			e.Metadata = metadata
		}
		if r.has("disabled") {
			e.Disabled = off
		}
		aliases = e.Aliases
		return nil
	})
	if err == nil && name != "" && before != "" && before != name {
		_, err = r.named.Delete(r.ctx, before)
	}
	if err != nil || known {
		return nil, err
	}
	var list any
	if aliases != nil {
		list = aliases
	}
	return ok(map[string]any{"aliases": list, "id": id, "name": name})
}

func dropEntity(r *request) (*answer, error) {
	id, err := r.entityID()
	if err != nil || id == "" {
		return nil, err
	}
	e, err := r.entities.Get(r.ctx, id)
	if err != nil || e == nil {
		return nil, err
	}
	if _, err = r.entities.Delete(r.ctx, id); err != nil { // what leads to nobody is as good as not there
		return nil, err
	}
	for _, a := range e.Aliases {
		if _, err := r.aliases.Delete(r.ctx, a.MountAccessor+"/"+a.Name); err != nil {
			return nil, err
		}
	}
	_, err = r.named.Delete(r.ctx, e.Name)
	return nil, err
}

func listEntities(r *request, byName bool) (*answer, error) {
	names, err := r.named.Names(r.ctx, "")
	if err != nil {
		return nil, err
	}
	info, ids, there := map[string]any{}, []string{}, []string{}
	for _, name := range names {
		id, err := r.named.Get(r.ctx, name)
		if err != nil {
			return nil, err
		}
		if id == nil {
			continue
		}
		if has, err := r.hasEntityName(r.ctx, name, id.Owner); err != nil {
			return nil, err
		} else if has {
			ids, there = append(ids, id.Owner), append(there, name)
			if info[id.Owner], err = r.shownInList(id.Owner, name); err != nil {
				return nil, err
			}
		}
	}
	if len(ids) == 0 {
		return nil, errMissing
	}
	if byName {
		return ok(map[string]any{"keys": there})
	}
	slices.Sort(ids)
	return ok(map[string]any{"keys": ids, "key_info": info})
}

// orNothing is a map that is null when it is not there.
func orNothing(m map[string]string) any {
	if m == nil {
		return nil
	}
	return m
}

// shownInList is what a listing tells of an entity.
func (r *request) shownInList(id, name string) (map[string]any, error) {
	e, err := r.entities.Get(r.ctx, id)
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

func putAlias(r *request) (*answer, error) {
	name, accessor, id := r.text("name"), r.text("mount_accessor"), r.text("canonical_id")
	if id == "" {
		id = r.text("entity_id") // its older name
	}
	switch {
	case name == "":
		return nil, bad("missing alias name")
	case accessor == "":
		return nil, bad("missing mount_accessor")
	}
	table, err := r.table()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(table.List, func(m *mount) bool { return m.Accessor == accessor })
	if i < 0 {
		return nil, bad("invalid mount accessor %q", accessor)
	}
	m := table.List[i]
	if strings.EqualFold(m.Type, "userpass") {
		name = strings.ToLower(name)
	}
	if id == "" {
		if id, err = r.entityOf(r.ctx, m, name); err != nil {
			return nil, err
		}
	}
	custom, err := r.pairs("custom_metadata")
	if err != nil {
		return nil, err
	}
	a := alias{r.derivedID("alias", accessor+"/"+name), name, accessor, m.Path, m.Type, r.Clock.Now(), custom}
	err = r.entities.Change(r.ctx, id, func(e *entity, found bool) error {
		if !found {
			return errNoEntity
		}
		if !slices.ContainsFunc(e.Aliases, func(x alias) bool { return x.ID == a.ID }) {
			e.Aliases = append(e.Aliases, a)
		}
		return nil
	})
	if errors.Is(err, errNoEntity) {
		return nil, bad("invalid entity ID")
	}
	if err != nil {
		return nil, err
	}
	if err := r.aliases.Put(r.ctx, accessor+"/"+name, id, time.Time{}); err != nil {
		return nil, err
	}
	return ok(map[string]any{"canonical_id": id, "id": a.ID})
}
