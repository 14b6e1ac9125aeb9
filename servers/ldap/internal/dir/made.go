package dir

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/schema"
)

// Generated people follow from their numbers, and what they are called leads
// back to it. The functions here find them without a table.

// madeAs finds the generated person whose normal DN would be norm, had nobody
// else that name.
func (b *Base) madeAs(norm string) (ID, bool) {
	rdn, ok := strings.CutSuffix(norm, b.boxes[b.people].norm)
	if !ok || b.made0 == b.group0 {
		return None, false
	}
	value, ok := strings.CutSuffix(rdn, ",")
	if !ok {
		return None, false
	}
	if b.Schema.Flavour == schema.AD {
		if value, ok = strings.CutPrefix(value, "cn=user "); ok {
			value = "user" + value
		}
	} else {
		value, ok = strings.CutPrefix(value, "uid=")
	}
	if !ok {
		return None, false
	}
	i, ok := b.World.Generated().UserNumber(value)
	return b.made0 + ID(i), ok
}

// madeWith are the generated people whose value of a may be normal, in order.
func (b *Base) madeWith(a *schema.Attribute, normal string) (out []ID) {
	g := b.World.Generated()
	switch a.Name {
	case "uidNumber":
		if n, err := strconv.Atoi(normal); err == nil {
			if i, ok := g.UIDs.Of(n); ok && i < g.Users {
				return []ID{b.made0 + ID(i)}
			}
		}
		return nil
	case "gidNumber":
		n, err := strconv.Atoi(normal)
		if err != nil {
			return nil
		}
		for id := b.group0; id < b.end; id++ {
			if b.group(id).GIDNumber == n {
				out = slices.AppendSeq(out, b.madeOf(id))
			}
		}
		return out
	}
	const longest = 4096                                        // octets; theirs are shorter
	for text := normal; text != "" && len(normal) <= longest; { // all else has the person's digits in it
		i := strings.IndexAny(text, "0123456789")
		if i < 0 {
			break
		}
		text = text[i:]
		digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
		text = text[len(digits):]
		if i, ok := g.UserNumber("user" + digits); ok && !slices.Contains(out, b.made0+ID(i)) {
			out = append(out, b.made0+ID(i))
		}
	}
	slices.Sort(out)
	return out
}

// derivable reports whether madeWith finds all generated people by an attribute.
// They are alike, so that some of them tell of all.
func (b *Base) derivable(a *schema.Attribute) bool {
	r := (&Snapshot{Base: b}).seedReader()
	for _, id := range []ID{b.made0, b.made0 + (b.group0-b.made0)/2, b.group0 - 1} {
		if id < b.made0 || id >= b.group0 {
			continue
		}
		r.Seek(id)
		for _, v := range slices.Clone(r.Values(a, "")) {
			if n, ok := b.Schema.Norm(a, v); ok && !slices.Contains(b.madeWith(a, n), id) {
				return false
			}
		}
	}
	return true
}

// madeOf are the generated people that a seeded group lists directly, in order:
// they are in the generated groups by turns.
func (b *Base) madeOf(g ID) iter.Seq[ID] {
	step := ID(b.World.Generated().Groups)
	return func(yield func(ID) bool) {
		if first := b.end - step; step > 0 && g >= first {
			for id := b.made0 + g - first; id < b.group0; id += step {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// peopleOf are the people that a seeded group lists directly, in seed order.
func (b *Base) peopleOf(g ID) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for _, id := range b.members[b.memberAt[g-b.group0]:b.memberAt[g-b.group0+1]] {
			if !yield(id) {
				return
			}
		}
		b.madeOf(g)(yield)
	}
}
