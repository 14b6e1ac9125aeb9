package ldap

import (
	"fmt"
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// selection is the attribute selection of a search (RFC 4511 section 4.5.1.8).
type selection struct {
	user        bool // "*" or nothing
	operational bool // "+"
	named       []selected
	wanted      map[*schema.Attribute]bool
	plain       map[*schema.Attribute]bool // asked for without options
	asked       []string                   // as the client wrote it: the root DSE has names that no schema knows
	hide        string                     // a fault's: this attribute is not there
}

// selected is one attribute asked for by name.
type selected struct {
	attr    *schema.Attribute
	options string
	ranged  bool
	lo, hi  int // of range=lo-hi; hi -1 is *
}

// selects reads an attribute selection. Unknown names are ignored, and so is
// 1.1 beside others.
func (s *server) selects(names []string) selection {
	p := selection{wanted: map[*schema.Attribute]bool{}, plain: map[*schema.Attribute]bool{}, asked: names}
	if len(names) == 0 {
		p.user = true
		return p
	}
	for _, n := range names {
		switch n {
		case "*":
			p.user = true
			continue
		case "+":
			p.operational = !s.set.ad()
			continue
		}
		if class, ok := strings.CutPrefix(n, "@"); ok && !s.set.ad() { // RFC 4529
			for _, a := range s.schema.Attributes() {
				if s.schema.Allows(class, a) && !p.wanted[a] {
					p.named, p.wanted[a] = append(p.named, selected{attr: a}), true
				}
			}
			continue
		}
		a, options := s.schema.Describe(n)
		if a == nil {
			continue
		}
		if a.Name == "name" && !s.set.ad() { // the supertype stands for its subtypes
			for _, sub := range schema.NameSubtypes {
				if b := s.schema.Attr(sub); !p.wanted[b] {
					p.named, p.wanted[b] = append(p.named, selected{attr: b}), true
				}
			}
			continue
		}
		x := selected{attr: a, options: strings.ToLower(options)}
		if r, ok := strings.CutPrefix(x.options, "range="); ok && s.set.ad() {
			x.options = ""
			if x.lo, x.hi, ok = parseRange(r); !ok {
				continue
			}
			x.ranged = true
		}
		if x.options == "binary" {
			x.options = ""
		}
		if !p.wanted[a] || x.options != "" || x.ranged {
			p.named = append(p.named, x)
		}
		p.wanted[a] = true
		p.plain[a] = p.plain[a] || x.options == "" && !x.ranged
	}
	return p
}

func parseRange(r string) (lo, hi int, ok bool) {
	from, to, found := strings.Cut(r, "-")
	lo, err := strconv.Atoi(from)
	if !found || err != nil || lo < 0 {
		return 0, 0, false
	}
	if to == "*" {
		return lo, -1, true
	}
	hi, err = strconv.Atoi(to)
	return lo, hi, err == nil && hi >= lo && hi < 1<<31
}

// attributes appends the selected attributes of the entry that the reader
// stands at. Named ones come in their own order, behind those of "*".
func (s *query) attributes(e *proto.Entry) {
	if s.pick.user || s.pick.operational {
		for _, a := range s.reader.All() {
			if a.Has(schema.Constructed) || a.Name == "name" && !s.op.c.s.set.ad() {
				continue
			}
			op := a.Has(schema.Operational)
			if op && s.pick.operational || !op && s.pick.user {
				s.attribute(e, selected{attr: a})
			}
		}
	}
	if sd := s.op.c.s.descriptor; s.pick.user && s.want.descriptor != 0 && !s.pick.wanted[sd] {
		s.attribute(e, selected{attr: sd})
	}
	for _, x := range s.pick.named {
		op := x.attr.Has(schema.Operational)
		switch {
		case x.ranged, x.attr.Has(schema.Constructed):
		case x.attr == s.op.c.s.descriptor:
		case op && s.pick.operational || !op && s.pick.user, x.options != "" && s.pick.plain[x.attr]:
			continue // it was among all
		}
		if !strings.HasSuffix(x.options, "-") {
			s.attribute(e, x)
			continue
		}
		for _, have := range s.reader.Tagged(x.attr) { // a range of options (RFC 3866 section 3.2)
			if strings.HasPrefix(have, x.options) {
				s.attribute(e, selected{attr: x.attr, options: have})
			}
		}
	}
}

// admin reports whether the identity may see what only administrators may.
func (s *query) admin() bool {
	if s.isAdmin == nil {
		yes := s.op.isAdmin(s.snap)
		s.isAdmin = &yes
	}
	return *s.isAdmin
}

func (s *query) attribute(e *proto.Entry, x selected) {
	if x.attr.Name == s.pick.hide {
		return
	}
	var values []string
	switch {
	case x.attr.Name == "nTSecurityDescriptor" && s.op.c.s.set.ad():
		if sd, ok := s.snap.Descriptor(s.want.descriptor, s.admin()); ok {
			values = []string{sd}
		}
	case x.attr.Has(schema.Constructed):
		values = s.reader.Constructed(x.attr, s.req.Scope == 0)
	case x.options != "":
		values = s.reader.Values(x.attr, x.options)
	default:
		for _, options := range s.reader.Tagged(x.attr) {
			e.Attribute(x.attr.Name+";"+options, s.reader.Values(x.attr, options), s.req.TypesOnly)
		}
		values = s.reader.Plain(x.attr)
	}
	if len(values) == 0 {
		return
	}
	desc := x.attr.Name
	if x.options != "" {
		desc += ";" + x.options
	}
	if set := &s.op.c.s.set; set.ad() && !x.attr.Has(schema.Single) || x.ranged {
		desc, values = ranged(desc, values, x, set.Values)
		if values == nil {
			return
		}
	}
	e.Attribute(desc, values, s.req.TypesOnly)
}

// ranged cuts the values of an attribute to what one answer may hold, and says
// in the description which part it is (MS-ADTS 3.1.1.3.1.3.3).
func ranged(desc string, values []string, x selected, most int) (string, []string) {
	n := len(values)
	if !x.ranged {
		if most <= 0 || n <= most {
			return desc, values
		}
		return fmt.Sprintf("%s;range=0-%d", desc, most-1), values[:most]
	}
	if x.lo >= n {
		return desc, nil
	}
	end := n
	if x.hi >= 0 {
		end = min(end, x.hi+1)
	}
	if most > 0 {
		end = min(end, x.lo+most)
	}
	if end == n {
		return fmt.Sprintf("%s;range=%d-*", desc, x.lo), values[x.lo:]
	}
	return fmt.Sprintf("%s;range=%d-%d", desc, x.lo, end-1), values[x.lo:end]
}
