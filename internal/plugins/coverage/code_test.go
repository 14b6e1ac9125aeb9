package coverage

import (
	"strings"
	"testing"
)

// TestReportsOfCoveragePyAreRead: sums, and lines as people write them.
func TestReportsOfCoveragePyAreRead(t *testing.T) {
	c, err := codeOf([]byte(`{"files": {"main.py": {"summary": {"covered_lines": 5, "num_statements": 9, "covered_branches": 1, "num_branches": 4}, "missing_lines": [9, 3, 4, 5]},
		"lib/tests/a.py": {"summary": {"num_statements": 7}}, "conftest.py": {"summary": {"num_statements": 7}}, "lib/test_b.py": {"summary": {"num_statements": 7}}, "empty.py": {"summary": {"num_statements": 0}}, "lib/a.py": {"summary": {"covered_lines": 1, "num_statements": 1}, "missing_lines": []}}}`), "p")
	if err != nil || len(c.Files) != 2 || c.Lines != 6 || c.OfLines != 10 || c.Branches != 1 || c.OfBranches != 4 || c.Files[1].Missing != "3-5, 9" {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := codeOf([]byte("no"), "p"); err == nil {
		t.Error("no report is read")
	}
	var out strings.Builder
	Report{NoCode: "not counted"}.Print(&out, false)
	if !strings.Contains(out.String(), "asked no system anything") || !strings.Contains(out.String(), "code: not counted") {
		t.Errorf("%s", out.String())
	}
}
