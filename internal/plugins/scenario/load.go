package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// maxFile bounds a scenario file. Each of its cases is laid over the whole of it:
// their number is bounded, and what they make together.
const (
	maxFile  = 1 << 20
	maxCases = 2000
	maxTotal = 16 << 20
)

// Load reads scenario files; a folder stands for the YAML files below it that
// have a `scenario` key. A suite.yaml beside a scenario is laid under it. It wants
// all of them in order.
func Load(paths ...string) ([]Case, error) {
	cases := LoadAll(paths...)
	var wrong []error
	for _, c := range cases {
		if c.Wrong != nil && len(wrong) < strictyaml.MaxProblems {
			wrong = append(wrong, c.Wrong)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return cases, nil
}

// LoadAll is Load for those who run what is in order, whatever is not: a file or a
// case that cannot be run is one Case that says why.
func LoadAll(paths ...string) []Case {
	var cases []Case
	var seen []string
	for _, path := range paths {
		files, err := find(path)
		if err != nil {
			cases = append(cases, broken(path, err))
		}
		for _, f := range files {
			whole, err := filepath.Abs(f)
			if err == nil && slices.Contains(seen, whole) {
				continue
			}
			seen = append(seen, whole)
			cases = append(cases, loadFile(f)...)
		}
	}
	if len(cases) == 0 {
		all := strings.Join(paths, ", ")
		cases = append(cases, broken(all, fmt.Errorf("there is no scenario in %s; a scenario is a YAML file with a `scenario:` title", all)))
	}
	return cases
}

// broken is a case that stands for a file that cannot be run.
func broken(path string, err error) Case {
	return Case{File: File{Title: "scenarios of this file"}, Path: path, Wrong: err}
}

const suiteName = "suite.yaml"

func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("there is no scenario %s", path)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	var unread []error
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			unread = append(unread, err)
			return nil // what is beside it can be read
		}
		if ext := filepath.Ext(p); d.IsDir() || ext != ".yaml" && ext != ".yml" || d.Name() == suiteName || !regular(p) {
			return nil
		}
		text, err := slurp(p, maxFile)
		if err != nil || bytes.Contains(append([]byte("\n"), text...), []byte("\nscenario:")) {
			files = append(files, p)
		}
		return nil
	})
	return files, errors.Join(append(unread, err)...)
}

// regular tells files from pipes and devices, which may never end.
func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// loadFile reads one file and splits it into its cases.
func loadFile(path string) []Case {
	base, lines, err := parseFile(path)
	if err != nil {
		return []Case{broken(path, err)}
	}
	from := &origin{path: path, lines: map[string][]string{path: lines}}
	whole := base
	if s := filepath.Join(filepath.Dir(path), suiteName); regular(s) {
		suite, lines, err := parseFile(s)
		if err != nil {
			return []Case{broken(path, err)}
		}
		from.suite, from.suiteRoot, from.lines[s] = s, suite, lines
		whole = mergeNodes(without(suite, func(key string) bool { return key == "cases" }), base)
	}
	whole = without(whole, func(key string) bool { return key == "cases" || strings.HasPrefix(key, "x-") })
	list := base.Get("cases")
	switch {
	case list == nil || list.Kind == strictyaml.Null || list.Kind == strictyaml.List && len(list.Items) == 0:
		c := Case{Path: path, from: from, node: whole}
		c.Wrong = c.decode(whole, nil)
		return []Case{c}
	case list.Kind != strictyaml.List:
		return []Case{broken(path, sorted([]seed.Problem{from.problem(list, fmt.Sprintf("`cases` must be a list, not %s", list.Kind), "begin each item with `- `")}))}
	case len(list.Items) > maxCases:
		p := from.problem(list, fmt.Sprintf("%d cases, at most %d are read", len(list.Items), maxCases), "write a second file")
		return []Case{broken(path, sorted([]seed.Problem{p}))}
	}
	return splitCases(whole, list.Items, from)
}

