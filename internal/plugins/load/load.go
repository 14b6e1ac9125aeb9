// Package load runs the plans of load tests: journeys begin when the plan says, whatever
// becomes of those before them, and each operation is timed from when it was to be sent.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
	"counterpart/seed"
)

// Config is what a run needs beside its plan.
type Config struct {
	Plan *plan.Plan
	// Open makes the steps; Target is where each goes.
	Open   step.Opener
	Target func(s *step.Spec) (step.Target, error)
	// Session makes the one step of a journey that is a plugin's session.
	Session func(j *plan.Journey) (step.Step, error)
	// Crowd is who takes the journeys; nil: nobody in particular.
	Crowd *Crowd
	// Observe hears of each answer, those of the warm-up among them; for laws. nil: nobody does.
	Observe func(w *step.Walk, s *step.Spec, a *step.Answer)
	// Happen makes a moment of the plan happen.
	Happen func(ctx context.Context, m plan.Moment) error
	// Now is real time, with its monotonic part, and Wait returns then or with the context's error.
	Now  func() time.Time
	Wait func(ctx context.Context, until time.Time) error
	// Arrive is Wait for the one who begins journeys, where it can be more exact; nil: Wait.
	Arrive func(ctx context.Context, until time.Time) error
	// Processor is what the process has used of processors so far; nil: not known.
	Processor func() time.Duration
	// Warm is called when the warm-up is over; nil: nobody wants to know.
	Warm func()
	// Live is called about once a second while the run goes on; nil: nobody looks.
	Live func(Snapshot)
}

// journey is a journey of the plan with its steps open.
type journey struct {
	name  string
	upTo  float64 // of the weights, those of the journeys before it included
	steps []opened
	row   *row
	crowd *draw
}

// opened is a step.
type opened struct {
	*step.Spec
	do     step.Step // nil of a pause
	target string
	fast   atomic.Pointer[row] // of the operation that it had last
}

// engine is one run.
type engine struct {
	Config
	journeys []journey
	weights  float64
	mix      *rand.Rand
	rows     rows
	started  time.Time
	measured time.Time // what was intended before is warm-up
	walks    chan job
	flying   atomic.Int64
	most     atomic.Int64
	walked   atomic.Uint64
	intended atomic.Int64
	begun    atomic.Int64
	missed   atomic.Int64
	cut      atomic.Int64
	before   atomic.Int64 // what the process had used of processors when the measured part began
	idle     sync.WaitGroup
	mistake  atomic.Pointer[error] // of the plan, that only a run shows
	stop     context.CancelCauseFunc
	series   struct {
		sync.Mutex
		*series
	}
	moments []report.Moment
}

// job is a walk that begins.
type job struct {
	journey  *journey
	number   uint64
	intended time.Time
}

// ErrInterrupted is the cause of a context whose run is to be told as interrupted.
var ErrInterrupted = errors.New("interrupted")

// errOver ends what has not ended by itself.
var errOver = errors.New("the run is over")

// Run runs a plan. The error says why it could not: the report then is nil. A context that
// ends interrupts the run, which is reported as far as it went.
func Run(ctx context.Context, c Config) (*Result, error) {
	e := &engine{Config: c, mix: rand.New(rand.NewPCG(c.Plan.RandomSeed, 1)), walks: make(chan job)}
	e.series.series = newSeries()
	if err := e.open(); err != nil {
		return nil, err
	}
	return e.run(ctx)
}

// open makes the steps of all journeys. What is wrong with any of them is said at once.
func (e *engine) open() error {
	var wrong []error
	e.journeys = make([]journey, len(e.Plan.Journeys))
	for i := range e.Plan.Journeys {
		p := &e.Plan.Journeys[i]
		e.weights += p.Weight
		j := &e.journeys[i]
		j.name, j.upTo, j.row = p.Name, e.weights, newRow(p.Name, "")
		people := e.Plan.People
		if p.People != nil {
			people = *p.People
		}
		if e.Crowd != nil {
			d, err := e.Crowd.drawing(people, e.Plan.Accounts, e.Plan.RandomSeed+uint64(i)*7919)
			if err != nil {
				wrong = append(wrong, seed.Merge(&seed.Error{Problems: []seed.Problem{e.Plan.Problem(err.path, err.what, "")}}))
			}
			if j.crowd = d; d != nil {
				d.bare = !slices.ContainsFunc(e.Plan.Holes(), func(h plan.Hole) bool { return strings.HasPrefix(h.Name, "account.") })
			}
		}
		if p.Scenario != "" {
			do, err := e.Session(p)
			if err != nil {
				wrong = append(wrong, err)
			}
			j.steps = []opened{{Spec: &step.Spec{Journey: p.Name, Name: "session", Pos: e.Plan.Problem(fmt.Sprintf("journeys[%d]", i), "", "").Pos()}, do: do, target: p.Name}}
			continue
		}
		j.steps = make([]opened, len(p.Steps))
		for k := range p.Steps {
			s := &j.steps[k]
			s.Spec = &p.Steps[k]
			if s.Kind() == "pause" {
				continue
			}
			t, err := e.Target(s.Spec)
			if err != nil { // it has its place
				wrong = append(wrong, err)
				continue
			}
			s.target = t.Name
			if s.do, err = e.Open(*s.Spec, t); err != nil {
				wrong = append(wrong, seed.Merge(&seed.Error{Problems: []seed.Problem{e.Plan.Problem(e.Plan.StepPath(s.Spec), err.Error(), "")}}))
			}
		}
	}
	return seed.Merge(wrong...)
}

