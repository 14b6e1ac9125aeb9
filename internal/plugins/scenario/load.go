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
)

// maxFile bounds a scenario file. Each of its cases is laid over the whole of it:
// their number is bounded, and what they make together.
const (
	maxFile  = 1 << 20
	maxCases = 2000
	maxTotal = 16 << 20
)

// Load reads scenario files; a folder stands for the *.yaml files below it that
// have a `scenario` key. A suite.yaml beside a scenario is laid under it.
func Load(paths ...string) ([]Case, error) {
	var cases []Case
	var wrong []error
	for _, path := range paths {
		files, err := find(path)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		for _, f := range files {
			more, err := loadFile(f)
			if err != nil {
				wrong = append(wrong, err)
			}
			cases = append(cases, more...)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("there is no scenario in %s; a scenario is a YAML file with a `scenario:` title", strings.Join(paths, ", "))
	}
	return cases, nil
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
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".yaml" || d.Name() == suiteName || !regular(p) {
			return err
		}
		text, err := slurp(p, maxFile)
		if err == nil && bytes.Contains(append([]byte("\n"), text...), []byte("\nscenario:")) {
			files = append(files, p)
		}
		return err
	})
	return files, err
}

// regular tells files from pipes and devices, which may never end.
func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// loadFile reads one file and splits it into its cases.
func loadFile(path string) ([]Case, error) {
	base, err := readMap(path)
	if err != nil {
		return nil, err
	}
	suite := map[string]any{}
	if s := filepath.Join(filepath.Dir(path), suiteName); regular(s) {
		if suite, err = readMap(s); err != nil {
			return nil, err
		}
		delete(suite, "cases")
	}
	overrides, err := casesOf(path, base)
	if err != nil {
		return nil, err
	}
	delete(base, "cases")
	if len(overrides) == 0 {
		overrides = []map[string]any{{}}
	}
	if len(overrides) > maxCases {
		return nil, fmt.Errorf("%s: %d cases, at most %d are read; write a second file", path, len(overrides), maxCases)
	}
	var out []Case
	total := 0
	for _, o := range overrides {
		name, _ := o["name"].(string)
		delete(o, "name")
		c, err := decode(path, name, merge(merge(suite, base), o))
		if err != nil {
			return nil, err
		}
		if total += c.size; total > maxTotal {
			return nil, fmt.Errorf("%s: its cases, each laid over the whole file, make more than %d octets; write a second file", path, maxTotal)
		}
		if slices.ContainsFunc(out, func(x Case) bool { return x.Name == name }) {
			return nil, fmt.Errorf("%s: two cases are called %q", path, name)
		}
		out = append(out, c)
	}
	return out, nil
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

// readMap reads a YAML file as a map, after a strict look that names unknown
// keys with their place.
func readMap(path string) (map[string]any, error) {
	text, err := slurp(path, maxFile)
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is longer than %d octets", path, maxFile)
	}
	return parse(path, text)
}

func parse(path string, text []byte) (map[string]any, error) {
	var strict struct {
		File  `yaml:",inline"`
		Cases []map[string]any `yaml:"cases"`
	}
	root, err := strictyaml.Decode(context.Background(), text, config(1), &strict)
	if err != nil {
		return nil, named(path, err)
	}
	m, ok := root.Written().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s:%d:%d: a scenario is a block of keys, not %s", path, root.Line, root.Column, root.Kind)
	}
	return m, nil
}

// config is how scenarios are read; one whose parts were merged may be so many
// times as large as a file.
func config(times int) strictyaml.Config {
	limits := strictyaml.SmallLimits()
	limits.Size, limits.Values = times*limits.Size, times*limits.Values
	return strictyaml.Config{What: "scenario", Empty: "give it a title: `scenario: …`", Limits: limits}
}

// named puts the name of a file before each mistake of it.
func named(path string, err error) error {
	var wrong *strictyaml.Errors
	if errors.As(err, &wrong) {
		return errors.New(wrong.In(path))
	}
	return fmt.Errorf("%s: %w", path, err)
}

func casesOf(path string, base map[string]any) ([]map[string]any, error) {
	list, _ := base["cases"].([]any)
	var out []map[string]any
	for i, entry := range list {
		m, ok := entry.(map[string]any)
		name, named := m["name"].(string)
		if !ok || !named || name == "" {
			return nil, fmt.Errorf("%s: cases[%d] has no name", path, i)
		}
		out = append(out, m)
	}
	return out, nil
}

// merge lays over over base: maps key by key, everything else replaces.
func merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		a, isMap := out[k].(map[string]any)
		if b, ok := v.(map[string]any); ok && isMap {
			v = merge(a, b)
		}
		out[k] = v
	}
	return out
}
