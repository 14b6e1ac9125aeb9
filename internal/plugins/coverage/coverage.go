// Package coverage counts what scenarios met: which of the refusals that the played systems
// can utter, which hooks of the plugins, and which lines of their code.
package coverage

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/dialect"
)

// Meter counts while scenarios run.
type Meter struct {
	kinds map[string]dialect.Kind

	mu    sync.Mutex
	words map[string]dialect.Refused         // of the kinds that were asked
	asked map[string]map[string]int          // kind, operation → times
	met   map[string]map[dialect.Refusal]int // kind, refusal → times
	hooks map[string]*Hook
	cases int
	// packages are the plugins that ran: the folder of what was traced of each leads to the
	// path of its package.
	packages map[string]string
}

// New returns a meter of fleets made of these kinds.
func New(kinds []dialect.Kind) *Meter {
	m := &Meter{kinds: map[string]dialect.Kind{}, words: map[string]dialect.Refused{}, asked: map[string]map[string]int{},
		met: map[string]map[dialect.Refusal]int{}, hooks: map[string]*Hook{}, packages: map[string]string{}}
	for _, k := range kinds {
		m.kinds[k.Name] = k
	}
	return m
}

// Ran counts one case; it is a scenario.Options.Ran.
func (m *Meter) Ran(r *scenario.Ran) {
	entries := r.Entries()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cases++
	for _, e := range entries {
		kind, known := m.kinds[r.Kinds[e.Server]]
		if !known {
			continue // the proxy
		}
		words, there := m.words[kind.Name]
		if !there {
			words = dialect.NewRefused(kind)
			m.words[kind.Name], m.asked[kind.Name], m.met[kind.Name] = words, map[string]int{}, map[dialect.Refusal]int{}
		}
		m.asked[kind.Name][words.Op(e.Op)]++
		if no, refused := words.Of(dialect.Ended{Op: e.Op, Outcome: e.Outcome, Cause: e.Cause, Status: e.Status, Faults: e.Faults}); refused {
			m.met[kind.Name][no]++
		}
	}
	if r.Played == nil {
		return
	}
	for _, path := range r.Packages() {
		if pkg, _ := pluginhost.Check(path, pluginhost.Profile{}); pkg != nil {
			m.packages[pluginhost.TraceOf(pkg.Manifest)] = path
		}
	}
	for kind, p := range map[string]*scenario.Plugin{pluginhost.AA: r.Case.Plugins.AA, pluginhost.CredentialStore: r.Case.Plugins.Store} {
		if p == nil {
			continue
		}
		for _, hook := range hooksOf(kind) {
			m.hook(kind, hook)
		}
	}
	for _, c := range r.Played.Calls {
		h := m.hook(c.Plugin, c.Hook)
		h.Calls++
		ending := c.Verdict
		if c.Err != nil {
			ending = string(c.Err.Kind)
		}
		if ending != "" {
			h.Endings[ending]++
		}
	}
}

// hooksOf are the hooks of a type of plugin.
func hooksOf(kind string) []pluginhost.Hook {
	if kind == pluginhost.AA {
		return []pluginhost.Hook{pluginhost.Authenticate, pluginhost.Authorize, pluginhost.SessionEnded}
	}
	return []pluginhost.Hook{pluginhost.GetPrivateKeyList, pluginhost.GetPasswordList, pluginhost.AuthenticationCompleted,
		pluginhost.GetRemoteAppCredentials, pluginhost.GetTOTPCodes, pluginhost.SessionEnded}
}

func (m *Meter) hook(plugin string, hook pluginhost.Hook) *Hook {
	key := plugin + " " + string(hook)
	if m.hooks[key] == nil {
		m.hooks[key] = &Hook{Plugin: plugin, Hook: string(hook), Endings: map[string]int{}}
	}
	return m.hooks[key]
}

