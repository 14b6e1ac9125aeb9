package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/serving/strictyaml"
)

// Snapshot is how a run stands.
type Snapshot struct {
	Elapsed, Length time.Duration
	Draining        bool
	InFlight        int64
	Begun           int64
	Rows            []report.Row // of operations, without histograms and curves
	All             report.Row
	Recent          Recent
}

// Recent is the last second.
type Recent struct {
	Rate            float64 // answers
	Failed, Refused int64
}

// watch notes how many journeys are on their way, and shows how the run stands.
func (e *engine) watch(ctx context.Context) {
	var before report.Row
	length := e.Plan.Length()
	for n := 1; ; n++ {
		if e.Wait(ctx, e.started.Add(time.Duration(n)*time.Second)) != nil {
			return
		}
		elapsed := e.Now().Sub(e.started)
		if at := elapsed - e.Plan.WarmUp; at >= 0 {
			e.series.Lock()
			e.series.point(at).inFlight = e.flying.Load()
			e.series.Unlock()
		}
		if e.Live == nil {
			continue
		}
		s := Snapshot{Elapsed: elapsed, Length: length, Draining: elapsed > length, InFlight: e.flying.Load(), Begun: e.begun.Load()}
		list := e.rows.all()
		took := max(min(elapsed, length)-e.Plan.WarmUp, time.Millisecond)
		for _, r := range list {
			s.Rows = append(s.Rows, r.glance(took))
		}
		s.All = sum(list).glance(took)
		s.Recent = Recent{float64(s.All.Count - before.Count), s.All.Failed - before.Failed, s.All.Refused - before.Refused}
		before = s.All
		e.Live(s)
	}
}

// happen makes the plan's moments happen, in their order.
func (e *engine) happen(ctx context.Context) {
	order := make([]int, len(e.Plan.At))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(e.Plan.At[a].At, e.Plan.At[b].At) })
	for _, i := range order {
		m := e.Plan.At[i]
		if e.Wait(ctx, e.started.Add(m.At)) != nil {
			return
		}
		out := report.Moment{Seconds: m.At.Seconds(), What: MomentName(m)}
		if err := e.Happen(ctx, m); err != nil && ctx.Err() == nil {
			e.wrong(fmt.Errorf("%s: %w", e.Plan.MomentAt(i), err))
			return
		}
		e.moments = append(e.moments, out)
	}
}

// MomentName is a moment in a few words.
func MomentName(m plan.Moment) string {
	switch {
	case m.Clock != nil:
		var parts []string
		if m.Clock.Advance > 0 {
			parts = append(parts, "clock + "+m.Clock.Advance.String())
		}
		if m.Clock.Frozen != nil {
			parts = append(parts, map[bool]string{true: "clock stands", false: "clock runs"}[*m.Clock.Frozen])
		}
		return strings.Join(parts, ", ")
	case m.Decide != nil:
		n, _ := m.Decide.(*strictyaml.Node)
		return "order: " + words(n)
	}
	n, _ := m.Faults.(*strictyaml.Node)
	if n == nil || len(n.Items) == 0 {
		return "faults end"
	}
	var kinds []string
	for _, rule := range n.Items {
		kinds = append(kinds, words(rule))
	}
	return "faults: " + strings.Join(kinds, "; ")
}

// words are the values of a block on one line.
func words(n *strictyaml.Node) string {
	if n == nil {
		return ""
	}
	var out []string
	for _, e := range n.Entries {
		if len(e.Value.Entries) > 0 {
			out = append(out, words(e.Value))
		} else {
			out = append(out, e.Value.Text)
		}
	}
	return strictyaml.Short(strings.Join(out, " "))
}
