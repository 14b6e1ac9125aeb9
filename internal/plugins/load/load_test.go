package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

// until is a wait on the time that a test has.
func until(ctx context.Context, at time.Time) error {
	left := time.Until(at)
	if left <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(left):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// server is a step that a test plants: it answers after a time that depends on when it is
// asked.
type server struct {
	takes func(since time.Duration) time.Duration
	says  func(n int) (step.Verdict, string)
	mu    sync.Mutex
	began time.Time
	n     int
}

func (s *server) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	a := step.Answer{Operation: "GET /", Verdict: step.LetIn, Reason: "200", Sent: w.Now()}
	s.mu.Lock()
	if s.began.IsZero() {
		s.began = w.Now()
	}
	since, n := w.Now().Sub(s.began), s.n
	s.n++
	s.mu.Unlock()
	if err := until(ctx, w.Now().Add(s.takes(since))); err != nil {
		a.Verdict, a.Reason = step.Failed, "gone"
	} else if s.says != nil {
		a.Verdict, a.Reason = s.says(n)
	}
	a.Answered = w.Now()
	return a, nil
}

func always(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// play runs a plan against a planted server, in time that a test has.
func play(t *testing.T, text string, s *server, change func(*Config)) *Result {
	t.Helper()
	p, err := plan.Parse("plan.yaml", ".", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Plan: p, Now: time.Now, Wait: until,
		Open:   func(step.Spec, step.Target) (step.Step, error) { return s, nil },
		Target: func(*step.Spec) (step.Target, error) { return step.Target{Name: "it"}, nil }}
	ctx := t.Context()
	if change != nil {
		change(&c)
	}
	r, err := Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const one = `
load: one
journeys: [{name: look, steps: [{http: {path: /}, to: it}]}]
`

// TestAStallIsFelt: a server that stands still for two seconds is felt by all who come
// meanwhile, whatever it measures itself.
func TestAStallIsFelt(t *testing.T) {
	stall := func(since time.Duration) time.Duration {
		if since >= time.Second && since < 3*time.Second {
			return 3*time.Second - since + time.Millisecond
		}
		return time.Millisecond
	}
	synctest.Test(t, func(t *testing.T) {
		r := play(t, one+"arrival: [{rate: 100, for: 10s}]\nexpect: [{p99: 1s}, {p50: 2ms}, {clock: truth, max: 2ms}]", &server{takes: stall}, nil)
		own := newHistogram()
		for range r.All.Count {
			record(own, time.Millisecond) // the server measures from when it takes a request up
		}
		r.Own("it", "GET /", own)
		r.Owned()
		out := r.Judge()
		if out.All.Count != 1000 || out.All.Felt.P50 > 1.1 || out.All.Felt.P99 < 1900 || out.All.Felt.Max < 1990 || out.All.Truth.Max > 1.1 {
			t.Errorf("%d answers, felt %+v, truth %+v", out.All.Count, out.All.Felt, out.All.Truth)
		}
		if out.Verdict != report.Failed || len(out.Why) != 1 || !strings.Contains(out.Why[0], "felt p99") {
			t.Errorf("%s: %q", out.Verdict, out.Why)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a closed loop hides it, and correction brings it back
		out := play(t, one+"closed: {people: 1, for: 10s}", &server{takes: stall}, nil).Judge()
		if f := out.All.Felt; !out.Closed || f.P99 > 2 || f.Corrected.P99 < 1700 {
			t.Errorf("felt %+v, corrected %+v", f, f.Corrected)
		}
	})
}

// TestAStarvedGeneratorIsInvalid, whatever it has seen.
func TestAStarvedGeneratorIsInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := play(t, one+"arrival: [{rate: 100, for: 3s}]", &server{takes: always(time.Millisecond)}, func(c *Config) {
			c.Wait = func(ctx context.Context, at time.Time) error {
				if d := time.Until(at); d > 0 && d < 100*time.Millisecond {
					at = at.Add(200 * time.Millisecond)
				}
				return until(ctx, at)
			}
		}).Judge()
		if out.Verdict != report.Invalid || !strings.Contains(out.Why[0], "the generator was late") {
			t.Errorf("%s: %q", out.Verdict, out.Why)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		out := play(t, one+"in_flight: 10\narrival: [{rate: 100, for: 3s}]", &server{takes: always(time.Second)}, nil).Judge()
		if out.Verdict != report.Invalid || !strings.Contains(out.Why[0], "10 were on their way") || out.Generator.Missed != 270 || out.Generator.Most != 10 {
			t.Errorf("%s: %q, %+v", out.Verdict, out.Why, out.Generator)
		}
	})
}

// TestInterruptionIsToldAsItIs: what was seen until then is reported.
func TestInterruptionIsToldAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p, err := plan.Parse("plan.yaml", ".", []byte(one+"arrival: [{rate: 10, for: 1h}]"))
		if err != nil {
			t.Fatal(err)
		}
		s := &server{takes: always(10 * time.Minute)}
		began := time.Now()
		time.AfterFunc(5*time.Second, stop)
		r, err := Run(ctx, Config{Plan: p, Now: time.Now, Wait: until, Open: func(step.Spec, step.Target) (step.Step, error) { return s, nil },
			Target: func(*step.Spec) (step.Target, error) { return step.Target{}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		out := r.Judge()
		if out.Verdict != report.Interrupted || !out.Interrupted || out.Generator.Begun != 49 && out.Generator.Begun != 50 || out.Generator.Unfinished != out.Generator.Begun {
			t.Errorf("%s: %+v", out.Verdict, out.Generator)
		}
		if took := time.Since(began); took != 5*time.Second+grace {
			t.Errorf("it took %v", took)
		}
	})
}

// TestNothingIsAnswered is no success, whatever is expected.
func TestNothingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := play(t, one+"arrival: [{rate: 10, for: 1s}]", &server{takes: always(0), says: func(int) (step.Verdict, string) { return step.Failed, "connection refused" }}, nil).Judge()
		if out.Verdict != report.Failed || len(out.Why) != 1 || !strings.Contains(out.Why[0], "nothing was answered: connection refused") || out.All.Felt != nil {
			t.Errorf("%s: %q", out.Verdict, out.Why)
		}
	})
}

