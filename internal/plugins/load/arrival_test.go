package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"counterpart/internal/plugins/load/plan"
)

func arrivals(stages ...plan.Stage) (out []time.Duration) {
	a := newArrival(stages, rand.New(rand.NewPCG(1, 2)))
	for {
		at, more := a.next()
		if !more {
			return out
		}
		out = append(out, at)
	}
}

// within counts the arrivals of an interval, in seconds.
func within(list []time.Duration, from, to float64) (n int) {
	for _, at := range list {
		if s := at.Seconds(); s > from+1e-6 && s <= to+1e-6 {
			n++
		}
	}
	return n
}

// TestArrivalsKeepTheirRate: constant, ramps, steps, spikes, and gaps between stages.
func TestArrivalsKeepTheirRate(t *testing.T) {
	to := func(v float64) *float64 { return &v }
	for _, x := range []struct {
		name   string
		stages []plan.Stage
		want   map[[2]float64]int
	}{
		{"constant", []plan.Stage{{Rate: 100, For: 10 * time.Second}}, map[[2]float64]int{{0, 1}: 100, {9, 10}: 100, {0, 10}: 1000, {10, 99}: 0}},
		{"slow", []plan.Stage{{Rate: 0.5, For: 10 * time.Second}}, map[[2]float64]int{{0, 10}: 5}},
		{"ramp", []plan.Stage{{Rate: 0, To: to(100), For: 10 * time.Second}}, map[[2]float64]int{{0, 10}: 500, {0, 5}: 125, {5, 10}: 375}},
		{"down", []plan.Stage{{Rate: 100, To: to(0), For: 10 * time.Second}}, map[[2]float64]int{{0, 10}: 500, {0, 5}: 375}},
		{"steps", []plan.Stage{{Rate: 10, To: to(40), Steps: 4, For: 8 * time.Second}}, map[[2]float64]int{{0, 2}: 20, {2, 4}: 40, {4, 6}: 60, {6, 8}: 80}},
		{"spike", []plan.Stage{{Rate: 10, For: 10 * time.Second, Spike: &plan.Spike{Rate: 1000, After: 4 * time.Second, For: time.Second}}}, map[[2]float64]int{{0, 4}: 40, {4, 5}: 1000, {5, 10}: 50}},
		{"pause between", []plan.Stage{{Rate: 10, For: time.Second}, {Rate: 0, For: 5 * time.Second}, {Rate: 10, For: time.Second}}, map[[2]float64]int{{0, 1}: 10, {1, 6}: 0, {6, 7}: 10}},
		{"halves of two stages", []plan.Stage{{Rate: 0.5, For: time.Second}, {Rate: 0.5, For: time.Second}}, map[[2]float64]int{{0, 2}: 1}},
	} {
		got := arrivals(x.stages...)
		for span, want := range x.want {
			if n := within(got, span[0], span[1]); n < want-1 || n > want+1 || want == 0 && n > 0 {
				t.Errorf("%s: %d arrivals from %v to %v s, not %d", x.name, n, span[0], span[1], want)
			}
		}
		if n := expected(x.stages); math.Abs(n-float64(len(got))) > 1.01 {
			t.Errorf("%s: %v are expected, %d came", x.name, n, len(got))
		}
	}
}

// TestPoissonArrivals have gaps whose mean and deviation are the same, and counts whose
// variance is their mean.
func TestPoissonArrivals(t *testing.T) {
	got := arrivals(plan.Stage{Rate: 200, For: 100 * time.Second, Poisson: true})
	var sum, squares float64
	for i := 1; i < len(got); i++ {
		gap := (got[i] - got[i-1]).Seconds()
		sum, squares = sum+gap, squares+gap*gap
	}
	n := float64(len(got) - 1)
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if math.Abs(mean-0.005) > 0.0002 || math.Abs(deviation-0.005) > 0.0003 {
		t.Errorf("%v arrivals, gaps of %v ± %v", n, mean, deviation)
	}
	var variance float64
	for s := range 100 {
		d := float64(within(got, float64(s), float64(s+1))) - 200
		variance += d * d / 100
	}
	if variance < 120 || variance > 300 {
		t.Errorf("the variance of what comes each second is %v, not about 200", variance)
	}
}

// TestEverybodyHasATurn before anybody comes again.
func TestEverybodyHasATurn(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 97, 1000} {
		var c cycle
		c.set(n, "rotate", 7)
		seen := map[int]bool{}
		for range n {
			seen[c.next()] = true
		}
		if len(seen) != n {
			t.Errorf("of %d only %d came", n, len(seen))
		}
		var again, random cycle
		again.set(n, "rotate", 7)
		c.at.Store(0)
		for range 5 {
			if a, b := again.next(), c.next(); a != b {
				t.Errorf("%d and then %d", a, b)
			}
		}
		random.set(n, "random", 7)
		for range 100 {
			if i := random.next(); i < 0 || i >= n {
				t.Fatal(fmt.Sprint(i, " of ", n))
			}
		}
	}
}
