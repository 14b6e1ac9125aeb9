package scenario

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"
)

// Shared is a company and a box in which many sessions of one case go on at once: what
// load tests need. Time is real there: what a scenario waits passes.
type Shared struct {
	c       Case
	o       Options
	mode    string
	fleet   *backends
	host    *pluginhost.Host
	session pluginhost.Session // its plugins are installed
	configs []string
	pause   func(context.Context, time.Duration) error
}

// Sharing is how a case is shared.
type Sharing struct {
	Mode         string // fresh or worker; empty: what the scenario says
	Interpreters int    // of each plugin, at most
	// Merge is laid over the seed, beside what the scenario lays over it; nil: nothing.
	Merge *strictyaml.Node
	// Pause passes time for one session.
	Pause func(context.Context, time.Duration) error
}

// NewShared brings a company, with a control port, and a box up for a case.
func NewShared(ctx context.Context, c Case, how Sharing, o Options) (*Shared, error) {
	if c.Wrong != nil {
		return nil, c.Wrong
	}
	if how.Merge != nil {
		over := &strictyaml.Node{Kind: strictyaml.Mapping, Entries: []strictyaml.Entry{{Name: "fleet", Value: &strictyaml.Node{Kind: strictyaml.Mapping,
			Entries: []strictyaml.Entry{{Name: "merge", Value: how.Merge}}}}}}
		c.node = mergeNodes(c.node, over)
		if err := c.decode(c.node, nil); err != nil {
			return nil, err
		}
	}
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
	o.control, o.atOnce = true, how.Interpreters
	s := &Shared{c: c, o: o, mode: orDefault(how.Mode, orDefault(c.Mode, string(pluginhost.Fresh))), pause: how.Pause}
	r := &run{Case: c, mode: s.mode, began: time.Now(), where: map[string]origins{}, mask: &mask{show: true}}
	var err error
	s.host, s.session, err = r.prepare(ctx, o)
	if s.fleet, s.configs = r.fleet, r.configs; err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Company is the company of all sessions.
func (s *Shared) Company() *boot.Company { return s.fleet.Company }

// NotIsolated is what plugins can do on this system although they should not.
func (s *Shared) NotIsolated() []string { return s.host.NotIsolated() }

// Close takes both down. Sessions under way must have ended.
func (s *Shared) Close() {
	if s.host != nil {
		s.host.Close()
	}
	if s.fleet != nil {
		s.fleet.stop()
	}
}

// Guest is who has a session.
type Guest struct {
	Name string // of a person of the company
	// In is whose place in the scenario they take: the name where it stands in connection and
	// prompts, and in holes. Empty: nobody's, {{ user.name }} and the like are they all the same.
	In string
}

// Play plays one session, and tells of its hooks. The error says why it could not be
// played; wrong is what the person was asked otherwise than the scenario says.
func (s *Shared) Play(ctx context.Context, g Guest, event func(pluginhost.Event)) (played *pluginhost.Result, wrong []Difference, err error) {
	u, ok := s.fleet.World.User(g.Name)
	if !ok {
		return nil, nil, fmt.Errorf("the scenario's company has nobody called %q", g.Name)
	}
	who := s.fleet.person(u)
	fleet := *s.fleet
	fleet.tree = maps.Clone(s.fleet.tree)
	fleet.tree["user"] = who
	c := s.c
	if g.In != "" {
		fleet.tree["users"] = func(name string) (any, bool) {
			if name == g.In || name == g.Name {
				return who, true
			}
			return step(s.fleet.tree["users"], name)
		}
		c.node = instead(s.c.node, g.In, g.Name)
	}
	r := &run{Case: c, mode: s.mode, began: time.Now(), fleet: &fleet, where: map[string]origins{}, mask: &mask{show: true}}
	if s.pause != nil {
		r.pause = func(d time.Duration) error { return s.pause(ctx, d) }
	}
	if err := r.Case.decode(c.node, nil); err != nil {
		return nil, nil, err
	}
	if err := r.fill(); err != nil {
		return nil, nil, err
	}
	plugins := r.Plugins
	r.Plugins = Plugins{} // they are installed
	session, err := r.session(s.host, s.host.Profile)
	if err != nil {
		return nil, nil, err
	}
	r.Plugins = plugins
	session.AA, session.CredentialStore, session.Event = s.session.AA, s.session.CredentialStore, event
	session.LogLimit = 1 << 16
	played, err = s.host.Run(ctx, session)
	return played, r.diffs, err
}

// Expected is the outcome that the case expects, if it is one word.
func (s *Shared) Expected() string {
	if text, ok := s.c.Expect.Outcome.(string); ok && !isExpression(text) && text != "any" && text != "absent" {
		return text
	}
	return ""
}

// instead is a case with one person in the place of another, where it says who connects
// and what they type. Holes stay: the tree of values knows them.
func instead(n *strictyaml.Node, was, is string) *strictyaml.Node {
	name := regexp.MustCompile(`\b` + regexp.QuoteMeta(was) + `\b`)
	out := *n
	out.Entries = make([]strictyaml.Entry, len(n.Entries))
	copy(out.Entries, n.Entries)
	for i, e := range out.Entries {
		if e.Name == "connection" || e.Name == "prompts" {
			out.Entries[i].Value = renamed(e.Value, name, is)
		}
	}
	return &out
}

func renamed(n *strictyaml.Node, was *regexp.Regexp, is string) *strictyaml.Node {
	out := *n
	if n.Kind == strictyaml.Text {
		var b strings.Builder
		for rest := n.Text; rest != ""; {
			before, hole, found := strings.Cut(rest, "{{")
			b.WriteString(was.ReplaceAllLiteralString(before, is))
			if !found {
				break
			}
			inside, after, _ := strings.Cut(hole, "}}")
			b.WriteString("{{" + inside + "}}")
			rest = after
		}
		out.Text = b.String()
	}
	out.Entries = make([]strictyaml.Entry, len(n.Entries))
	for i, e := range n.Entries {
		e.Value = renamed(e.Value, was, is)
		out.Entries[i] = e
	}
	out.Items = make([]*strictyaml.Node, len(n.Items))
	for i, item := range n.Items {
		out.Items[i] = renamed(item, was, is)
	}
	return &out
}