// TestWhatDoesNotEndIsUnfinished.
func TestWhatDoesNotEndIsUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := play(t, one+"drain: 3s\narrival: [{rate: 10, for: 1s}]", &server{takes: always(time.Hour)}, nil).Judge()
		if out.Verdict != report.Failed || out.Generator.Unfinished != 10 || !strings.Contains(out.Why[0], "10 journeys were not over 3s after") {
			t.Errorf("%s: %q", out.Verdict, out.Why)
		}
	})
}

// TestStepsAreTakenInTurn: what is saved, asked again, taken only after a verdict, and always.
func TestStepsAreTakenInTurn(t *testing.T) {
	const text = `
load: steps
arrival: [{rate: 1, for: 1s}]
journeys:
  - name: j
    steps:
      - {name: first, http: {path: /}, to: it, again: {every: 2s, for: 10s}}
      - {pause: 5s}
      - {name: second, http: {path: /}, to: it, when: asked}
      - {name: third, http: {path: /}, to: it, expect: {verdict: let_in}}
      - {name: fourth, http: {path: /}, to: it}
      - {name: last, http: {path: /}, to: it, when: always}
`
	synctest.Test(t, func(t *testing.T) {
		out := play(t, text, &server{takes: always(time.Second), says: func(n int) (step.Verdict, string) {
			switch n {
			case 0, 1:
				return step.Asked, "wait"
			case 3:
				return step.Refused, "403"
			}
			return step.LetIn, "200"
		}}, nil).Judge()
		var got []string
		for _, r := range out.Operations {
			got = append(got, fmt.Sprintf("%s %d", r.Name, r.Count))
		}
		if want := []string{"first 3", "last 1", "third 1"}; !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
		// 3 × 1 s and 2 × 2 s of the first, a pause, and two more answers.
		if j := out.Journeys[0]; j.Refused != 1 || math.Abs(j.Felt.Max-14000) > 20 {
			t.Errorf("%+v %+v", j, j.Felt)
		}
		if out.Verdict != report.Failed || !strings.Contains(strings.Join(out.Why, "\n"), "plan.yaml:10:9: journey j") || !strings.Contains(out.Why[0], "refused (403), not let_in") {
			t.Errorf("%s: %q", out.Verdict, out.Why)
		}
	})
}

// TestMistakesOfThePlanThatShowLate end the run.
func TestMistakesOfThePlanThatShowLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := plan.Parse("plan.yaml", ".", []byte(one+"arrival: [{rate: 1, for: 1h}]"))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = Run(t.Context(), Config{Plan: p, Now: time.Now, Wait: until, Open: func(step.Spec, step.Target) (step.Step, error) { return broken{}, nil },
			Target: func(*step.Spec) (step.Target, error) { return step.Target{}, nil }})
		if err == nil || err.Error() != "plan.yaml:3:33: {{ token }}: there is no value" || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

type broken struct{}

func (broken) Do(context.Context, *step.Walk) (step.Answer, error) {
	return step.Answer{}, fmt.Errorf("{{ token }}: %w", step.ErrNoValue)
}

