package main

import (
	"context"
	"fmt"
	"strings"

	"counterpart/internal/plugins/load"
	loadreport "counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/plugins/load/wire"
	"counterpart/internal/serving/strictyaml"
)

// driver speaks the protocols of a plan's steps, and watches over the laws.
type driver struct{ *wire.Client }

func newDriver(*loadFleet) (*driver, error) { return &driver{wire.New()}, nil }

func (d *driver) open(s step.Spec, t step.Target) (step.Step, error) { return d.Open(s, t) }

func (d *driver) observe(*step.Walk, *step.Spec, *step.Answer) {}

func (d *driver) laws() []loadreport.Law { return nil }

func (d *driver) close() { d.Close() }

// ownTimes are the fleet's own times so far.
type ownTimes struct{}

func (f *loadFleet) times(context.Context) (ownTimes, error) { return ownTimes{}, nil }

func addTruth(*load.Result, ownTimes, ownTimes) {}

// builtIn are the plans that are built in, by their names.
func builtIn() map[string]string { return map[string]string{} }

func unknownPlan(name string) error {
	all := sortedNames(builtIn())
	hint := strictyaml.DidYouMean(name, all)
	if hint == "" {
		hint = "built in are " + strings.Join(all, ", ")
	}
	return fmt.Errorf("there is no plan %q, neither a file nor built in; %s", strictyaml.Short(name), hint)
}
