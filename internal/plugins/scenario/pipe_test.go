//go:build unix

package scenario

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestS2APipeIsNoScenario: nobody may ever write to it.
func TestS2APipeIsNoScenario(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": good})
	for _, name := range []string{"b.yaml", suiteName} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if cases, err := Load(dir); err != nil || len(cases) != 2 {
		t.Errorf("%d cases, %v", len(cases), err)
	}
}
