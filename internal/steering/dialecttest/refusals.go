package dialecttest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
)

// refused are the refusals that the fleets of this process have uttered, by the kind of
// server, each with a test that met it.
var refused = struct {
	sync.Mutex
	kinds map[string]dialect.Refused
	met   map[string]map[dialect.Refusal]string
}{kinds: map[string]dialect.Refused{}, met: map[string]map[dialect.Refusal]string{}}

// Saw notes how a call of a kind of server ended, where no fleet does: in a test that is
// itself what serves.
func Saw(t testing.TB, kind string, c dialect.Ended) {
	refused.Lock()
	defer refused.Unlock()
	r, counted := refused.kinds[kind]
	if !counted {
		return
	}
	if no, ok := r.Of(c); ok && refused.met[kind][no] == "" {
		refused.met[kind][no] = t.Name()
	}
}

// sawAll notes what the journal of a fleet has.
func (f *Fleet) sawAll(kinds map[string]string) {
	f.Journal.Scan(func(e journal.Entry) {
		if kind := kinds[e.Server]; kind != "" {
			Saw(f.t, kind, dialect.Ended{Op: strings.Clone(e.Op), Outcome: e.Outcome, Cause: strings.Clone(e.Cause), Status: strings.Clone(e.Status), Faults: e.Faults})
		}
	})
}

// Refusals runs the tests of a server's package and holds the refusals that they met
// against those that the kind declares: one that is not declared, and one that no test met,
// are mistakes. With -update the file path, which is what it declares, is written anew. Of a
// run of chosen tests nothing is judged. It returns the exit code.
func Refusals(m *testing.M, k dialect.Kind, path string) int {
	refused.Lock()
	refused.kinds[k.Name], refused.met[k.Name] = dialect.NewRefused(k), map[dialect.Refusal]string{}
	refused.Unlock()
	code := m.Run()
	if code != 0 || !whole() {
		return code
	}
	met := refused.met[k.Name]
	if Updating() {
		var all []dialect.Refusal
		for r := range met {
			all = append(all, r)
		}
		if err := os.WriteFile(path, []byte(dialect.WriteRefusals(all)), 0o644); err != nil {
			fmt.Println(err)
			return 1
		}
		return code
	}
	if wrong := judgeRefusals(k.Refusals(), met); len(wrong) > 0 {
		fmt.Printf("--- FAIL: %s: what the tests met and what is declared\n%s\n", path, strings.Join(wrong, "\n"))
		return 1
	}
	return code
}

// judgeRefusals says how what was met differs from what is declared.
func judgeRefusals(declared []dialect.Refusal, met map[dialect.Refusal]string) (wrong []string) {
	known := map[dialect.Refusal]bool{}
	for _, r := range declared {
		if known[r] {
			wrong = append(wrong, fmt.Sprintf("    %s: %s stands there twice", r.Op, r.Cause))
		}
		if known[r] = true; met[r] == "" {
			wrong = append(wrong, fmt.Sprintf("    %s: no test is refused for %q; write one, or -update", r.Op, r.Cause))
		}
	}
	for r, test := range met {
		if !known[r] {
			wrong = append(wrong, fmt.Sprintf("    %s: %s is refused for %q, which is not declared; -update", r.Op, test, r.Cause))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// whole reports that all tests of the package ran, and nothing else.
func whole() bool {
	for _, name := range []string{"test.run", "test.skip", "test.bench", "test.fuzz", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}
