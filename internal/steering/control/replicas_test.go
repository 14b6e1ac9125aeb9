package control_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
)

// several are the replicas of one fleet, and how to take their store away.
func several(t *testing.T, n int) (all []*dialecttest.Fleet, store *statetest.Crash) {
	t.Helper()
	store = statetest.Crashing(state.NewMemory(clock.Frozen(dialecttest.Start)))
	for range n {
		all = append(all, dialecttest.RunWith(t, dialecttest.Setup{Kinds: []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, Seed: seed,
			Options: func(o *boot.Options) { o.Store = statetest.Shared(store) }}))
	}
	return all, store
}

// at is the same client at another replica.
func (a *api) at(f *dialecttest.Fleet) *api { b := *a; b.f = f; return &b }

// down takes the store away.
func down(t *testing.T, store *statetest.Crash) {
	t.Helper()
	store.At(1)
	if err := state.Of[int](store, "x").Put(t.Context(), "x", 1, time.Time{}); err == nil {
		t.Fatal("it works")
	}
}

func TestReplicasAreListed(t *testing.T) {
	a := client(t)
	if got := a.want(200, "GET", "/replicas", ""); got.str("replicas.0.state") != "live" || got.str("replicas.0.this") != "true" || got.str("replicas.1.id") != "" {
		t.Errorf("alone: %s", got.body)
	}
	all, store := several(t, 3)
	for i := range all {
		got := a.at(all[i]).want(200, "GET", "/replicas", "")
		if strings.Count(got.body, `"state":"live"`) != 3 || strings.Count(got.body, `"this":true`) != 1 || !strings.Contains(got.body, `"silent":[]`) {
			t.Errorf("asked at %d: %s", i, got.body)
		}
	}
	if got := a.at(all[1]).want(200, "POST", "/clock", `{"advance":"1h"}`); !all[2].Clock.Now().Equal(dialecttest.Start.Add(time.Hour)) || got.str("silent") != "" {
		t.Errorf("the third one shows %v: %s", all[2].Clock.Now(), got.body)
	}
	down(t, store)
	for i := range all {
		if code, text := get(t, all[i], "control-token", "", "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "state store is unavailable: it has crashed") {
			t.Errorf("without a store: %d %s", code, text)
		}
		a.at(all[i]).want(503, "POST", "/clock", `{"advance":"1h"}`)
	}
	store.Heal()
	for i := range all {
		for code := 0; code != 200; {
			code, _ = get(t, all[i], "control-token", "", "/readyz")
			time.Sleep(time.Millisecond)
		}
	}
	if !all[0].Clock.Now().Equal(dialecttest.Start.Add(time.Hour)) {
		t.Errorf("time was moved without a store: %v", all[0].Clock.Now())
	}
}
