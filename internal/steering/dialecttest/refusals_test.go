package dialecttest

import (
	"strings"
	"testing"

	"counterpart/internal/serving/dialect"
)

// TestRefusalsAreHeldAgainstWhatWasMet: what is declared and never met, what was met and is
// not declared, and what stands twice are each said.
func TestRefusalsAreHeldAgainstWhatWasMet(t *testing.T) {
	a, b, c := dialect.Refusal{Op: "read", Cause: "locked"}, dialect.Refusal{Op: "read", Cause: "expired"}, dialect.Refusal{Op: "write", Cause: "locked"}
	if wrong := judgeRefusals([]dialect.Refusal{a, b}, map[dialect.Refusal]string{a: "TestA", b: "TestB"}); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
	wrong := strings.Join(judgeRefusals([]dialect.Refusal{a, b, b}, map[dialect.Refusal]string{a: "TestA", c: "TestC"}), "\n")
	for _, want := range []string{`read: no test is refused for "expired"`, `read: expired stands there twice`, `write: TestC is refused for "locked", which is not declared`} {
		if !strings.Contains(wrong, want) {
			t.Errorf("%q is not said:\n%s", want, wrong)
		}
	}
}
