package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/plugins/load"
	"counterpart/internal/plugins/load/plan"
	loadreport "counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

type loadCmd struct {
	Run     loadRunCmd     `cmd:"" default:"withargs" help:"Run a plan and report. Exit code 0 if it passed, 1 if it failed, is invalid or was interrupted."`
	Check   loadCheckCmd   `cmd:"" help:"Say everything that is wrong with plans, without running anything."`
	Init    loadInitCmd    `cmd:"" help:"Write a first plan, with comments."`
	Plans   loadPlansCmd   `cmd:"" help:"List the plans that are built in, one for each kind of server, or print one."`
	Compare loadCompareCmd `cmd:"" help:"Say what got slower from one report to another, beyond noise. Exit code 1 if anything did."`
	Schema  loadSchemaCmd  `cmd:"" help:"Print the JSON Schema of plans, for editors."`
}

type loadRunCmd struct {
	Plan         string        `arg:"" help:"Plan: a file, or one of those that are built in (counterpart load plans)."`
	Target       []string      `placeholder:"URL" help:"Control port of a running fleet, in place of one of its own; several are the replicas of one fleet."`
	ControlToken string        `placeholder:"TOKEN" help:"Its token, if it has one."`
	Rate         float64       `placeholder:"N" help:"Begin so many journeys a second, evenly, in place of the plan's arrival."`
	For          time.Duration `placeholder:"TIME" help:"With --rate: how long. By default as long as the plan."`
	Lag          time.Duration `placeholder:"TIME" help:"How late the generator may be with 1 % of the journeys, in place of the plan's lag."`
	Python       string        `placeholder:"python3" help:"Interpreter of plugins, for plans with scenarios."`
	JSON         string        `name:"json" placeholder:"FILE" help:"Write the report as JSON, for load compare; - is standard output."`
	JUnit        string        `name:"junit" placeholder:"FILE" help:"Write the report as JUnit."`
	Prometheus   string        `name:"prometheus" placeholder:"FILE" help:"Write the report in Prometheus' text format."`
	HTML         string        `name:"html" placeholder:"FILE" help:"Write the report as one page with charts."`
	Quiet        bool          `short:"q" help:"Show nothing while it runs."`
}

// Run does what the command is for.
func (c *loadRunCmd) Run(e *env) error {
	p, err := c.plan()
	if err != nil {
		return err
	}
	result, err := c.run(e, p)
	if err != nil {
		return err
	}
	r := result.Judge()
	err = c.reports(e, r)
	if c.JSON != "-" {
		err = errors.Join(err, loadreport.Text(e.out, r))
	}
	if err == nil && r.Verdict != loadreport.Passed {
		return failure{exitFailed, errQuiet}
	}
	return err
}

// plan reads the plan, and changes in it what the command line says.
func (c *loadRunCmd) plan() (*plan.Plan, error) {
	p, err := openPlan(c.Plan)
	if err != nil {
		return nil, err
	}
	if len(c.Target) == 0 && p.Target != "" {
		c.Target = []string{p.Target}
	}
	if c.Lag > 0 {
		p.Lag = c.Lag
	}
	switch {
	case c.Rate < 0 || c.For < 0:
		return nil, errors.New("--rate and --for are not negative")
	case c.Rate == 0 && c.For > 0:
		return nil, errors.New("--for is how long --rate holds, which is not given")
	case c.Rate == 0:
		return p, nil
	}
	return p, p.Constant(c.Rate, c.For)
}

// run runs a plan against a fleet of its own, or the one that is named.
func (c *loadRunCmd) run(e *env, p *plan.Plan) (*load.Result, error) {
	f, err := c.fleet(e, p)
	if err != nil {
		return nil, err
	}
	defer f.stop()
	targets, err := load.NewTargets(p, f.Fleet)
	if err != nil {
		return nil, err
	}
	driver := newDriver()
	defer driver.close()
	show := c.live(e, p)
	config := load.Config{Plan: p, Open: driver.open, Target: targets.Of, Crowd: f.crowd(), Observe: driver.Observe, Happen: f.happen, Now: time.Now, Wait: waitUntil, Arrive: arriveAt,
		Processor: processorTime, Live: show.update}
	if f.sessions != nil { // the fleet is in this process, too, and what it needs is not the generator's
		config.Processor, config.Session = nil, func(j *plan.Journey) (step.Step, error) { return f.sessions.Step(j), nil }
	}
	before, err := f.times(e.ctx)
	if err != nil {
		return nil, err
	}
	if p.WarmUp > 0 {
		config.Warm = func() {
			if now, err := f.times(e.ctx); err == nil {
				before = now
			}
		}
	}
	result, err := load.Run(e.ctx, config)
	show.end()
	if err != nil {
		return nil, err
	}
	after, err := f.times(context.WithoutCancel(e.ctx))
	if err != nil {
		fmt.Fprintf(e.err, "counterpart: the fleet's own times are not known: %v\n", err)
	} else {
		addTruth(result, before, after)
	}
	result.Laws = driver.Laws()
	return result, nil
}

