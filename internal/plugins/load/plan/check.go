package plan

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// checker finds what the tags cannot say.
type checker struct {
	p        *Plan
	broken   map[[2]int]bool // where a mistake has been reported already
	problems []seed.Problem
}

// places are those of problems.
func places(list []seed.Problem) map[[2]int]bool {
	out := map[[2]int]bool{}
	for _, p := range list {
		out[[2]int{p.Line, p.Column}] = true
	}
	return out
}

// wrong reports a mistake at a value.
func (c *checker) wrong(n *strictyaml.Node, hint, format string, args ...any) {
	if n == nil {
		n = c.p.root
	}
	at := [2]int{n.Line, n.Column}
	if c.broken[at] || len(c.problems) >= strictyaml.MaxProblems {
		return
	}
	c.problems = append(c.problems, seed.Problem{File: c.p.Name, Line: n.Line, Column: n.Column, Path: n.Path(), Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) check() {
	root := c.p.root
	c.target(root.Get("target"), c.p.Target)
	for name, s := range c.p.Targets {
		c.server(root.Get("targets").Get(name), name, s)
	}
	c.arrival(root)
	c.journeys(root.Get("journeys"))
	c.moments(root.Get("at"))
	c.expectations(root.Get("expect"))
}

func (c *checker) target(n *strictyaml.Node, text string) {
	if text == "" {
		return
	}
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.wrong(n, "write http://127.0.0.1:8099", "`target` is the URL of a control port, not `%s`", strictyaml.Short(text))
	}
}

func (c *checker) server(n *strictyaml.Node, name string, s Server) {
	switch {
	case s.URL == "" && s.Address == "" && len(s.Addresses) == 0:
		c.wrong(n, "give it a `url` or an `address`", "the target `%s` is nowhere", strictyaml.Short(name))
	case s.URL != "" && s.Address != "":
		c.wrong(n.Get("address"), "remove one", "`url` and `address` are two places for the same")
	case s.URL != "":
		if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			c.wrong(n.Get("url"), "write https://vault.example:8200", "`%s` is no URL of a server", strictyaml.Short(s.URL))
		}
	}
}

// Length is how long journeys begin.
func (f *File) Length() time.Duration {
	if f.Closed != nil {
		return f.Closed.For
	}
	var total time.Duration
	for _, s := range f.Arrival {
		total += s.For
	}
	return total
}

// peak is the highest rate, in journeys a second.
func (f *File) peak() (rate float64) {
	for _, s := range f.Arrival {
		rate = max(rate, s.Rate)
		if s.To != nil {
			rate = max(rate, *s.To)
		}
		if s.Spike != nil {
			rate = max(rate, s.Spike.Rate)
		}
	}
	return rate
}

func (c *checker) arrival(root *strictyaml.Node) {
	f, n := &c.p.File, root.Get("arrival")
	switch {
	case n == nil && f.Closed == nil && len(c.broken) > 0: // it may be there under a mistyped name
		return
	case len(f.Arrival) == 0 && f.Closed == nil:
		c.wrong(or(n, root), "write `arrival: [{rate: 10, for: 30s}]`", "the plan does not say when journeys begin")
		return
	case len(f.Arrival) > 0 && f.Closed != nil:
		c.wrong(root.Get("closed"), "remove one", "`arrival` and `closed` are two answers to the same question")
	}
	for i, s := range f.Arrival {
		at := n.Item(i)
		switch {
		case s.Steps > 0 && s.To == nil:
			c.wrong(at.Get("steps"), "write `to`, the last rate", "`steps` has no rate to go to")
		case s.Steps > 0 && s.Spike != nil, s.To != nil && s.Spike != nil:
			c.wrong(at.Get("spike"), "make two stages of it", "a stage has either `to` or a `spike`")
		case s.Spike != nil && s.Spike.After+s.Spike.For > s.For:
			c.wrong(at.Get("spike"), fmt.Sprintf("the stage is over after %v", s.For), "the spike is not over with its stage")
		}
	}
	if f.peak() == 0 && f.Closed == nil {
		c.wrong(n, "give a stage a rate", "no journey ever begins")
	}
	if total := f.Length(); total > 0 && f.WarmUp >= total {
		c.wrong(root.Get("warm_up"), fmt.Sprintf("the run is %v long", total), "nothing is left to measure after `warm_up`")
	}
}

