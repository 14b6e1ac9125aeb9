package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/serving/fault/edit"
)

// most rules at once: each operation is held against all of them.
const most = 500

// longest is how long a delay or a bound of one may be.
const longest = 24 * time.Hour

// arm checks rules against each other, those in force and the known kinds.
func (t *Table) arm(old []*armed, rules []Rule, since time.Time) ([]*armed, error) {
	var wrong []error
	next := slices.Clone(old)
	taken := map[string]bool{}
	for _, a := range old {
		taken[a.ID] = true
	}
	if len(old)+len(rules) > most {
		wrong = append(wrong, fmt.Errorf("there can be %d fault rules at once, not %d", most, len(old)+len(rules)))
	}
	for i, r := range rules {
		name := r.ID
		if r.ID == "" {
			r.ID = free(taken, len(old)+i+1)
			name = r.ID
		}
		complaints := t.check(r)
		if taken[r.ID] {
			complaints = append(complaints, "the id is taken")
		}
		for _, c := range complaints {
			wrong = append(wrong, fmt.Errorf("fault %q: %s", name, c))
		}
		taken[r.ID] = true
		r.Args = maps.Clone(r.Args)
		a := &armed{Rule: r}
		a.gone, a.lift = context.WithCancel(context.Background())
		if d, err := time.ParseDuration(r.Lasts); err == nil {
			a.ends = since.Add(d)
		}
		next = append(next, a)
	}
	return next, errors.Join(wrong...)
}

// free is the first unused "rule-N" from n on.
func free(taken map[string]bool, n int) string {
	for ; taken["rule-"+strconv.Itoa(n)]; n++ {
	}
	return "rule-" + strconv.Itoa(n)
}

func (t *Table) check(r Rule) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !slices.Contains(t.kinds, r.Kind) {
		say("unknown kind %q; known are %s", r.Kind, strings.Join(t.kinds, ", "))
	}
	if _, err := path.Match(glob(r.Op), ""); err != nil {
		say("op %q is no pattern", r.Op)
	}
	if r.Percent < 0 || r.Percent > 100 || r.Skip < 0 || r.Times < 0 || r.Every < 0 || r.Nth < 0 {
		say("percent must be 0 to 100, skip, times, every and nth at least 0")
	}
	if r.Every > 0 && r.Nth > 0 {
		say("give either every or nth")
	}
	if d, err := time.ParseDuration(r.Lasts); r.Lasts != "" && (err != nil || d <= 0) {
		say("lasts must be a duration above zero like 30s, not %q", r.Lasts)
	}
	switch {
	case r.Moment != "" && r.Moment != Before && r.Moment != After:
		say("moment must be before or after, not %q", r.Moment)
	case r.Moment == Before && shapes(r.Kind):
		say("%s needs an answer to spoil; moment can only be after", r.Kind)
	case r.Moment != "" && r.Kind == TLS:
		say("a TLS handshake has no moment; leave it out")
	}
	if !slices.Contains(Kinds(), r.Kind) {
		return wrong // the server that plays it knows its args
	}
	for _, k := range slices.Sorted(maps.Keys(r.Args)) {
		if !slices.Contains(known[r.Kind], k) {
			say("%s has no args.%s; it knows %s", r.Kind, k, or(strings.Join(known[r.Kind], ", "), "none"))
		}
	}
	if c := argsOf[r.Kind]; c != nil {
		c(r, say)
	}
	return wrong
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// known are the args of the fleet's kinds.
var known = map[string][]string{
	Delay: {"for", "spread", "shape"}, Status: {"code", "body", "type"}, Body: {"as", "field"}, Edit: {"field", "as", "value"}, Slow: {"rate"}, TLS: {"as"}, Reorder: {"for"},
}

// The words that args.as knows.
var (
	bodies   = []string{"malformed", "cut", "empty", "html", "wrong-type", "null", "dropped"}
	tlsWays  = []string{"expired", "wrong-name", "unknown-ca", "stall"}
	shapesOf = []string{"uniform", "normal", "exponential"}
)

// argsOf checks the args of a kind.
var argsOf = map[string]func(r Rule, say func(string, ...any)){
	Delay: func(r Rule, say func(string, ...any)) {
		if !span(r.Args["for"]) {
			say("delay needs args.for, a duration above zero and at most %s, not %q", longest, r.Args["for"])
		}
		if v, given := r.Args["spread"]; given && !span(v) {
			say("args.spread must be a duration above zero, not %q", v)
		}
		if v, given := r.Args["shape"]; given && !slices.Contains(shapesOf, v) {
			say("args.shape must be one of %s, not %q", strings.Join(shapesOf, ", "), v)
		}
		if r.Args["spread"] != "" && r.Args["shape"] == "exponential" {
			say("an exponential delay has no args.spread; args.for is its mean")
		}
	},
	Status: func(r Rule, say func(string, ...any)) {
		if n, err := strconv.Atoi(r.Args["code"]); r.Args["code"] != "" && (err != nil || n < 200 || n > 599) {
			say("args.code must be 200 to 599, not %q", r.Args["code"])
		}
	},
	Body: func(r Rule, say func(string, ...any)) {
		as := r.Args["as"]
		if !slices.Contains(bodies, as) {
			say("body needs args.as, one of %s, not %q", strings.Join(bodies, ", "), as)
		}
		needs := slices.Contains([]string{"wrong-type", "null", "dropped"}, as)
		if (r.Args["field"] != "") != needs && slices.Contains(bodies, as) {
			say("args.field goes with wrong-type, null and dropped, and only with them")
		}
	},
	Edit: checkEdit,
	Slow: func(r Rule, say func(string, ...any)) {
		if n, err := strconv.Atoi(r.Args["rate"]); err != nil || n < 1 {
			say("slow needs args.rate, octets per second above zero, not %q", r.Args["rate"])
		}
	},
	TLS: func(r Rule, say func(string, ...any)) {
		if !slices.Contains(tlsWays, r.Args["as"]) {
			say("tls needs args.as, one of %s, not %q", strings.Join(tlsWays, ", "), r.Args["as"])
		}
	},
	Reorder: func(r Rule, say func(string, ...any)) {
		if v, given := r.Args["for"]; given && !span(v) {
			say("args.for must be a duration above zero, not %q", v)
		}
	},
}

// checkEdit refuses what no answer has; which parts an answer has shows when it is there.
func checkEdit(r Rule, say func(string, ...any)) {
	field, as := r.Args["field"], r.Args["as"]
	if field == "" {
		say("edit needs args.field, a part of the answer like status, header.Location, body, body.items.0.id, code or attribute.State")
	}
	if !slices.Contains(edit.Ways(), as) {
		say("edit needs args.as, one of %s, not %q", strings.Join(edit.Ways(), ", "), as)
		return
	}
	if _, given := r.Args["value"]; given != (as == edit.Replaced || as == edit.Forged) {
		say("args.value goes with replaced and forged, and only with them")
	}
	if whole := as == edit.Malformed || as == edit.HTML || as == edit.Older; whole && field != "body" {
		say("%s is for a whole body; args.field can only be body, not %q", as, field)
	}
	if len(field) > longestField || len(r.Args["value"]) > longestValue {
		say("args.field can have %d octets, args.value %d", longestField, longestValue)
	}
}

// The bounds of what an edit rule says.
const (
	longestField = 1 << 10
	longestValue = 64 << 10
)

func span(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d > 0 && d <= longest
}
