package strictyaml_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"counterpart/internal/measure/linear"
	"counterpart/internal/serving/strictyaml"
)

// attack is a text made of one part over and over, of about so many octets.
type attack struct {
	name                string
	before, part, after string
	numbered            bool // part has verbs for a number
}

func (a attack) text(size int) []byte {
	var b strings.Builder
	b.WriteString(a.before)
	for i := 0; b.Len() < size; i++ {
		if a.numbered {
			fmt.Fprintf(&b, a.part, i)
		} else {
			b.WriteString(a.part)
		}
	}
	b.WriteString(a.after)
	return []byte(b.String())
}

// attacks are texts that cost some parser of YAML more than their length.
func attacks() []attack {
	return []attack{
		{name: "flow lists", before: "a: ", part: "["},
		{name: "flow lists in a row", before: "a: [", part: "[],", after: "]"},
		{name: "flow blocks", part: "{"},
		{name: "dashes", part: "- "},
		{name: "questions", part: "? "},
		{name: "blank lines", part: "\n"},
		{name: "blank lines of a block scalar", before: "x: |\n", part: "\n"},
		{name: "blank lines in quotes", before: "x: \"", part: "\n", after: "\""},
		{name: "lines of a folded scalar", before: "x: >\n", part: "  ab\n\n"},
		{name: "lines of a plain scalar", before: "x: a\n", part: "  b\n"},
		{name: "unknown keys", part: "key%d: v\n", numbered: true},
		{name: "one key again", part: "k: v\n"},
		{name: "keys without a value", part: "k%d:\n", numbered: true},
		{name: "a long line", before: "x: ", part: "a b "},
		{name: "a long key", part: "a", after: ": b"},
		{name: "anchors", part: "k%[1]d: &a%[1]d x\nl%[1]d: *a%[1]d\n", numbered: true},
		{name: "aliases", before: "b: &a x\nc: [", part: "*a,", after: "]"},
		{name: "unknown aliases", before: "c: [", part: "*a%d,", after: "]", numbered: true},
		{name: "one alias in the next", before: "a0: &a0 x\n", part: "b%[1]d: &b%[1]d [*a0]\n", numbered: true},
		{name: "comments", part: "# comment\n", after: "a: b\n"},
		{name: "comments between items", before: "a:\n", part: "  # c\n  - b\n"},
		{name: "comments behind a block", before: "a:\n", part: "  b%d: c\n\n  # foot\n\n", numbered: true},
		{name: "documents", part: "---\na\n"},
		{name: "escapes", before: "x: \"", part: `\u00e4\n\x41`, after: "\""},
		{name: "quotes", part: `"`},
		{name: "pairs of quotes", part: `"" `},
		{name: "single quotes", before: "a: '", part: "''", after: "'"},
		{name: "tabs", part: "\t"},
		{name: "tabs before a value", before: "a:", part: "\t", after: "b"},
		{name: "carriage returns", before: "x: |\n", part: "\r"},
		{name: "tags", before: "a: ", part: "!x "},
		{name: "anchors in a row", before: "a: ", part: "&x "},
		{name: "angles", part: "<"},
		{name: "percents", part: "%a\n"},
		{name: "colons", part: ": "},
		{name: "explicit keys", part: "? k%d\n: v\n", numbered: true},
		{name: "aliases in a row", before: "x: &a b\n", part: "*a "},
		{name: "blocks in brackets", before: "[", part: "{a: b},", after: "]"},
		{name: "an item in brackets", before: "- [", part: "{a: b},", after: "]"},
		{name: "explicit keys in brackets", before: "[", part: "? a : b,"},
		{name: "quotes in brackets", before: "a: [", part: "\"\" ", after: "]"},
		{name: "JSON", before: `{"users":[`, part: `{"name":"a","groups":["b"]},`, after: "{}]}"},
		{name: "spaces before a key", before: "a:\n", part: " ", after: "b: c"},
	}
}

// seedConfig is how the largest texts are read.
func seedConfig() strictyaml.Config {
	return strictyaml.Config{What: "seed", Limits: strictyaml.SeedLimits()}
}

// TestS2EveryTextCostsWhatItsLengthSays: four times the text takes about four
// times as long.
func TestS2EveryTextCostsWhatItsLengthSays(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			linear.Check(t, 160_000, func(n int) func() {
				text := a.text(n)
				return func() { parse(context.Background(), text, seedConfig()) }
			})
		})
	}
}

