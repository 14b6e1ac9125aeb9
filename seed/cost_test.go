package seed_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"counterpart/internal/measure/linear"
	"counterpart/seed"
)

// lines is a part, with a number in it, over and over.
func lines(before, part string, n int) string {
	var b strings.Builder
	b.WriteString(before)
	for i := range n {
		fmt.Fprintf(&b, part, i)
	}
	return b.String()
}

// TestS2ChecksAreLinear: what a seed says costs what its length says, whatever is
// held against what.
func TestS2ChecksAreLinear(t *testing.T) {
	for name, c := range map[string]struct {
		n    int
		text func(n int) string
	}{
		"servers without a name": {20_000, func(n int) string { return "servers:\n" + strings.Repeat("  - {kind: native}\n", n) }},
		"devices without a name": {20_000, func(n int) string { return "users:\n- name: a\n  devices:\n" + strings.Repeat("  - {kind: totp}\n", n) }},
		"accounts of one target": {16_000, func(n int) string {
			return lines(lines("assets: [{name: a}]\naccounts:\n", "- {name: x%d, asset: a}\n", n)+"tickets:\n- id: t\n  targets: [{asset: a, accounts: [", "x%d, ", n) + "]}]\n"
		}},
		"tickets of one asset": {16_000, func(n int) string {
			return lines(lines("assets: [{name: a}]\naccounts:\n", "- {name: x%d, asset: a}\n", n)+"tickets:\n", "- {id: t%[1]d, asset: a, account: x%[1]d}\n", n)
		}},
		"tickets without an asset": {8_000, func(n int) string {
			return lines(lines("assets:\n", "- {name: some-longer-name-of-an-asset-%d}\n", 1_500)+"tickets:\n", "- {id: t%d, asset: another-name-of-an-asset-here-%[1]d}\n", n)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			linear.Check(t, c.n, func(n int) func() {
				src := []byte(c.text(n))
				return func() { _, _ = seed.Load("x.yaml", src, seed.Options{Now: now}) }
			})
		})
	}
}

// TestS2ManyServersWithMistakes: what was meant is looked for in the first blocks.
func TestS2ManyServersWithMistakes(t *testing.T) {
	type settings struct {
		Alpha, Beta, Gamma, Delta, Epsilon, Zeta, Eta, Theta string
	}
	block := "  - {kind: native, " + lines("", "some_longer_unknown_key_%d: v, ", 30) + "}\n"
	opt := seed.Options{Now: now, Blocks: map[string]any{"native": settings{}}}
	allocs := func(n int) int {
		src := []byte("servers:\n" + strings.Repeat(block, n))
		before, after := runtime.MemStats{}, runtime.MemStats{}
		runtime.ReadMemStats(&before)
		if _, err := seed.Load("x.yaml", src, opt); err == nil || !strings.Contains(err.Error(), "unknown key") {
			t.Fatalf("%.200v", err)
		}
		runtime.ReadMemStats(&after)
		return int(after.Mallocs - before.Mallocs)
	}
	few, many := allocs(50), allocs(500)
	if per := (many - few) / 450; per > 1_600 { // reading 60 scalars is what is left
		t.Errorf("a further block of 30 mistakes takes %d allocations", per)
	}
}

// TestS2TargetsAreHeldAgainstManyAssets: as many as a machine can; then a warning
// says so, and the seed is none the worse.
func TestS2TargetsAreHeldAgainstManyAssets(t *testing.T) {
	for name, src := range map[string]string{
		"written":   lines(lines("assets:\n", "- {name: a%d}\n", 4_000)+"tickets:\n", "- {id: t%d, asset: \"*%[1]d\"}\n", 4_000),
		"generated": lines("generate: {assets: 100000}\ntickets:\n", "- {id: t%d, asset: \"*99999\"}\n", 400),
		"networks":  lines(lines("assets:\n", "- {name: a%d, address: \"fd00::%[1]d\"}\n", 4_000)+"tickets:\n", "- {id: t%d, asset: \"fd00::/16\"}\n", 4_000),
	} {
		s, err := seed.Load("x.yaml", []byte(src), seed.Options{Now: now})
		if err != nil {
			t.Errorf("%s: %.200v", name, err)
			continue
		}
		if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Message, "from here on, targets are not held against the assets") {
			t.Errorf("%s: %v", name, s.Warnings)
		}
	}
	_, err := seed.Load("x.yaml", []byte("assets: [{name: a}]\naccounts: [{name: b, asset: a}]\ntickets: [{id: t, targets: [{asset: \"*\", accounts: [B, c]}]}]\n"), seed.Options{Now: now})
	if err == nil || err.Error() != "x.yaml:3:56: there is no account `c` on `*`, did you mean `b`?" {
		t.Error(err)
	}
}

