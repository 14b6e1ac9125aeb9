package scenario

import (
	"os"
	"path/filepath"

	"counterpart/seed"
)

// docs describe scenario files to people and editors.
func docs() seed.BlockDocs {
	return seed.BlockDocs{Title: "Counterpart scenario", Top: File{}, Keyed: Keyed(), Holes: true,
		About: "The keys of a scenario file, of a suite.yaml and of each case. The order of keys means nothing; a key that is not listed is a mistake.",
		Again: "cases", AgainDoc: "Tests that this file has: each has a `name` and any of the keys above, which are laid over the file's: blocks key by key, everything else replaces."}
}

// Schema is the JSON Schema of scenario files, for editors.
func Schema() ([]byte, error) { return docs().Schema() }

// Files are what a case is made of: its file and suite, its seed, and its plugins
// with their configuration; folders stand for what is below them.
func (c Case) Files() []string {
	out := []string{c.Path}
	if suite := filepath.Join(filepath.Dir(c.Path), suiteName); exists(suite) {
		out = append(out, suite)
	}
	r := &run{Case: c}
	add := func(path string) {
		path = os.Expand(path, func(name string) string {
			if name == "$" {
				return name
			}
			return os.Getenv(name)
		})
		if path != "" {
			out = append(out, r.beside(path))
		}
	}
	for _, p := range []*Plugin{c.Plugins.AA, c.Plugins.Store} {
		if p != nil {
			add(p.Package)
			add(p.Deps)
			add(p.ConfigFile)
		}
	}
	if seed := c.Fleet.Seed; seed != "" && exists(r.beside(seed)) {
		add(seed)
	}
	return out
}

// Reference is the documentation of all keys in Markdown.
func Reference() string { return docs().Reference() }

// Keys are the paths of all keys: prompts[].ask.key.
func Keys() []string { return docs().Keys() }
