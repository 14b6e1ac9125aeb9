//go:build !race

package radius_test

// holds is how many pushes TestManyHolds leaves waiting.
const holds, holdsMiB = 10_000, 200