// parse reads and returns the mistakes.
func parse(ctx context.Context, text []byte, c strictyaml.Config) (*strictyaml.Node, *strictyaml.Errors) {
	wrong := &strictyaml.Errors{}
	root := strictyaml.Parse(ctx, text, c, func(_ *strictyaml.Node, p strictyaml.Problem) { wrong.Add(p) })
	return root, wrong
}

// TestS2MemoryIsBounded: whatever stands in 300 kB, what is kept of it and what is said
// about it stay in proportion.
func TestS2MemoryIsBounded(t *testing.T) {
	for _, a := range attacks() {
		text := a.text(300_000)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		root, wrong := parse(context.Background(), text, seedConfig())
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20; kept > 40 {
			t.Errorf("%s: %d MiB are kept", a.name, kept)
		}
		if n := len(wrong.Problems); n > strictyaml.MaxProblems {
			t.Errorf("%s: %d mistakes", a.name, n)
		}
		for _, p := range wrong.Problems {
			if len(p.Error()) > 2000 {
				t.Errorf("%s: a message of %d octets", a.name, len(p.Error()))
			}
		}
		runtime.KeepAlive(root)
	}
}

// TestS2RefusedAtOnce: what would eat the machine, in words and with its place.
func TestS2RefusedAtOnce(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	small := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	for name, c := range map[string]struct{ text, want string }{
		"deep":           {"a: " + strings.Repeat("[", 20_000), "1:68: blocks are nested more than 64 deep here"},
		"deep blocks":    {strings.Repeat("- ", 100_000), "nested more than 64 deep"},
		"billion laughs": {laughs.String(), "aliases make more than 100000 values"},
		"too large":      {strings.Repeat("#\n", 1<<20), "the limit is 1048576"},
		"too many":       {"a: [" + strings.Repeat("b,", 200_000) + "]", "1:200002: from here on there are more than 100000 values"},
		"documents":      {"a: b\n---\nc: d\n", "2:1: a second document starts here"},
		"directive":      {"# c\n%YAML 1.2\n---\na: b\n", "2:1: a directive `%…` means nothing in a scenario, remove the line"},
		"null":           {"null\n", "1:1: the scenario is empty"},
		"tilde":          {"~", "1:1: the scenario is empty"},
		"nothing":        {"", "1:1: the scenario is empty"},
		"mark alone":     {"\ufeff", "1:1: the scenario is empty"},
		"start alone":    {"---\n...\n", "1:1: the scenario is empty"},
		"not UTF-8":      {"a: \xff", "1:4: this is not text in UTF-8"},
		"NUL":            {"a: \x00", "1:4: this is not text in UTF-8"},
		"UTF-16":         {"\xff\xfea\x00:\x00", "1:1: this is not text in UTF-8"},
		"behind JSON":    {`{"a": 1}` + "\nb: 2\n", "2:1: something stands behind the last bracket"},
		"unclosed JSON":  {"\n {a: [1, 2}", "2:11: this list is not closed, write `,` or `]`"},
		"twice in JSON":  {`{a: 1, a: 2}`, "1:8: the key `a` is here a second time"},
		"a wide item":    {"- [" + strings.Repeat("{\"\":\"\"},", 15_000) + "]", "1:3: this list or block in brackets has more than"},
		"quotes":         {strings.Repeat(`"" `, 5000), "1:6001: more than 4000 quotes"},
		"circle":         {"a: &a [*a]\n", "`*a` is inside of what it stands for"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, wrong := parse(context.Background(), []byte(c.text), small)
			runtime.ReadMemStats(&after)
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 100 {
				t.Errorf("%d MiB were allocated", used)
			}
			if !strings.Contains(wrong.Error(), c.want) {
				t.Errorf("got %.300s, want %s", wrong.Error(), c.want)
			}
			var v map[string]any
			if _, err := strictyaml.Decode(context.Background(), []byte(c.text), small, &v); err == nil {
				t.Error("Decode takes it")
			}
		})
	}
	root, wrong := parse(context.Background(), []byte("\ufeffa: b\r\nc: \"d\r\n  e\"\r\n"), small)
	if len(wrong.Problems) > 0 || root.Get("c").Text != "d e" {
		t.Errorf("a mark and lines of another system: %v", wrong)
	}
}

// asked is a context that ends when it was asked so often whether it has.
type asked struct {
	context.Context
	left, times int
}

