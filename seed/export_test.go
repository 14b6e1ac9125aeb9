package seed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"counterpart/seed"
)

// shapes are seeds that say the same in odd ways: everything an export has to cut
// its own keys out of.
func shapes() []string {
	const people = "users: [{name: alice, password: Secret-1}]\n"
	return []string{
		people,
		"version: 1\n" + people + "faults: [{kind: reset}]\ndecisions: []\n",
		"---\n" + people + "...\n",
		"--- # a comment\n" + people,
		"\ufeff" + people + "faults:\n- kind: reset\n# behind\ngroups: [{name: g}]\n",
		strings.ReplaceAll(people+"faults:\n  - kind: reset\n", "\n", "\r\n"),
		"  version: 1\n  users: [{name: alice, password: Secret-1}]\n  faults: [{kind: reset}]\n",
		"{users: [{name: alice, password: Secret-1}], faults: [{kind: reset}]}",
		"{\"users\": [{\"name\": \"alice\",\n\"password\": \"Secret-1\"}]}\n",
		"'faults': [{kind: reset}]\n\"users\": [{name: alice, password: Secret-1}]\n",
		"? users\n: [{name: alice, password: Secret-1}]\n? faults\n: - kind: reset\n",
		"faults: &f [{kind: reset}]\nx-f: *f\n" + people,
		"x-a: &a {faults: [{kind: reset}]}\n<<: *a\n" + people,
		"x-note: |\n  faults:\n  state:\n" + people,
		"x-note: \"one\nfaults: two\"\n" + people,
		"faults: [\n{kind: reset},\n{kind: reset, server: native}\n]\n" + people,
		"state:\n  frozen: true\n\n\n" + people,
		people + "faults: []",
		"x-odd: \"\\x7f\\u0085\\u2028\\uFEFF\\U0001F600 \\\\ \\t\"\n" + people,
		"x-" + strings.Repeat("k", 2000) + ": 1\n" + people,
		"faults: []\nfaults2: 1\n" + people, // refused: it has an unknown key
	}
}

// TestS8WhateverAnExportWritesLoadReads: random states behind seeds of every
// shape, and the export of what was loaded is the same once more.
func TestS8WhateverAnExportWritesLoadReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	loaded := 0
	for _, shape := range shapes() {
		s, err := seed.Load("x.yaml", []byte(shape), seed.Options{Now: now})
		if err != nil {
			t.Logf("%.60q: %.200v", shape, err)
			continue
		}
		loaded++
		for range 20 {
			st, faults := randomState(r), randomFaults(r)
			text, err := s.Export(faults, st)
			if err != nil {
				t.Fatalf("%q: %v", shape, err)
			}
			again, err := seed.Load("export.yaml", text, seed.Options{Now: now.Add(time.Hour)})
			if err != nil {
				t.Fatalf("%q: %v\n%s", shape, err, text)
			}
			if !reflect.DeepEqual(again.Facts, s.Facts) {
				t.Fatalf("%q: other facts:\n%s", shape, text)
			}
			if !reflect.DeepEqual(*again.State, st) {
				t.Fatalf("%q: another state\n%+v\n%+v", shape, *again.State, st)
			}
			if len(again.Faults) != len(faults) || len(again.Decisions) != 0 {
				t.Fatalf("%q: %d faults of %d, %d decisions\n%s", shape, len(again.Faults), len(faults), len(again.Decisions), text)
			}
			for i, f := range again.Faults {
				if f.Object != faults[i]["object"] || f.Args["body"] != faults[i]["args"].(map[string]string)["body"] {
					t.Fatalf("%q: %+v of %+v", shape, f, faults[i])
				}
			}
			if more, err := again.Export(faults, st); err != nil || !bytes.Equal(more, text) {
				t.Fatalf("%q: the export of the export, %v:\n%s\n%s", shape, err, text, more)
			}
		}
	}
	if want := len(shapes()) - 1; loaded != want {
		t.Errorf("%d of %d shapes are seeds", loaded, want)
	}
}

