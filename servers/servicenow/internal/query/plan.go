package query

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what a field holds, as far as comparing it goes.
type Kind int

// The kinds of fields.
const (
	String Kind = iota
	Number
	Boolean
	DateTime  // "2006-01-02 15:04:05", UTC
	Date      // "2006-01-02"
	Reference // a sys_id, with a display value
	ID        // a sys_id of its own row
)

// Source is what a query runs against.
type Source struct {
	// Kind tells what a field, perhaps dot-walked, holds; false: there is none.
	Kind func(path string) (Kind, bool)
	// Now, Zone and the user are what scripts in values can ask for.
	Now              time.Time
	Zone             *time.Location
	UserID, UserName string
	CaseSensitive    bool // of = and its kin on text
	// NoRows makes a query with an invalid condition match nothing, instead of
	// running the rest of it.
	NoRows bool
}

// Row reads one row: values as they are stored, and as people see them.
type Row struct{ Value, Display func(path string) string }

// test decides one condition.
type test func(Row) bool

// Plan is a query ready to run.
type Plan struct {
	branches [][][]test
	query    Query
	source   Source
	nothing  bool
	orders   []Order
	kinds    []Kind // of orders
	Dropped  []string
}

// Compile holds a query against the fields there are.
func Compile(q Query, s Source) *Plan {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	p := &Plan{query: Query{}, source: s, Dropped: slices.Clone(q.Invalid)}
	invalid := q.invalid
	for _, branch := range q.Branches {
		var tests [][]test
		var kept [][]Condition
		for _, group := range branch {
			var any []test
			var conditions []Condition
			for _, c := range group {
				t, ok := s.compile(&c)
				if !ok {
					if invalid++; len(p.Dropped) < 5 {
						p.Dropped = append(p.Dropped, c.Field+string(c.Op)+c.Value)
					}
					continue
				}
				any, conditions = append(any, t), append(conditions, c)
			}
			if len(any) > 0 { // with nothing left the group is dropped
				tests, kept = append(tests, any), append(kept, conditions)
			}
		}
		p.branches, p.query.Branches = append(p.branches, tests), append(p.query.Branches, kept)
	}
	p.nothing = s.NoRows && invalid > 0
	for _, o := range q.Orders {
		if k, ok := s.Kind(o.Field); ok {
			p.orders, p.kinds = append(p.orders, o), append(p.kinds, k)
		}
	}
	return p
}

// Match reports whether a row is wanted.
func (p *Plan) Match(r Row) bool {
	return !p.nothing && slices.ContainsFunc(p.branches, func(branch [][]test) bool {
		for _, group := range branch {
			if !slices.ContainsFunc(group, func(t test) bool { return t(r) }) {
				return false
			}
		}
		return true
	})
}

// Ordered reports whether rows are to be sorted.
func (p *Plan) Ordered() bool { return len(p.orders) > 0 }

// Keys are what a row is sorted by.
func (p *Plan) Keys(r Row) []string {
	keys := make([]string, len(p.orders))
	for i, o := range p.orders {
		if keys[i] = r.Value(o.Field); p.kinds[i] == Reference {
			keys[i] = r.Display(o.Field)
		}
		if !p.source.CaseSensitive {
			keys[i] = strings.ToLower(keys[i])
		}
	}
	return keys
}

// Compare puts two rows' keys in order; empty values come first.
func (p *Plan) Compare(a, b []string) int {
	for i, o := range p.orders {
		c := strings.Compare(a[i], b[i])
		if p.kinds[i] == Number {
			c = cmp.Compare(number(a[i]), number(b[i]))
		}
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// number sorts what is none before all that are.
func number(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return -1e308
	}
	return x
}

// Pinned lists the values that a field of every matching row must have one of;
// ok is false when the query does not say. Values may differ in case.
func (p *Plan) Pinned(field string) (values []string, ok bool) {
	for _, branch := range p.query.Branches {
		i := slices.IndexFunc(branch, func(group []Condition) bool {
			return !slices.ContainsFunc(group, func(c Condition) bool { return c.Field != field || c.Op != Equal && c.Op != In })
		})
		if i < 0 {
			return nil, false
		}
		for _, c := range branch[i] {
			if c.Op == In {
				values = append(values, list(c.Value)...)
			} else {
				values = append(values, c.Value)
			}
		}
	}
	return values, true
}

// list splits the value of IN.
func list(s string) []string {
	out := strings.Split(s, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}