func (a *asked) Err() error {
	if a.times++; a.times > a.left {
		return context.Canceled
	}
	return nil
}

// TestS2ReadingEndsWithItsRequest: whenever it ends, the work stops there. It is
// looked at all the way: while the library reads, and while its nodes are made ours.
func TestS2ReadingEndsWithItsRequest(t *testing.T) {
	text := attack{part: "key%d: v\n", numbered: true}.text(1_000_000)
	all := &asked{Context: t.Context(), left: 1 << 60}
	if root, wrong := parse(all, text, seedConfig()); root == nil {
		t.Fatalf("%.200s", wrong.Error())
	}
	for _, left := range []int{0, 1, 100, all.times / 2, all.times - 1} {
		ctx := &asked{Context: t.Context(), left: left}
		root, wrong := parse(ctx, text, seedConfig())
		if root != nil || !strings.Contains(wrong.Error(), "1:1: reading ended early: ") {
			t.Errorf("after %d looks of %d: %.200s", left, all.times, wrong.Error())
		}
		if more := ctx.times - left; more > 5 {
			t.Errorf("after %d looks of %d it looked %d times more", left, all.times, more)
		}
	}
	few := &asked{Context: t.Context(), left: 1 << 60}
	parse(few, attack{before: "k: ", part: "v"}.text(len(text)), seedConfig())
	if least := len(text) / 8192; few.times < least {
		t.Errorf("while the library read, it looked %d times, at least %d are due", few.times, least)
	}
	if more, nodes := all.times-few.times, bytes.Count(text, []byte("\n")); more < nodes/4096 {
		t.Errorf("over %d values it looked %d times", nodes, more)
	}
}

// TestDecodeNamesEveryMistake is Decode on what people mistype.
func TestDecodeNamesEveryMistake(t *testing.T) {
	var v struct {
		Title string `yaml:"title"`
		Parts []struct {
			Name string `yaml:"name"`
			Size int    `yaml:"size"`
		} `yaml:"parts"`
	}
	c := strictyaml.Config{What: "scenario", Limits: strictyaml.SmallLimits()}
	_, err := strictyaml.Decode(context.Background(), []byte("titel: x\nparts:\n  - {name: [a], size: two}\n  - {nmae: b}\n"), c, &v)
	var wrong *strictyaml.Errors
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	for _, want := range []string{"f:1:1: unknown key `titel`, did you mean `title`?", "f:3:12: seq does not fit here", "f:3:23: str `two` does not fit here", "f:4:6: unknown key `nmae`, did you mean `name`?"} {
		if !strings.Contains(wrong.In("f"), want) {
			t.Errorf("got\n%s\nwant %s", wrong.In("f"), want)
		}
	}
	root, err := strictyaml.Decode(context.Background(), []byte("title: 2031-02-03\nparts: [{size: 010}]\n"), c, &v)
	if err != nil || v.Title != "2031-02-03" || root.Get("title").Plain() != "2031-02-03" {
		t.Errorf("%v %+v", err, v)
	}
}

// BenchmarkParse is every attack at 1, 2, 4 and 8 MB; the time per octet is to
// stay what it is.
func BenchmarkParse(b *testing.B) {
	for _, a := range attacks() {
		for _, mb := range []int{1, 2, 4, 8} {
			text := a.text(mb * 1_000_000)
			b.Run(a.name+"/"+strconv.Itoa(mb)+"MB", func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					parse(context.Background(), text, seedConfig())
				}
			})
		}
	}
}

// FuzzParse: no text makes the reader panic or hang, and it returns a tree or a
// mistake with its place.
func FuzzParse(f *testing.F) {
	for _, a := range attacks() {
		f.Add(a.text(200))
	}
	f.Add([]byte("a: &x !!str b\n? [c]\n: *x\n<<: [*y]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, lenient := range []bool{false, true} {
			c := strictyaml.Config{What: "seed", Limits: strictyaml.SmallLimits(), Lenient: lenient}
			root, wrong := parse(context.Background(), text, c)
			if root == nil && len(wrong.Problems) == 0 {
				t.Fatal("neither a tree nor a mistake")
			}
			for _, p := range wrong.Problems {
				if p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Fatalf("%+v", p)
				}
			}
			if root != nil {
				root.Plain()
			}
			var v any
			_, _ = strictyaml.Decode(context.Background(), text, c, &v)
		}
	})
}
