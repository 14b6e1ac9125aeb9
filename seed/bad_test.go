package seed_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"counterpart/seed"
	"counterpart/seed/worlds"
)

var update = flag.Bool("update", false, "rewrite the golden files and the reference")

// kinds are the servers that the broken examples know.
func kinds() []string { return []string{"native", "radius", "ldap", "vault"} }

// files are what the broken examples may refer to.
func files(t testing.TB) fstest.MapFS {
	rsa, err := worlds.FS.ReadFile("keys/deploy_rsa.pem")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"keys/rsa.pem": {Data: rsa}, "keys/big.pem": {Data: bytes.Repeat([]byte("x"), 1<<17)}}
}

// TestBad holds what is said about every broken example against its golden file,
// and that nothing is loaded.
func TestBad(t *testing.T) {
	examples, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatal("no broken examples", err)
	}
	for _, path := range examples {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := seed.Load(filepath.Base(path), src, seed.Options{Now: now, FS: files(t), Kinds: kinds()})
			var list *seed.Error
			if !errors.As(err, &list) || s != nil {
				t.Fatalf("loaded, error %v", err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