func or(n, otherwise *strictyaml.Node) *strictyaml.Node {
	if n != nil {
		return n
	}
	return otherwise
}

func (c *checker) journeys(n *strictyaml.Node) {
	names, weights := map[string]bool{}, 0.0
	if len(c.p.Journeys) == 0 {
		if n == nil && len(c.broken) > 0 {
			return
		}
		c.wrong(or(n, c.p.root), "write `journeys: [{name: login, steps: […]}]`", "nobody does anything")
		return
	}
	for i := range c.p.Journeys {
		j, at := &c.p.Journeys[i], n.Item(i)
		if names[j.Name] {
			c.wrong(at.Get("name"), "give it another name", "two journeys are called `%s`", strictyaml.Short(j.Name))
		}
		names[j.Name] = true
		weights += j.Weight
		c.journey(j, at)
	}
	if weights == 0 {
		c.wrong(n, "give one a weight", "no journey is ever chosen: all weights are 0")
	}
}

func (c *checker) journey(j *Journey, n *strictyaml.Node) {
	switch {
	case j.Scenario != "" && len(j.Steps) > 0:
		c.wrong(n.Get("scenario"), "make two journeys of it", "a journey has `steps` or a `scenario`")
	case j.Scenario != "":
		return
	case len(j.Steps) == 0:
		c.wrong(n, "write `steps`", "the journey `%s` has no steps", strictyaml.Short(j.Name))
		return
	}
	for _, k := range []string{"case", "as", "mode", "interpreters"} {
		if n.Get(k) != nil {
			c.wrong(n.Get(k), "write `scenario`", "`%s` is of a scenario, and there is none", k)
		}
	}
	known := map[string]bool{}
	var pauses time.Duration
	for i := range j.Steps {
		s, at := &j.Steps[i], n.Get("steps").Item(i)
		c.kinds(s, at)
		for name := range s.Save {
			known[name] = true // what a step saves is known to what it means itself
		}
		c.holes(at, known)
		pauses += s.Pause
	}
	if pauses > c.p.Drain {
		c.wrong(n, fmt.Sprintf("write `drain: %v`, or more", pauses), "the journey `%s` takes %v at least, and %v after the last one has begun the run ends", strictyaml.Short(j.Name), pauses, c.p.Drain)
	}
	if least := c.p.peak() * pauses.Seconds(); least > float64(c.p.InFlight) {
		c.wrong(n, "raise `in_flight`, or begin fewer", "%.0f journeys a second that take %v are %.0f at once, and `in_flight` allows %d", c.p.peak(), pauses, least, c.p.InFlight)
	}
}

// kinds demands exactly one thing to do.
func (c *checker) kinds(s *step.Spec, n *strictyaml.Node) {
	var has []string
	for _, k := range []string{"http", "radius", "ldap", "pause"} {
		if n.Get(k) != nil {
			has = append(has, k)
		}
	}
	switch len(has) {
	case 0:
		c.wrong(n, "write one of `http`, `radius`, `ldap` and `pause`", "the step does nothing")
	case 1:
		c.inside(s, n)
	default:
		c.wrong(n.Get(has[1]), "begin another step with `- `", "a step is one of %s", strictyaml.Enumerate(has))
	}
	if s.Again != nil && s.Again.For > 0 && s.Again.Every > s.Again.For {
		c.wrong(n.Get("again").Get("every"), "", "`every` is longer than `for`: it would never be done again")
	}
	for name := range s.Save {
		if strings.ContainsAny(name, ". {}") || slices.Contains(step.Names(), name) {
			c.wrong(n.Get("save").Get(name), "use letters, digits and _", "`%s` is no name for what is saved", strictyaml.Short(name))
		}
	}
}

// inside demands what each kind needs.
func (c *checker) inside(s *step.Spec, n *strictyaml.Node) {
	switch {
	case s.HTTP != nil:
		var has []string
		for _, k := range []string{"json", "form", "body"} {
			if n.Get("http").Get(k) != nil {
				has = append(has, k)
			}
		}
		if len(has) > 1 {
			c.wrong(n.Get("http").Get(has[1]), "remove one", "a request has one body, not %s", strictyaml.Enumerate(has))
		}
		if p := s.HTTP.Path; p != "" && p[0] != '/' && !strings.HasPrefix(p, "{{") {
			c.wrong(n.Get("http").Get("path"), fmt.Sprintf("write `/%s`, and the server in `to`", strictyaml.Short(p)), "a path begins with /")
		}
	case s.LDAP != nil && (s.LDAP.Bind == nil) == (s.LDAP.Search == nil):
		c.wrong(n.Get("ldap"), "write one of `bind` and `search`", "an LDAP step is one operation")
	}
}

