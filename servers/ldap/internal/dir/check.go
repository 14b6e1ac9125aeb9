package dir

import (
	"fmt"
	"slices"
	"strings"

	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// check holds a draft against the schema: naming, object classes, required and
// allowed attributes. Of seeded entries only what was touched is judged, since
// a seed may say what no schema allows.
func (e *draft) check() error {
	if err := e.checkName(); err != nil {
		return err
	}
	classes, err := e.checkClasses()
	if err != nil {
		return err
	}
	return e.checkAttributes(classes)
}

// checkName demands that the values in the RDN are among the entry's values.
func (e *draft) checkName() error {
	rdn, err := dn.ParseRDN(e.rdn())
	if err != nil {
		return nil // the head of a naming context
	}
	for _, ava := range rdn {
		a := e.s.Schema.Attr(ava.Type)
		if a == nil || !e.touched[a] {
			continue
		}
		want, _ := e.s.Schema.Norm(a, ava.Value)
		if !slices.ContainsFunc(e.current(a, ""), func(v string) bool { n, _ := e.s.Schema.Norm(a, v); return n == want }) {
			kind := ErrNaming
			if e.s.Schema.Flavour == schema.AD {
				kind = ErrOnRDN
			}
			return refuse(kind, "value of naming attribute '"+a.Name+"' is not present in entry")
		}
	}
	return nil
}

func (e *draft) rdn() string {
	if e.c.RDN != "" {
		return e.c.RDN
	}
	return e.s.RDN(e.id)
}

// checkClasses finds the entry's object classes, the structural one first.
func (e *draft) checkClasses() ([]*schema.Class, error) {
	names := e.current(e.s.Schema.Attr("objectClass"), "")
	var all []*schema.Class
	structural, depth := 0, 0
	for _, name := range names {
		c := e.s.Schema.Class(name)
		if c == nil { // one that only the seed knows
			continue
		}
		if n := len(e.s.Schema.Chain(name)); c.Kind == schema.Structural && n > depth {
			structural, depth = len(all), n
		}
		all = append(all, c)
	}
	if len(names) == 0 {
		return nil, refuse(ErrClass, "no objectClass attribute")
	}
	if depth == 0 {
		return nil, refuse(ErrClass, "no structural object class provided")
	}
	all[0], all[structural] = all[structural], all[0] // judged first, and named in the refusal
	return all, nil
}

func (e *draft) checkAttributes(classes []*schema.Class) error {
	allowed := map[string]bool{}
	any := false
	for _, named := range classes {
		any = any || named.Name == "extensibleObject"
		for c := named; c != nil; c = e.s.Schema.Class(c.Sup) {
			for _, name := range c.Must {
				allowed[strings.ToLower(name)] = true
				a := e.s.Schema.Attr(name)
				if a != nil && (e.touched[a] || e.s.kind(e.id) == isAdded) && !e.present(a) {
					return refuse(ErrClass, fmt.Sprintf("object class '%s' requires attribute '%s'", named.Name, a.Name))
				}
			}
			for _, name := range c.May {
				allowed[strings.ToLower(name)] = true
			}
		}
	}
	for a := range e.touched {
		ours := a.OID == "" || a.Has(schema.Operational) // an attribute that the seed invented, or one of the server's
		if !any && !ours && !allowed[strings.ToLower(a.Name)] && e.present(a) {
			return refuse(ErrClass, fmt.Sprintf("attribute '%s' not allowed", a.Name))
		}
	}
	return nil
}

// present reports whether the draft has a value of an attribute.
func (e *draft) present(a *schema.Attribute) bool {
	if a.Name != "member" {
		return len(e.current(a, "")) > 0
	}
	if len(e.c.Plus) > 0 {
		return true
	}
	left := false
	bare := &Snapshot{Base: e.s.Base}
	if e.s.kind(e.id) == isGroup {
		bare.Members(e.id, func(m ID) bool {
			left = !slices.Contains(e.c.Minus, e.s.key(m))
			return !left
		})
	}
	return left
}
