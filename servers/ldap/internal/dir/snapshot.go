package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"counterpart/internal/company/state"
	"counterpart/servers/ldap/internal/schema"
)

// Directory is the base and the store that its changes are in.
type Directory struct {
	Base  *Base
	Table state.Table // of one record, recordKey

	current atomic.Pointer[Snapshot]
	rebuild sync.Mutex
}

// Snapshot is one immutable version of the directory.
type Snapshot struct {
	*Base
	over     *overlay
	revision string          // of the record; "" is the seeded state
	changes  map[ID]*patch   // of seeded and added entries
	dirty    []ID            // the keys of changes in order: what the indexes do not know
	named    map[string]ID   // normal DNs of dirty entries that are alive
	ofPlus   map[ID][]ID     // member → groups that it was added to
	moved    bool            // an inner entry has another name than its seeded one
	children map[ID]int      // added or removed children
	raw      map[string][]ID // normal DN of a member that is no entry → groups

	backs     []*schema.Attribute // back links that are in use
	leading   []ID                // openldap: entries that may lead to other servers
	writtenMu sync.Mutex
	written   map[int]map[string][]ID // values of dirty entries by attribute, see writtenWith
}

// patch is a change with its references resolved.
type patch struct {
	*change
	parent ID // None: as seeded
	plus   []ID
	minus  map[ID]bool
	raw    []string // members that are no entries here
	attrs  map[int][]tagged
}

// tagged are values of one attribute description.
type tagged struct {
	options string
	values  []string
}

// Snapshot is the current version. It costs one Get of the store; the snapshot
// is built anew only when somebody has written.
func (d *Directory) Snapshot(ctx context.Context) (*Snapshot, error) {
	r, err := d.Table.Get(ctx, recordKey)
	if err != nil {
		return nil, err
	}
	return d.at(r)
}

func revisionOf(r state.Record) string {
	if len(r.Value) < 8 {
		return ""
	}
	return string(r.Value[:8])
}

func (d *Directory) at(r state.Record) (*Snapshot, error) {
	rev := revisionOf(r)
	if s := d.current.Load(); s != nil && s.revision == rev {
		return s, nil
	}
	d.rebuild.Lock()
	defer d.rebuild.Unlock()
	if s := d.current.Load(); s != nil && s.revision == rev {
		return s, nil
	}
	o, err := decode(r)
	if err != nil {
		return nil, err
	}
	s := d.Base.snapshot(o, rev)
	d.current.Store(s)
	return s, nil
}

// Edit changes the directory: fn decides on a snapshot and returns the next
// overlay. It may run again, when another replica was faster.
func (d *Directory) Edit(ctx context.Context, fn func(s *Snapshot, o *overlay) error) error {
	var next *overlay
	var revision string
	err := d.Table.Update(ctx, recordKey, func(r state.Record) (state.Record, error) {
		s, err := d.at(r)
		if err != nil {
			return state.Record{}, err
		}
		next = s.over.clone()
		if err := fn(s, next); err != nil {
			return state.Record{}, err
		}
		r, err = next.record()
		revision = revisionOf(r)
		return r, err
	})
	if err == nil { // whoever looks next need not decode what was just encoded
		d.current.Store(d.Base.snapshot(next, revision))
	}
	return err
}

// record encodes an overlay. The revision follows from the content, so that
// equal revisions are equal directories, even after a reset.
func (o *overlay) record() (state.Record, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return state.Record{}, err
	}
	if len(text) > maxOverlay {
		return state.Record{}, ErrFull
	}
	sum := sha256.Sum256(text)
	return state.Record{Value: bytes.Join([][]byte{sum[:8], text}, nil)}, nil
}

// id finds the entry of an overlay key, whether alive or not.
func (b *Base) id(key string) ID {
	if n, ok := addedNumber(key); ok {
		return b.end + ID(n)
	}
	what, name, _ := strings.Cut(key, ":")
	switch what {
	case "u":
		if i, ok := b.World.UserNumber(name); ok && b.World.UserIDAt(i) == name {
			return b.user0 + ID(i)
		}
	case "g":
		if id, ok := b.groupAt[name]; ok {
			return id
		}
	case "b":
		if id, ok := b.boxAt[name]; ok {
			return id
		}
	case "s":
		return b.schemaEntry(name)
	}
	return None
}

func (b *Base) snapshot(o *overlay, revision string) *Snapshot {
	s := &Snapshot{Base: b, over: o, revision: revision}
	if len(o.Changes) == 0 {
		s.findBacks()
		return s
	}
	s.changes = make(map[ID]*patch, len(o.Changes))
	s.named, s.ofPlus, s.children, s.raw = map[string]ID{}, map[ID][]ID{}, map[ID]int{}, map[string][]ID{}
	for key, c := range o.Changes {
		id := b.id(key)
		if id == None { // the seed has changed under a stored overlay
			continue
		}
		s.changes[id] = s.resolve(c)
		s.moved = s.moved || id < s.end && !c.Gone && (c.RDN != "" || c.Parent != "")
		s.dirty = append(s.dirty, id)
	}
	slices.Sort(s.dirty)
	for _, id := range s.dirty {
		s.link(id, s.changes[id])
	}
	s.findBacks()
	if ref := b.Schema.Attr("ref"); ref != nil && b.Schema.Flavour == schema.OpenLDAP {
		for _, id := range s.dirty {
			if len(s.changes[id].attrs[ref.ID]) > 0 {
				s.leading = append(s.leading, id)
			}
		}
	}
	return s
}

