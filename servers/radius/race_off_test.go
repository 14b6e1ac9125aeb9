//go:build !race

package radius_test

// holds is how many pushes testManyHolds leaves waiting.
const holds, holdsMiB = 10_000, 200
