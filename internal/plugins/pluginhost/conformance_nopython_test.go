//go:build nopython

package pluginhost_test

import "testing"

// check is one line of the contract's conformance checklist.
type check struct {
	name string
	run  func(t *testing.T)
}

// TestConformance is the part of the checklist that needs no Python: what SPS
// says at upload.
func TestConformance(t *testing.T) {
	for _, c := range uploadChecks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}