// splitCases lays each case over the whole of its file.
func splitCases(whole *strictyaml.Node, items []*strictyaml.Node, from *origin) []Case {
	cases := make([]Case, 0, len(items))
	names := map[string]bool{}
	total := 0
	for i, item := range items {
		c := Case{Path: from.path, from: from, index: i}
		name := item.Get("name")
		refuse := func(n *strictyaml.Node, message, hint string) {
			c.Wrong = sorted([]seed.Problem{from.problem(n, message, hint)})
		}
		switch {
		case name == nil || name.Text == "" || name.Kind == strictyaml.List || name.Kind == strictyaml.Mapping:
			c.Name = fmt.Sprintf("cases[%d]", i)
			refuse(item, fmt.Sprintf("cases[%d] has no name", i), "begin with `- name: …`")
		case names[name.Text]:
			c.Name = fmt.Sprintf("%s, cases[%d]", name.Text, i)
			refuse(name, fmt.Sprintf("two cases are called %q", strictyaml.Short(name.Text)), "give it another name")
		default:
			c.Name = name.Text
			c.node = mergeNodes(whole, without(item, func(key string) bool { return key == "name" }))
			if total += sizeOf(c.node, maxTotal); total > maxTotal {
				p := from.problem(item, fmt.Sprintf("the cases up to here, each laid over the whole file, make more than %d octets", maxTotal), "write a second file")
				return []Case{broken(from.path, sorted([]seed.Problem{p}))}
			}
			c.Wrong = c.decode(c.node, nil)
		}
		c.Title = orDefault(c.Title, orDefault(textOf(whole.Get("scenario")), "scenarios of this file"))
		names[c.Name] = true
		cases = append(cases, c)
	}
	if common := common(cases); common != nil {
		return []Case{broken(from.path, common)}
	}
	return cases
}

// common is what is wrong with a file rather than with one of its cases: it is
// wrong with all of them.
func common(cases []Case) error {
	count := map[seed.Problem]int{}
	var all []seed.Problem
	for _, c := range cases {
		var list *seed.Error
		if !errors.As(c.Wrong, &list) {
			return nil
		}
		for _, p := range list.Problems {
			p.Path = "" // it begins with the case
			if count[p]++; count[p] == len(cases) && len(all) < strictyaml.MaxProblems {
				all = append(all, p)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return sorted(all)
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// slurp reads a file, of a longer one the first octets and one more than limit.
func slurp(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// parseFile reads a YAML file as a tree, and its lines.
func parseFile(path string) (*strictyaml.Node, []string, error) {
	text, err := slurp(path, maxFile)
	if err != nil {
		return nil, nil, err
	}
	if len(text) > maxFile {
		return nil, nil, fmt.Errorf("%s is longer than %d octets", path, maxFile)
	}
	n, err := parse(path, text)
	return n, strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), err
}

func parse(path string, text []byte) (*strictyaml.Node, error) {
	wrong := &strictyaml.Errors{}
	root := strictyaml.Parse(context.Background(), text, config(), func(_ *strictyaml.Node, p strictyaml.Problem) { wrong.Add(p) })
	if len(wrong.Problems) > 0 {
		return nil, named(path, wrong)
	}
	if root.Kind != strictyaml.Mapping {
		return nil, fmt.Errorf("%s:%d:%d: a scenario is a block of keys, not %s", path, root.Line, root.Column, root.Kind)
	}
	return root, nil
}

// config is how scenarios are read.
func config() strictyaml.Config {
	return strictyaml.Config{What: "scenario", Empty: "give it a title: `scenario: …`", Limits: strictyaml.SmallLimits()}
}

// named puts the name of a file before each mistake of it.
func named(path string, err error) error {
	var wrong *strictyaml.Errors
	if errors.As(err, &wrong) {
		return errors.New(wrong.In(path))
	}
	return fmt.Errorf("%s: %w", path, err)
}
