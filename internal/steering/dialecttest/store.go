package dialecttest

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/disk"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/company/state/statetest"
)

// store is what a fleet keeps its changes in. COUNTERPART_TEST_STORE=twice runs every
// update function twice, as a store does for whom a race was lost; disk keeps everything
// in a folder, too; redis keeps them in
// the Redis of the URL COUNTERPART_TEST_REDIS, under a prefix of the fleet's own, or in
// one that the test plays.
func store(t testing.TB, c clock.Clock) state.Store {
	t.Helper()
	switch name := os.Getenv("COUNTERPART_TEST_STORE"); name {
	case "twice":
		return statetest.Twice(state.NewMemory(c))
	case "redis":
		s, err := redis.Open(t.Context(), redisURL(t), redis.Options{Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		return s
	case "disk":
		s, err := disk.Open(t.TempDir(), disk.Options{Clock: c, Sync: disk.Never})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() }) // for a fleet that was never served
		return s
	case "":
		return state.NewMemory(c)
	default:
		t.Fatalf("COUNTERPART_TEST_STORE=%s: there are twice, disk and redis", name)
		return nil
	}
}

// redisURL leads to an empty store.
func redisURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("COUNTERPART_TEST_REDIS")
	if url == "" {
		return "redis://" + miniredis.RunT(t).Addr()
	}
	sign := "?"
	if strings.Contains(url, "?") {
		sign = "&"
	}
	return url + sign + "prefix=test-" + rand.Text()
}
