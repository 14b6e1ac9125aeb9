package main

import (
	"encoding/json"
	"strings"
	"testing"

	loadreport "counterpart/internal/plugins/load/report"
	"counterpart/servers"
)

// TestEveryKindBringsAPlan that passes against a fleet of its own.
func TestEveryKindBringsAPlan(t *testing.T) {
	for _, k := range servers.Table() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			if k.Load == nil {
				t.Fatal("there is no load.yaml beside the server, or servers.go does not name it")
			}
			var out, errs strings.Builder
			run(t.Context(), []string{"load", k.Name, "--rate", "40", "--for", "1s", "--lag", "30s", "--json", "-", "-q"}, strings.NewReader(""), &out, &errs)
			var r loadreport.Report
			if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			if r.Verdict != loadreport.Passed || r.All.Count == 0 || r.All.Truth == nil {
				t.Errorf("%s: %q, %d operations, %v", r.Verdict, r.Why, r.All.Count, r.All.Reasons)
			}
		})
	}
}