// TestMomentsHappen at their time, and one that is refused ends the run with its place.
func TestMomentsHappen(t *testing.T) {
	text := one + "arrival: [{rate: 1, for: 10s}]\nat:\n  - {at: 5s, clock: {advance: 1h}}\n  - {at: 2s, faults: [{server: it, kind: delay}]}\n"
	synctest.Test(t, func(t *testing.T) {
		began, seen := time.Now(), []time.Duration{}
		out := play(t, text, &server{takes: always(time.Millisecond)}, func(c *Config) {
			c.Happen = func(context.Context, plan.Moment) error { seen = append(seen, time.Since(began)); return nil }
		}).Judge()
		if !slices.Equal(seen, []time.Duration{2 * time.Second, 5 * time.Second}) || out.Moments[0].What != "faults: it delay" || out.Moments[1].What != "clock + 1h0m0s" {
			t.Errorf("%v %+v", seen, out.Moments)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := plan.Parse("plan.yaml", ".", []byte(text))
		_, err := Run(t.Context(), Config{Plan: p, Now: time.Now, Wait: until, Open: func(step.Spec, step.Target) (step.Step, error) { return &server{takes: always(1)}, nil },
			Target: func(*step.Spec) (step.Target, error) { return step.Target{}, nil },
			Happen: func(context.Context, plan.Moment) error { return errors.New("no such kind") }})
		if err == nil || err.Error() != "plan.yaml:7:5: no such kind" {
			t.Error(err)
		}
	})
}

// TestOperationsOfTheFleetAreFound by what was asked for.
func TestOperationsOfTheFleetAreFound(t *testing.T) {
	for _, x := range []struct {
		theirs, ours string
		want         bool
	}{{"GET /a/:id", "GET /a/:user", true}, {"GET /a/:id", "GET /a/root@db01", true}, {"GET /a/:id", "GET /a", false}, {"GET /a/:id", "POST /a/x", false}, {"GET /a/:id", "GET /b/x", false},
		{"Access-Request", "Access-Request", true}, {"kv.read", "GET /v1/kv/x", false}} {
		if covers(x.theirs, x.ours) != x.want {
			t.Errorf("%+v", x)
		}
	}
}

// TestWarmUpIsNotMeasured.
func TestWarmUpIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := play(t, one+"warm_up: 5s\narrival: [{rate: 10, for: 10s}]", &server{takes: func(since time.Duration) time.Duration {
			if since < 4900*time.Millisecond {
				return time.Second
			}
			return time.Millisecond
		}}, nil).Judge()
		if out.All.Felt.Max > 2 || out.All.Count < 50 || out.All.Count > 51 || math.Abs(out.All.Rate-10.2) > 0.3 || out.Generator.Intended != out.All.Count {
			t.Errorf("%+v %+v", out.All, out.All.Felt)
		}
	})
}

// TestHistogramsSayWhatIsTrue: three digits of the exact percentiles.
func TestHistogramsSayWhatIsTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h, all, s := newHistogram(), []float64{}, &sketch{}
	for range 100_000 {
		d := time.Duration(math.Exp(r.NormFloat64()*1.5+8)) * time.Microsecond // from microseconds to seconds
		record(h, d)
		s.add(d)
		all = append(all, float64(d.Microseconds())/1000)
	}
	slices.Sort(all)
	out := times(h)
	for _, x := range []struct {
		q   float64
		got float64
	}{{0.5, out.P50}, {0.9, out.P90}, {0.95, out.P95}, {0.99, out.P99}, {0.999, out.P999}, {1, out.Max}} {
		want := all[int(math.Ceil(x.q*float64(len(all))))-1]
		if math.Abs(x.got-want) > want/1000+0.001 {
			t.Errorf("quantile %v is %v, not %v", x.q, x.got, want)
		}
		if got := s.at(100 * x.q); math.Abs(got-want) > want*0.035 {
			t.Errorf("quantile %v of the sketch is %v, not %v", x.q, got, want)
		}
	}
}

// TestASeriesDoesNotGrow however long the run is.
func TestASeriesDoesNotGrow(t *testing.T) {
	s, n := newSeries(), int64(0)
	for at := time.Duration(0); at < 7*24*time.Hour; at += 53 * time.Second {
		s.point(at).record(observation{answered: time.Unix(1, 0), intended: time.Unix(0, 0), verdict: step.LetIn})
		n++
	}
	got, felt := int64(0), int64(0)
	for _, p := range s.points {
		got += p.answered
		if p.felt != nil {
			felt += int64(p.felt.n)
		}
	}
	if len(s.points) > intervals || got != n || felt != n {
		t.Errorf("%d points with %d and %d of %d", len(s.points), got, felt, n)
	}
}

// TestRowsAndReasonsAreBounded, whatever servers say.
func TestRowsAndReasonsAreBounded(t *testing.T) {
	var r rows
	for i := range 1000 {
		r.of("s", fmt.Sprint("op", i)).record(0, observation{verdict: step.Refused, reason: "x"})
	}
	one := r.of("s", "op0")
	for i := range 1000 {
		one.record(0, observation{verdict: step.Refused, reason: fmt.Sprint(i)})
	}
	list := r.all()
	if len(list) != mostRows+1 || len(one.reasons) != mostReasons+1 || sum(list).total() != 2000 {
		t.Errorf("%d rows, %d reasons, %d in all", len(list), len(one.reasons), sum(list).total())
	}
}
