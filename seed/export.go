package seed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/serving/strictyaml"
)

// ErrTooLarge means that a fleet has changed more than an export can hold.
var ErrTooLarge = errors.New("too large for an export")

// steering are the top-level keys that an export writes anew.
func steering(key string) bool { return key == "faults" || key == "decisions" || key == "state" }

// Export is the seed as it was written, with faults and state in place of its own
// and without decisions, which are part of the state. Faults are as YAML has them.
// Load takes what it returns.
func (s *Seed) Export(faults []map[string]any, st State) ([]byte, error) {
	packed, err := packData(data{Records: st.Records, Files: s.files})
	if err != nil {
		return nil, err
	}
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Write(base)
	if len(faults) > 0 {
		rules := make([]string, len(faults))
		for i, f := range faults {
			rules[i] = inline(f)
		}
		out.WriteString("faults: [" + strings.Join(rules, ", ") + "]\n")
	}
	fmt.Fprintf(&out, "state:\n  started: %s\n  now: %s\n  frozen: %v\n  data: %s\n", st.Started.Format(time.RFC3339Nano), st.Now.Format(time.RFC3339Nano), st.Frozen, packed)
	if out.Len() > MaxSize {
		return nil, fmt.Errorf("%w: it would have %d octets, a seed has at most %d", ErrTooLarge, out.Len(), MaxSize)
	}
	if p := strictyaml.Check(out.Bytes(), config()); p != nil {
		return nil, fmt.Errorf("%w: line %d of it: %s", ErrTooLarge, p.Line, p.Message)
	}
	return out.Bytes(), nil
}

// base is the seed without what an export writes anew, ending in a whole line at
// the level of its keys: as it was written if that can be cut out of it, else
// written once more from what it says.
func (s *Seed) base() ([]byte, error) {
	root := read(context.Background(), s.source, &reporter{})
	if root == nil || root.Kind != mapping {
		return nil, errors.New("the seed cannot be read any more")
	}
	root.Entries = slices.DeleteFunc(slices.Clone(root.Entries), func(e entry) bool { return steering(e.Name) })
	if text, ok := cut(s.source, root); ok {
		return text, nil
	}
	var out bytes.Buffer
	for _, e := range root.Entries {
		fmt.Fprintf(&out, "%s: %s\n", quoted(e.Name), flow(e.Value))
	}
	// Written without aliases and in lines, it may be larger and deeper than it was.
	again := read(context.Background(), out.Bytes(), &reporter{})
	if len(root.Entries) > 0 && (again == nil || !same(again, root)) {
		return nil, fmt.Errorf("%w: what its aliases stand for, or what is in its brackets, is too much for one seed", ErrTooLarge)
	}
	return out.Bytes(), nil
}

// cut takes the lines of the steering keys out of a text and holds the rest
// against what is to stay; not ok if it says something else.
func cut(src []byte, want *node) (text []byte, ok bool) {
	var out bytes.Buffer
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	skipping := false
	for line := range bytes.Lines(src) {
		bare := strings.TrimRight(string(line), "\r\n")
		name, _, isKey := strings.Cut(bare, ":")
		switch {
		case isKey && steering(strings.Trim(strings.TrimSpace(name), `"'`)) && strings.TrimLeft(bare, " ") == bare:
			skipping = true
		case skipping && (bare == "" || strings.ContainsAny(bare[:1], " \t#-}]")):
		default:
			skipping = false
		}
		if !skipping && bare != "---" && bare != "..." {
			out.WriteString(bare + "\n")
		}
	}
	probe := append(slices.Clone(out.Bytes()), "state: {}\n"...)
	if len(probe) > MaxSize {
		return nil, false
	}
	report := &reporter{}
	got := read(context.Background(), probe, report)
	if got == nil || got.Kind != mapping || len(report.problems) > 0 {
		return nil, false
	}
	n := len(got.Entries) - 1
	if i := slices.IndexFunc(got.Entries, func(e entry) bool { return e.Name == "state" }); i < 0 || got.Entries[i].Value.Kind != mapping || n != len(want.Entries) {
		return nil, false
	}
	got.Entries = slices.DeleteFunc(got.Entries, func(e entry) bool { return e.Name == "state" })
	return out.Bytes(), same(got, want)
}

// same reports whether two trees say the same.
func same(a, b *node) bool {
	if a.Kind != b.Kind || len(a.Entries) != len(b.Entries) || len(a.Items) != len(b.Items) || a.Text != b.Text {
		return false
	}
	for i := range a.Entries {
		if a.Entries[i].Name != b.Entries[i].Name || !same(a.Entries[i].Value, b.Entries[i].Value) {
			return false
		}
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

// flow is a value in one line.
func flow(n *node) string {
	var b strings.Builder
	writeFlow(&b, n)
	return b.String()
}

func writeFlow(b *strings.Builder, n *node) {
	switch n.Kind {
	case null:
		b.WriteString("null")
	case text:
		b.WriteString(quote(n.Text))
	case list:
		b.WriteString("[")
		for i, c := range n.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			writeFlow(b, c)
		}
		b.WriteString("]")
	case mapping:
		b.WriteString("{")
		for i, e := range n.Entries {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoted(e.Name) + ": ")
			writeFlow(b, e.Value)
		}
		b.WriteString("}")
	default:
		b.WriteString(n.Text) // numbers and truth as they were written
	}
}

// quoted is a key. One that is longer than YAML lets a key be without it gets a
// question mark.
func quoted(key string) string {
	q := quote(key)
	if len(q) > 1000 {
		return "? " + q + " "
	}
	return q
}

// marks are what a reader of YAML counts, or stops at when it comes in rows,
// whether it stands in quotes or not.
const marks = "<\"'&*!,[{?:-"

// quote is a text in double quotes of YAML, in ASCII. Many marks in it are written
// by their numbers.
func quote(s string) string {
	const few = 200
	n := 0
	for i := range len(s) {
		if strings.IndexByte(marks, s[i]) >= 0 {
			n++
		}
	}
	if n <= few {
		return strconv.QuoteToASCII(s)
	}
	var b strings.Builder
	b.WriteByte('"')
	for s != "" {
		end := strings.IndexAny(s, marks)
		if end < 0 {
			end = len(s)
		}
		q := strconv.QuoteToASCII(s[:end])
		b.WriteString(q[1 : len(q)-1])
		if s = s[end:]; s != "" {
			fmt.Fprintf(&b, `\x%02x`, s[0])
			s = s[1:]
		}
	}
	b.WriteByte('"')
	return b.String()
}

// inline is a value of Go in one line of YAML.
func inline(v any) string {
	switch v := v.(type) {
	case string:
		return quote(strings.ToValidUTF8(v, "\ufffd"))
	case map[string]string:
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, quoted(k)+": "+inline(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, quoted(k)+": "+inline(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}
