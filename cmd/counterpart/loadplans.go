package main

import (
	"maps"
	"slices"
	"strings"

	"counterpart/internal/plugins/load/plan"
)

// openPlan reads a plan: a file, or one that is built in.
func openPlan(name string) (*plan.Plan, error) {
	if text, ok := builtIn()[name]; ok && !exists(name) {
		return plan.Parse(name, ".", []byte(text))
	}
	if !exists(name) && !strings.ContainsAny(name, "./\\") {
		return nil, unknownPlan(name)
	}
	return plan.Read(name)
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
