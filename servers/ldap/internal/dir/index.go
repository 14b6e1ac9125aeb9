package dir

import (
	"slices"
	"sort"
	"sync"

	"counterpart/servers/ldap/internal/schema"
)

// index maps the hash of a normal value to entries: sorted pairs of hash and
// number, eight octets each. Hits must be verified.
type index []uint64

func pair(hash uint32, id ID) uint64 { return uint64(hash)<<32 | uint64(id) }

// find is the run of pairs of one hash.
func (x index) find(hash uint32) index {
	lo := sort.Search(len(x), func(i int) bool { return uint32(x[i]>>32) >= hash })
	hi := lo
	for hi < len(x) && uint32(x[hi]>>32) == hash {
		hi++
	}
	return x[lo:hi]
}

// sorted orders pairs by hash. They come in the order of entries, and the sort
// is stable, so each run stays in that order.
func (x index) sorted() index {
	const bits, mask = 11, 1<<11 - 1
	spare := make(index, len(x))
	for shift := 32; shift < 64; shift += bits {
		var start [mask + 2]int
		for _, p := range x {
			start[(p>>shift)&mask+1]++
		}
		for i := 1; i < len(start); i++ {
			start[i] += start[i-1]
		}
		for _, p := range x {
			d := (p >> shift) & mask
			spare[start[d]] = p
			start[d]++
		}
		x, spare = spare, x
	}
	return x
}

// lazyIndex is built when it is first asked for: most servers are only ever
// asked for one or two attributes.
type lazyIndex struct {
	once sync.Once
	x    index
	made bool // generated people are in it; else madeWith finds them
}

// indexed are the attributes with an equality index. Membership and object
// classes have better ways, see plan.go.
var indexed = map[string]bool{
	"uid": true, "cn": true, "mail": true, "gidNumber": true, "uidNumber": true, "sAMAccountName": true, "userPrincipalName": true,
	"servicePrincipalName": true, "entryUUID": true, "displayName": true, "sn": true, "employeeNumber": true, "employeeID": true,
	"telephoneNumber": true, "mobile": true, "distinguishedName": true, "entryDN": true, "name": true, "proxyAddresses": true,
}

// lookup is the seeded entries whose value of a may be normal, in order.
func (b *Base) lookup(a *schema.Attribute, normal string) (hits []ID, ok bool) {
	if a.Name == "objectGUID" {
		b.guids.once.Do(func() {
			x := make(index, 0, b.end)
			for id := range b.end {
				x = append(x, pair(b.hash(octets(b.guid(b.key(id)))), id))
			}
			b.guids.x = x.sorted()
		})
		return b.guids.x.find(b.hash(normal)).ids(), true
	}
	if !indexed[a.Name] && !b.forward(a) || a.ID >= len(b.lazy) {
		return nil, false
	}
	l := &b.lazy[a.ID]
	l.once.Do(func() {
		l.made = !b.derivable(a)
		l.x = b.buildIndex(a, l.made)
	})
	hits = l.x.find(b.hash(normal)).ids()
	if !l.made {
		hits = append(hits, b.madeWith(a, normal)...)
		slices.Sort(hits)
	}
	return hits, true
}

// ids are the entries of a run.
func (x index) ids() []ID {
	out := make([]ID, len(x))
	for i, p := range x {
		out[i] = ID(p)
	}
	return out
}

// forward reports whether an attribute is a forward link of Active Directory whose
// back link has to be found; membership has better ways.
func (b *Base) forward(a *schema.Attribute) bool {
	return b.Schema.Flavour == schema.AD && a.Has(schema.Link) && !a.Has(schema.Back) && a.Name != "member"
}

// buildIndex goes through all seeded entries, or all but the generated people.
func (b *Base) buildIndex(a *schema.Attribute, made bool) index {
	lo, hi := b.span(a)
	n := hi - lo
	if !made && lo < hi {
		n = b.made0 + b.end - b.group0
	}
	x := make(index, 0, n)
	r := (&Snapshot{Base: b}).seedReader()
	for id := lo; id < hi; id++ {
		if id == b.made0 && !made {
			if id = b.group0; id >= hi {
				break
			}
		}
		r.Seek(id)
		for _, v := range r.Values(a, "") {
			if n, ok := b.Schema.Norm(a, v); ok {
				x = append(x, pair(b.hash(n), id))
			}
		}
	}
	return x.sorted()
}
