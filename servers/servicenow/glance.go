package servicenow

import (
	"context"
	"strings"

	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

// What one list may cost. An instance ends a transaction after a time; here it
// ends after so much work, about ten seconds of it.
const (
	usualQuota = 100_000_000 // looks at a short value
	stepCost   = 50          // of following a reference
)

// glance reads the columns of rows, one row after the other: through references,
// each of which is followed once per row however often a query asks.
type glance struct {
	*Server
	ctx    context.Context
	table  string
	closed func(table string) bool // rows that the reader may not see; nil: none
	row    *record
	steps  map[string]*record // where references of the row lead, by path; nil: nowhere
	names  map[string]string  // display values of the row, by path
	cost   int
}

func (s *Server) glance(ctx context.Context, table string, closed func(string) bool) *glance {
	return &glance{Server: s, ctx: ctx, table: table, closed: closed, steps: map[string]*record{}, names: map[string]string{}}
}

// at goes to a row.
func (g *glance) at(r *record) query.Row {
	g.row = r
	clear(g.steps)
	clear(g.names)
	return query.Row{Value: g.value, Display: g.display}
}

// value is the column at a path, perhaps a dotted one, as it is stored.
func (g *glance) value(path string) string {
	r, name := g.row, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		r, name = g.step(path[:i], 1), path[i+1:]
	}
	if r == nil {
		return ""
	}
	v := g.Server.value(r, name)
	g.cost += 1 + len(v)/64
	return v
}

// step is the row that a path of references leads to; nil: there is none, or the
// reader may not see it.
func (g *glance) step(path string, depth int) *record {
	if next, known := g.steps[path]; known {
		return next
	}
	from, name := g.row, path
	if i := strings.LastIndexByte(path, '.'); i >= 0 && depth < maxWalk {
		from, name = g.step(path[:i], depth+1), path[i+1:]
	}
	next := (*record)(nil)
	if from != nil {
		if f, ok := g.field(from.class, name); ok && f.Type == dict.Reference {
			if id := g.Server.value(from, name); id != "" {
				g.cost += stepCost
				if r, err := g.find(g.ctx, f.Table, id); err == nil && (g.closed == nil || !g.closed(r.class)) {
					next = r
				}
			}
		}
	}
	g.steps[path] = next
	return next
}

// display is the column at a path as people see it.
func (g *glance) display(path string) string {
	f, ok := g.field(g.table, path)
	if !ok || f.Type != dict.Reference {
		return g.value(path)
	}
	if name, known := g.names[path]; known {
		g.cost++
		return name
	}
	g.cost += stepCost
	name := g.refName(g.ctx, f.Table, g.value(path))
	g.names[path] = name
	return name
}