// holes refuses those that nothing can ever fill. What names a server's facts, the fleet
// knows.
func (c *checker) holes(n *strictyaml.Node, known map[string]bool) {
	if n.Kind == strictyaml.Text && strings.Contains(n.Text, "{{") {
		t, err := step.Compile(n.Text, nil)
		if err != nil {
			c.wrong(n, "write {{ user.name }}", "%v", err)
		}
		for _, hole := range t.Holes() {
			c.hole(n, hole, known)
		}
	}
	for _, e := range n.Entries {
		c.holes(e.Value, known)
	}
	for _, i := range n.Items {
		c.holes(i, known)
	}
}

func (c *checker) hole(n *strictyaml.Node, hole string, known map[string]bool) {
	if known[hole] || slices.Contains(step.Names(), hole) {
		return
	}
	first, _, dotted := strings.Cut(hole, ".")
	if dotted && !slices.Contains([]string{"user", "account", "walk"}, first) {
		return
	}
	names := step.Names()
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	c.wrong(n, strictyaml.DidYouMean(hole, names), "no step before has saved {{ %s }}", strictyaml.Short(hole))
}

func (c *checker) moments(n *strictyaml.Node) {
	for i, m := range c.p.At {
		at, has := n.Item(i), 0
		for _, k := range []string{"faults", "clock", "decide"} {
			if at.Get(k) != nil {
				has++
			}
		}
		switch {
		case has != 1:
			c.wrong(at, "give one of `faults`, `clock` and `decide`", "a moment is one thing that happens")
		case m.At > c.p.Length()+c.p.Drain:
			c.wrong(at.Get("at"), fmt.Sprintf("the run is %v long", c.p.Length()), "it is over by then")
		case m.Clock != nil && m.Clock.Advance == 0 && m.Clock.Frozen == nil:
			c.wrong(at.Get("clock"), "write `advance: 1h`, or `frozen: true`", "the clock is not moved")
		}
		if f, ok := m.Faults.(*strictyaml.Node); ok && f.Kind != strictyaml.List && f.Kind != strictyaml.Null {
			c.wrong(f, "begin each rule with `- `", "`faults` is a list of rules, not %s", f.Kind)
		}
	}
}

func (c *checker) expectations(n *strictyaml.Node) {
	for i, x := range c.p.Expect {
		at := n.Item(i)
		if x.Operation != "" && x.Journey != "" {
			c.wrong(at.Get("journey"), "make two of it", "an expectation is of an operation or of a journey")
		}
		if x.Journey != "" && !slices.ContainsFunc(c.p.Journeys, func(j Journey) bool { return j.Name == x.Journey }) {
			var names []string
			for _, j := range c.p.Journeys {
				names = append(names, j.Name)
			}
			c.wrong(at.Get("journey"), strictyaml.DidYouMean(x.Journey, names), "there is no journey `%s`", strictyaml.Short(x.Journey))
		}
		if len(x.Bounds()) == 0 && x.Failed == nil && x.Refused == nil && x.Rate == nil {
			c.wrong(at, "write `p99: 50ms`, or `failed_percent: 0`", "nothing is expected")
		}
	}
}

// Bound is an upper bound of a percentile; 100 is the longest of all.
type Bound struct {
	Name    string
	Percent float64
	Most    time.Duration
}

// Bounds are the bounds of percentiles of an expectation.
func (x Expectation) Bounds() (out []Bound) {
	for _, b := range []struct {
		name    string
		percent float64
		most    *time.Duration
	}{{"p50", 50, x.P50}, {"p90", 90, x.P90}, {"p95", 95, x.P95}, {"p99", 99, x.P99}, {"p999", 99.9, x.P999}, {"max", 100, x.Max}} {
		if b.most != nil {
			out = append(out, Bound{b.name, b.percent, *b.most})
		}
	}
	return out
}
