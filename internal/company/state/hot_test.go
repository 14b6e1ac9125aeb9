package state_test

import (
	"fmt"
	"sync"
	"testing"

	"counterpart/internal/company/state"
)

func TestHotKeepsTheLatestAndNoMoreThanItShould(t *testing.T) {
	var h state.Hot[int]
	for round := range 3 {
		for i := range 20_000 {
			key := fmt.Sprint(i)
			v := i + round
			h.Store(key, &v)
			for range 3 {
				if got := h.Load(key); got == nil || *got != v {
					t.Fatalf("%s is %v, want %d", key, got, v)
				}
			}
		}
	}
	if n := h.Len(); n > 8192 {
		t.Errorf("%d values are kept", n)
	}
	if h.Load("nothing") != nil {
		t.Error("there is something")
	}
}

func TestHotUnderRacingReadersAndWriters(t *testing.T) {
	var h state.Hot[int]
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				key := fmt.Sprint(i % 100)
				v := w
				h.Store(key, &v)
				if got := h.Load(key); got != nil && (*got < 0 || *got > 3) {
					t.Errorf("%s is %d", key, *got)
				}
			}
		})
	}
	wg.Wait()
}
