//go:build race

package radius_test

// holds is how many pushes testManyHolds leaves waiting; the race detector's own
// memory counts with each.
const holds, holdsMiB = 1_000, 200
