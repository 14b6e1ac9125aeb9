package mutation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
	"counterpart/internal/serving/journal"
)

// judged is what a take of a mutant comes to. decisive says that the plugin looks at the
// operation at all.
func judged(m Mutant, take scenario.Take, decisive bool) Outcome {
	o := Outcome{Mutant: m, Took: take.Result.Took, Mode: take.Result.Mode, take: take}
	base := m.base.take
	switch {
	case take.Played == nil || take.Result.Verdict == scenario.Broken:
		o.Verdict, o.Why = Broken, take.Result.Problem
		return o
	case !m.always && take.Fired == 0:
		o.Verdict, o.Why = Same, "the operation did not come"
		return o
	}
	in := letIn(take.Played, base.Played)
	var found []Verdict
	if why := o.hangs(); why != "" {
		found, o.Why = append(found, Hang), why
	}
	if left := o.leaks(); len(left) > 0 {
		found = append(found, Leak)
		o.say("left behind: " + strings.Join(left, ", "))
	}
	if why := o.crashes(); why != "" {
		found = append(found, Crash)
		o.say(why)
	}
	if in && o.shouldRefuse(decisive) {
		if why := o.configured(); why != "" {
			found = append(found, AsConfigured)
			o.say("let in; " + why)
		} else {
			found = append([]Verdict{Open}, found...)
			o.Why = strings.TrimSuffix("let in, although "+meant(m)+"; "+o.Why, "; ")
		}
	}
	o.settle(found, in)
	return o
}

// settle puts the worst verdict first.
func (o *Outcome) settle(found []Verdict, in bool) {
	if len(found) == 0 {
		found = []Verdict{Closed}
		if in || o.take.Played.Outcome.String() == o.base.take.Played.Outcome.String() {
			found = []Verdict{Same}
		}
		o.say(ended(o.take.Played))
	}
	slices.SortStableFunc(found, func(a, b Verdict) int { return slices.Index(Verdicts(), a) - slices.Index(Verdicts(), b) })
	o.Verdict, o.Also = found[0], found[1:]
}

func (o *Outcome) say(why string) {
	if o.Why != "" {
		why = o.Why + "; " + why
	}
	o.Why = why
}

func ended(p *pluginhost.Result) string { return p.Outcome.String() }

// meant is what the mutant's answer says.
func meant(m Mutant) string {
	switch m.Sense {
	case Refuses:
		return "the answer says no (" + m.Detail + ")"
	case Foreign:
		return "the answer is about something else (" + m.Detail + ")"
	}
	return "nothing was proved (" + m.Detail + ")"
}

// shouldRefuse reports that whoever was let in should not have been.
func (o *Outcome) shouldRefuse(decisive bool) bool {
	if !guards(o.Hook) || o.always || o.twist.Kill {
		return false
	}
	if !o.base.letIn { // the world says no, and mutants do not make it say yes
		return !o.proved()
	}
	if o.Sense == Foreign && hands(o.Hook) {
		return false // the target has taken what it was: it was not another one's
	}
	return o.Sense != Detail && decisive && !o.proved()
}

// proved reports that the proof came after all: the plugin asked again, or another server,
// and got an answer that nothing had changed; or what had changed only led to the operation
// whose answer says yes, which nothing had changed either.
func (o *Outcome) proved() bool {
	if o.ledOn() || o.elsewhere() {
		return true
	}
	struck := false
	byStart := slices.SortedStableFunc(slices.Values(o.take.Entries), func(a, b journal.Entry) int { return a.At.Compare(b.At) })
	for _, e := range byStart { // one that hangs ends late
		switch {
		case e.Op != o.Op:
		case e.Broken != "" || len(e.Faults) > 0:
			struck = true
		case struck && (e.Outcome == string(dialect.OK) || e.Outcome == string(dialect.Challenge)):
			return true
		}
	}
	return false
}

// elsewhere reports that the hook asked the same of others as well, perhaps at once, and
// was told yes.
func (o *Outcome) elsewhere() bool {
	yes, n := 0, 0
	for _, a := range o.take.Seen {
		if a.Server == o.Server && a.Port == o.Port && a.Subject.Op == o.Op {
			if n++; n == o.Nth && o.edits() { // its own answer, as it was before
				continue
			}
		}
		if a.Call == o.take.Call && a.Subject.Op == o.Op && says(verdictsOf(a.Fields)) {
			yes++
		}
	}
	return yes > 0
}

// edits reports a mutant that changes an answer, rather than takes its place.
func (o *Outcome) edits() bool {
	return slices.ContainsFunc(o.twist.Rules, func(r fault.Rule) bool { return r.Kind == fault.Edit })
}

