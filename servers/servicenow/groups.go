package servicenow

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"counterpart/servers/servicenow/internal/query"
)

// group is what is known of the rows with the same values.
type group struct {
	values, shown []string // of the columns it is grouped by
	keys          [][]string
	rows          int
	tallies       map[string]*tally
}

// tally is one column's values.
type tally struct {
	rows       int // that have a value
	sum        big.Rat
	low, high  string
	lowK, higK []string
}

// add counts a row's value of a column in.
func (g *group) add(c *column, row query.Row, plan *query.Plan) {
	v := row.Value(c.name)
	if v == "" {
		return
	}
	t := g.tallies[c.name]
	if t == nil {
		t = &tally{}
		g.tallies[c.name] = t
	}
	t.rows++
	if n, ok := ratOf(v); ok { // a text that is no number counts for nothing in a sum
		t.sum.Add(&t.sum, n)
	}
	k := plan.Keys(row)
	if t.rows == 1 || plan.Compare(k, t.lowK) < 0 {
		t.low, t.lowK = v, k
	}
	if t.rows == 1 || plan.Compare(k, t.higK) > 0 {
		t.high, t.higK = v, k
	}
}

// ratOf reads a number as columns write them, nothing larger.
func ratOf(v string) (*big.Rat, bool) {
	if len(v) > 40 || strings.Trim(v, "-0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(v)
}

// number is a term's value; nil: it has none.
func (g *group) number(op, field string) *big.Rat {
	if op == "count" && field == "" {
		return big.NewRat(int64(g.rows), 1)
	}
	t := g.tallies[field]
	if t == nil {
		t = &tally{}
	}
	switch {
	case op == "count":
		return big.NewRat(int64(t.rows), 1)
	case t.rows == 0:
		return nil
	case op == "sum":
		return &t.sum
	case op == "avg":
		return new(big.Rat).Quo(&t.sum, big.NewRat(int64(t.rows), 1))
	}
	n, _ := ratOf(map[string]string{"min": t.low, "max": t.high}[op])
	return n
}

// keeps reports whether a group fits sysparm_having.
func (a *asked) keeps(g *group) bool {
	for _, h := range a.having {
		n := g.number(h.operation, h.field)
		if n == nil {
			return false
		}
		c := n.Cmp(h.value)
		fits := map[string]bool{"=": c == 0, "!=": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}
		if !fits[h.operator] {
			return false
		}
	}
	return true
}

// compare puts two groups in order.
func (a *asked) compare(x, y *group) int {
	for _, o := range a.order {
		c := 0
		switch o.operation {
		case "":
			i := slices.IndexFunc(a.groups, func(c *column) bool { return c.name == o.field })
			c = o.by.Compare(x.keys[i], y.keys[i])
		case "min", "max":
			c = o.by.Compare(x.edge(o), y.edge(o))
		default:
			c = compareRats(x.number(o.operation, o.field), y.number(o.operation, o.field))
		}
		if o.desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// edge is what the least or greatest value of a column is sorted by.
func (g *group) edge(o term) []string {
	t := g.tallies[o.field]
	switch {
	case t == nil:
		return []string{""}
	case o.operation == "min":
		return t.lowK
	}
	return t.higK
}

// compareRats puts what has no value first.
func compareRats(x, y *big.Rat) int {
	if x == nil || y == nil {
		return cmp.Compare(btoi(x != nil), btoi(y != nil))
	}
	return x.Cmp(y)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stats are a group's figures, as text: averages with four decimals.
func (a *asked) stats(g *group) map[string]any {
	out := map[string]any{}
	if a.count {
		out["count"] = strconv.Itoa(g.rows)
	}
	for _, op := range aggregates {
		if len(a.columns[op]) == 0 {
			continue
		}
		of := map[string]string{}
		for _, c := range a.columns[op] {
			of[c.name] = ""
			t := g.tallies[c.name]
			switch {
			case t == nil:
			case op == "min":
				of[c.name] = t.low
			case op == "max":
				of[c.name] = t.high
			case op == "avg":
				of[c.name] = g.number(op, c.name).FloatString(4)
			default:
				of[c.name] = decimal(&t.sum)
			}
		}
		out[op] = of
	}
	return out
}

// decimal writes a sum with as many decimals as it needs.
func decimal(n *big.Rat) string {
	if n.IsInt() {
		return n.Num().String()
	}
	return strings.TrimRight(n.FloatString(10), "0")
}