// Report is what was met, and what never was.
type Report struct {
	Cases   int      `json:"cases"`
	Met     int      `json:"met"`      // refusals met, of those that operations which were asked have
	Of      int      `json:"of"`       // refusals that these operations have
	Beyond  int      `json:"not_used"` // refusals of operations of these systems that nobody asked
	Systems []System `json:"systems"`
	Hooks   []Hook   `json:"hooks"`
	Code    []Code   `json:"code"`
	// NoCode says why no code was counted; empty: it was, or nobody asked.
	NoCode string `json:"no_code,omitempty"`
}

// System is one kind of server that the scenarios talked to.
type System struct {
	Kind       string      `json:"kind"`
	Met        int         `json:"met"`
	Of         int         `json:"of"`
	Operations []Operation `json:"operations"` // that were asked
	Unused     []Operation `json:"not_used"`   // that were not, and have refusals
	// Undeclared are refusals that were met although the system's own tests never did.
	Undeclared []dialect.Refusal `json:"undeclared,omitempty"`
}

// Operation is what one operation can be refused for.
type Operation struct {
	Op    string   `json:"op"`
	Asked int      `json:"asked"` // times
	Met   []Met    `json:"met"`
	Never []string `json:"never"` // causes
}

// Met is a cause and how often it was met.
type Met struct {
	Cause string `json:"cause"`
	Times int    `json:"times"`
}

// Hook is one hook of a plugin and how its calls ended.
type Hook struct {
	Plugin  string         `json:"plugin"` // aa, credentialstore
	Hook    string         `json:"hook"`
	Calls   int            `json:"calls"`
	Endings map[string]int `json:"endings"` // verdicts, and kinds of errors
}

// Report is what was counted until now.
func (m *Meter) Report() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Report{Cases: m.cases, Systems: []System{}, Hooks: []Hook{}, Code: []Code{}}
	for name := range m.asked {
		s := m.system(name)
		out.Met, out.Of = out.Met+s.Met, out.Of+s.Of
		for _, o := range s.Unused {
			out.Beyond += len(o.Never)
		}
		out.Systems = append(out.Systems, s)
	}
	slices.SortFunc(out.Systems, func(a, b System) int { return strings.Compare(a.Kind, b.Kind) })
	for _, h := range m.hooks {
		out.Hooks = append(out.Hooks, *h)
	}
	slices.SortFunc(out.Hooks, func(a, b Hook) int {
		return cmp.Or(strings.Compare(a.Plugin, b.Plugin), cmp.Compare(place(a), place(b)))
	})
	return out
}

// place is where in a session a hook is called.
func place(h Hook) int { return slices.Index(hooksOf(h.Plugin), pluginhost.Hook(h.Hook)) }

func (m *Meter) system(name string) System {
	s := System{Kind: name, Operations: []Operation{}, Unused: []Operation{}}
	met := m.met[name]
	ops := map[string]*Operation{}
	op := func(name string) *Operation {
		if ops[name] == nil {
			ops[name] = &Operation{Op: name, Met: []Met{}, Never: []string{}}
		}
		return ops[name]
	}
	for o, n := range m.asked[name] {
		op(o).Asked = n
	}
	known := map[dialect.Refusal]bool{}
	if list := m.kinds[name].Refusals; list != nil {
		for _, r := range list() {
			known[r] = true
			if o := op(r.Op); met[r] > 0 {
				o.Met = append(o.Met, Met{r.Cause, met[r]})
			} else {
				o.Never = append(o.Never, r.Cause)
			}
		}
	}
	for r := range met {
		if !known[r] {
			s.Undeclared = append(s.Undeclared, r)
		}
	}
	slices.SortFunc(s.Undeclared, func(a, b dialect.Refusal) int {
		return cmp.Or(strings.Compare(a.Op, b.Op), strings.Compare(a.Cause, b.Cause))
	})
	for _, name := range sorted(ops) {
		o := *ops[name]
		if o.Asked == 0 {
			s.Unused = append(s.Unused, o)
			continue
		}
		s.Met, s.Of = s.Met+len(o.Met), s.Of+len(o.Met)+len(o.Never)
		s.Operations = append(s.Operations, o)
	}
	return s
}

func sorted[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
