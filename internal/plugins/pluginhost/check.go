package pluginhost

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"counterpart/internal/plugins/pluginhost/archive"
	"counterpart/internal/plugins/pluginhost/manifest"
	"counterpart/internal/plugins/pluginhost/verdict"
)

// Verdict is the outcome of an upload check.
type Verdict = verdict.Verdict

// Problem is one thing wrong with a package.
type Problem = verdict.Problem

// Manifest is what a MANIFEST says.
type Manifest = manifest.Manifest

// The plugin types that this host runs.
const (
	AA              = manifest.AA
	CredentialStore = manifest.CredentialStore
)

// maxDefaultConfig is the largest default.cfg that a box takes.
const maxDefaultConfig = 10 << 10

// Package is a plugin package that was read.
type Package struct {
	Manifest      Manifest
	DefaultConfig string // of default.cfg, empty without one
	Size          int64  // bytes of the zip; of a directory, of its files

	tree *archive.Tree
	ok   bool
}

// Files are the paths of all files in the package.
func (p *Package) Files() []string { return p.tree.Names() }

// digest is the same for packages with the same files; empty for large ones.
func (p *Package) digest() string {
	const most = 16 << 20
	if p.Size > most {
		return ""
	}
	sum := sha256.New()
	for _, name := range p.Files() {
		data, err := p.tree.Read(name, most)
		if err != nil {
			return ""
		}
		fmt.Fprintf(sum, "%q %d\n", name, len(data))
		sum.Write(data)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// Unpack writes the package's files below dir, which must exist.
func (p *Package) Unpack(dir string) error { return p.tree.Unpack(dir) }

// Check judges the zip file or directory at path as the box of the profile
// does at upload, with every reason at once. It needs no Python. The Package is
// nil if there was nothing to read at all.
func Check(path string, p Profile) (*Package, Verdict) {
	p = p.orDefault()
	tree, v := archive.Open(path)
	if tree == nil {
		return nil, v
	}
	pkg := &Package{Size: tree.Packed, tree: tree}
	c := checker{tree: tree, pkg: pkg, v: &v}
	if c.manifest(p) {
		c.entryPoint()
	}
	c.defaultConfig()
	c.bundled()
	c.dependencies()
	pkg.ok = v.OK()
	return pkg, v
}

type checker struct {
	tree *archive.Tree
	pkg  *Package
	v    *Verdict
}

func (c checker) manifest(p Profile) bool {
	if !c.tree.Has(manifest.FileName) {
		c.v.Add(Problem{Code: "manifest-missing", File: manifest.FileName, Text: "MANIFEST file not found in the Zip", Hint: c.whereManifest()})
		return false
	}
	data, err := c.tree.Read(manifest.FileName, manifest.MaxSize+1)
	if err != nil {
		c.v.Add(Problem{Code: "damaged", File: manifest.FileName, Text: "cannot be read", Hint: err.Error()})
		return false
	}
	m, said := manifest.Parse(data, manifest.Host{SPS: p.full(), API: p.API})
	c.pkg.Manifest = m
	for _, p := range said.Problems {
		c.v.Add(p)
	}
	return true
}

// whereManifest guesses why there is none in the root.
func (c checker) whereManifest() string {
	if top := c.tree.SingleFolder(); top != "" && c.tree.Has(top+"/"+manifest.FileName) {
		return fmt.Sprintf("everything lies in the folder %s/: zip what is in it, not the folder itself", top)
	}
	for _, name := range c.tree.Names() {
		base := name[strings.LastIndexByte(name, '/')+1:]
		switch {
		case base == manifest.FileName:
			return fmt.Sprintf("there is one at %s: it must lie in the root", name)
		case !strings.Contains(name, "/") && strings.EqualFold(strings.TrimSuffix(strings.TrimSuffix(name, ".yml"), ".yaml"), manifest.FileName),
			strings.EqualFold(name, manifest.FileName+".txt"):
			return fmt.Sprintf("there is a %s: the name is MANIFEST, in capitals and without an extension", name)
		}
	}
	return "put a file named MANIFEST into the root"
}

// shebang is how a Python 3 plugin says what runs it.
var shebang = regexp.MustCompile(`^#!\s*/usr/bin/env\s+pluginwrapper3\s*$`)

func (c checker) entryPoint() {
	entry := c.pkg.Manifest.EntryPoint
	if entry == "" {
		return
	}
	if !c.tree.Has(entry) {
		c.v.Add(Problem{Code: "entry-missing", File: entry, Text: fmt.Sprintf("entry point %s not found in the root of the package", entry), Hint: "add the file, or name the right one in MANIFEST"})
		return
	}
	head, err := c.tree.Read(entry, 512)
	if err != nil {
		return // already told as damaged
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if !shebang.Match(bytes.TrimRight(first, "\r")) {
		c.v.Add(Problem{Severity: verdict.Warning, Code: "entry-shebang", File: entry, Line: 1, Text: "the first line is not #!/usr/bin/env pluginwrapper3", Hint: "the guides demand it for Python 3 plugins"})
	}
}

func (c checker) defaultConfig() {
	const name = "default.cfg"
	if !c.tree.Has(name) {
		return
	}
	if size := c.tree.Size(name); size > maxDefaultConfig {
		c.v.Add(Problem{Code: "default-cfg-size", File: name, Text: fmt.Sprintf("default.cfg has %d bytes, the limit is %d", size, maxDefaultConfig), Hint: "shorten its comments"})
	}
	data, err := c.tree.Read(name, 1<<20)
	if err != nil {
		return // already told as damaged
	}
	if !utf8.Valid(data) {
		c.v.Add(Problem{Code: "default-cfg-encoding", File: name, Text: "default.cfg is not UTF-8", Hint: "save it as UTF-8"})
		return
	}
	c.pkg.DefaultConfig = string(data)
}

// bundled warns of a copy of the SDK, which would shadow the box's own.
func (c checker) bundled() {
	for _, name := range c.tree.Names() {
		if strings.HasPrefix(name, "safeguard/sessions/plugin/") || strings.HasPrefix(name, "safeguard/sessions/plugin_impl/") {
			c.v.Add(Problem{Severity: verdict.Warning, Code: "sdk-bundled", File: name, Text: "the package brings a Plugin SDK of its own, which shadows the box's", Hint: "leave safeguard/ out: a build refuses it"})
			return
		}
	}
}

// pipfileName is a package's line in a Pipfile.
var pipfileName = regexp.MustCompile(`^"?([A-Za-z0-9][A-Za-z0-9._-]*)"?\s*=`)

// dependencies warns that a source tree, unlike a built package, lacks the
// modules that its Pipfile names.
func (c checker) dependencies() {
	if !c.tree.Dir || !c.tree.Has("Pipfile") {
		return
	}
	data, err := c.tree.Read("Pipfile", 64<<10)
	if err != nil {
		return
	}
	var missing []string
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		m := pipfileName.FindStringSubmatch(line)
		if section != "[packages]" || m == nil || strings.Contains(m[1], "safeguard-sessions-plugin-sdk") {
			continue
		}
		module := strings.ReplaceAll(strings.ToLower(m[1]), "-", "_")
		if !c.tree.Has(module+"/__init__.py") && !c.tree.Has(module+".py") {
			missing = append(missing, m[1])
		}
	}
	if len(missing) > 0 {
		c.v.Add(Problem{Severity: verdict.Warning, Code: "dependencies", File: "Pipfile", Text: "needs " + strings.Join(missing, ", ") + ", which the directory does not hold",
			Hint: "install them into a folder and give it as deps"})
	}
}