// TestS2OneKeyOfManyAccounts: it is read once, and there is one copy of it.
func TestS2OneKeyOfManyAccounts(t *testing.T) {
	opens := map[string]int{}
	source := counted{files(t), opens}
	var b strings.Builder
	b.WriteString("assets: [{name: a}]\naccounts:\n")
	for i := range 2_000 {
		fmt.Fprintf(&b, "- {name: x%d, asset: a, keys: [{type: ssh-rsa, file: keys/rsa.pem}]}\n", i)
	}
	src := []byte(b.String())
	before, after := runtime.MemStats{}, runtime.MemStats{}
	runtime.ReadMemStats(&before)
	s, err := seed.Load("x.yaml", src, seed.Options{Now: now, FS: source})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatalf("%.300v", err)
	}
	if opens["keys/rsa.pem"] != 1 {
		t.Errorf("the file is opened %d times", opens["keys/rsa.pem"])
	}
	if a := s.Facts.Accounts; a[0].Keys[0].PEM == "" || a[0].Keys[0].PEM != a[1999].Keys[0].PEM {
		t.Errorf("%+v", a[0].Keys)
	}
	if per := (after.TotalAlloc - before.TotalAlloc) / 2_000; per > 20_000 {
		t.Errorf("an account with the same key takes %d octets", per)
	}
}

// counted is files that count who opens them.
type counted struct {
	fstest.MapFS
	opens map[string]int
}

// Open implements fs.FS.
func (c counted) Open(name string) (fs.File, error) {
	c.opens[name]++
	return c.MapFS.Open(name)
}

// TestS8AStateOfManyTinyRecords: an octet or two each in the file, and many times
// that in memory.
func TestS8AStateOfManyTinyRecords(t *testing.T) {
	for name, c := range map[string]struct{ before, part, after, want string }{
		"records without a key": {`{"records":[`, `{},`, `{}]}`, "there twice"},
		"tiny records":          {`{"records":[`, `{"key":"%d"},`, `{}]}`, "more than 1048576 records"},
		"tiny files":            {`{"files":{`, `"%d":"",`, `"x":""}}`, "more than 10000 files"},
		"records again":         {`{"records":[],`, `"records":[],`, `"records":[]}`, "there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			fmt.Fprint(z, c.before)
			for i, left := 0, 20<<20; left > 0; i++ {
				n, part := 0, c.part
				if strings.Contains(part, "%") {
					n, _ = fmt.Fprintf(z, part, i)
				} else {
					n, _ = z.Write([]byte(part))
				}
				left -= n
			}
			fmt.Fprint(z, c.after)
			z.Close()
			src := "users: [{name: a}]\nstate: {data: " + base64.StdEncoding.EncodeToString(b.Bytes()) + "}\n"
			before, after := runtime.MemStats{}, runtime.MemStats{}
			runtime.ReadMemStats(&before)
			_, err := seed.Load("x.yaml", []byte(src), seed.Options{Now: now})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.300v, want %s", err, c.want)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 1_200 {
				t.Errorf("%d octets of a seed make %d MiB", len(src), used)
			}
		})
	}
}

