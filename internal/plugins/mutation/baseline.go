package mutation

import (
	"path/filepath"
	"slices"
	"time"

	"counterpart/internal/company/world"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault/edit"
)

// baseline is a case as it went without any mutant, and what can be asked of the company
// it was played in.
type baseline struct {
	c      scenario.Case
	take   scenario.Take
	letIn  bool
	config []string
	facts  facts
}

// facts are what mutants draw from.
type facts struct {
	*world.World
	proto func(server, port string) string
	kind  func(server string) string
}

// name is the case as it is written in IDs: the file's own name, so that they are the
// same wherever it is checked out.
func (b *baseline) name() string { return filepath.Base(b.c.Path) + ": " + b.c.Name }

// letIn reports whether the user got what the plugin is there to guard: a session, or,
// where the target takes nothing, the secret that the baseline got.
func letIn(p, like *pluginhost.Result) bool {
	if p == nil {
		return false
	}
	if p.Outcome.State == pluginhost.Connected {
		return true
	}
	if like != nil && like.Outcome.State == pluginhost.Connected {
		return false
	}
	if p.Outcome.State != pluginhost.Failed || len(p.Passwords)+len(usable(p)) == 0 {
		return false
	}
	return like == nil || slices.Equal(p.Passwords, like.Passwords) && slices.Equal(usable(p), usable(like))
}

func usable(p *pluginhost.Result) (out []string) {
	for _, k := range p.Keys {
		if k.Refused == "" {
			out = append(out, k.Fingerprint)
		}
	}
	return out
}

// slow is a session that waits for somebody rather than costs processor time.
const slow = 300 * time.Millisecond

// idles reports that the session waits for most of its time.
func (b *baseline) idles() bool {
	took := time.Duration(0)
	for _, c := range b.played().Calls {
		took += c.Split.Hook
	}
	return took > slow
}

// guards reports a hook that decides about the user, or hands out what is guarded. What
// comes later can let nobody in any more.
func guards(h pluginhost.Hook) bool {
	switch h {
	case pluginhost.Authenticate, pluginhost.Authorize, pluginhost.GetPasswordList, pluginhost.GetPrivateKeyList:
		return true
	}
	return false
}

// seen is an operation of the baseline with the parts of its answer.
type seen struct {
	Operation
	scenario.Answered
	givesUp  bool // it gave an account back
	issues   bool // it gave a token out
	changes  bool // it changed which accounts or tokens are out
	form     string
	proto    string
	verdicts []verdict
}

// operations are those that are mutated: of many of one name the first and the last.
func (b *baseline) operations() (out []seen) {
	count, held, alive := map[[3]string]int{}, 0, 0
	for _, a := range b.take.Seen {
		key := [3]string{a.Server, a.Port, a.Subject.Op}
		count[key]++
		s := seen{Answered: a, givesUp: a.Leases < held, issues: a.Tokens > alive, changes: a.Leases != held || a.Tokens != alive, proto: b.facts.proto(a.Server, a.Port),
			Operation: Operation{Server: a.Server, Port: a.Port, Op: a.Subject.Op, Nth: count[key], Hook: a.Hook, call: a.Call}}
		held, alive = a.Leases, a.Tokens
		if f, ok := s.part("body"); ok {
			content, _ := s.part("header.Content-Type")
			s.form = edit.Read(content.Value, []byte(f.Value)).Form()
		}
		s.verdicts = verdictsOf(a.Fields)
		out = append(out, s)
	}
	return slices.DeleteFunc(out, func(s seen) bool {
		return s.Late || s.Nth > 1 && s.Nth < count[[3]string{s.Operation.Server, s.Operation.Port, s.Operation.Op}]
	})
}

func (s seen) part(path string) (edit.Field, bool) {
	for _, f := range s.Fields {
		if f.Path == path {
			return f, true
		}
	}
	return edit.Field{}, false
}

// alone reports that during the call of a hook no other operation took place.
func (b *baseline) alone(o Operation) bool {
	return !slices.ContainsFunc(b.take.Seen, func(a scenario.Answered) bool {
		return a.Call == o.call && (a.Server != o.Server || a.Subject.Op != o.Op)
	})
}
