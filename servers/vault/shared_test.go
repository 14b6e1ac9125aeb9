package vault_test

import (
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/vault"
)

// C2: values that come from the store, from a cache or from the seed are shared by
// requests; no operation writes to them in place. All scripts are played, and then
// what requests get is held against what the store has.
func TestC2SharedValuesAreNotWritten(t *testing.T) {
	scripts, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			var s *vault.Server
			f := dialecttest.Run(t, watched(&s), oracleSeed)
			before := s.Seeds()
			if len(before) < 20 {
				t.Fatalf("only %d kinds of records are looked at", len(before))
			}
			exchanges("").Play(t, f, dialecttest.Script(t, path))
			wrong, err := s.Written(t.Context(), before)
			if err != nil || len(wrong) > 0 {
				t.Errorf("%v %s", err, strings.Join(wrong, "\n"))
			}
		})
	}
}
