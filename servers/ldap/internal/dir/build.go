package dir

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// New numbers and indexes the world's people and groups. Its time and memory
// grow with their number only by what the indexes need.
func New(c Config) (*Base, error) {
	b := &Base{Config: c, seed: maphash.MakeSeed(), boxAt: map[string]ID{}, groupAt: map[string]ID{}, renamed: map[ID]bool{},
		custom: map[string]custom{}}
	b.deriveIdentity()
	if err := b.addBoxes(); err != nil {
		return nil, err
	}
	b.user0 = ID(len(b.boxes))
	category, _ := b.Category("person")
	b.person, _ = b.Schema.NormDN(category)
	n := c.World.UserCount()
	b.group0 = b.user0 + ID(n)
	b.made0 = b.user0 + ID(c.World.WrittenCount())
	for g := range c.World.Groups() {
		b.groupAt[g.ID] = b.group0 + ID(len(b.groups))
		b.groups = append(b.groups, g)
		b.note(isGroup, g.Attributes)
	}
	b.end = b.group0 + ID(len(b.groups))
	b.numberPeople()
	b.parents = make([][]ID, len(b.groups))
	for i := range b.groups {
		for _, m := range b.groups[i].MemberGroups {
			child := b.groupAt[world.Fold(m)]
			b.parents[child-b.group0] = append(b.parents[child-b.group0], b.group0+ID(i))
		}
	}
	b.attrs = b.attributeTable()
	b.lazy = make([]lazyIndex, c.Schema.Count())
	b.indexNames()
	return b, nil
}

// note remembers the attribute descriptions that seeded attributes use.
func (b *Base) note(k kind, attributes map[string][]string) {
	for desc := range attributes {
		c, known := b.custom[desc]
		if known && c.kinds&(1<<k) != 0 {
			continue
		}
		name, options, _ := strings.Cut(desc, ";")
		b.tagged = b.tagged || options != ""
		b.custom[desc] = custom{b.Schema.Define(name), strings.ToLower(options), c.kinds | 1<<k}
	}
}

