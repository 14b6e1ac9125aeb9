package dialecttest

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Numbers is the checklist of a system's contract while its tests run.
type Numbers struct {
	t    *testing.T
	list checklist

	mu  sync.Mutex
	ran []string
}

// Checklist reads the numbered list that a system's contract ends in from a file beside
// the test, one number a line:
//
//	# where the list comes from
//	12 a code that was used is refused
//	- 31: why no test here plays it
//
// When the test ends it fails for each number without a subtest that ran, for a subtest
// whose number is not listed, and for a number that stands twice, in the list or among
// the subtests, unless these say "12 a", "12 b". The numbers follow one another without
// a gap, so that none is lost in silence. Of a run of chosen subtests (-run X/12) only
// those are judged.
func Checklist(t *testing.T, path string) *Numbers {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, mistakes := readChecklist(string(text))
	for _, m := range mistakes {
		t.Errorf("%s: %s", path, m)
	}
	n := &Numbers{t: t, list: list}
	chosen := partial()
	t.Cleanup(func() {
		for _, m := range n.list.judge(n.ran, chosen) {
			t.Errorf("%s: %s", path, m)
		}
	})
	return n
}

// Run is t.Run for the subtest of one number: "12 replayed code is refused".
func (n *Numbers) Run(name string, test func(t *testing.T)) {
	n.t.Helper()
	n.t.Run(name, func(t *testing.T) {
		t.Cleanup(func() {
			if t.Skipped() {
				return
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			n.ran = append(n.ran, name)
		})
		test(t)
	})
}

// partial reports whether somebody chose or left out subtests on the command line.
func partial() bool {
	for _, name := range []string{"test.run", "test.skip"} {
		if f := flag.Lookup(name); f != nil && strings.Contains(f.Value.String(), "/") {
			return true
		}
	}
	return false
}

// checklist is what a file lists: each number, with the reason of one that nobody tests.
type checklist map[int]string

var (
	numbered = regexp.MustCompile(`^(\d+) +(\S.*)$`)
	leftOut  = regexp.MustCompile(`^- (\d+): +(\S.*)$`)
	subtest  = regexp.MustCompile(`^0*(\d+) +(([a-z]) )?`)
)

// readChecklist reads the text of a list and says what is wrong with it.
func readChecklist(text string) (checklist, []string) {
	list, mistakes := checklist{}, []string(nil)
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m, reason := numbered.FindStringSubmatch(line), ""
		if m == nil {
			if m = leftOut.FindStringSubmatch(line); m == nil {
				mistakes = append(mistakes, fmt.Sprintf(`line %d is neither "12 what" nor "- 12: why not": %s`, i+1, line))
				continue
			}
			reason = m[2]
		}
		number, err := strconv.Atoi(m[1])
		if err != nil {
			mistakes = append(mistakes, fmt.Sprintf("line %d: %v", i+1, err))
			continue
		}
		if _, twice := list[number]; twice {
			mistakes = append(mistakes, fmt.Sprintf("line %d: %d stands twice", i+1, number))
		}
		list[number] = reason
	}
	numbers := list.numbers()
	if len(numbers) == 0 {
		return list, append(mistakes, "it lists no number")
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] != numbers[i-1]+1 {
			mistakes = append(mistakes, fmt.Sprintf("after %d comes %d", numbers[i-1], numbers[i]))
		}
	}
	return list, mistakes
}

// numbers are those of the list, in their order.
func (c checklist) numbers() (out []int) {
	for number := range c {
		out = append(out, number)
	}
	slices.Sort(out)
	return out
}

// judge says what is wrong with the subtests that ran. chosen tells that others were
// left out by whoever runs the tests.
func (c checklist) judge(ran []string, chosen bool) (mistakes []string) {
	tests := map[int][]string{} // the letters of each number's subtests
	for _, name := range ran {
		m := subtest.FindStringSubmatch(name)
		if m == nil {
			mistakes = append(mistakes, fmt.Sprintf("the subtest %q has no number", name))
			continue
		}
		number, err := strconv.Atoi(m[1])
		reason, listed := c[number]
		switch {
		case err != nil || !listed:
			mistakes = append(mistakes, fmt.Sprintf("the subtest %q has a number that is not listed", name))
		case reason != "":
			mistakes = append(mistakes, fmt.Sprintf("the subtest %q ran, and the list says that there is none: %s", name, reason))
		}
		tests[number] = append(tests[number], m[3])
	}
	for _, number := range c.numbers() {
		letters := slices.Sorted(slices.Values(tests[number]))
		switch {
		case len(letters) == 0 && c[number] == "" && !chosen:
			mistakes = append(mistakes, fmt.Sprintf("no subtest of number %d ran", number))
		case len(letters) > 1 && (letters[0] == "" || len(slices.Compact(letters)) < len(tests[number])):
			mistakes = append(mistakes, fmt.Sprintf(`number %d has %d subtests; they would be "%d a", "%d b"`, number, len(tests[number]), number, number))
		}
	}
	return mistakes
}
