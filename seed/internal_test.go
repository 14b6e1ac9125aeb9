package seed

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Plain is a text of YAML as the types that JSON has, for the tests of the
// schema; nil when it cannot be read.
func Plain(src []byte) any {
	if n := read(context.Background(), src, &reporter{}); n != nil {
		return n.Plain()
	}
	return nil
}

func TestDurationBounds(t *testing.T) {
	for _, s := range []string{"", "-", "+", "1", "d", "1.5d", "-1d-1h", "1h1d", "99999999w", "4294967296d", "106751d23h59m", "9223372036s9223372036s", "1d+1h", "--1h", "1 h"} {
		if d, ok := parseDuration(s); ok && s != "106751d23h59m" {
			t.Errorf("%q is %v", s, d)
		}
	}
	if d, ok := parseDuration("-1d12h"); !ok || d != -36*time.Hour {
		t.Error(d, ok)
	}
}

// FuzzLoad: no input makes Load panic, hang, or return neither a seed nor a list
// of problems with places in the file.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{"", "users: [{name: a}]", "x: &a [*a]", "a: {b: [c, {d: e}]}", "? a\n: b", "- - -", "users:\n  - <<: *x\n", "\xff", "a: |\n  b\n", "%YAML 1.2\n---\n",
		"generate: {users: 3, accounts: 2, assets: 1}", "tickets: [{id: x, asset: '[', from: +1h}]", "users: [{name: a, devices: [{kind: totp, secret: {hex: 00}}]}]"} {
		f.Add([]byte(s))
	}
	for _, pattern := range []string{"testdata/bad/*.yaml", "worlds/demo.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			src, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	large := regexp.MustCompile(`[0-9a-fA-FxXoO_]{5}`)
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, after, found := bytes.Cut(src, []byte("generate")); found && large.Match(after) {
			return // a million people are allowed, but not a million times
		}
		s, err := Load("fuzz.yaml", src, Options{Now: time.Unix(0, 0)})
		if (s == nil) == (err == nil) {
			t.Fatalf("%v and %v", s, err)
		}
		if err != nil {
			list, ok := err.(*Error)
			if !ok || len(list.Problems) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			for _, p := range list.Problems {
				if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "fuzz.yaml" {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		for _, b := range s.Servers {
			var v struct {
				Listen string         `yaml:"listen"`
				Rest   map[string]any `yaml:"rest"`
			}
			_ = b.Decode(&v)
		}
	})
}
