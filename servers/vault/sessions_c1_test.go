package vault_test

import (
	"strings"
	"testing"

	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestC1FinishedSessionsCostNothing: a login, a use and a revocation ask the store for as
// much after a thousand sessions that are over as after ten, and leave nothing there.
func TestC1FinishedSessionsCostNothing(t *testing.T) {
	var store *statetest.Count
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: strings.Replace(company, "FLAVOUR", "", 1),
		Options: func(o *boot.Options) {
			store = statetest.Counting(state.NewMemory(o.Clock))
			o.Store = store
		}})
	v := newPeer("http://" + f.Addr("vault/http"))
	round := func() {
		v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
		v.says(t, `@{{tok}} POST cubbyhole/x {"x":1}`, 204)
		v.says(t, "@{{tok}} GET auth/token/lookup-self", 200)
		v.says(t, "@{{tok}} POST auth/token/revoke-self", 204)
	}
	cost := func() int64 {
		before := store.Cost()
		round()
		return store.Cost() - before
	}
	for range 10 {
		round()
	}
	few, records := cost(), len(recordsOf(t, f.Store))
	for range 1000 {
		round()
	}
	if many := cost(); many > few {
		t.Errorf("a session asks the store for %d things after ten others, and for %d after a thousand", few, many)
	}
	if left := len(recordsOf(t, f.Store)); left > records {
		t.Errorf("%d records became %d", records, left)
	}
}
