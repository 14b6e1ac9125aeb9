package dialecttest

import (
	"slices"
	"strings"
	"testing"
)

func TestAListIsReadOrItsMistakesAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"# a list\n\n7 one thing\n8 another\n- 9: a figure\n": "",
		"":                       "it lists no number",
		"1 x\n3 y\n":             "after 1 comes 3",
		"1 x\n1 y\n":             "line 2: 1 stands twice",
		"1 x\n- 1: y\n":          "line 2: 1 stands twice",
		"1 x\n- 2:\n":            `line 2 is neither "12 what" nor "- 12: why not": - 2:`,
		"1 x\n2\n":               `line 2 is neither "12 what" nor "- 12: why not": 2`,
		"99999999999999999999 x": `line 1: strconv.Atoi: parsing "99999999999999999999": value out of range; it lists no number`,
	} {
		list, mistakes := readChecklist(text)
		if got := strings.Join(mistakes, "; "); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if want == "" && (!slices.Equal(list.numbers(), []int{7, 8, 9}) || list[9] != "a figure") {
			t.Errorf("%v", list)
		}
	}
}

func TestNumbersAndSubtestsAreHeldAgainstEachOther(t *testing.T) {
	list := checklist{1: "", 2: "", 3: "not here"}
	for _, c := range []struct {
		ran, want string
		chosen    bool
	}{
		{ran: "1 one;2 two"},
		{ran: "01 one;2 a thing"},
		{ran: "1 a one;1 b other;2 two"},
		{ran: "1 one", want: "no subtest of number 2 ran"},
		{ran: "1 one", chosen: true},
		{ran: "1 one;2 two;4 four", want: `the subtest "4 four" has a number that is not listed`},
		{ran: "1 one;2 two;two", want: `the subtest "two" has no number`},
		{ran: "1 one;2 two;2 again", want: `number 2 has 2 subtests; they would be "2 a", "2 b"`},
		{ran: "1 a one;1 a other;2 two", want: `number 1 has 2 subtests; they would be "1 a", "1 b"`},
		{ran: "1 a one;1 other;2 two", want: `number 1 has 2 subtests; they would be "1 a", "1 b"`},
		{ran: "1 one;2 two;3 three", want: `the subtest "3 three" ran, and the list says that there is none: not here`},
	} {
		if got := strings.Join(list.judge(strings.Split(c.ran, ";"), c.chosen), "; "); got != c.want {
			t.Errorf("%s: %s, want %s", c.ran, got, c.want)
		}
	}
}

// TestASubtestThatWasSkippedDidNotRun looks at what Run counts.
func TestASubtestThatWasSkippedDidNotRun(t *testing.T) {
	n := &Numbers{t: t}
	n.Run("1 runs", func(*testing.T) {})
	n.Run("2 does not", func(t *testing.T) { t.SkipNow() })
	if !slices.Equal(n.ran, []string{"1 runs"}) {
		t.Errorf("%q", n.ran)
	}
}
