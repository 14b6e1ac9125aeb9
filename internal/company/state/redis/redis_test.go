package redis_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/company/state/statetest"
)

// open opens a store on a server, until the test ends.
func open(t testing.TB, url string, c clock.Clock) *redis.Store {
	t.Helper()
	s, err := redis.Open(t.Context(), url, redis.Options{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestMiniredis: the suite passes on a server that does not track what was read.
func TestMiniredis(t *testing.T) {
	statetest.Run(t, func(t *testing.T, c clock.Clock) state.Store {
		return open(t, "redis://"+miniredis.RunT(t).Addr(), c)
	})
}
