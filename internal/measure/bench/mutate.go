package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// mutated are the scenarios of a plugin without faults: all that is measured is the machinery
// and what its time-outs of under a second cost.
const mutated = "internal/plugins/mutation/testdata"

// mutants measures how many a second of processor time plays, that of the interpreters
// included, and how long two hundred take on this machine.
func mutants(s settings) ([]row, error) {
	report := filepath.Join(s.dir, "mutants.json")
	args := []string{"plugin", "mutate", mutated, "--all", "--json", report}
	if s.python != "" {
		args = append(args, "--python", s.python)
	}
	cmd := exec.Command(s.binary, args...)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	took := time.Since(began)
	text, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	var r struct {
		Mutants []struct{} `json:"mutants"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	n := len(r.Mutants)
	if n == 0 {
		return nil, fmt.Errorf("no mutant was played")
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	each := took.Seconds() / float64(n)
	return []row{{work: fmt.Sprintf("plugin mutate: %d mutants", n), ours: fmt.Sprintf("%.0f per CPU second, 200 in %.1f s", float64(n)/cpu.Seconds(), 200*each),
		bar: "200 in ≤ 60 s", verdict: verdict(200*each <= 60)}}, nil
}
