package boot_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/signin"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/boot"
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

// stub is a server with one port.
type stub struct{ dialect.Port }

func (s stub) Ports() []dialect.Port { return []dialect.Port{s.Port} }
func (s stub) Faults() []string      { return nil }

func TestTwoServersOnOnePortAreAMistakeOfTheSeed(t *testing.T) {
	var set struct {
		Listen string `yaml:"listen"`
	}
	kinds := []dialect.Kind{{Name: "stub", New: func(e dialect.Env) (dialect.Server, error) {
		set.Listen = ""
		err := e.Decode(&set)
		return stub{dialect.Port{Name: "only", Listen: set.Listen}}, err
	}}}
	for listen, want := range map[string]string{":7001": "its port only listens on tcp 127.0.0.1:7001, and so does one/only", ":7002": "", "127.0.0.2:7001": ""} {
		c := clock.New()
		s, err := seed.Load("test.yaml", []byte("version: 1\nservers:\n  - {kind: stub, name: one, listen: \":7001\"}\n  - {kind: stub, name: two, listen: \""+listen+"\"}\n"),
			seed.Options{Now: c.Now(), Kinds: []string{"stub"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = boot.New(s, boot.Options{Clock: c, Kinds: kinds})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "test.yaml:4:5: "+want) {
			t.Errorf("%s: %v, want %q", listen, err, want)
		}
		if _, err := boot.New(s, boot.Options{Clock: c, Kinds: kinds, Auto: true}); err != nil {
			t.Errorf("with free ports: %v", err)
		}
	}
}
