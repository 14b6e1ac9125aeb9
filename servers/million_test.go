package servers_test

import (
	"fmt"
	"runtime"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// TestAMillionPeopleCostNoServerAnything: no server goes through all people or
// accounts when it starts, or keeps something for each. It is allocations that are
// held against a bound, since they do not depend on the machine: to look at everybody
// once takes about 50 MiB of them.
func TestAMillionPeopleCostNoServerAnything(t *testing.T) {
	const bound = 24 << 20
	small, smallLive := startOf(t, 1000)
	large, largeLive := startOf(t, 1_000_000)
	if more := large - small; more > bound {
		t.Errorf("a start with a million people allocates %d MiB more than with a thousand; ask world.Written for what only written people have", more>>20)
	}
	if more := largeLive - smallLive; more > bound {
		t.Errorf("a million people keep %d MiB more in use than a thousand", more>>20)
	}
	t.Logf("%d KiB allocated, %d KiB in use with a thousand; %d and %d with a million", small>>10, smallLive>>10, large>>10, largeLive>>10)
}

// startOf is what the demo fleet with so many generated people allocates to start, and
// what is in use then.
func startOf(t *testing.T, users int) (allocated, live int64) {
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	t.Run(fmt.Sprint(users), func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f := dialecttest.Run(t, servers.Table(), string(text)+fmt.Sprintf("\ngenerate: {users: %d, assets: %d, accounts: %d}\n", users, users/100, users/10))
		if u, ok := f.World.User(fmt.Sprintf("user%06d", users)); !ok || f.World.UserCount() < users {
			t.Errorf("%d people, %v", f.World.UserCount(), u)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		allocated, live = int64(after.TotalAlloc-before.TotalAlloc), int64(after.HeapAlloc)-int64(before.HeapAlloc)
		runtime.KeepAlive(f)
	})
	return allocated, live
}
