// Package query reads and evaluates ServiceNow's encoded queries, the text of
// sysparm_query: conditions joined by ^, ^OR and ^NQ. What is not understood is
// dropped and counted, because an instance runs the rest of such a query.
//
// Left out on purpose: JOIN and RLQUERY clauses and scripts beyond a list of
// functions; they count as invalid conditions.
package query

import (
	"slices"
	"strings"
)

// What one query may hold; whatever is beyond counts as invalid.
const (
	maxConditions = 2000
	maxOrders     = 20
	maxText       = 256 << 10
)

// Condition is one comparison.
type Condition struct {
	Field string // may be dot-walked: "assigned_to.user_name"
	Op    Op
	Value string // as written, with ^^ read as ^
}

// Order is one ORDERBY clause.
type Order struct {
	Field string
	Desc  bool
}

// Query is a parsed query: the OR of its branches, each the AND of its groups,
// each the OR of its conditions.
type Query struct {
	Branches [][][]Condition
	Orders   []Order
	Invalid  []string // clauses that were not understood, at most a few
	invalid  int
}

// Parse reads a query. It does not fail: Invalid tells what was dropped.
func Parse(text string) Query {
	q := Query{Branches: [][][]Condition{nil}}
	if len(text) > maxText {
		q.reject(text[:40])
		return q
	}
	conditions, inside := 0, ""
	for _, clause := range clauses(text) {
		if inside != "" { // a related list or join, up to its end
			if clause == inside {
				inside = ""
			}
			continue
		}
		switch {
		case clause == "":
		case clause == "EQ":
			return q
		case strings.HasPrefix(clause, "ORDERBY"):
			q.order(clause)
		case strings.HasPrefix(clause, "RLQUERY"):
			q.reject(clause)
			inside = "ENDRLQUERY"
		case conditions >= maxConditions:
			q.reject(clause)
		default:
			conditions++
			q.add(clause)
		}
	}
	return q
}

// clauses splits at ^; ^^ is a ^ within a clause.
func clauses(text string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '^' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '^' {
			b.WriteByte('^')
			i++
			continue
		}
		out = append(out, b.String())
		b.Reset()
	}
	return append(out, b.String())
}

func (q *Query) reject(clause string) {
	q.invalid++
	if len(q.Invalid) < 5 {
		q.Invalid = append(q.Invalid, clause[:min(len(clause), 100)])
	}
}

func (q *Query) order(clause string) {
	field, desc := strings.CutPrefix(clause, "ORDERBYDESC")
	if !desc {
		field = strings.TrimPrefix(clause, "ORDERBY")
	}
	if field == "" || fieldEnd(field) != len(field) || len(q.Orders) >= maxOrders {
		return // an order that makes no sense changes no result
	}
	q.Orders = append(q.Orders, Order{field, desc})
}

// add appends a condition: to the group before it after OR, to a new branch
// after NQ, as a group of its own otherwise.
func (q *Query) add(clause string) {
	if rest, ok := strings.CutPrefix(clause, "NQ"); ok {
		q.Branches = append(q.Branches, nil)
		if clause = rest; clause == "" {
			return
		}
	}
	rest, or := strings.CutPrefix(clause, "OR")
	if or {
		clause = rest
	}
	last := len(q.Branches) - 1
	branch := q.Branches[last]
	if !or || len(branch) == 0 {
		branch = append(branch, nil) // a group that stays empty holds for every row
	}
	if c, ok := condition(clause); ok {
		branch[len(branch)-1] = append(branch[len(branch)-1], c)
	} else {
		q.reject(clause)
	}
	q.Branches[last] = branch
}

// fieldEnd is where a field's name ends: names are lower case, operators are not.
func fieldEnd(s string) int {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' && i > 0) {
			return i
		}
	}
	return len(s)
}

// condition splits "field operator value".
func condition(s string) (Condition, bool) {
	end := fieldEnd(s)
	if end == 0 || end == len(s) {
		return Condition{}, false
	}
	i := slices.IndexFunc(byLength, func(o Op) bool { return strings.HasPrefix(s[end:], string(o)) })
	if i < 0 {
		return Condition{}, false
	}
	op := byLength[i]
	value := s[end+len(op):]
	if unary[op] && value != "" {
		return Condition{}, false
	}
	if other, ok := synonym[op]; ok {
		op = other
	}
	return Condition{Field: s[:end], Op: op, Value: value}, true
}
