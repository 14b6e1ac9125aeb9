package journal

import (
	"fmt"
	"slices"
	"strings"
)

// Check is what a test expects of the timeline.
type Check struct {
	Since  uint64        `json:"since,omitempty"` // entries after this number
	Expect []Expectation `json:"expect,omitempty"`
	Order  []Match       `json:"order,omitempty"` // one after the other, anything in between
	Only   []Match       `json:"only,omitempty"`  // nothing else happened
}

// Expectation says how often something happened; without a number it means at
// least once.
type Expectation struct {
	Match   Match `json:"match"`
	Count   *int  `json:"count,omitempty"`
	AtLeast *int  `json:"at_least,omitempty"`
	AtMost  *int  `json:"at_most,omitempty"`
	Never   bool  `json:"never,omitempty"`
}

// Result is how a check ended.
type Result string

// The results. Unknown means that entries which could have decided it were
// forgotten, or that nothing is remembered at all.
const (
	Pass    Result = "pass"
	Fail    Result = "fail"
	Unknown Result = "unknown"
)

// Verdict is the answer to a Check.
type Verdict struct {
	Result   Result    `json:"result"`
	Problems []Problem `json:"problems"`
	Looked   int       `json:"looked"` // at how many entries
	Last     uint64    `json:"last"`
	Dropped  uint64    `json:"dropped"`
}

// Problem is one expectation that was not met, or cannot be known to be.
type Problem struct {
	Result  Result  `json:"result"`
	What    string  `json:"what"` // a sentence
	Found   []Entry `json:"found,omitempty"`
	Nearest []Near  `json:"nearest,omitempty"`
}

// Near is an operation that almost matched.
type Near struct {
	Entry   Entry    `json:"entry"`
	Differs []string `json:"differs"` // "outcome is denied, not ok"
}

// MaxExpected is how much one check can expect: all of the timeline is held against each
// expectation, and each that fails is told with the entries that come closest.
const MaxExpected = 200

// Mistakes names what makes a check senseless, one sentence each.
func (c Check) Mistakes() (out []string) {
	if len(c.Expect)+len(c.Order)+len(c.Only) == 0 {
		out = append(out, "nothing is expected; give expect, order or only")
	}
	if n := len(c.Expect) + len(c.Order) + len(c.Only); n > MaxExpected {
		return append(out, fmt.Sprintf("%d things are expected, at most %d can be at once", n, MaxExpected))
	}
	for i, m := range append(slices.Clone(c.Order), c.Only...) {
		for _, wrong := range m.Mistakes() {
			out = append(out, fmt.Sprintf("order and only, number %d: %s", i, wrong))
		}
	}
	for i, x := range c.Expect {
		for _, wrong := range x.Match.Mistakes() {
			out = append(out, fmt.Sprintf("expect[%d]: %s", i, wrong))
		}
		given := 0
		for _, n := range []*int{x.Count, x.AtLeast, x.AtMost} {
			if n == nil {
				continue
			}
			if given++; *n < 0 {
				out = append(out, fmt.Sprintf("expect[%d]: a number of operations is at least 0", i))
			}
		}
		if x.Count != nil && given > 1 || x.Never && given > 0 {
			out = append(out, fmt.Sprintf("expect[%d]: count and never stand alone; at_least and at_most may go together", i))
		}
	}
	return out
}

// Verify holds a check against the timeline. It never passes what it cannot
// know: when entries were forgotten that could decide, the result is Unknown.
func (j *Journal) Verify(c Check) Verdict {
	if j == nil {
		return Verdict{Result: Unknown, Problems: []Problem{{Result: Unknown, What: "the fleet runs without a journal; start it without --no-journal"}}}
	}
	p := j.raw(c.Since, Match{}, 0)
	v := Verdict{Result: Pass, Problems: []Problem{}, Looked: len(p.Entries), Last: p.Last, Dropped: p.Dropped}
	for i := range p.Entries {
		p.Missed = p.Missed || p.Entries[i].isLost()
	}
	k := checking{j, p.Entries, p.Missed, &v}
	for _, x := range c.Expect {
		k.count(x)
	}
	k.order(c.Order)
	k.only(c.Only)
	for _, p := range v.Problems {
		if v.Result == Pass || p.Result == Fail {
			v.Result = p.Result
		}
	}
	return v
}

