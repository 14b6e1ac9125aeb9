package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// law is one kind of thing that has to hold, and how it is put to the test.
type law interface {
	name() string
	// next is a key that nobody plays with, and the model of it as it stands; false: there
	// is none now.
	next(r *rand.Rand) (key string, model porcupine.Model, found bool)
	// race lets several clients at the key at once.
	race(r *round)
	// settle asks until it is known how the key stands; false: there was no clear answer.
	settle(r *round) bool
	// leave gives the key back.
	leave(key string, events []event)
}

// game is a run: laws that are put to the test at replicas of one fleet.
type game struct {
	replicas []*replica
	laws     []law
	began    time.Time
	wanted   int64 // operations that have a clear answer
	counts   []counts

	mu     sync.Mutex
	parked []*round
	broken *round
	err    error // the run itself cannot go on
	stop   context.CancelFunc
}

// counts are the operations of one law by outcome.
type counts [3]atomic.Int64

func (g *game) since() time.Duration { return time.Since(g.began) }

// known is how many operations have a clear answer.
func (g *game) known() (n int64) {
	for i := range g.counts {
		n += g.counts[i][ok].Load() + g.counts[i][refused].Load()
	}
	return n
}

// round is what happens to one key between two moments at which it is known how it
// stands.
type round struct {
	game  *game
	law   int
	key   string
	model porcupine.Model
	rand  *rand.Rand

	mu     sync.Mutex
	events []event
	late   time.Duration // what nobody knows of happened by then
}

// do does an operation and notes how it went.
func (r *round) do(e event, f func(*replica, *event)) event {
	e.call = r.game.since()
	f(r.game.replicas[e.replica], &e)
	e.ret = r.game.since()
	r.game.counts[r.law][e.ended].Add(1)
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if e.ended == unknown {
		time.Sleep(20 * time.Millisecond) // the store may be away
	}
	return e
}

// all lets n clients act at once, each with a source of chance of its own.
func (r *round) all(n int, act func(i int, chance *rand.Rand)) {
	var wg sync.WaitGroup
	for i := range n {
		chance := rand.New(rand.NewPCG(r.rand.Uint64(), r.rand.Uint64()))
		wg.Go(func() { act(i, chance) })
	}
	wg.Wait()
}

// any is a replica.
func (g *game) any(chance *rand.Rand) int { return chance.IntN(len(g.replicas)) }

// open is whether something has no clear answer that could still have an effect.
func (r *round) open(after time.Duration) bool {
	return slices.ContainsFunc(r.events, func(e event) bool {
		return e.ended == unknown && !e.reads() && e.ret > after
	})
}

// fail ends the run: it cannot go on.
func (g *game) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	g.stop()
}

// play has players play rounds until enough operations have a clear answer, a law is
// broken, or ctx ends. It returns the first round that breaks a law.
func (g *game) play(ctx context.Context, players int, seed uint64) (*round, error) {
	ctx, g.stop = context.WithCancel(ctx)
	defer g.stop()
	var wg sync.WaitGroup
	for i := range players {
		chance := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for ctx.Err() == nil && g.known() < g.wanted {
				if r := g.due(); r != nil {
					g.resume(r)
				} else if r := g.deal(chance); r != nil {
					r.game.laws[r.law].race(r)
					g.finish(r)
				}
			}
		})
	}
	wg.Wait()
	return g.broken, g.err
}

// drain settles what is still open once everything is whole.
func (g *game) drain(patience time.Duration) (*round, error) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		g.mu.Lock()
		left := len(g.parked)
		g.mu.Unlock()
		switch {
		case left == 0 || g.broken != nil || g.err != nil:
			return g.broken, g.err
		case time.Now().After(end):
			return nil, fmt.Errorf("%d keys have had no clear answer for %v:\n%s", left, patience, told(g.parked[0].events))
		}
		if r := g.due(); r != nil {
			g.resume(r)
		}
	}
}

// deal begins a round of some law.
func (g *game) deal(chance *rand.Rand) *round {
	n := chance.IntN(len(g.laws))
	key, model, found := g.laws[n].next(chance)
	if !found {
		return nil
	}
	return &round{game: g, law: n, key: key, model: model, rand: rand.New(rand.NewPCG(chance.Uint64(), chance.Uint64()))}
}

// finish checks a round, or puts it aside until what nobody knows of can happen no more.
func (g *game) finish(r *round) {
	if r.open(r.late) {
		g.mu.Lock()
		g.parked = append(g.parked, r)
		g.mu.Unlock()
		return
	}
	if !checked(r.model, r.events, r.late) {
		g.mu.Lock()
		if g.broken == nil {
			g.broken = r
		}
		g.mu.Unlock()
		g.stop()
		return
	}
	g.laws[r.law].leave(r.key, r.events)
}

// How long something may go on after its answer was not clear: a request whose client has
// left, a call of the store that was answered with an error, and a link that has just
// become whole, on which the store calls off what it has left behind.
const (
	unheard = 8 * time.Second
	failed  = 2500 * time.Millisecond
	healed  = 750 * time.Millisecond
)

// due is a round that can be settled now.
func (g *game) due() *round {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.parked, g.quiet)
	if i < 0 {
		return nil
	}
	r := g.parked[i]
	g.parked = slices.Delete(g.parked, i, i+1)
	return r
}

// quiet is whether nothing of a round can happen any more.
func (g *game) quiet(r *round) bool {
	now := g.since()
	for _, e := range r.events {
		if e.ended != unknown || e.reads() || e.ret <= r.late {
			continue
		}
		after := failed
		if e.said == silent {
			after = unheard
		}
		whole := g.replicas[e.replica].settled()
		if now-e.ret < after || whole.IsZero() || time.Since(whole) < healed {
			return false
		}
	}
	return true
}

// silent is what is said when nothing is.
const silent = "nothing"

// resume settles a round, when the replicas say that they can be asked.
func (g *game) resume(r *round) {
	for _, x := range g.replicas {
		if !x.ready() {
			time.Sleep(10 * time.Millisecond)
			g.finish(r)
			return
		}
	}
	late := g.since()
	if g.laws[r.law].settle(r) {
		r.late = late
	}
	g.finish(r)
}
