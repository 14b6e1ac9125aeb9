package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ACL is what several policies together allow: rules for the same path are
// merged, and the most specific rule that fits a path alone decides.
type ACL struct {
	root  bool
	exact map[string]*grant
	globs []*grant // best first
}

// grant is the merged word of all policies on one path.
type grant struct {
	path     string // without the final *
	segments []string
	prefix   bool // ended in *
	plus     int
	wild     int // where the first wildcard stands
	raw      string
	Rule
}

// Fill puts a value into a template such as identity.entity.id; ok is false when
// there is none.
type Fill func(template string) (value string, ok bool)

// NewACL merges policies. The policy named "root" allows everything.
func NewACL(policies []*Policy, fill Fill) *ACL {
	a := &ACL{exact: map[string]*grant{}}
	byPath := map[string]*grant{}
	for _, p := range policies {
		if p.Name == "root" {
			a.root = true
		}
		for _, r := range p.Rules {
			path, ok := filled(r.Path, fill)
			if !ok {
				continue
			}
			g := byPath[path]
			if g == nil {
				g = newGrant(path, r)
				byPath[path] = g
				continue
			}
			g.merge(r)
		}
	}
	for path, g := range byPath {
		if g.prefix || g.plus > 0 {
			a.globs = append(a.globs, g)
		} else {
			a.exact[path] = g
		}
	}
	slices.SortFunc(a.globs, better)
	return a
}

// filled replaces the templates of a path.
func filled(path string, fill Fill) (string, bool) {
	for strings.Contains(path, "{{") {
		before, rest, _ := strings.Cut(path, "{{")
		name, after, closed := strings.Cut(rest, "}}")
		if !closed || fill == nil {
			return "", false
		}
		value, ok := fill(strings.TrimSpace(name))
		if !ok || strings.Contains(value, "{{") {
			return "", false
		}
		path = before + value + after
	}
	return path, true
}

func newGrant(path string, r Rule) *grant {
	g := &grant{raw: path, Rule: r}
	g.Allowed, g.Denied, g.Required = maps.Clone(r.Allowed), maps.Clone(r.Denied), slices.Clone(r.Required)
	g.path, g.prefix = strings.CutSuffix(path, "*")
	g.wild = len(g.path)
	segments, at := strings.Split(g.path, "/"), 0
	for _, s := range segments {
		if s == "+" {
			if g.plus++; g.plus == 1 {
				g.wild = at
			}
		}
		at += len(s) + 1
	}
	if g.plus > 0 {
		g.segments = segments
	}
	return g
}

// merge adds what another policy says about the same path.
func (g *grant) merge(r Rule) {
	if g.Can == Deny {
		return
	}
	if r.Can == Deny {
		g.Rule = Rule{Path: g.Path, Can: Deny}
		return
	}
	g.Can |= r.Can
	g.Allowed, g.Denied = union(g.Allowed, r.Allowed), union(g.Denied, r.Denied)
	for _, name := range r.Required {
		if !slices.Contains(g.Required, name) {
			g.Required = append(g.Required, name)
		}
	}
	if r.MinWrap > 0 && (g.MinWrap == 0 || r.MinWrap < g.MinWrap) {
		g.MinWrap = r.MinWrap
	}
	g.MaxWrap = max(g.MaxWrap, r.MaxWrap)
}

// union joins two sets of parameters; an empty list, which means any value, wins.
func union(a, b map[string][]any) map[string][]any {
	if len(a) == 0 {
		return maps.Clone(b)
	}
	for k, v := range b {
		if old, there := a[k]; there && (len(old) == 0 || len(v) == 0) {
			a[k] = nil
		} else {
			a[k] = append(slices.Clip(old), v...)
		}
	}
	return a
}

// better orders rules so that the first one that fits decides: a later first
// wildcard, then no trailing *, fewer +, a longer string, the greater string.
func better(a, b *grant) int {
	switch {
	case a.wild != b.wild:
		return b.wild - a.wild
	case a.prefix != b.prefix:
		if a.prefix {
			return 1
		}
		return -1
	case a.plus != b.plus:
		return a.plus - b.plus
	case len(a.path) != len(b.path):
		return len(b.path) - len(a.path)
	}
	return strings.Compare(b.path, a.path)
}

// fits reports whether the rule speaks for path.
func (g *grant) fits(path string) bool {
	if g.plus == 0 {
		return strings.HasPrefix(path, g.path)
	}
	last := len(g.segments) - 1
	for i, want := range g.segments {
		have, rest, more := strings.Cut(path, "/")
		if i == last {
			if g.prefix {
				return strings.HasPrefix(path, want)
			}
			return !more && (want == "+" || have == want)
		}
		if !more || want != "+" && have != want {
			return false
		}
		path = rest
	}
	return false
}

