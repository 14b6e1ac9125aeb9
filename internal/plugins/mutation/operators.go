package mutation

import (
	"fmt"
	"slices"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
)

// maker collects the mutants of one operation.
type maker struct {
	b    *baseline
	s    seen
	draw int // which of several others it is
	out  []Mutant
}

// generate makes all mutants of a case, in an order that only depends on the case.
func (b *baseline) generate(draw int) (out []Mutant) {
	for _, s := range b.operations() {
		m := &maker{b: b, s: s, draw: draw}
		switch s.proto {
		case "http", "https":
			m.fields()
			m.flips()
			m.strangers()
			m.old()
			m.bodies()
			m.statuses()
			m.headers()
			m.network()
		case "udp":
			m.packet()
		default:
			m.fields()
			m.strangers()
			m.codes()
			m.network()
		}
		m.killed()
		out = append(out, m.out...)
	}
	out = append(out, b.handshakes()...)
	out = append(out, b.jumps()...)
	for i := range out {
		m := &out[i]
		m.Case, m.base = b.c.Label(), b
		for n := range m.twist.Rules {
			m.twist.Rules[n].ID = fmt.Sprintf("mutant-%d", n+1)
		}
		m.identify()
	}
	return out
}

func (m *maker) add(x Mutant) {
	x.Operation, x.issues = m.s.Operation, m.s.issues
	if !m.proves() {
		x.Sense = Detail
	}
	if x.Detail == "" {
		x.Detail = strings.TrimSpace(x.Field + " " + words[x.As])
		if words[x.As] == "" {
			x.Detail = strings.TrimSpace(x.Field + " " + x.As)
		}
	}
	m.out = append(m.out, x)
}

// words are how changes are told.
var words = map[string]string{edit.Nulled: "is null", edit.WrongType: "of another type", edit.Other: "another one", edit.HTML: "a proxy's page",
	edit.Older: "the one before", edit.Cut: "cut"}

// edits adds a mutant that changes parts of the answer.
func (m *maker) edits(x Mutant, changes ...edit.Change) {
	for _, c := range changes {
		args := map[string]string{"field": c.Field, "as": c.As}
		if c.As == edit.Replaced || c.As == edit.Forged {
			args["value"] = c.Value
		}
		x.twist.Rules = append(x.twist.Rules, m.s.rule(fault.Edit, args))
	}
	if x.Field == "" {
		x.Field = changes[0].Field
	}
	if x.As == "" {
		x.As = changes[0].As
	}
	m.add(x)
}

// mostFields of one answer that are mutated: those that decide come first.
const mostFields = 24

// fields are the parts of an answer, each missing, null, of another type, empty, cut.
func (m *maker) fields() {
	decides := affirmative(m.s.verdicts)
	rank := func(f edit.Field) int {
		if slices.ContainsFunc(m.s.verdicts, func(v verdict) bool { return v.Path == f.Path }) {
			return 0
		}
		return 1
	}
	var parts []edit.Field
	for _, f := range m.s.Fields {
		if inBody(f) && !laterItem(f.Path) {
			parts = append(parts, f)
		}
	}
	slices.SortStableFunc(parts, func(a, b edit.Field) int { return rank(a) - rank(b) })
	for _, f := range parts[:min(len(parts), mostFields)] {
		sense := Detail
		if len(decides) == 1 && (decides[0].yes || !m.b.letIn) && (decides[0].Path == f.Path || strings.HasPrefix(decides[0].Path, f.Path+".")) {
			sense = Lost // the only proof goes
		}
		if !m.b.letIn && sense == Detail && rank(f) == 0 {
			continue // one reason less to refuse
		}
		for _, as := range m.ways(f) {
			m.edits(Mutant{Group: Fields, Sense: sense}, edit.Change{Field: f.Path, As: as})
		}
	}
}

// inBody reports a part of a body, of a packet's attributes, of a directory's entries.
func inBody(f edit.Field) bool {
	return f.Path != "body" && f.Path != "message" && f.Path != "status" && f.Path != "code" && f.Type != edit.Sealed && !strings.HasPrefix(f.Path, "header.")
}

func (m *maker) ways(f edit.Field) []string {
	out := []string{edit.Dropped}
	if m.s.form == "json" {
		out = append(out, edit.Nulled, edit.WrongType)
	}
	if f.Type == edit.List || f.Type == edit.Object {
		if m.s.form == "json" {
			out = append(out, edit.Empty)
		}
		return out
	}
	if f.Type == edit.Text && f.Value != "" {
		if out = append(out, edit.Empty); len([]rune(f.Value)) > 1 {
			out = append(out, edit.Cut)
		}
	}
	return out
}

