package radius

import (
	"errors"
	"fmt"

	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/attr"
)

// grants are the reply attributes of the three levels, encoded at start so that
// every mistake shows then and a login copies octets only.
type grants struct {
	world  *world.World
	server attr.List
	groups map[string]attr.List // by group ID
	users  map[string]attr.List // by user ID
}

// newGrants reads the settings and the world. The settings of this server go
// before what the world says about the same user or group.
func newGrants(d *attr.Dictionary, set AttributeSettings, w *world.World) (*grants, error) {
	g := &grants{world: w, groups: map[string]attr.List{}, users: map[string]attr.List{}}
	var wrong []error
	level := func(where string, in map[string][]string) attr.List {
		l, err := d.Parse(where, in)
		wrong = append(wrong, err)
		return l
	}
	g.server = level("attributes.server", set.Server)
	for name, in := range set.Groups {
		if group, ok := w.Group(name); ok {
			g.groups[group.ID] = level("attributes.groups."+name, in)
		} else {
			wrong = append(wrong, fmt.Errorf("attributes.groups.%s: there is no such group", name))
		}
	}
	for name, in := range set.Users {
		if user, ok := w.User(name); ok {
			g.users[user.ID] = level("attributes.users."+name, in)
		} else {
			wrong = append(wrong, fmt.Errorf("attributes.users.%s: there is no such user", name))
		}
	}
	for group := range w.Groups() {
		if len(group.Radius) > 0 {
			g.groups[group.ID] = over(g.groups[group.ID], level("groups."+group.Name+".radius", group.Radius))
		}
	}
	for user := range w.Written() {
		if len(user.Radius) > 0 {
			g.users[user.ID] = over(g.users[user.ID], level("users."+user.Name+".radius", user.Radius))
		}
	}
	return g, errors.Join(wrong...)
}

// over is two lists of one level: names of the first hide those of the second.
func over(first, second attr.List) attr.List {
	out := first
	for _, n := range second {
		hidden := false
		for _, o := range first {
			hidden = hidden || o.Name == n.Name
		}
		if !hidden {
			out = append(out, n)
		}
	}
	return out
}

// of lists what a person is granted: user over groups (the direct ones first)
// over server, name by name.
func (g *grants) of(u world.User) []attr.Value {
	if len(g.groups) == 0 {
		return attr.Merge(g.users[u.ID], g.server)
	}
	levels := []attr.List{g.users[u.ID]}
	for _, group := range g.world.GroupsOf(u.ID) {
		if l := g.groups[group.ID]; l != nil {
			levels = append(levels, l)
		}
	}
	return attr.Merge(append(levels, g.server)...)
}
