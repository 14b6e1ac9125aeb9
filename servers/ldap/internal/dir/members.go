package dir

import (
	"fmt"
	"slices"
	"strings"

	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// members applies one modification to the member attribute. It is kept as a
// difference to the seed, by key, so that renaming a member renames it here and
// a group of a hundred thousand costs nothing to add one person to.
func (e *draft) members(m proto.Change) error {
	switch m.Op {
	case proto.ModReplace:
		e.dropMembers()
	case proto.ModDelete:
		if len(m.Values) == 0 {
			if len(e.r.Values(e.s.Schema.Attr("member"), "")) == 0 && !e.by.Permissive {
				return refuse(ErrNoSuchAttribute, "modify/delete: member: no such attribute")
			}
			e.dropMembers()
		}
	}
	list := e.listed()
	for i, v := range m.Values {
		if err := e.member(list, m.Op, i, v); err != nil {
			return err
		}
	}
	e.c.Plus = slices.DeleteFunc(e.c.Plus, func(p string) bool { return list.off[p] })
	e.c.Minus = slices.DeleteFunc(e.c.Minus, func(k string) bool { return list.back[k] })
	return nil
}

// roll is who a draft says is in and out of its group, so that many values are looked
// up in one pass. What it takes off leaves the draft when all values are done.
type roll struct {
	plus      map[string]string // what stands in Plus, by "#" and key or by normal name
	minus     map[string]bool
	off, back map[string]bool // leave Plus, leave Minus
}

func (e *draft) listed() *roll {
	l := &roll{plus: make(map[string]string, len(e.c.Plus)), minus: make(map[string]bool, len(e.c.Minus)), off: map[string]bool{}, back: map[string]bool{}}
	for _, p := range e.c.Plus {
		name := p
		if !strings.HasPrefix(p, "#") {
			name, _ = e.s.Schema.NormDN(p)
		}
		l.plus[name] = p
	}
	for _, k := range e.c.Minus {
		l.minus[k] = true
	}
	return l
}

func (e *draft) dropMembers() {
	e.c.Plus, e.c.Minus = nil, nil
	bare := &Snapshot{Base: e.s.Base}
	if e.s.kind(e.id) == isGroup {
		bare.Members(e.id, func(m ID) bool { e.c.Minus = append(e.c.Minus, e.s.key(m)); return true })
	}
}

func (e *draft) member(list *roll, op int64, i int, value string) error {
	normal, err := e.s.Schema.NormDN(value)
	if err != nil {
		return refuse(ErrSyntax, fmt.Sprintf("member: value #%d invalid per syntax", i))
	}
	id, found := e.s.Lookup(normal)
	ref, name, key := value, normal, ""
	if found {
		key = e.s.key(id)
		ref, name = "#"+key, "#"+key
	} else if e.s.Schema.Flavour == schema.AD && op != proto.ModDelete {
		return &Missing{Snapshot: e.s, Matched: None}
	}
	plus, added := list.plus[name]
	seeded := found && (&Snapshot{Base: e.s.Base}).lists(e.id, id)
	left := seeded && list.minus[key]
	has := added || seeded && !left
	if e.s.Schema.Flavour == schema.AD {
		if err := e.samMember(op, id, has); err != nil {
			return err
		}
	}
	switch {
	case op == proto.ModDelete && !has:
		if e.by.Permissive {
			return nil
		}
		return refuse(ErrNoSuchAttribute, "modify/delete: member: no such value")
	case op == proto.ModDelete && added:
		delete(list.plus, name)
		list.off[plus] = true
	case op == proto.ModDelete:
		list.minus[key] = true
		e.c.Minus = append(e.c.Minus, key)
	case has:
		if e.by.Permissive {
			return nil
		}
		return refuse(ErrValueExists, fmt.Sprintf("modify/add: member: value #%d already exists", i))
	case left:
		delete(list.minus, key)
		list.back[key] = true
	default:
		list.plus[name] = ref
		e.c.Plus = append(e.c.Plus, ref)
	}
	return nil
}
