package dir

import (
	"slices"
	"strings"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// classesOf orders the object classes that a client names as Active Directory
// keeps them: top, the auxiliary ones, then the structural one with its superiors,
// the most special last. No two structural classes may stand apart (MS-ADTS
// 3.1.1.5.2.2).
func (s *Snapshot) classesOf(names []string) ([]string, error) {
	oc := s.Schema.Attr("objectClass")
	var auxiliary []string
	var most *schema.Class
	for _, name := range names {
		c := s.Schema.Class(name)
		switch {
		case c == nil:
			return nil, breaks(ruleUnknown, oc)
		case c.Kind == schema.Auxiliary:
			auxiliary = append(auxiliary, c.Name)
		case most == nil || s.Schema.Descends(c.Name, most.Name):
			most = c
		case c != most && !s.Schema.Descends(most.Name, c.Name):
			return nil, breaks(ruleSubclass, oc)
		}
	}
	switch {
	case len(names) == 0 || most == nil:
		return nil, breaks(ruleNoClass, oc)
	case most.Kind == schema.Abstract:
		return nil, breaks(ruleAbstract, oc)
	}
	out := []string{"top"}
	for _, name := range append(auxiliary, s.Schema.Chain(most.Name)...) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// fillDomain gives a new entry of Active Directory its attributes.
func (e *draft) fillDomain(name dn.DN, parent ID, attributes []proto.Attribute) error {
	e.adding = true
	e.r.patch = &patch{change: e.c, attrs: map[int][]tagged{}} // a new entry has nothing yet
	oc := e.s.Schema.Attr("objectClass")
	e.touched[oc] = true
	var classes []string
	var changes []proto.Change
	seen := map[*schema.Attribute]bool{}
	for _, x := range attributes {
		a, _ := e.s.Schema.Describe(x.Desc)
		switch {
		case a == nil:
			return breaks(ruleUnknown, nil)
		case len(x.Values) == 0:
			return breaks(ruleEmpty, a)
		case seen[a]:
			return breaks(ruleValueExists, a)
		}
		seen[a] = true
		if err := mayAdd(a, x.Values); err != nil {
			return err
		}
		switch {
		case a == oc:
			classes = x.Values
		case !ignored[a.Name] && a.Name != "instanceType" && a.Name != "primaryGroupID":
			changes = append(changes, proto.Change{Op: proto.ModAdd, Attribute: x})
		}
	}
	classes, err := e.s.classesOf(classes)
	if err != nil {
		return err
	}
	most := e.s.Schema.Class(classes[len(classes)-1])
	if p, ok := most.Published(); ok && p.SystemOnly {
		return breaks(ruleSystemCl, oc)
	}
	if err := e.mayBeAt(most, name[0], parent); err != nil {
		return err
	}
	e.set(oc, "", classes)
	return e.modify(e.named(name[0], changes))
}

// mayBeAt holds a place and a name against the class of an entry: its RDN's type
// and what may be above it (MS-ADTS 3.1.1.2.4.5).
func (e *draft) mayBeAt(class *schema.Class, rdn dn.RDN, parent ID) error {
	p, ok := class.Published()
	if !ok {
		return nil
	}
	if a := e.s.Schema.Attr(rdn[0].Type); len(rdn) > 1 || a == nil || !strings.EqualFold(a.Name, p.RDN) {
		return breaks(ruleRDN, a)
	}
	if e.s.InSchema(parent) {
		return breaks(ruleUnwilling, nil)
	}
	r := e.s.seedReader()
	r.Seek(parent)
	if !e.s.Schema.MayBeBelow(class, r.Values(e.s.Schema.Attr("objectClass"), "")) {
		return breaks(ruleSuperior, nil)
	}
	return nil
}

// governed holds one modification against the rules that look at nothing else.
func (e *draft) governed(a *schema.Attribute, m proto.Change) error {
	err := mayModify(a)
	if e.adding {
		err = mayAdd(a, m.Values)
	}
	if err != nil {
		return err
	}
	if rdn, bad := dn.ParseRDN(e.rdn()); bad == nil && !e.adding && e.s.Schema.Attr(rdn[0].Type) == a {
		return breaks(ruleOnRDN, a)
	}
	switch {
	case m.Op == proto.ModDelete:
		return nil
	case m.Op == proto.ModAdd && len(m.Values) == 0:
		return breaks(ruleEmpty, a)
	}
	if a.Name == "objectCategory" {
		for _, v := range m.Values {
			if id, _, err := e.s.Find(v); err != nil || id == None || e.s.kind(id) != isSchema {
				return breaks(ruleCategory, a)
			}
		}
	}
	if err := within(a, m.Values); err != nil {
		return err
	}
	if a.Name == "member" && !e.adding {
		return nil
	}
	return e.referents(a, m.Values)
}

// checkDomain holds a draft of an entry of Active Directory against the schema
// and the rules of the security account manager.
func (e *draft) checkDomain(old before) error {
	oc := e.s.Schema.Attr("objectClass")
	if e.touched[oc] && !e.adding {
		if len(e.current(oc, "")) == 0 {
			return breaks(ruleNoClass, oc)
		}
		classes, err := e.s.classesOf(e.current(oc, ""))
		if err != nil {
			return err
		}
		if now := classes[len(classes)-1]; now != old.class && !(person(now) && person(old.class)) {
			return breaks(ruleSubclass, oc)
		}
		e.set(oc, "", classes)
	}
	if e.adding {
		e.defaults()
	}
	if err := e.checkKept(old); err != nil {
		return err
	}
	if err := e.checkAllowed(e.current(oc, "")); err != nil {
		return err
	}
	return e.checkAccount(old)
}

// person reports whether a class is one of the two that an account can change
// between.
func person(class string) bool { return class == "user" || class == "inetOrgPerson" }

// supplied are required attributes that the server itself gives every entry.
var supplied = map[string]bool{"instanceType": true, "nTSecurityDescriptor": true, "objectCategory": true, "objectSid": true}

// checkAllowed demands the required attributes and refuses those that no class of
// the entry has. Of seeded entries only what was touched is judged.
func (e *draft) checkAllowed(classes []string) error {
	allowed := e.s.Schema.Allowed(classes)
	for a := range e.touched {
		ours := a.OID == "" // an attribute that the seed invented
		if !ours && !slices.Contains(allowed, a.Name) && e.present(a) {
			return breaks(ruleNotAllowed, a)
		}
	}
	for _, name := range e.s.Schema.Required(classes) {
		if a := e.s.Schema.Attr(name); (e.adding && !supplied[name] || !e.adding && e.touched[a]) && !e.present(a) {
			return breaks(ruleRequired, a)
		}
	}
	return nil
}