func randomState(r *rand.Rand) seed.State {
	st := seed.State{Started: now.Add(-time.Duration(r.Int64N(1e15))).UTC(), Now: now.Add(time.Duration(r.Int64N(1e15))).UTC(), Frozen: r.IntN(2) == 0}
	for i := range r.IntN(5) {
		rec := seed.Record{Key: fmt.Sprintf("%d/%s", i, randomText(r)), Value: []byte(randomText(r) + "\xff")}
		if r.IntN(2) == 0 {
			rec.Expires = now.Add(time.Hour).UTC()
		}
		st.Records = append(st.Records, rec)
	}
	return st
}

func randomFaults(r *rand.Rand) (out []map[string]any) {
	for range r.IntN(3) {
		out = append(out, map[string]any{"kind": "reset", "object": randomText(r), "args": map[string]string{"body": randomText(r)}, "times": 1 + r.IntN(9)})
	}
	return out
}

// randomText has everything that YAML or JSON might take for something else.
func randomText(r *rand.Rand) string {
	parts := []string{"a", " ", "\n", "\t", "\r", ": ", "#", " #", "\"", "'", "\\", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "-", "- ", "?", "~", "null", "yes",
		"0x1", "1e3", "\u0085", "\u2028", "\u00a0", "\ufeff", "\x7f", "\x01", "\x1b", "\U0001f600", "ä", "<<", "---\n", "...\n", "=", "\\u0041"}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// TestS8ALargeExport: 24 MB of state, which no seed could be before, and more than
// there may be.
func TestS8ALargeExport(t *testing.T) {
	s, err := seed.Load("x.yaml", []byte("users: [{name: alice}]\n"), seed.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 100_000)
	st := seed.State{Started: now, Now: now}
	fill := func(n int) {
		r := rand.NewChaCha8([32]byte{1})
		for i := len(st.Records); i < n; i++ {
			r.Read(value)
			st.Records = append(st.Records, seed.Record{Key: fmt.Sprint(i), Value: bytes.Clone(value)})
		}
	}
	fill(180)
	text, err := s.Export(nil, st)
	if err != nil || len(text) < 23_000_000 {
		t.Fatal(len(text), err)
	}
	again, err := seed.Load("export.yaml", text, seed.Options{Now: now})
	if err != nil || !reflect.DeepEqual(*again.State, st) {
		t.Fatalf("%.300v", err)
	}
	fill(520)
	if _, err := s.Export(nil, st); !errors.Is(err, seed.ErrTooLarge) {
		t.Errorf("more than a seed may have: %v", err)
	}
}

// TestS8AStateThatUnpacksToTooMuch: a few kilobytes may stand for a gigabyte.
func TestS8AStateThatUnpacksToTooMuch(t *testing.T) {
	for name, c := range map[string]struct {
		text func(*gzip.Writer)
		want string
	}{
		"bomb": {func(z *gzip.Writer) {
			z.Write([]byte(`{"records":[{"key":"`))
			for range 130 {
				z.Write(bytes.Repeat([]byte("x"), 1<<20))
			}
		}, "unpacks to more than"},
		"twice": {func(z *gzip.Writer) {
			z.Write([]byte(`{"records":[{"table":"t","key":"a","value":""},{"table":"u","key":"a","value":""},{"table":"t","key":"a","value":""}]}`))
		}, "there twice"},
		"behind":  {func(z *gzip.Writer) { z.Write([]byte(`{"records":[]} {}`)) }, "behind it"},
		"unknown": {func(z *gzip.Writer) { z.Write([]byte(`{"recordz":[]}`)) }, "recordz"},
		"cut":     {func(z *gzip.Writer) { z.Write([]byte(`{"records":[`)) }, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			c.text(z)
			z.Close()
			src := "users: [{name: a}]\nstate: {data: " + base64.StdEncoding.EncodeToString(b.Bytes()) + "}\n"
			if _, err := seed.Load("x.yaml", []byte(src), seed.Options{Now: now}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestS2LoadingEndsWithItsRequest: nobody waits for a seed of 4 MB any more.
func TestS2LoadingEndsWithItsRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seed.LoadContext(ctx, "x.yaml", handWritten(1_000_000), seed.Options{Now: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("%.200v", err)
	}
}
