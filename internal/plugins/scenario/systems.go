package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// names are the servers of the fleet, the proxy among them if it has one.
func (b *backends) names() []string {
	out := sortedKeys(b.kind)
	if _, ok := b.tree[egressName]; ok {
		out = append(out, egressName)
	}
	slices.Sort(out)
	return out
}

// egressName is what the proxy is called, which is no server of the seed.
const egressName = "egress"

// unknown words a server that the fleet does not have.
func (b *backends) unknown(server string) (message, hint string) {
	return fmt.Sprintf("there is no server %q", strictyaml.Short(server)), strictyaml.DidYouMean(server, b.names())
}

// server refuses a server that the fleet does not have.
func (r *run) server(path, server string) error {
	if slices.Contains(r.fleet.names(), server) {
		return nil
	}
	message, hint := r.fleet.unknown(server)
	return sorted([]seed.Problem{r.from.problem(at(r.node, path), message, hint)})
}

// systems refuses expectations of servers that the fleet does not have, and of
// what none of its servers says: they can never hold, or never fail.
func (r *run) systems(texts map[string]string) error {
	var problems []seed.Problem
	wrong := func(n *strictyaml.Node, message, hint string) {
		problems = append(problems, r.from.problem(n, message, hint))
	}
	known, kinds := r.fleet.names(), []string{}
	for _, kind := range r.fleet.kind {
		kinds = append(kinds, kind)
	}
	if slices.Contains(known, egressName) {
		kinds = append(kinds, egressName)
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	attributes := attributesOf(texts)
	for i, op := range itemsOf(r.filled.Get("expect").Get("backend")) {
		for _, key := range []string{"system", "server"} {
			if n := op.Get(key); isName(n) && !slices.Contains(known, n.Text) {
				message, hint := r.fleet.unknown(n.Text)
				wrong(n, message, hint)
			}
		}
		if n := op.Get("kind"); isName(n) && !slices.Contains(kinds, n.Text) {
			wrong(n, fmt.Sprintf("there is no server of the kind %q in this fleet", strictyaml.Short(n.Text)), strictyaml.DidYouMean(n.Text, kinds))
		}
		r.fields(fmt.Sprintf("expect.backend[%d]", i), op, attributes, wrong)
	}
	if len(problems) > 0 {
		return sorted(problems)
	}
	return nil
}

// fields refuses keys of an operation that none of the servers it may be of has.
func (r *run) fields(where string, op *strictyaml.Node, attributes []string, wrong report) {
	known := keysOf(operationKeys{})
	radius := false
	for name, kind := range r.fleet.kind {
		if n := or(op.Get("system"), op.Get("server")); kind == "radius" && (!isName(n) || n.Text == name) {
			radius = true
		}
	}
	for _, e := range entriesOf(op) {
		if slices.Contains(known, e.Name) || radius && slices.Contains(attributes, e.Name) {
			continue
		}
		if _, near := strictyaml.Nearest(e.Name, append(slices.Clone(known), attributes...)); radius && !near && attribute.MatchString(e.Name) {
			continue // one of another vendor's dictionary
		}
		if radius {
			known = append(known, attributes...)
		}
		wrong(keyNode(e), fmt.Sprintf("%s: unknown key `%s`", where, strictyaml.Short(e.Name)), strictyaml.DidYouMean(e.Name, known))
	}
}

// attribute is what a RADIUS attribute's name looks like in a scenario.
var attribute = regexp.MustCompile(`^[a-z0-9_]+$`)

// isName reports a matcher that is the name of something.
func isName(n *strictyaml.Node) bool {
	return n != nil && n.Kind != strictyaml.Null && n.Text != "any" && n.Text != "absent" && !isExpression(n.Text)
}

// attributesOf are the RADIUS attributes that the dictionary among the texts has,
// by the names that scenarios give them.
func attributesOf(texts map[string]string) (out []string) {
	for line := range strings.Lines(texts["pyrad_dictionary"]) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "ATTRIBUTE" {
			out = append(out, strings.ReplaceAll(strings.ToLower(words[1]), "-", "_"))
		}
	}
	return out
}

// place notes where in the author's files what was expected stands.
func (r *run) place(diffs []Difference) {
	for i := range diffs {
		for _, path := range []string{"expect." + diffs[i].What, diffs[i].What} {
			n := at(r.node, path)
			for end := len(path); n == nil && end > 0; { // the last step may be one of what is compared
				end = strings.LastIndexAny(path[:end], ".[")
				if end > 0 && path[:end] != "expect" {
					n = at(r.node, path[:end])
				}
			}
			if n != nil {
				diffs[i].At = fmt.Sprintf("%s:%d:%d", r.from.file(n), n.Line, n.Column)
				break
			}
		}
	}
}
