package dialecttest

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew; what the real system says has to agree with them")

// Updating reports that golden files are written anew.
func Updating() bool { return *update }

// Exchanges are scripts of questions, and what is answered to them. A script is a text
// of lines:
//
//	# nothing
//	@alice +Accept:application/json POST path {"a":1}
//	-> name path.in.the.answer
//	>> 90s
//
// a question (see Client), a value of its answer that later lines name {{name}}, and a
// while that passes on the fleet's clock. The golden file beside it has each question and,
// below it and indented, the answer, with what differs from run to run masked.
type Exchanges struct {
	Setup Setup
	// Client makes who asks a fleet.
	Client func(f *Fleet) *Client
	// Show is an answer as it stands in the golden file, on one line.
	Show func(a Answer) string
	// Before changes a script for one fleet: addresses. Shown undoes it in the golden
	// file's questions. Either may be nil.
	Before func(script []string, f *Fleet) []string
	Shown  func(line string) string

	// For Compare: Again reports, of a question whose answers differ, that the real one may
	// yet change its mind, by what it does in the background; Same compares what Show makes
	// of two answers.
	Again func(line string) bool
	Same  func(a, b string) bool
}

// Hold plays a script and holds it against path.golden: once while the clock stands,
// and once while it runs. With -update it writes the file.
func (x Exchanges) Hold(t *testing.T, script []string, path string) {
	t.Helper()
	for _, running := range []bool{false, true} {
		f := RunWith(t, x.Setup)
		if running {
			f.Clock.Advance(900 * time.Millisecond) // so that full seconds begin and end during the script
			f.Clock.Resume()
		}
		got := x.Play(t, f, script)
		if *update && !running {
			if err := os.WriteFile(path+".golden", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		if d := firstDifference(got, string(want)); d != "" {
			t.Fatalf("%s.golden, the clock running %v: %s", path, running, d)
		}
	}
}

// HoldFile is Hold for the script path.txt.
func (x Exchanges) HoldFile(t *testing.T, path string) {
	t.Helper()
	x.Hold(t, Script(t, path+".txt"), path)
}

// Script reads the lines of a script.
func Script(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// Play asks a fleet the questions of a script, and returns what would stand in the
// golden file.
func (x Exchanges) Play(t *testing.T, f *Fleet, script []string) string {
	t.Helper()
	if x.Before != nil {
		script = x.Before(script, f)
	}
	c := x.Client(f)
	var b strings.Builder
	for n, line := range script {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if x.directed(t, []*Client{c}, f, n, line) {
			continue
		}
		shown := line
		if x.Shown != nil {
			shown = x.Shown(line)
		}
		fmt.Fprintf(&b, "%s\n\t%s\n", shown, x.Show(c.Send(t, line)))
	}
	return b.String()
}

// directed obeys a line that is no question.
func (x Exchanges) directed(t *testing.T, clients []*Client, f *Fleet, n int, line string) bool {
	t.Helper()
	if rest, ok := strings.CutPrefix(line, "-> "); ok {
		for _, c := range clients {
			if err := c.Keep(rest); err != nil {
				t.Errorf("line %d: %v", n+1, err)
			}
		}
		return true
	}
	if rest, ok := strings.CutPrefix(line, ">> "); ok {
		d, err := time.ParseDuration(rest)
		if err != nil || f == nil {
			t.Fatalf("line %d: %q: %v", n+1, line, err)
		}
		f.Clock.Advance(d)
		return true
	}
	return false
}

// Compare asks ours and a real server the same, and wants the same answers.
func (x Exchanges) Compare(t *testing.T, script []string, ours, theirs *Client) {
	t.Helper()
	for n, line := range script {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") || x.directed(t, []*Client{ours, theirs}, nil, n, line) {
			continue
		}
		got, want := x.Show(ours.Send(t, line)), x.Show(theirs.Send(t, line))
		for end := time.Now().Add(2 * time.Second); x.Again(line) && !x.Same(got, want) && time.Now().Before(end); {
			want = x.Show(theirs.Send(t, line))
		}
		if !x.Same(got, want) {
			t.Errorf("line %d: %s\n ours: %s\n real: %s", n+1, line, got, want)
		}
	}
}

// Head is the status and some headers of an answer, those that it has, as it stands in
// golden files: "200 Content-Type=text/plain".
func (a Answer) Head(headers ...string) string {
	out := fmt.Sprint(a.Status)
	for _, h := range headers {
		if v := a.Header.Get(h); v != "" {
			out += " " + h + "=" + v
		}
	}
	return out
}

// HeadBut is Head with all headers but some, in alphabetical order.
func (a Answer) HeadBut(not ...string) string {
	var names []string
	for name := range a.Header {
		if !slices.Contains(not, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return a.Head(names...)
}

// Mask is something that differs from run to run, and what stands in its place.
type Mask struct {
	Like *regexp.Regexp
	As   string
}

// Masked puts masks over a text, one after the other.
func Masked(text string, masks []Mask) string {
	for _, m := range masks {
		text = m.Like.ReplaceAllString(text, m.As)
	}
	return text
}

// firstDifference says in which line two texts differ first; "" when they do not.
func firstDifference(got, want string) string {
	now, was := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(now), len(was)) {
		if now[i] != was[i] {
			return fmt.Sprintf("line %d\n now: %s\n was: %s", i+1, now[i], was[i])
		}
	}
	if len(now) != len(was) {
		return fmt.Sprintf("%d lines, and were %d", len(now), len(was))
	}
	return ""
}
