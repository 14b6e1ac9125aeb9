package rsa

import _ "embed" // the plan

//go:embed load.yaml
var loadPlan string

// Load is the plan of a load test of this kind of server.
func Load() string { return loadPlan }