// flips turn a yes into a no. The other way round an answer would say yes, and who
// believes it is right.
func (m *maker) flips() {
	decides := affirmative(m.s.verdicts)
	var yes []edit.Change
	for _, v := range decides {
		if v.yes {
			yes = append(yes, edit.Change{Field: v.Path, As: edit.Flipped})
		}
	}
	if !m.b.letIn {
		return
	}
	if len(yes) > 1 {
		m.edits(Mutant{Group: Flips, Sense: Refuses, Field: "verdict", Detail: "every verdict flipped"}, yes...)
	}
	for _, v := range m.s.verdicts {
		if !v.yes {
			continue
		}
		sense := Detail // the others still say yes
		if len(decides) == 1 && decides[0].Path == v.Path {
			sense = Refuses
		}
		m.edits(Mutant{Group: Flips, Sense: sense}, edit.Change{Field: v.Path, As: edit.Flipped})
	}
}

// proves reports an operation that can prove something about somebody. What writes does not,
// nor does a refusal that the user was let in in spite of, nor an answer that had come before.
func (m *maker) proves() bool {
	method, _, _ := strings.Cut(m.s.Request, " ")
	if method == "PUT" || method == "PATCH" || method == "DELETE" {
		return false
	}
	if status, ok := m.s.part("status"); ok && m.b.letIn && status.Value >= "400" {
		return false
	}
	if m.s.Nth > 1 {
		body, _ := m.s.part("body")
		if before, ok := m.b.before(m.s); ok {
			was, ok := before.part("body")
			return !ok || was.Value != body.Value
		}
	}
	return true
}

// strangers make an answer one about somebody or something else.
func (m *maker) strangers() {
	sense := Foreign
	taken := map[string]bool{}
	for _, s := range foreign(m.s.Fields, m.b.swaps(m.draw)) {
		for _, c := range s.changes {
			taken[c.Field] = true
		}
		m.edits(Mutant{Group: Strangers, Sense: sense, Field: s.what, As: edit.Other, Detail: "about another " + s.what}, s.changes...)
	}
	for _, f := range m.s.Fields {
		name := lastName(f.Path)
		if taken[f.Path] || !inBody(f) || laterItem(f.Path) || f.Type != edit.Text && f.Type != edit.Number {
			continue
		}
		if idNames.MatchString(name) && repeats(m.s.Request, f.Value) {
			m.edits(Mutant{Group: Strangers, Sense: sense}, edit.Change{Field: f.Path, As: edit.Other})
		}
	}
}

// old are answers whose time is over.
func (m *maker) old() {
	for _, f := range m.s.Fields {
		if inBody(f) && !laterItem(f.Path) && edit.IsTime(f.Value) {
			m.edits(Mutant{Group: Old, Sense: Detail}, edit.Change{Field: f.Path, As: edit.Expired})
		}
	}
	if m.s.Nth == 1 {
		return
	}
	sense := Detail
	if before, ok := m.b.before(m.s); ok && !says(before.verdicts) && says(m.s.verdicts) {
		sense = Lost
	}
	m.edits(Mutant{Group: Old, Sense: sense}, edit.Change{Field: "body", As: edit.Older})
}

// says reports verdicts that say yes.
func says(all []verdict) bool {
	all = affirmative(all)
	return len(all) > 0 && !slices.ContainsFunc(all, func(v verdict) bool { return !v.yes })
}

// before is the operation of the same name before one.
func (b *baseline) before(s seen) (seen, bool) {
	n := 0
	for _, a := range b.take.Seen {
		if a.Server == s.Operation.Server && a.Port == s.Operation.Port && a.Subject.Op == s.Operation.Op {
			if n++; n == s.Nth-1 {
				return seen{Answered: a, verdicts: verdictsOf(a.Fields)}, true
			}
		}
	}
	return seen{}, false
}

// bodies are whole bodies that prove nothing.
func (m *maker) bodies() {
	if _, ok := m.s.part("body"); !ok {
		return
	}
	for _, as := range []string{edit.Empty, edit.Malformed, edit.HTML} {
		m.edits(Mutant{Group: Bodies, Sense: Lost, probe: as == edit.Empty}, edit.Change{Field: "body", As: as})
	}
	m.edits(Mutant{Group: Network, Sense: Lost, Unreachable: true, Detail: "half an answer"}, edit.Change{Field: "body", As: edit.Cut})
}