// reports writes each report that is asked for, whatever becomes of the others.
func (c *loadRunCmd) reports(e *env, r *loadreport.Report) error {
	var wrong []error
	for _, x := range []struct {
		path  string
		write func(io.Writer, *loadreport.Report) error
	}{{c.JSON, loadreport.JSON}, {c.JUnit, loadreport.JUnit}, {c.Prometheus, loadreport.Prometheus}, {c.HTML, loadreport.HTML}} {
		switch x.path {
		case "":
		case "-":
			wrong = append(wrong, x.write(e.out, r))
		default:
			wrong = append(wrong, writeTo(x.path, func(w io.Writer) error { return x.write(w, r) }))
		}
	}
	return errors.Join(wrong...)
}

// live shows how a run stands, on standard error: standard output is the report's.
func (c *loadRunCmd) live(e *env, p *plan.Plan) *loadLive {
	return &loadLive{Live: loadreport.Live{W: e.err, Terminal: terminal(e.err), Every: 5 * time.Second}, title: p.Title, quiet: c.Quiet}
}

type loadLive struct {
	loadreport.Live
	title string
	quiet bool
}

func (l *loadLive) update(s load.Snapshot) {
	if !l.quiet {
		l.Show(loadreport.Progress{Title: l.title, Elapsed: s.Elapsed, Length: s.Length, Draining: s.Draining, InFlight: s.InFlight, Recent: s.Recent.Rate, All: s.All, Rows: s.Rows})
	}
}

func (l *loadLive) end() {
	if !l.quiet && l.Terminal {
		l.Wipe()
	}
}

// waitUntil returns at a moment, or with the context's error.
func waitUntil(ctx context.Context, until time.Time) error {
	left := time.Until(until)
	if left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arriveAt is waitUntil to some ten microseconds: the runtime's own timers are a millisecond late
// when nothing else wakes it.
func arriveAt(ctx context.Context, until time.Time) error {
	const rough = 1500 * time.Microsecond
	if left := time.Until(until); left > rough {
		if err := waitUntil(ctx, until.Add(-rough)); err != nil {
			return err
		}
	}
	if left := time.Until(until); left > 0 {
		nap(left)
	}
	return ctx.Err()
}

type loadCheckCmd struct {
	Plans []string `arg:"" name:"plan" help:"Plans: files, or names of those that are built in."`
}

// Run does what the command is for.
func (c *loadCheckCmd) Run(e *env) error {
	bad := 0
	for _, name := range c.Plans {
		p, err := openPlan(name)
		if err != nil {
			report(e.err, err)
			bad++
			continue
		}
		fmt.Fprintf(e.out, "%s: fine (%d journeys, %v)\n", name, len(p.Journeys), p.Length())
	}
	if bad > 0 {
		return failure{exitFailed, fmt.Errorf("%d of %d plans cannot be run", bad, len(c.Plans))}
	}
	return nil
}

type loadSchemaCmd struct{}

// Run does what the command is for.
func (loadSchemaCmd) Run(e *env) error {
	text, err := plan.Schema()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s\n", text)
	return err
}

type loadInitCmd struct {
	Out string `arg:"" optional:"" default:"load.yaml" help:"File to write."`
}

// Run does what the command is for.
func (c *loadInitCmd) Run(e *env) error {
	dir, name := filepath.Split(c.Out)
	if err := writeNew(e, dir, []string{name}, map[string]string{name: string(plan.Example())}); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\nEdit it, then run: counterpart load %s\n", forShell(c.Out))
	return nil
}

type loadPlansCmd struct {
	Name string `arg:"" optional:"" help:"Print this one."`
}

// Run does what the command is for.
func (c *loadPlansCmd) Run(e *env) error {
	all := builtIn()
	if c.Name != "" {
		text, ok := all[c.Name]
		if !ok {
			return fmt.Errorf("no plan called %q is built in; there are %s", c.Name, strings.Join(sortedNames(all), ", "))
		}
		_, err := io.WriteString(e.out, text)
		return err
	}
	for _, name := range sortedNames(all) {
		p, err := plan.Parse(name, ".", []byte(all[name]))
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%-14s %s\n", name, p.Title)
	}
	return nil
}

type loadCompareCmd struct {
	Was  string `arg:"" help:"Report of the first run, as --json wrote it."`
	Is   string `arg:"" help:"Report of the second run."`
	JSON bool   `name:"json" help:"Print the comparison as JSON."`
}

// Run does what the command is for.
func (c *loadCompareCmd) Run(e *env) error {
	was, err := readReport(c.Was)
	if err != nil {
		return err
	}
	is, err := readReport(c.Is)
	if err != nil {
		return err
	}
	x := loadreport.Compare(was, is)
	if c.JSON {
		err = json.NewEncoder(e.out).Encode(x)
	} else {
		err = x.Text(e.out)
	}
	if err == nil && x.Slower() {
		return failure{exitFailed, errQuiet}
	}
	return err
}

func readReport(path string) (*loadreport.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the report: %w", err)
	}
	defer f.Close()
	r, err := loadreport.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
