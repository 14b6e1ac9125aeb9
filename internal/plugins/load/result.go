package load

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

// Result is what a run has found, before it is judged: the fleet's own times and the laws
// may still be added.
type Result struct {
	report.Report
	plan *plan.Plan
	rows []*row
	all  *row
	ways []*row // journeys
	lag  *hdrhistogram.Histogram
	own  map[*row]*hdrhistogram.Histogram // the fleet's times
	beat []*hdrhistogram.Histogram        // and those of all its operations
}

// result gathers what was seen.
func (e *engine) result(ended time.Time, interrupted bool, used time.Duration) *Result {
	took := max(ended.Sub(e.measured), 0)
	r := &Result{plan: e.Plan, rows: e.rows.all(), lag: newHistogram()}
	r.all = sum(r.rows)
	for i := range e.journeys {
		r.ways = append(r.ways, e.journeys[i].row)
		r.lag.Merge(e.journeys[i].row.lag)
	}
	again := time.Duration(0)
	if c := e.Plan.Closed; c != nil && r.all.total() > 0 {
		again = took * time.Duration(c.People) / time.Duration(r.all.total())
	}
	r.Report = report.Report{Version: report.Version, Title: e.Plan.Title, Plan: e.Plan.Name, Began: e.started.UTC().Round(time.Millisecond), Seconds: took.Seconds(),
		Interrupted: interrupted, Closed: e.Plan.Closed != nil, All: r.all.report(took, again), Moments: e.moments,
		Generator: report.Generator{Intended: e.intended.Load(), Begun: e.begun.Load(), Missed: e.missed.Load(), Unfinished: e.cut.Load(),
			Most: int(e.most.Load()), Processor: used.Seconds(), Processors: runtime.GOMAXPROCS(0)}}
	if n := r.all.total(); n > 0 && used > 0 {
		r.Generator.Each = float64(used.Microseconds()) / float64(n)
	}
	if t := times(r.lag); t != nil {
		r.Generator.Lag = *t
	}
	r.drawn(e)
	for _, row := range r.rows {
		out := row.report(took, again)
		out.Points = row.points(r.Series)
		r.Operations = append(r.Operations, out)
	}
	for _, row := range r.ways {
		r.Journeys = append(r.Journeys, row.report(took, 0))
	}
	return r
}

// points are the 99th percentiles of the intervals of a series.
func (r *row) points(s report.Series) (out []float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.series.widen(time.Duration(s.Interval * float64(time.Second)))
	for _, p := range r.series.points {
		if p.felt == nil {
			out = append(out, 0)
			continue
		}
		out = append(out, p.felt.at(99))
	}
	return out
}

// drawn puts the series of all rows into the report.
func (r *Result) drawn(e *engine) {
	e.series.Lock()
	defer e.series.Unlock()
	all := e.series.series
	for _, row := range r.rows {
		all.widen(row.series.width)
	}
	for _, row := range r.rows {
		row.mu.Lock()
		row.series.widen(all.width)
		if row.part {
			row.mu.Unlock()
			continue
		}
		for i, p := range row.series.points {
			to := all.point(time.Duration(i) * all.width)
			n := to.inFlight
			c := p
			c.felt, c.wire = copied(p.felt), copied(p.wire)
			to.join(c)
			to.inFlight = n
		}
		row.mu.Unlock()
	}
	s := report.Series{Interval: all.width.Seconds()}
	points := all.points
	if n := len(points); n > 1 && r.Seconds < (float64(n)-0.5)*s.Interval { // too little of the last one to say what its rate was
		points = points[:n-1]
	}
	for i, p := range points {
		width := s.Interval
		if rest := r.Seconds - float64(i)*s.Interval; rest > 0 && rest < width { // the last one may be short
			width = rest
		}
		s.Rate, s.Failed, s.Refused = append(s.Rate, float64(p.answered)/width), append(s.Failed, float64(p.failed)/width), append(s.Refused, float64(p.refused)/width)
		s.InFlight, s.Intended = append(s.InFlight, float64(p.inFlight)), append(s.Intended, float64(p.intended)/width)
		if p.felt == nil {
			p.felt, p.wire = &sketch{}, &sketch{}
		}
		s.P50, s.P99, s.Wire99 = append(s.P50, p.felt.at(50)), append(s.P99, p.felt.at(99)), append(s.Wire99, p.wire.at(99))
	}
	r.Series = s
}

func copied(s *sketch) *sketch {
	if s == nil {
		return nil
	}
	out := *s
	return &out
}

// Judge says what the run's verdict is.
func (r *Result) Judge() *report.Report {
	r.Expected = r.expectations()
	for _, x := range r.Expected {
		if !x.OK {
			r.Why = append(r.Why, fmt.Sprintf("%s: %s, but it is %s", x.At, x.What, x.Saw))
		}
	}
	for _, l := range r.Laws {
		if l.Broken > 0 {
			r.Why = append(r.Why, fmt.Sprintf("law: %s: broken %s, first by %s", l.Name, counted(int64(l.Broken), "time"), l.First))
		}
	}
	for _, row := range r.Operations {
		if row.Unexpected > 0 {
			r.Why = append(r.Why, fmt.Sprintf("%s: answered otherwise than expected %s, first: %s", row.Name, counted(row.Unexpected, "time"), row.First))
		}
	}
	if r.All.Count > 0 && r.All.Failed == r.All.Count { // an address or a secret is wrong, or nobody is there
		r.Why = append(r.Why, "nothing was answered: "+r.All.Reasons[0].Reason+"; look at the address and the secret of the target")
	}
	if n := r.Generator.Unfinished; n > 0 && !r.Interrupted {
		r.Why = append(r.Why, fmt.Sprintf("%s not over %v after the last had begun", were(n, "journey"), r.plan.Drain))
	}
	invalid := r.invalid()
	switch {
	case r.Interrupted:
		r.Verdict, r.Why = report.Interrupted, append(append([]string{"the run was interrupted"}, invalid...), r.Why...)
	case len(invalid) > 0:
		r.Verdict, r.Why = report.Invalid, append(invalid, r.Why...)
	case len(r.Why) > 0:
		r.Verdict = report.Failed
	default:
		r.Verdict = report.Passed
	}
	return &r.Report
}

