//go:build !nopython

package pluginhost_test

import "testing"

// check is one line of the contract's conformance checklist.
type check struct {
	name string
	run  func(t *testing.T)
}

func TestConformance(t *testing.T) {
	for _, group := range [][]check{uploadChecks, invocationChecks, aaChecks, credentialChecks, loadChecks} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	}
}
