package dialecttest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/company/state/statetest"
	"counterpart/internal/steering/boot"
)

// unlucky is a store that can be told to fail once.
type unlucky interface {
	state.Store
	At(n int)         // the n-th write from now on
	Heal() (was bool) // all works again; was is whether that write has come
}

// ways to fail: one write has no effect and the others work, or one write is the last
// before nothing works any more.
var ways = map[string]func(state.Store) unlucky{
	"a write fails": func(s state.Store) unlucky { return statetest.Failing(s) },
	"a crash":       func(s state.Store) unlucky { return statetest.Crashing(s) },
}

// Attempt is an operation that writes several records, on a fleet of its own that is
// ready for it.
type Attempt struct {
	Do    func() (failed bool) // failed: it ended as a failure of ours, or of the store
	Look  func()               // what a reader sees then must be whole; may be nil
	Again func()               // asked when Do failed, and must succeed; nil: Do
	After func()               // what holds at last; may be nil
}

// most writes that an operation may have.
const most = 60

// Unlucky tries an operation on fresh fleets with a failure at its first write, at its
// second, and so on until none is left to fail: once as a write without effect, once as
// a crash after the write. What a reader sees then is whole, and the operation can be
// done again.
func Unlucky(t *testing.T, name string, setup Setup, ready func(t *testing.T, f *Fleet) Attempt) {
	t.Helper()
	for way, over := range ways {
		t.Run(name+", "+way, func(t *testing.T) {
			for n := 1; n < most; n++ {
				if done := tryOnce(t, n, setup, over, ready); done || t.Failed() {
					return
				}
			}
			t.Error("it never ended")
		})
	}
}

// tryOnce lets the n-th write fail; done means that there was no such write.
func tryOnce(t *testing.T, n int, setup Setup, over func(state.Store) unlucky, ready func(t *testing.T, f *Fleet) Attempt) (done bool) {
	var store unlucky
	options := setup.Options
	setup.Options = func(o *boot.Options) {
		store = over(state.NewMemory(o.Clock))
		o.Store = store
		if options != nil {
			options(o)
		}
	}
	f := RunWith(t, setup)
	a := ready(t, f)
	if t.Failed() {
		t.Fatal("it could not be prepared")
	}
	store.At(n)
	failed := a.Do()
	done = !store.Heal()
	if failed && done {
		t.Error("it fails by itself")
	}
	if a.Look != nil {
		a.Look()
	}
	switch {
	case failed && a.Again != nil:
		a.Again()
	case failed && a.Do():
		t.Error("it fails again")
	}
	if a.After != nil {
		a.After()
	}
	if t.Failed() {
		t.Logf("with a failure at write %d, which was answered as one: %v", n, failed)
	}
	return done
}

// Operation is an Attempt in lines: see Plays for their form.
type Operation struct {
	Name   string
	Before []string
	Ready  func(t *testing.T, f *Fleet, c *Client) // what lines cannot say, after Before; may be nil
	Do     string                                  // a question
	Look   []string
	Again  string // after a failure it must succeed; empty: Do
	// Done are words of a refusal of the second try which says that the first one has done
	// what matters.
	Done  string
	After []string
	// Anyway asks Again even when nothing failed.
	Anyway bool
	// Check is another Look, and another After.
	Check, Finally func(t *testing.T, f *Fleet, c *Client)
}

// Operations are those of one server, over HTTP.
type Operations struct {
	Setup  Setup
	Client func(f *Fleet) *Client
	Wait   time.Duration // between a failure and the second try
	List   []Operation
}

// Try tries each with a failure at each of its writes.
func (o Operations) Try(t *testing.T) {
	t.Helper()
	for _, op := range o.List {
		Unlucky(t, op.Name, o.Setup, func(t *testing.T, f *Fleet) Attempt { return o.attempt(t, f, op) })
	}
}

func (o Operations) attempt(t *testing.T, f *Fleet, op Operation) Attempt {
	c := o.Client(f)
	Plays(t, f, c, op.Before)
	if op.Ready != nil {
		op.Ready(t, f, c)
	}
	again := func() {
		line := op.Again
		if line == "" {
			line = op.Do
		}
		if a := c.Send(t, line); a.Status/100 != 2 && (op.Done == "" || !strings.Contains(string(a.Body), op.Done)) {
			t.Errorf("again: %s\n said %s", line, a)
		}
	}
	failed := false
	return Attempt{
		Do: func() bool {
			a := c.Send(t, op.Do)
			if failed = a.Status >= 500; !failed && a.Status/100 != 2 {
				t.Errorf("%s\n said %s", op.Do, a)
			}
			return failed
		},
		Look: func() {
			Plays(t, f, c, op.Look)
			if op.Check != nil {
				op.Check(t, f, c)
			}
			f.Clock.Advance(o.Wait)
			if !failed && op.Anyway {
				again()
			}
		},
		Again: again,
		After: func() {
			Plays(t, f, c, op.After)
			if op.Finally != nil {
				op.Finally(t, f, c)
			}
		},
	}
}

// String is for messages of tests.
func (a Answer) String() string {
	body := a.Body
	if len(body) > 2000 {
		body = append(body[:2000:2000], "…"...)
	}
	return fmt.Sprintf("%d %s", a.Status, body)
}

// Plays sends lines to a fleet and wants of each what it says:
//
//	[404] question           the status, or one from 200 to 299
//	=> text                  stands in the last answer
//	1> text                  stands there once
//	!> text                  does not
//	-> name path, >> 90s     as in Exchanges
func Plays(t *testing.T, f *Fleet, c *Client, lines []string) {
	t.Helper()
	for n, line := range lines {
		if (Exchanges{}).directed(t, []*Client{c}, f, n, line) {
			continue
		}
		if sign, text, ok := strings.Cut(line, "> "); ok && len(sign) == 1 {
			text = c.fill(text)
			n := strings.Count(string(c.Last.Body), text)
			if n == 0 && sign == "=" || n > 0 && sign == "!" || n != 1 && sign == "1" {
				t.Errorf("%s stands %d times in %s", text, n, c.Last)
			}
			continue
		}
		want := ""
		if word, rest, _ := strings.Cut(line, " "); len(word) == 3 && word[0] >= '1' && word[0] <= '5' {
			want, line = word, rest
		}
		a := c.Send(t, line)
		if got := fmt.Sprint(a.Status); want != "" && got != want || want == "" && got[0] != '2' {
			t.Errorf("%s\n said %s", line, a)
		}
	}
}
