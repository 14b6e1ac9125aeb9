package boot_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/boot"
)

// TestFaultsAreCountedOnce: "times: 3" is three over all replicas, however many race, and
// so is all that depends on how many there were before.
func TestFaultsAreCountedOnce(t *testing.T) {
	shared(t, 3, steered, func(t *testing.T, all []*boot.Company) {
		for i, c := range all {
			if r := c.Faults.Rules(); len(r) != 1 || r[0].ID != "slow" {
				t.Errorf("%d has of the seed: %+v", i, r)
			}
		}
		for want, rule := range map[int32]fault.Rule{3: {ID: "a", Kind: fault.Reset, Times: 3}, 1: {ID: "b", Kind: fault.Reset, Skip: 5, Nth: 7},
			6: {ID: "c", Kind: fault.Reset, Every: 10}, 56: {ID: "d", Kind: fault.Reset, Skip: 4}, 60: {ID: "e", Kind: fault.Reset}} {
			if err := all[1].Faults.Set([]fault.Rule{rule}); err != nil {
				t.Fatal(err)
			}
			if _, err := all[1].Replicas.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			var struck atomic.Int32
			var running sync.WaitGroup
			for i := range 60 {
				running.Go(func() {
					if _, hit := all[i%3].Faults.Hit(fault.Subject{Op: "GET /x"}, fault.Reset); hit {
						struck.Add(1)
					}
				})
			}
			running.Wait()
			if struck.Load() != want {
				t.Errorf("%+v struck %d times, not %d", rule, struck.Load(), want)
			}
			for i, c := range all {
				if _, err := c.Replicas.Sync(t.Context()); err != nil {
					t.Error(err)
				}
				if s := c.Faults.States(); len(s) != 1 || s[0].Seen != 60 || s[0].Fired != int(want) {
					t.Errorf("%d says of %+v: %+v", i, rule, s)
				}
			}
		}
	})
}

// TestFaultsAreThoseOfAll: what is set, taken away and left is the same at all.
func TestFaultsAreThoseOfAll(t *testing.T) {
	shared(t, 2, steered, func(t *testing.T, all []*boot.Company) {
		a, b := all[0], all[1]
		ids, err := a.Faults.Add(fault.Rule{Kind: fault.Hang, Times: 2, Op: "GET *"})
		if err != nil || len(ids) != 1 || ids[0] != "rule-2" {
			t.Fatal(ids, err)
		}
		sync := func() {
			t.Helper()
			if silent, err := a.Replicas.Sync(t.Context()); err != nil || len(silent) > 0 {
				t.Error(silent, err)
			}
		}
		sync()
		r, hit := b.Faults.Hit(fault.Subject{Op: "GET /x"}, fault.Hang)
		if !hit {
			t.Fatal("it is not in force elsewhere")
		}
		for _, c := range all {
			if text, err := c.Export(t.Context()); err != nil || !strings.Contains(string(text), `"times": 1`) || strings.Contains(string(text), "fleet/fault") {
				t.Errorf("%v %s", err, tail(text))
			}
		}
		if _, err := b.Faults.Add(fault.Rule{ID: "rule-2", Kind: fault.Hang}); err == nil || !strings.Contains(err.Error(), "taken") {
			t.Errorf("the same name twice: %v", err)
		}
		if was, err := a.Faults.Remove("rule-2"); !was || err != nil {
			t.Error(was, err)
		}
		sync()
		if r.Lifted().Err() == nil {
			t.Error("what it held goes on being held elsewhere")
		}
		if err := b.Faults.Set(nil); err != nil {
			t.Error(err)
		}
		sync()
		if !a.Faults.Idle() || !b.Faults.Idle() {
			t.Error("rules are in force that were taken away")
		}
		if err := a.Reset(t.Context()); err != nil {
			t.Error(err)
		}
		if len(a.Faults.Rules()) != 1 || len(b.Faults.Rules()) != 1 {
			t.Errorf("after a reset: %v %v", a.Faults.Rules(), b.Faults.Rules())
		}
	})
}
