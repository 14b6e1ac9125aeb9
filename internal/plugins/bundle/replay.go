package bundle

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/strictjson"
)

// Read reads a bundle that somebody sent: strictly, and no more of it than a bundle can
// have. Nothing in it is run by reading it.
func Read(path string) (*Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d octets; a bundle has at most %d", path, info.Size(), maxFile)
	}
	text := make([]byte, info.Size())
	n, err := f.ReadAt(text, 0)
	if err != nil && n < len(text) {
		return nil, err
	}
	b, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no bundle: %w", path, err)
	}
	return b, nil
}

// parse reads the text of a bundle and judges what it would run.
func parse(text []byte) (*Bundle, error) {
	var b Bundle
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has %d octets, at most %d are read", len(text), maxFile)
	}
	if err := strictjson.Decode(text, &b); err != nil {
		return nil, err
	}
	switch {
	case b.Format != format:
		return nil, fmt.Errorf("its format is %d, this program reads %d", b.Format, format)
	case len(b.Plugins) == 0:
		return nil, fmt.Errorf("it names no plugin")
	case len(b.Seed.Text) > maxSeed:
		return nil, fmt.Errorf("its seed has %d octets, the limit is %d", len(b.Seed.Text), maxSeed)
	case b.Seed.Started.Year() < 1971 || b.Seed.Started.Year() > 2200:
		return nil, fmt.Errorf("seed.started: %s is no time that a fleet can begin at", b.Seed.Started)
	case b.Scenario.Mode != "fresh" && b.Scenario.Mode != "worker":
		return nil, fmt.Errorf("scenario.mode must be fresh or worker, not %.20q", b.Scenario.Mode)
	}
	for kind := range b.Plugins {
		if kind != pluginhost.AA && kind != pluginhost.CredentialStore {
			return nil, fmt.Errorf("plugins: %.40q is neither aa nor credentialstore", kind)
		}
	}
	if _, err := b.kase(nil); err != nil {
		return nil, err
	}
	return &b, nil
}

// place is where a plugin is that is to be run.
type place struct{ path, deps string }

// kase is the case that a bundle has, with the plugins that are to be run. What the
// scenario of a bundle could name beside itself (files, other interpreters, packages) is
// nothing that it may choose.
func (b *Bundle) kase(at map[string]place) (scenario.Case, error) {
	c, err := scenario.Parse(filepath.Base(b.Scenario.File), b.Scenario.Case, []byte(b.Scenario.Text))
	if err != nil {
		return c, err
	}
	raw := c.Written()
	delete(raw, "python")
	if fleet, ok := raw["fleet"].(map[string]any); ok {
		delete(fleet, "seed")
		delete(fleet, "merge")
	}
	plugins, _ := raw["plugins"].(map[string]any)
	for kind, p := range plugins {
		use, _ := p.(map[string]any)
		if use == nil {
			continue
		}
		if _, there := b.Plugins[kind]; !there {
			return c, fmt.Errorf("scenario: plugins.%s is none of the bundle's plugins", kind)
		}
		delete(use, "config_file")
		delete(use, "deps")
		if use["package"] = kind; at[kind].path != "" {
			use["package"] = at[kind].path
		}
		if at[kind].deps != "" {
			use["deps"] = at[kind].deps
		}
	}
	text, err := yaml.Marshal(raw)
	if err != nil {
		return c, err
	}
	if c, err = scenario.Parse(filepath.Base(b.Scenario.File), b.Scenario.Case, text); err != nil {
		return c, err
	}
	c.Mode = b.Scenario.Mode
	c.Seed = &scenario.Seed{Name: filepath.Base(b.Seed.Name), Text: []byte(b.Seed.Text), Started: b.Seed.Started}
	return c, nil
}

// Replay is what a bundle came to when it was run again.
type Replay struct {
	Result scenario.Result
	Then   End      // as the bundle has it
	Now    End      // this time
	Notes  []string // what is not as it was: another plugin, another version
	Other  []string // what ended otherwise; none: the same end
}

// Choice says where the plugins of a bundle are.
type Choice struct {
	Packages []string // by what they are; those that are not named are where they were
	Deps     string   // extra site directory of those that had one
	Options  scenario.Options
}

