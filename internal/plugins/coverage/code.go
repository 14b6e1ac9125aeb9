package coverage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/plugins/pluginhost"
)

// Code is what ran of a plugin's own code, in all fresh interpreters together.
type Code struct {
	Plugin     string `json:"plugin"` // path of the package
	Lines      int    `json:"lines"`
	OfLines    int    `json:"of_lines"`
	Branches   int    `json:"branches"`
	OfBranches int    `json:"of_branches"`
	Files      []File `json:"files"`
}

// File is a file of a plugin.
type File struct {
	Name       string `json:"name"`
	Lines      int    `json:"lines"`
	OfLines    int    `json:"of_lines"`
	Branches   int    `json:"branches"`
	OfBranches int    `json:"of_branches"`
	Missing    string `json:"missing,omitempty"` // lines that never ran: "12-14, 20"
}

// Traces reports whether an interpreter has coverage.py.
func Traces(ctx context.Context, python string) bool {
	return exec.CommandContext(ctx, python, "-c", "import coverage").Run() == nil
}

// Code merges what fresh interpreters have left below folder (scenario.Options.Traced).
// python is one that has coverage.py.
func (m *Meter) Code(ctx context.Context, python, folder string) (all []Code, err error) {
	m.mu.Lock()
	packages := map[string]string{}
	for k, v := range m.packages {
		packages[k] = v
	}
	m.mu.Unlock()
	for _, name := range sorted(packages) {
		traced := filepath.Join(folder, name)
		if found, _ := filepath.Glob(filepath.Join(traced, "run.*")); len(found) == 0 {
			continue
		}
		c, err := merged(ctx, python, traced, packages[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", packages[name], err)
		}
		all = append(all, *c)
	}
	return all, nil
}

// uploads are so many packages that one box may have had.
const uploads = 64

// merged is what ran of one plugin, whose files are unpacked to be read once more.
func merged(ctx context.Context, python, traced, plugin string) (*Code, error) {
	pkg, _ := pluginhost.Check(plugin, pluginhost.Profile{})
	if pkg == nil {
		return nil, fmt.Errorf("there is no plugin any more")
	}
	src := filepath.Join(traced, "src")
	if err := os.Mkdir(src, 0o700); err != nil {
		return nil, err
	}
	if err := pkg.Unpack(src); err != nil {
		return nil, err
	}
	if src, err := filepath.EvalSymlinks(src); err == nil {
		text := fmt.Sprintf("[run]\nbranch = True\ndata_file = %s\n[paths]\nplugin =\n    %s\n", filepath.Join(traced, "run"), src)
		for n := 1; n <= uploads; n++ { // a pattern that ends in a wildcard is none
			text += fmt.Sprintf("    */code/%d\n", n)
		}
		if err := os.WriteFile(filepath.Join(traced, "rc"), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	out := filepath.Join(traced, "out.json")
	for _, args := range [][]string{{"combine", "-q", traced}, {"json", "-q", "-i", "-o", out}} {
		args = append([]string{"-m", "coverage", args[0], "--rcfile", filepath.Join(traced, "rc")}, args[1:]...)
		cmd := exec.CommandContext(ctx, python, args...)
		cmd.Dir = src
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("coverage.py: %w: %.500s", err, said)
		}
	}
	f, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return nil, err
	}
	return codeOf(text, plugin)
}

// codeOf reads coverage.py's report.
func codeOf(text []byte, plugin string) (*Code, error) {
	type summary struct {
		Lines      int `json:"covered_lines"`
		OfLines    int `json:"num_statements"`
		Branches   int `json:"covered_branches"`
		OfBranches int `json:"num_branches"`
	}
	var report struct {
		Files map[string]struct {
			Summary summary `json:"summary"`
			Missing []int   `json:"missing_lines"`
		} `json:"files"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("coverage.py's report: %w", err)
	}
	c := &Code{Plugin: plugin, Files: []File{}}
	for _, name := range sorted(report.Files) {
		f := report.Files[name]
		s := f.Summary
		if s.OfLines == 0 || isTest(filepath.ToSlash(name)) {
			continue
		}
		c.Files = append(c.Files, File{filepath.ToSlash(name), s.Lines, s.OfLines, s.Branches, s.OfBranches, ranges(f.Missing)})
		c.Lines, c.OfLines, c.Branches, c.OfBranches = c.Lines+s.Lines, c.OfLines+s.OfLines, c.Branches+s.Branches, c.OfBranches+s.OfBranches
	}
	return c, nil
}

// isTest reports a file of tests that a package brings along: it runs on no box.
func isTest(name string) bool {
	base := path.Base(name)
	return base == "conftest.py" || strings.HasPrefix(base, "test_") || slices.Contains(strings.Split(path.Dir(name), "/"), "tests")
}

// ranges are numbers as people write them: "3, 7-9".
func ranges(numbers []int) string {
	slices.Sort(numbers)
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i == j {
			out = append(out, strconv.Itoa(numbers[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", numbers[i], numbers[j]))
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}
