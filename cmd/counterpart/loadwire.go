package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/load"
	"counterpart/internal/plugins/load/laws"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/plugins/load/wire"
	"counterpart/internal/serving/strictyaml"
	"counterpart/servers"
)

// driver speaks the protocols of a plan's steps, and watches over the laws.
type driver struct {
	*wire.Client
	*laws.Book
}

func newDriver() *driver { return &driver{wire.New(), laws.New(time.Now())} }

func (d *driver) open(s step.Spec, t step.Target) (step.Step, error) { return d.Open(s, t) }

func (d *driver) close() { d.Close() }

// ownTimes are the fleet's own times so far: by server and operation, how many took up to so
// many microseconds.
type ownTimes map[[2]string]map[int64]int64

// times asks for the fleet's own times; nil: there is no fleet.
func (f *loadFleet) times(ctx context.Context) (ownTimes, error) {
	if len(f.control) == 0 {
		return nil, nil
	}
	var out struct{ Times []timesRow }
	if _, err := f.control[0].call(&env{ctx: ctx, err: f.env.err}, ask{path: "/times"}, &out); err != nil {
		return nil, err
	}
	all := ownTimes{}
	for _, r := range out.Times {
		row := map[int64]int64{}
		for _, b := range r.Buckets {
			row[b[0]] = b[1]
		}
		all[[2]string{r.Server, r.Op}] = row
	}
	return all, nil
}

// addTruth gives a result what the fleet has measured in the run.
func addTruth(r *load.Result, before, after ownTimes) {
	for _, key := range slices.SortedFunc(maps.Keys(after), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		h := load.NewHistogram()
		for us, n := range after[key] {
			if n -= before[key][us]; n > 0 {
				h.RecordValues(us, n)
			}
		}
		if h.TotalCount() > 0 && key[0] != "control" {
			r.Own(key[0], key[1], h)
		}
	}
	r.Owned()
}

// builtIn are the plans that are built in, by their names: those of the kinds of servers.
func builtIn() map[string]string {
	out := map[string]string{}
	for _, k := range servers.Table() {
		if k.Load != nil {
			out[k.Name] = k.Load()
		}
	}
	return out
}

func unknownPlan(name string) error {
	all := sortedNames(builtIn())
	hint := strictyaml.DidYouMean(name, all)
	if hint == "" {
		hint = "built in are " + strings.Join(all, ", ")
	}
	return fmt.Errorf("there is no plan %q, neither a file nor built in; %s", strictyaml.Short(name), hint)
}
