package servicenow

import (
	"math/big"
	"net/http"
	"slices"
	"strings"

	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

// The Aggregate API: documentation of the vendor, "Aggregate API" (REST API
// reference). What it does not say and was decided here: a field that is none is
// left out as it is left out of a list; a condition of sysparm_having that cannot
// be read is dropped as one of sysparm_query is; groups come in the order of what
// they are grouped by.

// operations on columns, in the order of the API's parameters.
var aggregates = []string{"avg", "min", "max", "sum"}

// term is one value that a group can be ordered or filtered by: a column it is
// grouped by, or an operation on a column ("count" needs none).
type term struct {
	operation string // "": the column itself
	field     string
	desc      bool
	by        *query.Plan // compares columns
}

// having is one condition of sysparm_having.
type having struct {
	term
	operator string
	value    *big.Rat
}

// asked is what a call wants to know.
type asked struct {
	groups  []*column
	columns map[string][]*column // by operation
	tallies []*column            // every column that is looked at, once
	having  []having
	order   []term
	count   bool
}

// stats answers what a table's rows come to.
func (r *request) stats() error {
	t, err := r.tableNamed(r.Param("table"))
	if err != nil {
		return err
	}
	if err := r.name("stats", t.Name); err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	ask := r.asked(t, p)
	groups, err := r.tally(t, p, ask)
	if err != nil {
		return err
	}
	if len(ask.groups) == 0 {
		stats := map[string]any{}
		if len(groups) > 0 {
			stats = ask.stats(groups[0])
		}
		return r.result(http.StatusOK, map[string]any{"stats": stats})
	}
	out := make([]any, len(groups))
	for i, g := range groups {
		by := make([]map[string]string, len(ask.groups))
		for j, c := range ask.groups {
			by[j] = map[string]string{"field": c.name, "value": g.values[j]}
			switch p.display {
			case "true":
				by[j]["value"] = g.shown[j]
			case "all":
				by[j]["display_value"] = g.shown[j]
			}
		}
		out[i] = map[string]any{"stats": ask.stats(g), "groupby_fields": by}
	}
	return r.result(http.StatusOK, out)
}

// asked reads the parameters of an aggregate call.
func (r *request) asked(t *dict.Table, p *params) *asked {
	a := &asked{columns: map[string][]*column{}, count: strings.EqualFold(p.Get("sysparm_count"), "true")}
	a.groups = r.columns(t, p.Get("sysparm_group_by"))
	for _, op := range aggregates {
		a.columns[op] = r.columns(t, p.Get("sysparm_"+op+"_fields"))
		for _, c := range a.columns[op] {
			if a.look(c); (op == "avg" || op == "sum") && (c.field.Type == dict.DateTime || c.field.Type == dict.Date) {
				r.call().NotPlayed("aggregates of date_time")
			}
		}
	}
	var odd []string
	for text := range items(p.Get("sysparm_having")) {
		h, ok := r.having(t, text)
		if !ok {
			odd = append(odd, text)
			continue
		}
		a.look(&column{name: h.field, field: r.fieldOf(t, h.field)})
		a.having = append(a.having, h)
	}
	for text := range items(p.Get("sysparm_order_by")) {
		o, ok := r.ordering(t, text)
		if !ok || o.operation == "" && !slices.ContainsFunc(a.groups, func(c *column) bool { return c.name == o.field }) {
			odd = append(odd, text)
			continue
		}
		if o.field != "" {
			a.look(&column{name: o.field, field: r.fieldOf(t, o.field)})
		}
		a.order = append(a.order, o)
	}
	for _, c := range a.groups {
		a.order = append(a.order, r.byColumn(t, c.name, false))
	}
	if len(odd) > 0 {
		r.call().Why = "not understood in sysparm_having or sysparm_order_by, and dropped: " + strings.Join(odd[:min(len(odd), 5)], "; ")
	}
	return a
}

// look notes that a column's values are to be tallied.
func (a *asked) look(c *column) {
	if !slices.ContainsFunc(a.tallies, func(known *column) bool { return known.name == c.name }) {
		a.tallies = append(a.tallies, c)
	}
}

// items are the parts of a list with commas.
func items(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for part := range strings.SplitSeq(list, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			if n++; n > maxFields || !yield(part) {
				return
			}
		}
	}
}

