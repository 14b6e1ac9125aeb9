// Package counterparttest runs a whole fleet inside a Go test: every fake system
// of a seed on free loopback ports, one clock to move, orders to give, faults to
// set and a journal to hold expectations against.
//
//	f := counterparttest.Start(t)
//	client := vault.New(f.URL("native/http"))
//	f.Decide(counterparttest.Decision{Verb: "deny", User: "alice", On: "push", Next: 1})
//	f.Clock.Advance(8 * time.Hour)
//	f.Never(counterparttest.Match{Actor: "mallory", Outcome: "ok"})
//
// The clock of a fleet stands still until the test moves it or calls Resume, so
// that nothing depends on how long a test takes. A failing test prints the end
// of the journal.
package counterparttest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// What a fleet is steered with. docs/control.md says what the fields mean.
type (
	// Clock is the fleet's time: Now, Advance, Freeze, Resume.
	Clock = clock.Virtual
	// Decision is a standing order.
	Decision = decision.Decision
	// Fault is a rule by which things go wrong.
	Fault = fault.Rule
	// Match chooses operations; empty fields choose all.
	Match = journal.Match
	// Entry is one operation that happened.
	Entry = journal.Entry
	// Check is a set of expectations of the journal.
	Check = journal.Check
	// Expectation is how often something is expected to happen.
	Expectation = journal.Expectation
	// Verdict is how a Check ended.
	Verdict = journal.Verdict
	// Approval is a push or call.
	Approval = factor.Approval
)

// Begin is where the clock of a fleet stands unless At says otherwise.
var Begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// Fleet is a running fleet. Its methods end the test when they fail; in a
// program without a test they panic.
type Fleet struct {
	// Clock is the time of everything in the fleet.
	Clock *Clock

	t       testing.TB // nil outside of a test
	company *boot.Company
	stop    func() error
}

// settings are what options change.
type settings struct {
	name string
	text []byte
	fs   fs.FS
	at   time.Time
	real bool
	err  error
}

// Option changes how a fleet starts.
type Option func(*settings)

// YAML runs a seed given as text.
func YAML(text string) Option {
	return func(s *settings) { s.name, s.text, s.fs = "test.yaml", []byte(text), nil }
}

// File runs the seed of a file.
func File(path string) Option {
	return func(s *settings) {
		s.name, s.fs = path, os.DirFS(filepath.Dir(path))
		s.text, s.err = os.ReadFile(path)
	}
}

// World runs a ready-made seed: demo (which is what runs without any option),
// minimal or load.
func World(name string) Option {
	return func(s *settings) {
		if !slices.Contains(worlds.Names(), name) {
			s.err = fmt.Errorf("there is no ready-made world %q; there are %s", name, strings.Join(worlds.Names(), ", "))
			return
		}
		s.name, s.fs = name+".yaml", worlds.FS
		s.text, s.err = worlds.Open(name)
	}
}

// At is where the clock stands at first.
func At(t time.Time) Option { return func(s *settings) { s.at = t } }

// RealTime lets the clock run from the start.
func RealTime() Option { return func(s *settings) { s.real = true } }

// Start runs a fleet for the length of a test, which it ends when that fails.
func Start(t testing.TB, options ...Option) *Fleet {
	t.Helper()
	f, err := New(options...)
	if err != nil {
		t.Fatal(err)
	}
	f.t = t
	t.Cleanup(func() {
		err := f.Close()
		if err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the fleet's journal:\n%s", f.Tail(20))
		}
	})
	return f
}

// New runs a fleet until Close, for programs that are no tests.
func New(options ...Option) (*Fleet, error) {
	s := &settings{at: Begin}
	for _, o := range append([]Option{World("demo")}, options...) {
		o(s)
	}
	if s.err != nil {
		return nil, s.err
	}
	c := clock.Frozen(s.at)
	if s.real {
		c.Resume()
	}
	parsed, err := seed.Load(s.name, s.text, seed.Options{Now: c.Now(), FS: s.fs})
	if err != nil {
		return nil, err
	}
	company, err := boot.New(parsed, boot.Options{Kinds: servers.Table(), Auto: true, Clock: c, ControlToken: ""})
	if err != nil {
		return nil, err
	}
	if err := company.Bind(); err != nil {
		return nil, err
	}
	f := &Fleet{Clock: c, company: company}
	f.stop = serve(company)
	return f, nil
}

// Close stops the fleet and waits until nothing of it runs.
func (f *Fleet) Close() error { return f.stop() }

func (f *Fleet) fail(err error) {
	if err == nil {
		return
	}
	if f.t == nil {
		panic(err)
	}
	f.t.Helper()
	f.t.Fatal(err)
}

func (f *Fleet) helper() {
	if f.t != nil {
		f.t.Helper()
	}
}

// Addr is where a port listens: "native/http", "radius/auth".
func (f *Fleet) Addr(port string) string {
	f.helper()
	var known []string
	for _, e := range f.company.Fleet.Endpoints() {
		if e.ID() == port {
			return e.Addr
		}
		known = append(known, e.ID())
	}
	f.fail(fmt.Errorf("no port %q; there are %s", port, strings.Join(known, ", ")))
	return ""
}

// URL is the base URL of an HTTP port.
func (f *Fleet) URL(port string) string {
	f.helper()
	addr := f.Addr(port)
	for _, e := range f.company.Fleet.Endpoints() {
		if e.ID() == port && e.Proto == "https" {
			return "https://" + addr
		}
	}
	return "http://" + addr
}

// CA holds the certificate that the fleet's TLS ports descend from.
func (f *Fleet) CA() *x509.CertPool { return f.company.PKI.Pool() }

// CAPEM is that certificate for clients that read it from a file.
func (f *Fleet) CAPEM() []byte { return f.company.PKI.PEM() }

// Decide gives orders and returns what lifts them again.
func (f *Fleet) Decide(orders ...Decision) (lift func()) {
	f.helper()
	var ids []string
	for _, o := range orders {
		made, err := f.company.Decisions.Add(context.Background(), o)
		f.fail(err)
		ids = append(ids, made.ID)
	}
	return func() {
		for _, id := range ids {
			f.company.Decisions.Lift(context.Background(), id) // one that is used up is gone already
		}
	}
}

// Break adds fault rules, all or none, and returns what takes them away again.
func (f *Fleet) Break(rules ...Fault) (mend func()) {
	f.helper()
	ids, err := f.company.Faults.Add(rules...)
	f.fail(err)
	return func() {
		for _, id := range ids {
			f.company.Faults.Remove(id)
		}
	}
}

// Code is what a person's device shows now: of the first device that shows one.
func (f *Fleet) Code(user string) string {
	f.helper()
	u, ok := f.company.World.Login(user)
	if !ok {
		f.fail(fmt.Errorf("nobody is called %q", user))
	}
	devices, err := f.company.Factors.Devices(context.Background(), u.ID)
	f.fail(err)
	for _, d := range devices {
		if code, _, err := f.company.Factors.Current(context.Background(), d.ID); err == nil {
			return code
		}
	}
	f.fail(fmt.Errorf("no device of %s shows a code", user))
	return ""
}

// Reset takes everything but the clock back to the seed.
func (f *Fleet) Reset() {
	f.helper()
	f.fail(f.company.Reset(context.Background()))
}

// errNotThere is what Wait fails with.
var errNotThere = errors.New("no such operation came")
