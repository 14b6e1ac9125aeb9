package ids_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/face/ids"
)

var people = []string{"alice", "bob", "carol"}

func users(key string) ids.Scope {
	return ids.Scope{Key: key, First: 10, Seeded: len(people), Name: func(i int) string { return people[i] },
		Place: func(name string) (int, bool) { i := slices.Index(people, name); return i, i >= 0 }}
}

func TestNumbers(t *testing.T) {
	store := statetest.Twice(statetest.Strict(t, state.NewMemory(clock.Frozen(time.Unix(1, 0)))))
	one, other := ids.NewNumbers(store), ids.NewNumbers(store) // two replicas
	ctx := t.Context()
	in := users("users")
	expect := func(of *ids.Numbers, name string, want int64) {
		t.Helper()
		n, err := of.Give(ctx, in, name)
		if err != nil || n != want {
			t.Errorf("%s: %d, %v, not %d", name, n, err, want)
		}
		if back, known, err := one.Name(ctx, in, n); err != nil || !known || back != name {
			t.Errorf("%d: %q, %v, %v", n, back, known, err)
		}
	}
	expect(one, "carol", 12)
	expect(other, "alice", 10)
	expect(one, "zoe", 13)
	expect(other, "a/b\x00%", 14)
	expect(other, "zoe", 13)
	if _, known, err := one.Of(ctx, in, "nobody"); known || err != nil {
		t.Errorf("%v, %v", known, err)
	}
	for _, n := range []int64{9, 15, -1, 1 << 62} {
		if name, known, err := one.Name(ctx, in, n); known || err != nil {
			t.Errorf("%d: %q, %v", n, name, err)
		}
	}
	in = users("users/a")
	expect(one, "zoe", 13) // another scope has numbers of its own
	in = users("users")
	if err := one.Forget(ctx, in, "zoe"); err != nil {
		t.Fatal(err)
	}
	if name, known, err := other.Name(ctx, in, 13); known || err != nil {
		t.Errorf("forgotten: %q, %v", name, err)
	}
	expect(one, "zoe", 15)
	in = ids.Scope{Key: "tickets", First: 1}
	expect(one, "t", 1)
}

func TestNumbersAreGivenOnce(t *testing.T) {
	store := statetest.Twice(state.NewMemory(clock.Frozen(time.Unix(1, 0))))
	in := ids.Scope{Key: "k", First: 1}
	var mu sync.Mutex
	owner, number := map[int64]string{}, map[string]int64{}
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			name := fmt.Sprint("n", i%20) // five racing callers for each
			n, err := ids.NewNumbers(store).Give(context.Background(), in, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || number[name] != 0 && number[name] != n || owner[n] != "" && owner[n] != name {
				t.Errorf("%s: %d, %v", name, n, err)
			}
			owner[n], number[name] = name, n
		})
	}
	wait.Wait()
}

// TestNumbersSurviveACrash stops after each write in turn: whoever goes on gets one
// number, and it leads back to its name.
func TestNumbersSurviveACrash(t *testing.T) {
	in := ids.Scope{Key: "k", First: 1}
	for n := 1; ; n++ {
		store := statetest.Crashing(state.NewMemory(clock.Frozen(time.Unix(1, 0))))
		numbers := ids.NewNumbers(store)
		store.At(n)
		numbers.Give(t.Context(), in, "a")
		crashed := store.Heal()
		got, err := numbers.Give(t.Context(), in, "a")
		other, wrong := numbers.Give(t.Context(), in, "b")
		again, _ := numbers.Give(t.Context(), in, "a")
		if name, known, _ := numbers.Name(t.Context(), in, got); err != nil || wrong != nil || got == other || got != again || !known || name != "a" {
			t.Errorf("after write %d: %d and %d, %q, %v", n, got, other, name, err)
		}
		if !crashed {
			return
		}
	}
}