// resolve turns the names in a change into numbers.
func (s *Snapshot) resolve(c *change) *patch {
	p := &patch{change: c, parent: None, attrs: map[int][]tagged{}}
	if c.Parent != "" {
		p.parent = s.id(c.Parent)
	}
	for _, m := range c.Plus {
		if key, ok := strings.CutPrefix(m, "#"); !ok {
			p.raw = append(p.raw, m)
		} else if member := s.id(key); member != None {
			p.plus = append(p.plus, member)
		}
	}
	for _, m := range c.Minus {
		if member := s.id(m); member != None {
			if p.minus == nil {
				p.minus = map[ID]bool{}
			}
			p.minus[member] = true
		}
	}
	for desc, values := range c.Attrs {
		name, options, _ := strings.Cut(desc, ";")
		a := s.Schema.Attr(name)
		if a == nil {
			continue
		}
		t := tagged{options: options}
		for _, v := range values {
			t.values = append(t.values, string(v))
		}
		p.attrs[a.ID] = append(p.attrs[a.ID], t)
	}
	return p
}

// link enters a changed entry into the tables that depend on others.
func (s *Snapshot) link(id ID, p *patch) {
	for _, m := range p.plus {
		s.ofPlus[m] = append(s.ofPlus[m], id)
	}
	for _, m := range p.raw {
		if n, err := s.Schema.NormDN(m); err == nil {
			s.raw[n] = append(s.raw[n], id)
		}
	}
	seeded := s.kind(id) != isAdded
	if p.Gone {
		if seeded {
			s.children[s.baseParent(id)]--
		}
		return
	}
	if !seeded || p.RDN != "" || p.parent != None {
		s.named[s.NormName(id)] = id
		if seeded {
			s.children[s.baseParent(id)]--
		}
		s.children[s.Parent(id)]++
	}
}

func (b *Base) baseParent(id ID) ID {
	switch b.kind(id) {
	case isBox:
		return b.boxes[id].parent
	case isUser:
		return b.people
	case isGroup:
		return b.crowd
	case isSchema:
		return b.schemaHead
	}
	return None
}

// Parent is the entry above id, None for the head of a naming context.
func (s *Snapshot) Parent(id ID) ID {
	if p := s.changes[id]; p != nil && p.parent != None {
		return p.parent
	}
	return s.baseParent(id)
}

// Alive reports whether id is an entry of this snapshot.
func (s *Snapshot) Alive(id ID) bool {
	p := s.changes[id]
	if p == nil {
		return id < s.end || s.kind(id) == isSchema
	}
	return !p.Gone
}

// HasChildren reports whether an entry has subordinates.
func (s *Snapshot) HasChildren(id ID) bool { return s.Children(id) > 0 }

// Children is how many entries are directly below one.
func (s *Snapshot) Children(id ID) int {
	n := s.children[id]
	if s.kind(id) == isBox {
		for i := range s.boxes {
			if s.boxes[i].parent == id {
				n++
			}
		}
		if s.Schema.Flavour == schema.AD && id == s.schemaHead {
			n += len(s.published().cn)
		}
		if id == s.people {
			n += int(s.group0 - s.user0)
		}
		if id == s.crowd {
			n += len(s.groups)
		}
	}
	return n
}

// maxDepth ends a walk upwards in a damaged overlay.
const maxDepth = 300

// RDN is an entry's own RDN as it is written.
func (s *Snapshot) RDN(id ID) string {
	if p := s.changes[id]; p != nil && p.RDN != "" {
		return p.RDN
	}
	if s.kind(id) == isUser {
		u := s.user(id)
		return s.rdn(id, &u)
	}
	if s.kind(id) == isAdded {
		return ""
	}
	return s.rdn(id, nil)
}

// DN is an entry's name as it is written.
func (s *Snapshot) DN(id ID) string {
	out := s.RDN(id)
	for depth := 0; depth < maxDepth; depth++ {
		id = s.Parent(id)
		if id == None {
			break
		}
		if len(s.changes) == 0 || id < s.user0 && !s.moved { // containers keep their name ready
			return out + "," + s.boxes[id].dn
		}
		out += "," + s.RDN(id)
	}
	return out
}

// NormName is the normal form of an entry's DN.
func (s *Snapshot) NormName(id ID) string {
	if s.changes[id] == nil && !s.moved && s.kind(id) != isAdded {
		return s.baseNorm(id)
	}
	n, _ := s.Schema.NormDN(s.DN(id))
	return n
}