// checking is one Verify under way.
type checking struct {
	*Journal
	all    []Entry
	missed bool
	v      *Verdict
}

// evidence is what speaks for a problem.
type evidence struct {
	found []Entry
	near  []Near
}

func (k checking) say(r Result, x evidence, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if r == Unknown {
		what += "; but entries were forgotten, so this cannot be known: check sooner, or since a later number"
	}
	found := x.found[:min(len(x.found), 3)]
	shown := make([]Entry, len(found))
	for i, e := range found {
		shown[i] = k.mask.entry(e)
	}
	k.v.Problems = append(k.v.Problems, Problem{Result: r, What: what, Found: shown, Nearest: x.near})
}

// unless is Unknown when entries are missing that could change the matter.
func (k checking) unless(r Result) Result {
	if k.missed {
		return Unknown
	}
	return r
}

func (k checking) count(x Expectation) {
	least, most := 1, -1
	switch {
	case x.Never:
		least, most = 0, 0
	case x.Count != nil:
		least, most = *x.Count, *x.Count
	case x.AtLeast != nil || x.AtMost != nil:
		least = 0
		if x.AtLeast != nil {
			least = *x.AtLeast
		}
		if x.AtMost != nil {
			most = *x.AtMost
		}
	}
	var found []Entry
	for i := range k.all {
		if x.Match.fits(&k.all[i]) {
			found = append(found, k.all[i])
		}
	}
	switch n := len(found); {
	case most >= 0 && n > most:
		k.say(Fail, evidence{found, nil}, "%s happened %d times, not at most %d", x.Match, n, most)
	case n < least && n == 0:
		near := k.near(x.Match)
		k.say(k.unless(Fail), evidence{nil, near}, "no operation matched %s%s", x.Match, closest(near))
	case n < least:
		k.say(k.unless(Fail), evidence{found, nil}, "%s happened %d times, not %d", x.Match, n, least)
	case most >= 0 && k.missed:
		k.say(Unknown, evidence{found, nil}, "%s happened %d times", x.Match, n)
	}
}

func closest(near []Near) string {
	if len(near) == 0 {
		return "; nothing was remembered at all"
	}
	return fmt.Sprintf("; the closest, #%d %s, differed in this: %s", near[0].Entry.Seq, near[0].Entry.Op, strings.Join(near[0].Differs, ", "))
}

func (k checking) order(want []Match) {
	from := 0
	for i, m := range want {
		at := from
		for at < len(k.all) && !m.fits(&k.all[at]) {
			at++
		}
		if at == len(k.all) {
			after := ""
			if i > 0 {
				after = fmt.Sprintf(" after %s", want[i-1])
			}
			near := k.near(m)
			k.say(k.unless(Fail), evidence{nil, near}, "in order: no operation matched %s%s%s", m, after, closest(near))
			return
		}
		from = at + 1
	}
}

func (k checking) only(allowed []Match) {
	if len(allowed) == 0 {
		return
	}
	var others []Entry
	for i := range k.all {
		fits := false
		for _, m := range allowed {
			fits = fits || m.fits(&k.all[i])
		}
		if !fits {
			others = append(others, k.all[i])
		}
	}
	if len(others) > 0 {
		k.say(Fail, evidence{others, nil}, "%d operations were none of the allowed, the first is #%d %s by %q", len(others), others[0].Seq, others[0].Op, others[0].Actor)
	} else if k.missed {
		k.say(Unknown, evidence{nil, nil}, "nothing but the allowed is on record")
	}
}

// near are the operations that come closest to m, the best and newest first.
func (k checking) near(m Match) []Near {
	const keep = 3
	var out []Near
	for i := len(k.all) - 1; i >= 0; i-- {
		d := m.differences(&k.all[i])
		at := len(out)
		for at > 0 && len(out[at-1].Differs) > len(d) {
			at--
		}
		if at < keep {
			out = append(out[:at], append([]Near{{k.all[i], d}}, out[at:]...)...)
			out = out[:min(len(out), keep)]
		}
	}
	for i := range out {
		out[i].Entry = k.mask.entry(out[i].Entry)
	}
	return out
}
