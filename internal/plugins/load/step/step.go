// Package step is what the engine of a load test and the protocols it speaks know of
// each other: a step of a journey as its plan has it (Spec), where it goes (Target),
// who takes it (Walk), and what came of it (Answer).
package step

import (
	"context"
	"crypto/tls"
	"time"
)

// Step does one thing over and over, for many walks at once: it is safe for
// concurrent use, and what it keeps for one walk is held by the walk.
type Step interface {
	// Do sends what the step says and waits for the answer, for Spec.Timeout at most.
	// Whatever the network and the server do is an Answer, silence among it. An error
	// is a mistake of the plan that shows only now: a hole without a value, an answer
	// of another shape than the plan's pointers. ctx ends when the run is given up.
	Do(ctx context.Context, w *Walk) (Answer, error)
}

// Opener makes a step of its specification. It compiles what can be compiled once, and
// refuses what it can see is wrong; it connects to nothing. Connections, sockets and
// ports are shared by the steps of one Opener that go to the same target.
type Opener func(Spec, Target) (Step, error)

// Verdict is what an answer means to the person.
type Verdict uint8

// The verdicts.
const (
	Failed  Verdict = iota // no answer, or none that can be read
	LetIn                  // what was asked for was granted
	Asked                  // another round is wanted: a challenge, an approval that is awaited
	Refused                // the server said no
)

// verdicts are the verdicts' names in plans and reports.
var verdicts = [...]string{"failed", "let_in", "asked", "refused"}

// String is the verdict's name in plans and reports.
func (v Verdict) String() string { return verdicts[v] }

// ParseVerdict is the verdict of a name.
func ParseVerdict(name string) (Verdict, bool) {
	for i, n := range verdicts {
		if n == name {
			return Verdict(i), true
		}
	}
	return Failed, false
}

// Answer is what came of a step.
type Answer struct {
	// Operation is the row of the report, one of few: "POST /v1/auth/userpass/login/:user",
	// "Access-Request". The fleet calls the operation the same, where it can be known.
	Operation string
	Verdict   Verdict
	// Reason is the protocol's own word for it, whatever the verdict, or why there is no answer; one
	// of few: "200", "403", "Access-Reject", "49", "timeout", "connection refused".
	Reason string
	// Sent is when the request was about to be handed to the system (for a request that is sent
	// again: the first time), Answered when the last octet of the answer was read, or when
	// nothing more was waited for; by Walk.Now. Sent is zero if nothing could be sent.
	Sent, Answered time.Time
	Wrong          string // what the step itself finds wrong with the answer, in words; it counts as unexpected
	Octets         int    // of the answer
	Parts          []Part // operations of which it consisted, for rows of their own
	Facts          []Fact // for the laws; the step may use the memory again for the walk's next answer
}

// Part is an operation within a step: a hook of a plugin within its session.
type Part struct {
	Operation                string
	Intended, Sent, Answered time.Time
	Verdict                  Verdict
	Reason                   string
}

// Fact is something that a law counts.
type Fact struct {
	Kind FactKind
	What string // Spec's word for what it is: "lease", "token", "code"
	ID   string // which one: "root@db01", a token (the law keeps a digest), a code
}

// FactKind is what happened to what a fact is about.
type FactKind uint8

// The kinds of facts.
const (
	Takes     FactKind = iota // it is held by the walk from now on: an account, a lease
	GivesBack                 // it is held no more
	Issues                    // it is valid from now on: a token, a session
	Revokes                   // it is valid no more
	Shows                     // it was shown, and is accepted once: a code
)

// Target is where a step goes.
type Target struct {
	Name  string // as the plan names it: "vault", "radius/auth"
	Proto string // http, https, udp, tcp, tls
	// Addrs are host:port of all servers that answer there: replicas. A walk stays with the one that
	// Walk.Number chooses by its remainder, unless the step says otherwise.
	Addrs []string
	Path  string            // what all paths begin with, of a target that was given as a URL
	Host  string            // the name to ask for; empty: the address
	TLS   *tls.Config       // nil without TLS
	Facts map[string]string // what clients of this server are configured with: "secret", "api_host"
	// Constants are all values that are the same for all walks, for Compile: "vault.token" is the
	// fact token of the server vault, "clients.sps.secret", "users.alice.password".
	Constants map[string]string
}

// Walk is one person on one journey. It belongs to one goroutine at a time.
type Walk struct {
	Journey string
	Number  uint64 // of this walk in its run, from 0
	Person  Person
	Account Account // drawn for the walk; zero if the company has none
	Now     func() time.Time
	// Shown are the codes that were drawn since the step began, for facts about them.
	Shown []string

	saved []pair
	held  []held
}

type pair struct{ name, value string }

type held struct {
	key   any
	value Closer
}

// Closer is what a step keeps for one walk: a connection with its bind.
type Closer interface{ Close() error }

// Save keeps a value for later steps of the walk.
func (w *Walk) Save(name, value string) {
	for i := range w.saved {
		if w.saved[i].name == name {
			w.saved[i].value = value
			return
		}
	}
	w.saved = append(w.saved, pair{name, value})
}

// Saved is what an earlier step has kept.
func (w *Walk) Saved(name string) (value string, ok bool) {
	for i := range w.saved {
		if w.saved[i].name == name {
			return w.saved[i].value, true
		}
	}
	return "", false
}

// Fate is what the company demands of the step that was done: of one with a code also that
// the person may use a device that shows one.
func (w *Walk) Fate() Fate {
	if len(w.Shown) > 0 && w.Person.Fate != MayNot {
		return w.Person.Second
	}
	return w.Person.Fate
}

// Hold keeps something by a key of the step's own until the walk is over, and closes it then.
func (w *Walk) Hold(key any, value Closer) { w.held = append(w.held, held{key, value}) }

// Held is what Hold keeps by a key; nil: nothing.
func (w *Walk) Held(key any) Closer {
	for i := len(w.held) - 1; i >= 0; i-- {
		if w.held[i].key == key {
			return w.held[i].value
		}
	}
	return nil
}

// End closes what is held and forgets the walk, whose memory may serve another one.
func (w *Walk) End() {
	for _, h := range w.held {
		h.value.Close()
	}
	clear(w.held)
	clear(w.saved)
	*w = Walk{saved: w.saved[:0], held: w.held[:0], Shown: w.Shown[:0]}
}