// chosen is the journey that the mix gives.
func (e *engine) chosen() *journey {
	at := e.mix.Float64() * e.weights
	for i := range e.journeys {
		if at < e.journeys[i].upTo {
			return &e.journeys[i]
		}
	}
	return &e.journeys[len(e.journeys)-1]
}

func (e *engine) run(ctx context.Context) (*Result, error) {
	e.before.Store(int64(e.processor()))
	e.started = e.Now()
	e.measured = e.started.Add(e.Plan.WarmUp)
	walking, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	e.stop = stop
	defer stop(nil)
	arriving, enough := context.WithCancel(ctx)
	defer enough()
	var beside sync.WaitGroup
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	beside.Go(func() { e.watch(watching) })
	beside.Go(func() { e.happen(arriving) })
	beside.Go(func() {
		if e.Plan.WarmUp <= 0 || e.Wait(arriving, e.measured) != nil {
			return
		}
		e.before.Store(int64(e.processor()))
		if e.Warm != nil {
			e.Warm()
		}
	})
	context.AfterFunc(walking, enough) // a mistake of the plan ends it

	if e.Plan.Closed != nil {
		e.loop(arriving, walking)
	} else {
		e.arrive(arriving, walking)
	}
	ended := e.Now()
	e.drain(ctx)
	interrupted := ctx.Err() != nil
	enough()
	unwatch()
	beside.Wait()
	if wrong := e.mistake.Load(); wrong != nil {
		return nil, *wrong
	}
	return e.result(ended, interrupted, e.processor()-time.Duration(e.before.Load())), nil
}

func (e *engine) processor() time.Duration {
	if e.Processor == nil {
		return 0
	}
	return e.Processor()
}

// arrive begins journeys when the plan says.
func (e *engine) arrive(ctx, walking context.Context) {
	a := newArrival(e.Plan.Arrival, rand.New(rand.NewPCG(e.Plan.RandomSeed, 2)))
	wait := e.Arrive
	if wait == nil {
		wait = e.Wait
	}
	for {
		after, more := a.next()
		if !more {
			e.Wait(ctx, e.started.Add(e.Plan.Length()))
			return
		}
		at := e.started.Add(after)
		if e.Now().Before(at) {
			if wait(ctx, at) != nil {
				return
			}
		} else if ctx.Err() != nil {
			return
		}
		e.begin(walking, at)
	}
}

// begin begins a journey, if not too many are on their way.
func (e *engine) begin(walking context.Context, at time.Time) {
	counts := !at.Before(e.measured)
	if counts {
		e.planned(at)
	}
	j := e.chosen()
	if e.flying.Load() >= int64(e.Plan.InFlight) {
		if counts {
			e.missed.Add(1)
		}
		return
	}
	n := e.flying.Add(1)
	if n > e.most.Load() {
		e.most.Store(n)
	}
	next := job{j, e.walked.Add(1) - 1, at}
	select {
	case e.walks <- next: // somebody has time
	default:
		e.idle.Add(1)
		go e.worker(walking, next)
	}
}

// planned counts a journey that is to begin.
func (e *engine) planned(at time.Time) {
	e.intended.Add(1)
	e.series.Lock()
	e.series.point(at.Sub(e.measured)).intended++
	e.series.Unlock()
}

// worker takes walks, one after the other.
func (e *engine) worker(ctx context.Context, next job) {
	defer e.idle.Done()
	w := &step.Walk{}
	for {
		e.walk(ctx, w, next)
		e.flying.Add(-1)
		var more bool
		if next, more = <-e.walks; !more {
			return
		}
	}
}

// loop is a closed loop: each person begins anew.
func (e *engine) loop(ctx, walking context.Context) {
	c := e.Plan.Closed
	end := e.started.Add(c.For)
	var mix sync.Mutex
	for range c.People {
		e.idle.Go(func() {
			w := &step.Walk{}
			for at := e.Now(); at.Before(end) && ctx.Err() == nil; at = e.Now() {
				mix.Lock()
				j := e.chosen()
				mix.Unlock()
				if !at.Before(e.measured) {
					e.planned(at)
				}
				if n := e.flying.Add(1); n > e.most.Load() {
					e.most.Store(n)
				}
				e.walk(walking, w, job{j, e.walked.Add(1) - 1, at})
				e.flying.Add(-1)
				if c.Pause > 0 && e.Wait(ctx, e.Now().Add(c.Pause)) != nil {
					return
				}
			}
		})
	}
	e.Wait(ctx, end)
}

// grace is how long journeys may go on after an interruption.
const grace = 2 * time.Second

// drain lets journeys end that have begun, for as long as the plan says. What is not over
// then is ended.
func (e *engine) drain(ctx context.Context) {
	over, cancel := context.WithCancel(context.WithoutCancel(ctx))
	either, done := context.WithCancel(ctx)
	var late sync.WaitGroup
	late.Go(func() {
		if e.Wait(either, e.Now().Add(e.Plan.Drain)) != nil {
			e.Wait(over, e.Now().Add(grace))
		}
		if over.Err() == nil {
			e.stop(errOver)
		}
	})
	close(e.walks)
	e.idle.Wait()
	cancel()
	done()
	late.Wait()
}

// wrong ends the run for a mistake of the plan that only it has shown.
func (e *engine) wrong(err error) {
	if e.mistake.CompareAndSwap(nil, &err) {
		e.stop(err)
	}
}