// statusCodes are one of each class that clients tell apart, with what comes with it.
var statusCodes = []struct{ code, body, kind string }{
	{"400", `{"error":"bad request","message":"The request could not be understood."}`, "application/json"},
	{"401", `{"error":"unauthorized","message":"Authentication is required."}`, "application/json"},
	{"403", `{"error":"forbidden","message":"Access is denied."}`, "application/json"},
	{"404", `{"error":"not found","message":"There is no such resource."}`, "application/json"},
	{"409", `{"error":"conflict","message":"The resource is in another state."}`, "application/json"},
	{"429", `{"error":"too many requests","message":"Try again later."}`, "application/json"},
	{"500", `{"error":"internal error","message":"Something went wrong."}`, "application/json"},
	{"502", edit.Page, "text/html"},
	{"503", "Service Unavailable\n", "text/plain"},
}

func (m *maker) statuses() {
	status, ok := m.s.part("status")
	if !ok {
		return
	}
	for _, s := range statusCodes {
		if s.code == status.Value {
			continue
		}
		sense := Refuses
		if s.code >= "500" {
			sense = Lost
		}
		rule := m.s.rule(fault.Status, map[string]string{"code": s.code, "body": s.body, "type": s.kind})
		rule.Moment = fault.After
		x := Mutant{Group: Statuses, Field: "status", As: s.code, Sense: sense, Unreachable: s.code >= "500", probe: s.code == "403" || s.code == "500"}
		x.twist.Rules = []fault.Rule{rule}
		m.add(x)
	}
	replaced := func(code, detail string) {
		m.edits(Mutant{Group: Statuses, Sense: Refuses, As: code + " kept", Detail: detail, Unreachable: code >= "500"}, edit.Change{Field: "status", As: edit.Replaced, Value: code})
	}
	if status.Value < "400" {
		replaced("403", "status 403, the body as it was")
		replaced("500", "status 500, the body as it was")
	} else {
		replaced("200", "status 200, the body of an error")
	}
}

func (m *maker) headers() {
	n := 0
	for _, f := range m.s.Fields {
		if !strings.HasPrefix(f.Path, "header.") || n == mostHeaders {
			continue
		}
		n++
		m.edits(Mutant{Group: Headers, Sense: Detail}, edit.Change{Field: f.Path, As: edit.Dropped})
		if protects.MatchString(lastName(f.Path)) {
			m.edits(Mutant{Group: Headers, Sense: Detail}, edit.Change{Field: f.Path, As: edit.Other})
		}
	}
}

// mostHeaders of one answer that are mutated.
const mostHeaders = 8

// network is what happens to connections. Whether the operation took place makes a difference
// where it takes or gives something: an account that was never given back is not the
// plugin's fault, one whose lease was lost on the way is.
func (m *maker) network() {
	add := func(as, detail string, rule fault.Rule, waits bool) {
		x := Mutant{Group: Network, As: as, Detail: detail, Sense: Lost, Unreachable: true, waits: waits, lasts: rule.Nth == 0, probe: as == "reset"}
		x.twist.Rules = []fault.Rule{rule}
		m.add(x)
	}
	after := func(r fault.Rule) fault.Rule { r.Moment = fault.After; return r }
	if !m.s.givesUp {
		add("reset", "connection reset", m.s.lasting(fault.Reset, nil), false)
		add("hang", "no answer", m.s.lasting(fault.Hang, nil), true)
	}
	if !m.s.changes {
		return
	}
	// Once: who asks again hears what has become of it.
	add("reset after", "connection reset after the operation", after(m.s.rule(fault.Reset, nil)), false)
	add("late", "no answer, although the operation took place", after(m.s.rule(fault.Hang, nil)), true)
}

// killed ends the hook's process once the operation has taken place. What dies in
// session_ended, nobody can give back.
func (m *maker) killed() {
	if m.s.Operation.Hook == "" || m.s.Operation.Hook == pluginhost.SessionEnded {
		return
	}
	rule := m.s.rule(fault.Hang, nil)
	rule.Moment = fault.After
	x := Mutant{Group: Kills, As: "killed", Detail: "the hook is killed after it", Sense: Detail}
	x.twist.Rules, x.twist.Kill = []fault.Rule{rule}, true
	m.add(x)
}
