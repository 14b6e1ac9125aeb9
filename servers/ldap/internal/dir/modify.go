package dir

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// Author is who writes, and when.
type Author struct {
	DN  string
	Now time.Time
	// Permissive makes adding what is there and deleting what is not a success.
	Permissive bool
	// Dry finds out whether the change would be refused, and writes nothing.
	Dry bool
	// Check runs on the entry before the change (an assertion control).
	Check func(s *Snapshot, id ID) error
}

// Modify changes the attributes of one entry, all or none (RFC 4511 section 4.6).
func (d *Directory) Modify(ctx context.Context, name dn.DN, changes []proto.Change, by Author) error {
	err := d.Edit(ctx, func(s *Snapshot, o *overlay) error {
		id, err := s.target(name, by)
		if err != nil {
			return err
		}
		if err = s.draft(o, id, by).modify(changes); err == nil && by.Dry {
			err = errDry
		}
		return err
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// errDry ends a dry run without a write.
var errDry = errors.New("dir: dry run")

// target finds the entry that is to be written and holds the assertion against it.
func (s *Snapshot) target(name dn.DN, by Author) (ID, error) {
	id, matched, err := s.FindDN(name)
	if err != nil {
		return None, err
	}
	if id == None {
		return None, &Missing{Snapshot: s, Matched: matched}
	}
	if s.InSchema(id) {
		return None, refuse(ErrUnwilling, "the schema is not modified here")
	}
	if by.Check != nil {
		return id, by.Check(s, id)
	}
	return id, nil
}

// draft is one entry on its way to its next version.
type draft struct {
	s       *Snapshot
	o       *overlay
	id      ID
	c       *change
	r       *Reader
	by      Author
	touched map[*schema.Attribute]bool
	adding  bool // a new entry of Active Directory
}

// draft starts one. Its reader asks nobody how people stand: it works within an
// update of the store, which must not ask the store for anything else.
func (s *Snapshot) draft(o *overlay, id ID, by Author) *draft {
	e := &draft{s: s, o: o, id: id, c: o.edit(s.key(id)), r: s.seedReader(), by: by, touched: map[*schema.Attribute]bool{}}
	e.r.Secrets = true
	e.r.Seek(id)
	e.c.Modified, e.c.Modifier = by.Now, by.DN
	return e
}

func (e *draft) modify(changes []proto.Change) error {
	ad := e.s.Schema.Flavour == schema.AD
	var old before
	if ad {
		old = e.before()
	}
	for _, m := range changes {
		a, options := e.s.Schema.Describe(m.Desc)
		norms, err := normalise(e.s.Schema, m)
		switch {
		case err != nil:
		case ad:
			err = e.governed(a, m)
		default:
			err = Writable(e.s.Schema, m)
		}
		if err != nil {
			return err
		}
		e.touched[a] = true
		switch {
		case a.Name == "member":
			err = e.members(m)
		case ad && a.Name == "primaryGroupID":
			err = e.primary(m)
		default:
			err = e.change(a, strings.ToLower(options), m, norms)
		}
		if err != nil {
			return err
		}
	}
	if ad {
		return e.checkDomain(old)
	}
	return e.check()
}

// Check holds a change against the schema alone, which slapd does before it
// asks who is writing.
func Check(s *schema.Schema, m proto.Change) error {
	_, err := normalise(s, m)
	return err
}

// Writable refuses changes of what only the server writes.
func Writable(s *schema.Schema, m proto.Change) error {
	if a, _ := s.Describe(m.Desc); a != nil && (a.Has(schema.ReadOnly) || a.Has(schema.Constructed)) {
		return refuse(ErrConstraint, a.Name+": no user modification allowed")
	}
	return nil
}

// normalise are the normal forms of the values in a change.
func normalise(s *schema.Schema, m proto.Change) ([]string, error) {
	a, _ := s.Describe(m.Desc)
	if a == nil {
		return nil, refuse(ErrUndefinedType, m.Desc+": attribute type undefined")
	}
	if m.Op == proto.ModIncrement {
		switch {
		case a.Kind != schema.Int:
			return nil, refuseOn(a, ErrConstraint, a.Name+": attribute syntax inappropriate for increment")
		case len(m.Values) != 1:
			return nil, refuseOn(a, ErrSyntax, "modify/increment: "+a.Name+": one value is needed")
		}
	}
	if a.Has(schema.Single) && len(m.Values) > 1 && s.Flavour == schema.AD {
		return nil, breaks(ruleSingle, a)
	}
	if a.Has(schema.Single) && len(m.Values) > 1 {
		return nil, refuseOn(a, ErrConstraint, a.Name+": multiple values provided")
	}
	norms := make([]string, len(m.Values))
	seen := make(map[string]int, len(m.Values))
	for i, v := range m.Values {
		n, ok := s.Norm(a, v)
		if a.Kind == schema.Blob || a.Kind == schema.Facsimile {
			n, ok = v, true
		}
		if a.Name == "objectClass" && s.Class(v) == nil && s.Flavour == schema.AD {
			return nil, breaks(ruleUnknown, a)
		}
		if !ok || a.Name == "objectClass" && s.Class(v) == nil {
			return nil, refuseOn(a, ErrSyntax, fmt.Sprintf("%s: value #%d invalid per syntax", a.Name, i))
		}
		if first, twice := seen[n]; twice {
			return nil, refuseOn(a, ErrValueExists, fmt.Sprintf("%s: value #%d provided more than once", a.Name, first))
		}
		norms[i], seen[n] = n, i
	}
	return norms, nil
}

// desc is the key of an attribute description in a change.
func desc(a *schema.Attribute, options string) string {
	if options == "" {
		return strings.ToLower(a.Name)
	}
	return strings.ToLower(a.Name) + ";" + options
}

// current are the values of a description as the draft has them.
func (e *draft) current(a *schema.Attribute, options string) []string {
	if v, ok := e.c.Attrs[desc(a, options)]; ok {
		out := make([]string, len(v))
		for i := range v {
			out[i] = string(v[i])
		}
		return out
	}
	if options != "" {
		return nil
	}
	return slices.Clone(e.r.Values(a, ""))
}

func (e *draft) set(a *schema.Attribute, options string, values []string) {
	raw := make([][]byte, len(values))
	for i, v := range values {
		raw[i] = []byte(v)
	}
	if _, there := e.c.Attrs[desc(a, "")]; options != "" && !there { // the plain values stay what they are
		plain := e.current(a, "")
		keep := make([][]byte, len(plain))
		for i, v := range plain {
			keep[i] = []byte(v)
		}
		e.c.Attrs[desc(a, "")] = keep
	}
	e.c.Attrs[desc(a, options)] = raw
}

// change applies one modification to a plain attribute.
func (e *draft) change(a *schema.Attribute, options string, m proto.Change, norms []string) error {
	have := e.current(a, options)
	at := make(map[string]int, len(have)) // by normal form
	for i := len(have) - 1; i >= 0; i-- {
		if n, ok := e.s.Schema.Norm(a, have[i]); ok || have[i] == n {
			at[n] = i
		}
	}
	switch m.Op {
	case proto.ModAdd:
		if len(m.Values) == 0 {
			return refuseOn(a, ErrSyntax, "modify/add: "+a.Name+": no values given") // slapd says protocolError; nobody sends it
		}
		for i, v := range m.Values {
			if _, there := at[norms[i]]; there {
				if e.by.Permissive {
					continue
				}
				return refuseOn(a, ErrValueExists, fmt.Sprintf("modify/add: %s: value #%d already exists", a.Name, i))
			}
			have = append(have, v)
		}
	case proto.ModDelete:
		if len(have) == 0 && !e.by.Permissive {
			return refuseOn(a, ErrNoSuchAttribute, "modify/delete: "+a.Name+": no such attribute")
		}
		if len(m.Values) == 0 {
			have = nil
		}
		gone := make(map[int]bool, len(m.Values))
		for i := range m.Values {
			n, there := at[norms[i]]
			if !there && !e.by.Permissive {
				return refuseOn(a, ErrNoSuchAttribute, "modify/delete: "+a.Name+": no such value")
			}
			if there {
				gone[n] = true
			}
		}
		have = without(have, gone)
	case proto.ModReplace:
		have = slices.Clone(m.Values)
	case proto.ModIncrement:
		if err := e.increment(a, have, m.Values); err != nil {
			return err
		}
	default:
		return refuse(ErrUnwilling, "unrecognized modify operation")
	}
	if a.Has(schema.Single) && len(have) > 1 && e.s.Schema.Flavour == schema.AD {
		return breaks(ruleSecond, a)
	}
	if a.Has(schema.Single) && len(have) > 1 {
		return refuseOn(a, ErrConstraint, "attribute '"+a.Name+"' cannot have multiple values")
	}
	e.set(a, options, have)
	return nil
}

// without are the values but those at some places.
func without(values []string, gone map[int]bool) (out []string) {
	for i, v := range values {
		if !gone[i] {
			out = append(out, v)
		}
	}
	return out
}

// increment adds a number to every value (RFC 4525 section 3).
func (e *draft) increment(a *schema.Attribute, have, by []string) error {
	if len(have) == 0 {
		return refuseOn(a, ErrNoSuchAttribute, "modify/increment: "+a.Name+": no such attribute")
	}
	for i, v := range have {
		sum, err := Increased(a, v, by[0])
		if err != nil {
			return err
		}
		have[i] = sum
	}
	return nil
}

// Increased is a value and what is added to it, as far as both are numbers.
func Increased(a *schema.Attribute, value, by string) (string, error) {
	old, err := strconv.ParseInt(value, 10, 64)
	n, wrong := strconv.ParseInt(by, 10, 64)
	if sum := old + n; err == nil && wrong == nil && (sum > old) == (n > 0) {
		text := strconv.FormatInt(sum, 10)
		return text, within(a, []string{text})
	}
	return "", refuseOn(a, ErrConstraint, "modify/increment: "+a.Name+": value out of range")
}
