package seed

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/serving/strictyaml"
)

// maxData is the largest state in octets before it is packed. Export and Load
// have the same limit, so that whatever the one writes the other reads.
const maxData = 128 << 20

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
		b.WriteString(strconv.QuoteToASCII(n.Text))
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
	q := strconv.QuoteToASCII(key)
	if len(q) > 1000 {
		return "? " + q + " "
	}
	return q
}

// inline is a value of Go in one line of YAML.
func inline(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.QuoteToASCII(strings.ToValidUTF8(v, "\ufffd"))
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

// packData makes the text of saved.Data.
func packData(d data) (string, error) {
	var packed strings.Builder
	text := base64.NewEncoder(base64.StdEncoding, &packed)
	z := gzip.NewWriter(text)
	n := &tally{w: z}
	if err := writeData(n, d); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	if err := text.Close(); err != nil {
		return "", err
	}
	if n.n > maxData {
		return "", fmt.Errorf("%w: the state has %d octets, the limit is %d", ErrTooLarge, n.n, maxData)
	}
	return packed.String(), nil
}

// writeData writes the JSON of data record by record: as one document it would be
// held in memory as a whole, several times over.
func writeData(w io.Writer, d data) error {
	if len(d.Records) == 0 { // a state in which nothing has happened
		return json.NewEncoder(w).Encode(d)
	}
	if _, err := io.WriteString(w, `{"records":[`); err != nil {
		return err
	}
	for i := range d.Records {
		text, err := json.Marshal(&d.Records[i])
		if err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte{','}, text...)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	files, err := json.Marshal(d.Files)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "],\"files\":%s}\n", files)
	return err
}

// tally counts what is written.
type tally struct {
	w io.Writer
	n int
}

// Write implements io.Writer.
func (c *tally) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.w.Write(p)
}

// unpackData reads saved.Data. What it unpacks to is bounded: a little of it may
// stand for very much.
func unpackData(ctx context.Context, packed string) (d data, err error) {
	if packed == "" {
		return d, nil
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(packed)))
	if err != nil {
		return d, err
	}
	in := &io.LimitedReader{R: patient{ctx, z}, N: maxData + 1}
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&d)
	switch {
	case in.N <= 0:
		return data{}, fmt.Errorf("it unpacks to more than %d octets", maxData)
	case err != nil:
		return data{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return data{}, errors.New("there is something behind it")
	}
	type place struct{ table, key string }
	seen := make(map[place]bool, len(d.Records))
	for _, r := range d.Records {
		if at := (place{r.Table, r.Key}); seen[at] {
			return data{}, fmt.Errorf("the record `%s` of `%s` is there twice", strictyaml.Short(r.Key), strictyaml.Short(r.Table))
		} else {
			seen[at] = true
		}
	}
	return d, nil
}

// patient reads as long as somebody waits for it.
type patient struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