// columns are the fields of a list that the table has.
func (r *request) columns(t *dict.Table, list string) (out []*column) {
	for name := range items(list) {
		if f, ok := r.field(t.Name, name); ok && !slices.ContainsFunc(out, func(c *column) bool { return c.name == name }) {
			out = append(out, &column{name: name, field: f})
		}
	}
	return out
}

func (r *request) fieldOf(t *dict.Table, name string) *dict.Field {
	f, _ := r.field(t.Name, name)
	return f
}

// byColumn orders by a column as a list is ordered by it.
func (r *request) byColumn(t *dict.Table, name string, desc bool) term {
	return term{field: name, desc: desc, by: query.Compile(query.Parse("ORDERBY"+name), r.source(t.Name, r.user))}
}

// having reads aggregate^field^operator^value.
func (r *request) having(t *dict.Table, text string) (having, bool) {
	part := strings.Split(text, "^")
	if len(part) != 4 {
		return having{}, false
	}
	h := having{term: term{operation: strings.ToLower(part[0]), field: part[1]}, operator: part[2]}
	value, ok := ratOf(part[3])
	h.value = value
	_, known := r.field(t.Name, h.field)
	operators := []string{"=", "!=", "<", "<=", ">", ">="}
	return h, ok && known && (h.operation == "count" || slices.Contains(aggregates, h.operation)) && slices.Contains(operators, h.operator)
}

// ordering reads a column, COUNT, or an aggregate and a column, with ^DESC behind
// for the other way round.
func (r *request) ordering(t *dict.Table, text string) (term, bool) {
	part := strings.Split(text, "^")
	desc := false
	if last := part[len(part)-1]; len(part) > 1 && (strings.EqualFold(last, "DESC") || strings.EqualFold(last, "ASC")) {
		desc, part = strings.EqualFold(last, "DESC"), part[:len(part)-1]
	}
	op := strings.ToLower(part[0])
	switch {
	case len(part) == 1 && op == "count":
		return term{operation: op, desc: desc}, true
	case len(part) == 1:
		_, known := r.field(t.Name, part[0])
		return r.byColumn(t, part[0], desc), known
	case len(part) == 2 && (op == "count" || slices.Contains(aggregates, op)):
		_, known := r.field(t.Name, part[1])
		o := r.byColumn(t, part[1], desc)
		o.operation = op
		return o, known
	}
	return term{}, false
}

// tally runs over the rows that match and returns the groups that are left, in
// order. Without grouping there is one, or none if sysparm_having takes it away.
func (r *request) tally(t *dict.Table, p *params, ask *asked) ([]*group, error) {
	groups := map[string]*group{}
	var all []*group
	plans := map[string]*query.Plan{}
	for _, c := range ask.tallies {
		plans[c.name] = r.byColumn(t, c.name, false).by
	}
	by := make([]*query.Plan, len(ask.groups))
	for i, c := range ask.groups {
		by[i] = r.byColumn(t, c.name, false).by
	}
	look := r.glance(r.ctx(), t.Name, r.closed)
	err := r.each(t, p, look, func(_ *record, row query.Row) {
		values := make([]string, len(ask.groups))
		for i, c := range ask.groups {
			values[i] = row.Value(c.name)
		}
		key := strings.Join(values, "\x00")
		g := groups[key]
		if g == nil {
			g = &group{values: values, tallies: map[string]*tally{}}
			for i, c := range ask.groups {
				g.keys, g.shown = append(g.keys, by[i].Keys(row)), append(g.shown, r.shownAt(look, c, row))
			}
			groups[key] = g
			all = append(all, g)
		}
		g.rows++
		for _, c := range ask.tallies {
			g.add(c, row, plans[c.name])
		}
	})
	if err != nil {
		return nil, err
	}
	if len(ask.groups) == 0 && len(all) == 0 {
		all = []*group{{tallies: map[string]*tally{}}}
	}
	all = slices.DeleteFunc(all, func(g *group) bool { return !ask.keeps(g) })
	slices.SortStableFunc(all, func(a, b *group) int { return ask.compare(a, b) })
	return all, nil
}

// shownAt is what people see of a column of the row that look stands at.
func (r *request) shownAt(look *glance, c *column, row query.Row) string {
	if c.field.Type == dict.Reference {
		return row.Display(c.name)
	}
	return r.shown(look.row, c.field, row.Value(c.name))
}

// result answers anything in the usual envelope.
func (r *request) result(status int, v any) error {
	return asJSON.Write(r, status, map[string]any{"result": v})
}
