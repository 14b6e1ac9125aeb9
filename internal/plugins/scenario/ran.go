package scenario

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
)

// Seed is a company that stands in no file.
type Seed struct {
	Name    string
	Text    []byte    // in YAML; files that it names are not to be had
	Started time.Time // the fleet's time at its start; zero: now
}

// Ran is what a case left behind, while its fleet still stands.
type Ran struct {
	Case    Case // with its holes filled, but for those of the prompts
	Mode    string
	Result  *Result
	Played  *pluginhost.Result // nil: it never came to a session
	Company *boot.Company
	Kinds   map[string]string // of each server
	Started time.Time         // the fleet's time when it began

	run *run
}

func (r *run) left(out *Result) *Ran {
	return &Ran{Case: r.Case, Mode: r.mode, Result: out, Played: out.played, Company: r.fleet.Company, Kinds: r.fleet.kind, Started: r.started, run: r}
}

// Entries are what the servers were asked.
func (r *Ran) Entries() []journal.Entry {
	return r.Company.Journal.Since(0, journal.Match{}, 0).Entries
}

// Packages are the plugins that were named, by their type, as paths that lead there.
func (r *Ran) Packages() map[string]string {
	return r.paths("package", func(p *Plugin) string { return p.Package })
}

// Deps are the plugins' extra site directories, as Packages.
func (r *Ran) Deps() map[string]string {
	return r.paths("deps", func(p *Plugin) string { return p.Deps })
}

func (r *Ran) paths(what string, of func(*Plugin) string) map[string]string {
	out := map[string]string{}
	for kind, p := range map[string]*Plugin{pluginhost.AA: r.Case.Plugins.AA, pluginhost.CredentialStore: r.Case.Plugins.Store} {
		if p == nil || of(p) == "" {
			continue
		}
		if path, err := r.run.expand(what, of(p)); err == nil {
			out[kind] = r.run.beside(path)
		}
	}
	return out
}

// ConfigText is the text of a plugin's config_file, with its holes; "" without one.
func (r *Ran) ConfigText(p *Plugin) (string, error) {
	if p == nil || p.ConfigFile == "" {
		return "", nil
	}
	text, err := slurp(r.run.beside(p.ConfigFile), maxFile)
	return string(text), err
}

// Beside is a path that stands in the scenario file, as one that leads there.
func (r *Ran) Beside(path string) string { return r.run.beside(path) }

// SeedText is the company of the case, with fleet.merge laid over it.
func (c Case) SeedText() (text []byte, name string, files fs.FS, err error) { return c.seedText() }

// Written is the case as a map: as it is written, its file, suite and name merged, with its
// holes.
func (c Case) Written() map[string]any {
	m, _ := c.node.Written().(map[string]any)
	return m
}

// Parse reads one case from a text as strictly as from a file.
func Parse(path, name string, text []byte) (Case, error) {
	if len(text) > maxFile {
		return Case{}, fmt.Errorf("%s: the scenario is longer than %d octets", path, maxFile)
	}
	n, err := parse(path, text)
	if err != nil {
		return Case{}, err
	}
	if n.Get("cases") != nil {
		return Case{}, fmt.Errorf("%s: one case is expected, not `cases`", path)
	}
	c := Case{Path: path, Name: name, node: n, from: &origin{path: path, lines: map[string][]string{path: strings.Split(string(text), "\n")}}}
	return c, c.decode(n, nil)
}

// ReadSeed is a seed as a map, in which scalars stand as they are written.
func ReadSeed(name string, text []byte) (map[string]any, error) { return seed.Written(name, text) }

// Operations are the journal's entries as the fields that expect.backend may name.
func (r *Ran) Operations() (out []map[string]any) {
	for _, o := range r.run.operations() {
		out = append(out, fieldsOf(o))
	}
	return out
}

// Hook is what expect may say of a hook: its last verdict, how often it was called.
func (r *Ran) Hook(h pluginhost.Hook) map[string]any {
	return fieldsOf(called(r.Played.CallsOf("", h)))
}

// fieldsOf are fields as values that a scenario can hold: a document is what it says.
func fieldsOf(fields map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range fields {
		if d, ok := v.(readable); ok {
			v = d.value
		}
		out[k] = v
	}
	return out
}