// counted is a number with its thing.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func were(n int64, what string) string {
	if n == 1 {
		return "1 " + what + " was"
	}
	return counted(n, what) + " were"
}

// invalid says why nothing follows from the run: the generator has not asked what it was to
// ask, when it was to.
func (r *Result) invalid() (why []string) {
	g := r.Generator
	if g.Missed > 0 {
		why = append(why, fmt.Sprintf("%s not begun, for %d were on their way; raise `in_flight`, or ask for less", were(g.Missed, "journey"), r.plan.InFlight))
	}
	if late := valueAt(r.lag, 99); r.plan.Closed == nil && late > r.plan.Lag {
		why = append(why, fmt.Sprintf("the generator was late: 1 %% of the journeys began %v or more after they were to, and `lag` allows %v; ask for less, or run it on a machine with more to spare",
			late.Round(100*time.Microsecond), r.plan.Lag))
	}
	if g.Begun == 0 && !r.Interrupted {
		why = append(why, "no journey has begun")
	}
	return why
}

// expectations holds the plan's against what was seen.
func (r *Result) expectations() (out []report.Expectation) {
	for i, x := range r.plan.Expect {
		at := r.plan.ExpectationAt(i)
		row, of := r.find(x)
		add := func(what, saw string, ok bool) {
			out = append(out, report.Expectation{At: at, What: of + ": " + what, Saw: saw, OK: ok})
		}
		if row == nil || row.total() == 0 {
			add("something was measured", "nothing", false)
			continue
		}
		h := r.clock(row, x.Clock)
		for _, b := range x.Bounds() {
			what := fmt.Sprintf("%s %s at most %v", x.Clock, b.Name, b.Most)
			if h == nil || h.TotalCount() == 0 {
				add(what, "not measured", false)
				continue
			}
			saw := valueAt(h, b.Percent)
			add(what, saw.String(), saw <= b.Most)
		}
		share := func(what string, most *float64, verdict step.Verdict) {
			if most != nil {
				saw := 100 * float64(row.count[verdict]) / float64(row.total())
				add(fmt.Sprintf("%s at most %v %%", what, *most), fmt.Sprintf("%.3f %%", saw), saw <= *most)
			}
		}
		share("failed", x.Failed, step.Failed)
		share("refused", x.Refused, step.Refused)
		if x.Rate != nil {
			saw := float64(row.total()) / max(r.Seconds, 0.001)
			add(fmt.Sprintf("at least %v each second", *x.Rate), fmt.Sprintf("%.1f", saw), saw >= *x.Rate)
		}
	}
	return out
}

// find is the row that an expectation is about, and what it is called.
func (r *Result) find(x plan.Expectation) (*row, string) {
	list, name := r.rows, x.Operation
	switch {
	case x.Journey != "":
		list, name = r.ways, x.Journey
	case name == "":
		return r.all, "all"
	}
	for _, row := range list {
		if row.name == name || row.server+": "+row.name == name {
			return row, name
		}
	}
	return nil, name
}

// clock is the histogram of one of the clocks.
func (r *Result) clock(row *row, name string) *hdrhistogram.Histogram {
	switch name {
	case "wire":
		return row.wire
	case "lag":
		return row.lag
	case "truth":
		if row == r.all {
			all := newHistogram()
			for _, h := range r.beat {
				all.Merge(h)
			}
			return all
		}
		return r.own[row]
	}
	return row.felt
}

// covers reports whether the fleet's name of an operation may be that of a row: a value of the
// path is :name there, and what was asked for here, or another name.
func covers(operation, name string) bool {
	theirs, ours := strings.Split(operation, "/"), strings.Split(name, "/")
	if len(theirs) != len(ours) {
		return false
	}
	for i, part := range theirs {
		if part != ours[i] && !strings.HasPrefix(part, ":") {
			return false
		}
	}
	return true
}

// Own adds a histogram of the fleet's own times of an operation, in microseconds.
func (r *Result) Own(server, operation string, h *hdrhistogram.Histogram) {
	if r.own == nil {
		r.own = map[*row]*hdrhistogram.Histogram{}
	}
	r.beat = append(r.beat, h)
	found := false
	for i, row := range r.rows { // steps of several names may be one operation, and the other way round
		if on, _, _ := strings.Cut(row.server, "/"); on != server || !covers(operation, row.base) {
			continue
		}
		kept := newHistogram()
		kept.Merge(h)
		if known := r.own[row]; known != nil {
			kept.Merge(known)
		}
		r.own[row], r.Operations[i].Truth, found = kept, whole(kept), true
	}
	if !found {
		r.Fleet = append(r.Fleet, report.Row{Name: operation, Server: server, Count: h.TotalCount(), Truth: whole(h)})
	}
}

// Owned ends what Own began: the truth of all is the sum of all.
func (r *Result) Owned() { r.All.Truth = whole(r.clock(r.all, "truth")) }
