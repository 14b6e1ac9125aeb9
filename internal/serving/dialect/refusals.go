package dialect

import (
	"cmp"
	"slices"
	"strings"
)

// Refusal is one way in which a kind of server says no.
type Refusal struct {
	Op    string `json:"op"`    // what was asked for: one of Scope.Plays, or Elsewhere
	Cause string `json:"cause"` // of the refusal: "already checked out"; without one the status
}

// Elsewhere stands for what is no operation of a server's contract: octets that are no
// request, paths that nobody knows.
const Elsewhere = "(anything else)"

// Refused is what an operation's end says of the server's ways to say no: nothing unless it
// was denied, malformed or met with silence. What the fleet's faults did is none of it.
type Refused struct{ plays map[string]bool }

// NewRefused knows the operations of a kind of server.
func NewRefused(k Kind) Refused {
	r := Refused{plays: map[string]bool{}}
	if k.Scope != nil {
		for _, op := range k.Scope().Plays {
			r.plays[op] = true
		}
	}
	return r
}

// Op is an operation by its name in Refusals.
func (r Refused) Op(op string) string {
	if r.plays[op] {
		return op
	}
	return Elsewhere
}

// Of is the refusal that an operation ended in.
func (r Refused) Of(c Ended) (Refusal, bool) {
	switch Outcome(c.Outcome) {
	case DeniedOutcome, Failed, Dropped:
	default:
		return Refusal{}, false
	}
	if len(c.Faults) > 0 {
		return Refusal{}, false
	}
	return Refusal{Op: r.Op(c.Op), Cause: cmp.Or(c.Cause, c.Status, c.Outcome)}, true
}

// Ended is how an operation ended, as the journal has it.
type Ended struct {
	Op, Outcome, Cause, Status string
	Faults                     []string // that fired
}

// Ended is how the call ended.
func (c *Call) Ended() Ended {
	return Ended{Op: c.Op, Outcome: string(c.Outcome), Cause: c.Cause, Status: c.Status, Faults: c.Fired}
}

// ReadRefusals reads what WriteRefusals wrote. Lines that begin with # say something to
// people.
func ReadRefusals(text string) (out []Refusal) {
	op := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		reason, below := strings.CutPrefix(line, "\t")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case below:
			out = append(out, Refusal{op, reason})
		default:
			op = line
		}
	}
	return out
}

// WriteRefusals is a list as a text: each operation, and below it its causes, in
// alphabetical order.
func WriteRefusals(list []Refusal) string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Refusal) int {
		return cmp.Or(strings.Compare(a.Op, b.Op), strings.Compare(a.Cause, b.Cause))
	})
	var b strings.Builder
	b.WriteString("# How this server says no: operations, and the causes of their refusals. Each was met by a\n" +
		"# test of this package, and no other was; `go test -update` writes the list anew.\n")
	op := ""
	for i, r := range slices.Compact(list) {
		if r.Op != op || i == 0 {
			op = r.Op
			b.WriteString(op + "\n")
		}
		b.WriteString("\t" + r.Cause + "\n")
	}
	return b.String()
}