// ledOn reports that the answer itself had no verdict, and a later one said yes, or handed
// out what the target has taken.
func (o *Outcome) ledOn() bool {
	passed := false
	for _, a := range o.take.Seen {
		same := a.Server == o.Server && a.Subject.Op == o.Op
		if same && len(affirmative(verdictsOf(a.Fields))) > 0 {
			return false
		}
		if passed = passed || same; passed && !same && a.Hook == o.Hook && guards(a.Hook) && (says(verdictsOf(a.Fields)) || hands(a.Hook)) {
			return true
		}
	}
	return false
}

// hands reports a hook that hands out secrets, of which the target is the judge.
func hands(h pluginhost.Hook) bool {
	return h == pluginhost.GetPasswordList || h == pluginhost.GetPrivateKeyList
}

// hangs says which hook was not back in time.
func (o *Outcome) hangs() string {
	for _, c := range o.take.Played.Calls {
		if c.Err != nil && c.Err.Kind == pluginhost.TimedOut && !o.base.failed(c) {
			o.InHook = string(c.Hook)
			return fmt.Sprintf("%s was not back within %s", c.Hook, c.Limit)
		}
	}
	return ""
}

// failed reports a hook that failed in the same way when nothing was wrong.
func (b *baseline) failed(c pluginhost.Call) bool {
	return slices.ContainsFunc(b.played().Calls, func(x pluginhost.Call) bool {
		return x.Hook == c.Hook && x.Plugin == c.Plugin && x.Err != nil && x.Err.Kind == c.Err.Kind && x.Err.Type == c.Err.Type
	})
}

func (b *baseline) played() *pluginhost.Result { return b.take.Played }

// crashes says which hook ended in an error of its own.
func (o *Outcome) crashes() string {
	for _, c := range o.take.Played.Calls {
		if c.Err == nil || o.base.failed(c) || o.twist.Kill && c.Number == o.take.Call {
			continue
		}
		switch c.Err.Kind {
		case pluginhost.Exception, pluginhost.NoResult, pluginhost.BadResult, pluginhost.NotJSON:
			o.InHook, o.Line = string(c.Hook), lineOf(c.Err.Traceback)
			text := oneLine(c.Err.Type + ": " + c.Err.Text)
			if o.Line != "" {
				text += " (" + o.Line + ")"
			}
			return fmt.Sprintf("%s ended in %s", c.Hook, strings.TrimPrefix(text, ": "))
		}
	}
	return ""
}

var frame = regexp.MustCompile(`File "([^"]+)", line (\d+), in (.+)`)

// lineOf is where in the plugin's own code an exception came from: the innermost frame
// that is not the Python's or a library's.
func lineOf(traceback string) string {
	found := ""
	for _, m := range frame.FindAllStringSubmatch(traceback, -1) {
		if _, rest, ok := strings.Cut(m[1], "/code/"); ok && !strings.Contains(m[1], "site-packages") {
			_, file, _ := strings.Cut(rest, "/")
			found = fmt.Sprintf("%s:%s in %s", file, m[2], m[3])
		}
	}
	return found
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + " …"
	}
	return s
}

// leaks are the things that were left behind, and are not when nothing is wrong. What
// nobody could have given back does not count: an account whose system is away when it is
// to be given back, a token that the plugin never got, an identifier that is another one
// and looks like any.
func (o *Outcome) leaks() []string {
	switch {
	case o.lasts && (o.Group == TLS || o.Hook == pluginhost.SessionEnded), o.As == edit.Cut, o.As == edit.Other:
		return o.left("logged")
	case o.issues, o.Group == Kills:
		return o.left("logged", "lease")
	}
	return o.left("logged", "lease", "token")
}

func (o *Outcome) left(kinds ...string) (out []string) {
	for _, l := range o.take.Left {
		if !slices.Contains(kinds, l.Kind) || slices.Contains(o.base.take.Left, l) {
			continue
		}
		text := l.What
		if l.Kind == "lease" {
			text += " is still checked out"
		}
		out = append(out, text)
		if o.InHook == "" {
			o.InHook = string(o.Hook)
		}
	}
	return out
}

// The options with which plugins say that they let everybody in when a system is away:
// the Plugin SDK's, and what others call it.
var failOpen = regexp.MustCompile(`(?mi)^\s*(ignore_connection_error\s*[=:]\s*(yes|true|on|1)|fail_?mode\s*[=:]\s*(safe|open))\s*$`)

// configured says why letting in is what somebody wanted.
func (o *Outcome) configured() string {
	if o.Unreachable {
		if slices.Contains(o.base.c.AllowOpen, "unreachable") {
			return "the scenario allows it when a system is unreachable"
		}
		for _, c := range o.base.config {
			if line := failOpen.FindString(c); line != "" {
				return "the configuration says " + strings.TrimSpace(line)
			}
		}
	}
	if o.Group == TLS && o.As != "stall" && !slices.ContainsFunc(o.base.config, func(c string) bool { return strings.Contains(c, "ca_cert") }) && o.base.c.Box.Trust == "" {
		return "the configuration has no ca_cert, and nothing is verified"
	}
	return ""
}