// numberPeople fills the table of each group's written people.
func (b *Base) numberPeople() {
	n := b.World.WrittenCount()
	count := make([]uint32, len(b.groups)+1)
	edges, ends := make([]uint32, 0, 2*n), make([]uint32, 0, n)
	for u := range b.World.Written() {
		b.note(isUser, u.Attributes)
		for _, g := range u.Groups {
			at, ok := b.groupAt[g]
			if !ok {
				at = b.groupAt[world.Fold(g)]
			}
			edges = append(edges, uint32(at-b.group0))
			count[at-b.group0+1]++
		}
		ends = append(ends, uint32(len(edges)))
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	b.memberAt = append([]uint32{}, count...)
	b.members = make([]ID, len(edges))
	person, next := b.user0, 0
	for _, end := range ends {
		for ; next < int(end); next++ {
			g := edges[next]
			b.members[count[g]] = person
			count[g]++
		}
		person++
	}
}

// indexNames builds the index of DNs, and finds namesakes: where two people
// would have one DN, the later ones are renamed. Generated people are in it only
// once they are renamed.
func (b *Base) indexNames() {
	for {
		x := make(index, 0, int(b.made0+b.end-b.group0)+len(b.renamed))
		again := false
		add := func(id ID, norm string) {
			x = append(x, pair(b.hash(norm), id))
			if made, ok := b.madeAs(norm); ok && id < made && !b.renamed[made] {
				b.renamed[made], again = true, true
			}
		}
		for id := range b.user0 {
			add(id, b.boxes[id].norm)
		}
		people := "," + b.boxes[b.people].norm
		id := b.user0
		for u := range b.World.Written() {
			add(id, b.normRDN(id, &u)+people)
			id++
		}
		for _, id := range slices.Sorted(maps.Keys(b.renamed)) {
			if id >= b.made0 {
				add(id, b.baseNorm(id))
			}
		}
		for id := b.group0; id < b.end; id++ {
			add(id, b.baseNorm(id))
		}
		b.names = x.sorted()
		if !b.renameNamesakes() && !again {
			return
		}
	}
}

func (b *Base) renameNamesakes() (again bool) {
	for i := 1; i < len(b.names); i++ {
		if b.names[i]>>32 != b.names[i-1]>>32 {
			continue
		}
		first, second := ID(b.names[i-1]), ID(b.names[i])
		if b.kind(second) == isUser && !b.renamed[second] && b.baseNorm(first) == b.baseNorm(second) {
			b.renamed[second], again = true, true
		}
	}
	return again
}

// addBox appends an entry; attributes are pairs of name and value.
func (b *Base) addBox(parent ID, name string, classes string, values ...string) (ID, error) {
	x := box{name: name, parent: parent, dn: name, values: map[int][]string{}}
	if parent != None {
		x.dn = name + "," + b.boxes[parent].dn
	}
	norm, err := b.Schema.NormDN(x.dn)
	if err != nil {
		return None, fmt.Errorf("%q is no DN: %w", x.dn, err)
	}
	x.norm = norm
	if id, exists := b.boxAt[norm]; exists {
		return id, nil
	}
	put := func(attr, value string) {
		a := b.Schema.Define(attr)
		x.values[a.ID] = append(x.values[a.ID], value)
	}
	for _, c := range strings.Fields(classes) {
		put("objectClass", c)
	}
	for i := 0; i+1 < len(values); i += 2 {
		put(values[i], values[i+1])
	}
	parsed, err := dn.Parse(x.dn)
	if err != nil {
		return None, fmt.Errorf("%q is no DN: %w", x.dn, err)
	}
	for _, ava := range parsed[0] {
		a := b.Schema.Attr(ava.Type)
		if len(x.values[a.ID]) == 0 {
			x.values[a.ID] = []string{ava.Value}
		}
		if name := b.Schema.Attr("name"); b.Schema.Flavour == schema.AD {
			x.values[name.ID] = []string{ava.Value}
		}
	}
	id := ID(len(b.boxes))
	b.boxes = append(b.boxes, x)
	b.boxAt[norm] = id
	return id, nil
}

// addPath adds containers for a relative name such as "ou=people,ou=staff".
func (b *Base) addPath(parent ID, path string) (ID, error) {
	d, err := dn.Parse(path)
	if err != nil {
		return None, fmt.Errorf("%q is no relative DN", path)
	}
	for i := len(d) - 1; i >= 0; i-- {
		class := "top organizationalUnit"
		if strings.EqualFold(d[i][0].Type, "cn") {
			class = "top container"
			if b.Schema.Flavour == schema.OpenLDAP {
				class = "top organizationalRole"
			}
		}
		if parent, err = b.addBox(parent, d[i].String(b.Schema.Style()), class); err != nil {
			return None, err
		}
	}
	return parent, nil
}

// addBoxes lays out the tree around people and groups.
func (b *Base) addBoxes() error {
	if b.Schema.Flavour == schema.AD {
		return b.addDomain()
	}
	d, err := dn.Parse(b.Suffix)
	if err != nil || len(d) == 0 {
		return fmt.Errorf("%q is no DN", b.Suffix)
	}
	org := b.World.Organization()
	classes := map[string]string{"dc": "top dcObject organization", "o": "top organization", "ou": "top organizationalUnit",
		"c": "top country"}[strings.ToLower(d[0][0].Type)]
	if classes == "" {
		classes = "top extensibleObject"
	}
	var values []string
	if strings.EqualFold(d[0][0].Type, "dc") {
		values = []string{"o", org.Name}
		if org.Name == "" {
			values[1] = d[0][0].Value
		}
	}
	root, err := b.addBox(None, b.Suffix, classes, values...)
	if err != nil {
		return err
	}
	if b.people, err = b.addPath(root, b.People); err != nil {
		return err
	}
	b.crowd, err = b.addPath(root, b.Groups)
	return err
}
