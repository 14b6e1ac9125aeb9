package main

import (
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// played plays with three fleets, each over the store that it is given.
func played(t *testing.T, ops int64, store func() state.Store) (*game, *round) {
	t.Helper()
	s := settings{seed: 1, ops: ops}
	text, err := company(s.people())
	if err != nil {
		t.Fatal(err)
	}
	var all []*replica
	for i := range replicas {
		f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: text, Options: func(o *boot.Options) { o.Clock, o.Store = clock.New(), store() }})
		ports := map[string]string{}
		for _, e := range f.Company.Fleet.Endpoints() {
			ports[e.ID()] = e.Addr
		}
		r := newReplica(i, ports)
		t.Cleanup(r.client.CloseIdleConnections)
		r.token, r.settled = "control-token", func() time.Time { return time.Time{} }
		all = append(all, r)
	}
	g := newGame(all, s)
	g.began = time.Now()
	broken, err := g.play(t.Context(), 8, s.seed)
	if err != nil {
		t.Fatal(err)
	}
	return g, broken
}

// shared is a store that others write to, too.
type shared struct{ state.Store }

// Shared implements state.Store.
func (shared) Shared() bool { return true }

// Close implements state.Store: one fleet ends, and the others go on.
func (shared) Close() error { return nil }

// TestReplicasOfOneStoreKeepTheLaws: every law is put to the test, and none is broken.
func TestReplicasOfOneStoreKeepTheLaws(t *testing.T) {
	store := shared{state.NewMemory(clock.New())}
	g, broken := played(t, 3000, func() state.Store { return store })
	if broken != nil {
		t.Fatalf("%s of %s:\n%s", g.laws[broken.law].name(), broken.key, told(broken.events))
	}
	for i, l := range g.laws {
		_, repeated := l.(*repeats) // a refusal is that the first is still under way
		if g.counts[i][ok].Load() == 0 || g.counts[i][refused].Load() == 0 && !repeated || g.counts[i][unknown].Load() > 0 {
			t.Errorf("%s: %d ok, %d refused, %d unknown", l.name(), g.counts[i][ok].Load(), g.counts[i][refused].Load(), g.counts[i][unknown].Load())
		}
	}
	if err := g.verdict(nil, nil, settings{}); err != nil {
		t.Error(err)
	}
}

// TestReplicasThatShareNothingBreakTheLaws: the checker can fail.
func TestReplicasThatShareNothingBreakTheLaws(t *testing.T) {
	g, broken := played(t, 3000, func() state.Store { return state.NewMemory(clock.New()) })
	if broken == nil {
		t.Fatal("three fleets without anything in common have kept every law")
	}
	if err := g.verdict(broken, nil, settings{seed: 1, ops: 3000, players: 8}); err == nil ||
		!strings.Contains(err.Error(), "no order explains this history") || !strings.Contains(err.Error(), "make soak SOAK='-seed 1 -ops 3000 -players 8'") {
		t.Errorf("the verdict is %v", err)
	}
}
