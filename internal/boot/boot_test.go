package boot_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/boot"
	"counterpart/internal/clock"
	"counterpart/internal/signin"
	"counterpart/seed"
)

func TestOfTwoRacingChangesOfAManagedPasswordOneWins(t *testing.T) {
	c := clock.Frozen(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	s, err := seed.Load("test.yaml", []byte(`
version: 1
organization: {lockout: {threshold: 0}}
users: [{name: svc, password: Vaulted-1}]
accounts: [{name: svc, user: svc}]
`), seed.Options{Now: c.Now()})
	if err != nil {
		t.Fatal(err)
	}
	company, err := boot.New(s, boot.Options{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	old := "Vaulted-1"
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if company.Logins.SetPassword(t.Context(), "svc", signin.NewPassword{Password: "Directory-2", Old: &old}) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d changes from one old password won", won.Load())
	}
	if _, err := company.Logins.Login(t.Context(), "svc", "Directory-2"); err != nil {
		t.Error(err)
	}
}
