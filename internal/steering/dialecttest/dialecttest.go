// Package dialecttest starts one server in a test: a seed in YAML, a frozen
// clock, a memory store, real loopback
// ports.
package dialecttest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

// Start is the moment at which the clock of every test stands.
var Start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// Fleet is a running fleet of a test.
type Fleet struct {
	*boot.Company
	t testing.TB
}

// Run starts the servers of a seed on free loopback ports, with a frozen clock,
// and stops them at the end of the test.
func Run(t testing.TB, kinds []dialect.Kind, yaml string) *Fleet {
	t.Helper()
	return RunWith(t, Setup{Kinds: kinds, Seed: yaml})
}

// Setup is what a test's fleet is made of.
type Setup struct {
	Kinds   []dialect.Kind
	Seed    string              // YAML
	Running bool                // the clock runs, from Start on
	Options func(*boot.Options) // changes what is usual; may be nil
}

// RunWith is Run for a fleet that is not quite usual.
func RunWith(t testing.TB, setup Setup) *Fleet {
	t.Helper()
	c := clock.Frozen(Start)
	if setup.Running {
		c.Resume()
	}
	s, err := seed.Load("test.yaml", []byte(setup.Seed), seed.Options{Now: Start, FS: worlds.FS})
	if err != nil {
		t.Fatal(err)
	}
	opt := boot.Options{Kinds: setup.Kinds, Auto: true, Clock: c, ControlToken: "control-token",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if setup.Options != nil {
		setup.Options(&opt)
	}
	if opt.Store == nil {
		opt.Store = store(t, c)
	}
	company, err := boot.New(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := company.Bind(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- company.Serve(ctx) }()
	f, kinds := &Fleet{Company: company, t: t}, map[string]string{}
	for _, block := range s.Servers {
		kinds[block.Name] = block.Kind
	}
	t.Cleanup(func() {
		f.sawAll(kinds)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, e := range company.Journal.Tail(20) {
				t.Logf("journal: %s %s %s %s %s %s", e.Server, e.Op, e.Actor, e.Outcome, e.Status, e.Why)
			}
		}
	})
	return f
}

// Addr is where a port listens: "native/http".
func (f *Fleet) Addr(id string) string {
	f.t.Helper()
	for _, e := range f.Company.Fleet.Endpoints() {
		if e.ID() == id {
			return e.Addr
		}
	}
	f.t.Fatalf("no port %s", id)
	return ""
}

// Last waits for the newest journal entry that matches.
func (f *Fleet) Last(m journal.Match) journal.Entry {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	p, err := f.Journal.Await(ctx, 0, m)
	if err != nil {
		f.t.Fatalf("no journal entry like %+v: %v", m, err)
	}
	return p.Entries[len(p.Entries)-1]
}