// find chooses the plugin of a type. A bundle is somebody else's text: what it names is run
// only if it is the very plugin that it is about.
func (b *Bundle) find(kind string, choice Choice, notes *[]string) (place, error) {
	was := b.Plugins[kind]
	if was.Deps != "" && choice.Deps == "" {
		return place{}, fmt.Errorf("the %s plugin had an extra site directory, %s; say with --deps where it is", kind, was.Deps)
	}
	var found *pluginhost.Package
	path := was.Path
	for _, p := range choice.Packages {
		pkg, verdict := pluginhost.Check(p, pluginhost.Profile{})
		if pkg == nil {
			return place{}, fmt.Errorf("%s is no plugin: %v", p, verdict.Errors())
		}
		if pkg.Manifest.Type == kind || len(b.Plugins) == 1 {
			found, path = pkg, p
		}
	}
	named := found != nil
	if !named {
		if found, _ = pluginhost.Check(path, pluginhost.Profile{}); found == nil {
			return place{}, fmt.Errorf("there is no plugin at %s any more; say where it is with --package", path)
		}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return place{}, err
	}
	digest, err := Digest(found)
	if err != nil {
		return place{}, err
	}
	if digest != was.Digest {
		what := fmt.Sprintf("the %s plugin at %s is not the one of the bundle: it is %s %s (%s), and was %s %s (%s)",
			kind, path, found.Manifest.Name, found.Manifest.Version, short(digest), was.Name, was.Version, short(was.Digest))
		if !named {
			return place{}, fmt.Errorf("%s; name it with --package to run it all the same", what)
		}
		*notes = append(*notes, what)
	}
	at := place{path: abs}
	if was.Deps != "" {
		at.deps, err = filepath.Abs(choice.Deps)
	}
	return at, err
}

// Run runs the case again.
func (b *Bundle) Run(ctx context.Context, choice Choice) (*Replay, error) {
	r := &Replay{Then: b.End}
	at := map[string]place{}
	for kind := range b.Plugins {
		var err error
		if at[kind], err = b.find(kind, choice, &r.Notes); err != nil {
			return nil, err
		}
	}
	c, err := b.kase(at)
	if err != nil {
		return nil, err
	}
	o := choice.Options
	o.Ran = func(ran *scenario.Ran) { // its fleet knows what is secret as long as it stands
		r.Now = endOf(ran.Result, func(s string) string { return ran.Company.Secrets.Hide(s, false) })
	}
	r.Result = scenario.Play(ctx, c, o)
	if r.Now.Verdict == "" { // it did not come to a fleet
		r.Now = endOf(&r.Result, strings.Clone)
	}
	r.Other = b.End.other(r.Now)
	return r, nil
}

func short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// volatile are parts of texts that differ from run to run: ports, durations, identifiers.
var volatile = regexp.MustCompile(`127\.0\.0\.1:\d+|\b\d+(?:\.\d+)?(?:ns|µs|ms|m?s)\b|\b\d+ ms\b|svc/\w{22}|\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b[0-9a-f]{12,}\b|\bport=?:? ?\d+|0x[0-9a-f]+`)

// times are moments, as servers write them.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?Z?`)

func steady(s string) string {
	return volatile.ReplaceAllString(times.ReplaceAllString(s, "…"), "…")
}

// other says what is not the same in another end: the verdict, what was not as expected,
// and what was expected. What happened instead may name ports and times.
func (e End) other(now End) (out []string) {
	if e.Verdict != now.Verdict {
		out = append(out, fmt.Sprintf("the verdict is %s, and was %s", now.Verdict, e.Verdict))
	}
	lines := func(list []scenario.Difference) (all []string) {
		for _, d := range list {
			all = append(all, fmt.Sprintf("%s: expected %s, happened %s", d.What, steady(d.Want), steady(d.Got)))
		}
		slices.Sort(all)
		return all
	}
	was, is := lines(e.Differences), lines(now.Differences)
	for _, l := range was {
		if !slices.Contains(is, l) {
			out = append(out, "gone: "+l)
		}
	}
	for _, l := range is {
		if !slices.Contains(was, l) {
			out = append(out, "new: "+l)
		}
	}
	if a, b := steady(firstLine(e.Problem)), steady(firstLine(now.Problem)); a != b {
		out = append(out, fmt.Sprintf("the problem is %q, and was %q", b, a))
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