// TestS8ExportsOfHardTexts: marks in rows, texts that are none, and more than a seed
// may have: what comes out is read again, or does not come out.
func TestS8ExportsOfHardTexts(t *testing.T) {
	rows := strings.Repeat("<", 3_000) + strings.Repeat(`"`, 9_000) + strings.Repeat("!", 9_000) + strings.Repeat("'", 9_000) + strings.Repeat("a,b:[{ -? ", 3_000) + "ä\n\x01"
	s, err := seed.Load("x.yaml", []byte("{users: [{name: alice, description: \"\\x3c"+strings.Repeat(`\x3c\x22\x21`, 3_000)+"\"}]}"), seed.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	st := seed.State{Started: now, Now: now, Records: []seed.Record{{Key: "a\xff", Value: []byte{1}}, {Key: "a\xfe", Value: []byte{2}}, {Key: "a\ufffd", Value: []byte{3}}}}
	faults := []map[string]any{{"kind": "body", "args": map[string]string{"body": rows, rows: "x"}}}
	for i := range 200 {
		faults = append(faults, map[string]any{"kind": "body", "object": fmt.Sprint(i), "args": map[string]string{"body": rows}})
	}
	text, err := s.Export(faults, st)
	if err != nil {
		t.Fatal(err)
	}
	again, err := seed.Load("export.yaml", text, seed.Options{Now: now})
	if err != nil {
		t.Fatalf("%.300v", err)
	}
	if !reflect.DeepEqual(again.Facts, s.Facts) || !reflect.DeepEqual(*again.State, st) {
		t.Errorf("it is another: %+v", again.State)
	}
	if again.Faults[0].Args["body"] != rows || again.Faults[0].Args[rows] != "x" || len(again.Faults) != 201 {
		t.Errorf("%d faults, %.100q", len(again.Faults), again.Faults[0].Args)
	}

	deep := strings.Repeat("{a: ", 40) + "1" + strings.Repeat("}", 40)
	for i := 40; i > 0; i-- {
		deep = "\n" + strings.Repeat(" ", i) + "a: " + deep
	}
	for name, src := range map[string]string{
		"deep":  "\"faults\" : []\nx-deep:" + deep + "\n? state\n: {}\n",
		"marks": "users: [{name: a}]\nx-note: |\n  " + strings.Repeat(",", 1_999_900) + "\n",
	} {
		s, err := seed.Load("x.yaml", []byte(src), seed.Options{Now: now})
		if err != nil {
			t.Fatalf("%s: %.200v", name, err)
		}
		text, err := s.Export(faults[:1:1], seed.State{Started: now, Now: now})
		if err == nil {
			text, err = s.Export(slices.Repeat([]map[string]any{{"kind": "reset", "times": 1}}, 100), seed.State{Started: now, Now: now})
		}
		if errors.Is(err, seed.ErrTooLarge) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := seed.Load("export.yaml", text, seed.Options{Now: now}); err != nil {
			t.Errorf("%s: the export is refused: %.300v", name, err)
		}
	}
}

// TestMessagesAreShort: whatever is in a file, a message about it is a line.
func TestMessagesAreShort(t *testing.T) {
	long := strings.Repeat("k", 100_000)
	for _, src := range []string{"users: [{name: a, radius: {? " + long + " : [[]]}}]", "users: [{name: a, devices: [{kind: totp, secret: {? " + long + " : x}}]}]", "users: [{name: a, attributes: {? " + long + " : ~}}]"} {
		_, err := seed.Load("x.yaml", []byte(src), seed.Options{Now: now})
		if err == nil || len(err.Error()) > 1_000 {
			t.Errorf("a message of %d octets: %.100v", len(fmt.Sprint(err)), err)
		}
	}
}

// TestNumbersBehindAZeroAreDecimal: in fields of every kind.
func TestNumbersBehindAZeroAreDecimal(t *testing.T) {
	f := facts(t, "random_seed: 010\nusers: [{name: a, uid_number: 010, devices: [{kind: hotp, counter: 0_10}]}]\n")
	if f.RandomSeed != 10 || f.Users[0].UIDNumber != 10 || f.Users[0].Devices[0].Counter != 10 {
		t.Errorf("%d %d %d", f.RandomSeed, f.Users[0].UIDNumber, f.Users[0].Devices[0].Counter)
	}
}
