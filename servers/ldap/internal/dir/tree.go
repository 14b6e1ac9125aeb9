package dir

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// Add creates an entry (RFC 4511 section 4.7).
func (d *Directory) Add(ctx context.Context, name dn.DN, attributes []proto.Attribute, by Author) error {
	err := d.Edit(ctx, func(s *Snapshot, o *overlay) error {
		id, matched, err := s.FindDN(name)
		if err != nil {
			return err
		}
		e := s.draft(o, s.end+ID(o.Next), by)
		o.Next++
		e.c.RDN = name[0].String(s.Schema.Style())
		e.c.Created, e.c.Creator = by.Now, by.DN
		if s.Schema.Flavour == schema.AD {
			return e.addTo(name, id, matched, attributes)
		}
		if err := e.fill(name[0], attributes); err != nil {
			return err
		}
		if id != None {
			return refuse(ErrExists, "")
		}
		parent, _, _ := s.FindDN(name.Parent())
		if len(name) < 2 || parent == None {
			return &Missing{Snapshot: s, Matched: matched}
		}
		if e.c.Parent = s.key(parent); by.Dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// addTo adds an entry to Active Directory: its place is judged before what it
// brings.
func (e *draft) addTo(name dn.DN, there, matched ID, attributes []proto.Attribute) error {
	parent, _, _ := e.s.FindDN(name.Parent())
	if len(name) < 2 || parent == None {
		return &Missing{Snapshot: e.s, Matched: matched}
	}
	e.c.Parent = e.s.key(parent)
	if there != None {
		return refuse(ErrExists, "")
	}
	if err := e.fillDomain(name, parent, attributes); err != nil {
		return err
	}
	if e.by.Dry {
		return errDry
	}
	return nil
}

// fill gives a new entry its attributes.
func (e *draft) fill(rdn dn.RDN, attributes []proto.Attribute) error {
	e.r.patch = &patch{change: e.c, attrs: map[int][]tagged{}} // a new entry has nothing yet
	var changes []proto.Change
	for _, a := range attributes {
		changes = append(changes, proto.Change{Op: proto.ModAdd, Attribute: a})
	}
	changes = e.named(rdn, changes)
	for _, ava := range rdn {
		if a := e.s.Schema.Attr(ava.Type); a != nil {
			e.touched[a] = true
		}
	}
	return e.modify(changes)
}

// named adds the values of the RDN to a new entry that lacks them, as both
// servers do.
func (e *draft) named(rdn dn.RDN, changes []proto.Change) []proto.Change {
	for _, ava := range rdn {
		a := e.s.Schema.Attr(ava.Type)
		if a == nil {
			continue
		}
		want, _ := e.s.Schema.Norm(a, ava.Value)
		there := slices.ContainsFunc(changes, func(m proto.Change) bool {
			b, options := e.s.Schema.Describe(m.Desc)
			return a == b && options == "" && slices.ContainsFunc(m.Values, func(v string) bool { n, _ := e.s.Schema.Norm(a, v); return n == want })
		})
		if !there {
			changes = append(changes, proto.Change{Op: proto.ModAdd, Attribute: proto.Attribute{Desc: ava.Type, Values: []string{ava.Value}}})
		}
	}
	return changes
}

// Delete removes an entry; tree removes those below it as well (MS-ADTS
// 3.1.1.3.4.1.15).
func (d *Directory) Delete(ctx context.Context, name dn.DN, tree bool, by Author) error {
	return d.Edit(ctx, func(s *Snapshot, o *overlay) error {
		id, err := s.target(name, by)
		if err != nil {
			return err
		}
		if s.Parent(id) == None {
			return refuse(ErrUnwilling, "the naming context cannot be deleted")
		}
		if s.HasChildren(id) && !tree {
			return refuse(ErrNonLeaf, "subordinate objects must be deleted first")
		}
		gone := []ID{id}
		if tree {
			gone = s.subtree(id)
		}
		for _, x := range gone {
			if err := s.mayDelete(x); err != nil {
				return err
			}
			if s.kind(x) == isAdded {
				delete(o.Changes, s.key(x))
				continue
			}
			o.Changes[s.key(x)] = &change{Gone: true, Modified: by.Now, Modifier: by.DN}
		}
		return nil
	})
}

// subtree are all entries at and below one.
func (s *Snapshot) subtree(base ID) []ID {
	var out []ID
	s.merged(s.whole(), None, func(id ID) bool {
		if s.Alive(id) && s.Within(id, base, WholeSubtree) {
			out = append(out, id)
		}
		return true
	})
	return out
}

// Rename gives an entry another RDN or place (RFC 4511 section 4.9).
func (d *Directory) Rename(ctx context.Context, name dn.DN, m proto.ModifyDN, by Author) error {
	rdn, err := dn.ParseRDN(m.NewRDN)
	if err != nil {
		return refuse(dn.ErrSyntax, "invalid new RDN")
	}
	return d.Edit(ctx, func(s *Snapshot, o *overlay) error {
		id, err := s.target(name, by)
		if err != nil {
			return err
		}
		above := s.Parent(id)
		if above == None {
			return refuse(ErrUnwilling, "the naming context cannot be renamed")
		}
		if m.HasSuperior {
			parent, _, err := s.Find(m.Superior)
			if err != nil {
				return err
			}
			if parent == None {
				return &Missing{Snapshot: s, Matched: None, Text: "new superior not found"}
			}
			if s.Within(parent, id, WholeSubtree) {
				return refuse(ErrUnwilling, "new superior is below the entry")
			}
			above = parent
		}
		return s.draft(o, id, by).rename(rdn, above, m.DeleteOld)
	})
}

func (e *draft) rename(rdn dn.RDN, above ID, deleteOld bool) error {
	s := e.s
	text := rdn.String(s.Schema.Style())
	normal, err := s.Schema.NormDN(text + "," + s.DN(above))
	if err != nil {
		return err
	}
	if other, exists := s.Lookup(normal); exists && other != e.id {
		return refuse(ErrExists, "")
	}
	old, err := dn.ParseRDN(s.RDN(e.id))
	if err != nil {
		return refuse(ErrUnwilling, "")
	}
	for _, ava := range old {
		a := s.Schema.Attr(ava.Type)
		if a == nil {
			continue
		}
		e.touched[a] = true
		have := e.current(a, "")
		if deleteOld || a.Has(schema.Single) {
			want, _ := s.Schema.Norm(a, ava.Value)
			have = slices.DeleteFunc(have, func(v string) bool { n, _ := s.Schema.Norm(a, v); return n == want })
		}
		e.set(a, "", have)
	}
	for _, ava := range rdn {
		a := s.Schema.Attr(ava.Type)
		if a == nil {
			return refuse(ErrUndefinedType, fmt.Sprintf("%s: attribute type undefined", ava.Type))
		}
		want, ok := s.Schema.Norm(a, ava.Value)
		if !ok {
			return refuse(ErrSyntax, a.Name+": value #0 invalid per syntax")
		}
		e.touched[a] = true
		have := e.current(a, "")
		if !slices.ContainsFunc(have, func(v string) bool { n, _ := s.Schema.Norm(a, v); return n == want }) {
			have = append(have, ava.Value)
		}
		e.set(a, "", have)
	}
	from := s.Parent(e.id)
	if flags := s.systemFlags(e.id); flags&flagNoRename != 0 && text != s.RDN(e.id) || flags&flagNoMove != 0 && from != above {
		return refuse(ErrUnwilling, "the domain needs the entry where it is") // MS-ADTS 3.1.1.5.4.1.1
	}
	e.c.RDN, e.c.Parent = text, s.key(above)
	if s.Schema.Flavour == schema.AD {
		return e.renamed(rdn, from, above)
	}
	return e.check()
}

// renamed holds a new name and place against the rules of Active Directory.
func (e *draft) renamed(rdn dn.RDN, from, above ID) error {
	for _, ava := range rdn {
		if err := within(e.s.Schema.Attr(ava.Type), []string{ava.Value}); err != nil {
			return err
		}
	}
	old := e.before()
	if class := e.s.Schema.Class(old.class); class != nil {
		err := e.mayBeAt(class, rdn, above)
		if b := Broken(err); err != nil && (from != above || b == nil || b.Rule != ruleSuperior) { // a seed may put anything anywhere
			return err
		}
	}
	return e.checkDomain(old)
}