// find is the rule that decides about path; nil when none fits.
func (a *ACL) find(path string, list bool) *grant {
	bare := path
	if list {
		bare = strings.TrimSuffix(path, "/")
	}
	if g := a.exact[path]; g != nil {
		return g
	}
	if g := a.exact[bare]; g != nil {
		return g
	}
	for _, g := range a.globs {
		if g.fits(path) || bare != path && g.fits(bare) {
			return g
		}
	}
	return nil
}

// Root reports whether the policy root is among them.
func (a *ACL) Root() bool { return a.root }

// Verdict is the decision about one request.
type Verdict struct {
	OK   bool
	Sudo bool // the rule grants sudo, too
	Root bool
}

// Ask is one request: the capability that its operation takes, its path, and the
// parameters that it brings.
type Ask struct {
	Need Capability
	Path string
	Data map[string]any
	Wrap time.Duration // of X-Vault-Wrap-TTL; 0: none
	// Whole: a list is one value, as in OpenBao; otherwise each of its parts counts.
	Whole bool
}

// Decide holds a request against the rules.
func (a *ACL) Decide(q Ask) Verdict {
	if a.root {
		return Verdict{OK: true, Sudo: true, Root: true}
	}
	g := a.find(q.Path, q.Need == List)
	if g == nil || g.Can&Deny != 0 || g.Can&q.Need == 0 {
		return Verdict{}
	}
	if g.MaxWrap > 0 && (q.Wrap == 0 || q.Wrap > g.MaxWrap) || g.MinWrap > 0 && q.Wrap < g.MinWrap {
		return Verdict{}
	}
	if q.Need&(Create|Update|Patch) != 0 && !g.permits(q) {
		return Verdict{}
	}
	return Verdict{OK: true, Sudo: g.Can&Sudo != 0}
}

// permits holds the parameters of a write against the rule.
func (g *grant) permits(q Ask) bool {
	data := q.Data
	for _, name := range g.Required {
		if _, there := data[strings.ToLower(name)]; !there {
			return false
		}
	}
	if _, all := g.Denied["*"]; all && len(data) > 0 {
		return false
	}
	for name, value := range data {
		name = strings.ToLower(name)
		if values, there := g.Denied[name]; there && oneOf(values, value, q.Whole) {
			return false
		}
		if len(g.Allowed) == 0 {
			continue
		}
		values, there := g.Allowed[name]
		if !there {
			if values, there = g.Allowed["*"]; !there {
				return false
			}
		}
		if !oneOf(values, value, q.Whole) {
			return false
		}
	}
	return true
}

// oneOf reports whether value is in the list; an empty list has every value. A
// number is never the text that looks like it.
func oneOf(values []any, value any, whole bool) bool {
	if len(values) == 0 {
		return true
	}
	if parts, isList := value.([]any); isList && !whole { // each of them, then
		return !slices.ContainsFunc(parts, func(p any) bool { return !oneOf(values, p, whole) })
	}
	have, isText := value.(string)
	for _, v := range values {
		want, wantsText := v.(string)
		if !isText || !wantsText {
			if reflect.DeepEqual(v, value) {
				return true
			}
			continue
		}
		if want == have {
			return true
		}
		starts, ends := strings.HasPrefix(want, "*"), strings.HasSuffix(want, "*")
		switch middle := strings.Trim(want, "*"); {
		case starts && ends && strings.Contains(have, middle), starts && !ends && strings.HasSuffix(have, middle),
			ends && !starts && strings.HasPrefix(have, middle):
			return true
		}
	}
	return false
}

// Can is what may be done on path: "root" for root, "deny" for nothing.
func (a *ACL) Can(path string) []string {
	if a.root {
		return []string{"root"}
	}
	g := a.find(path, false)
	if g == nil {
		g = a.find(path, true)
	}
	if g == nil || g.Can == 0 || g.Can&Deny != 0 {
		return []string{"deny"}
	}
	return g.Can.Names()
}

// Near reports whether any rule could speak for something below a mount: what
// decides who may know of it.
func (a *ACL) Near(mount string) bool {
	if a.root {
		return true
	}
	could := func(g *grant) bool {
		if g.Can&Deny != 0 || g.Can == 0 {
			return false
		}
		upTo := g.path
		if g.plus > 0 {
			upTo = g.path[:g.wild]
		}
		return strings.HasPrefix(upTo, mount) || (g.prefix || g.plus > 0) && strings.HasPrefix(mount, upTo)
	}
	for _, g := range a.exact {
		if could(g) || g.Can&Deny == 0 && g.raw+"/" == mount {
			return true
		}
	}
	return slices.ContainsFunc(a.globs, could)
}

// Paths are all rules as a listing: what exact paths and what prefixes can do.
func (a *ACL) Paths() (exact, globs map[string]any) {
	exact, globs = map[string]any{}, map[string]any{}
	for path, g := range a.exact {
		exact[path] = map[string]any{"capabilities": g.Can.Names()}
	}
	for _, g := range a.globs {
		globs[g.path] = map[string]any{"capabilities": g.Can.Names()}
	}
	return exact, globs
}
