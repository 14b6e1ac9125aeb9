package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/mutation"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginMutateCmd struct {
	Scenarios []string      `arg:"" name:"scenario" help:"Scenario files, or folders of them."`
	Only      []string      `sep:"," placeholder:"ID" help:"Only these mutants, by their IDs or their numbers, with all that happened."`
	Case      []string      `placeholder:"NAME" help:"Only these cases."`
	All       bool          `help:"Play a mutant in each case, also if another case of the same plugin has had it."`
	Seed      int           `placeholder:"N" help:"Which of several others an answer is about; the same number gives the same mutants."`
	Python    string        `placeholder:"python3" help:"Interpreter that plugins run in; it must have the Plugin SDK for plugins that use it."`
	Parallel  int           `default:"2" help:"Mutants at once that cost processor time; those that wait for a time-out come beside."`
	Patience  time.Duration `default:"65s" help:"A hook that takes longer hangs. What a scenario allows it may be less."`
	Since     string        `placeholder:"FILE" help:"An earlier JSON report: outcomes of cases are taken from it where scenario, plugin and company are the same."`
	JSON      string        `name:"json" placeholder:"FILE" help:"Write everything as JSON; - is standard output."`
	JUnit     string        `name:"junit" placeholder:"FILE" help:"Write a JUnit report."`
	SARIF     string        `name:"sarif" placeholder:"FILE" help:"Write the findings as SARIF 2.1.0."`
	HTML      string        `name:"html" placeholder:"FILE" help:"Write one HTML page."`
	limitFlags
}

// Run does what the command is for.
func (c *pluginMutateCmd) Run(e *env) error {
	cases, err := scenario.Load(c.Scenarios...)
	if err != nil {
		return failure{mutation.CodeBroken, err}
	}
	if cases, err = c.chosen(cases); err != nil {
		return err
	}
	limits, err := c.limits()
	if err != nil {
		return err
	}
	o := mutation.Options{Scenario: scenario.Options{Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Limits: limits},
		Parallel: c.Parallel, Patience: c.Patience, Seed: c.Seed, All: c.All, Only: c.Only, Version: buildVersion()}
	if c.Since != "" {
		if o.Earlier, err = earlier(c.Since); err != nil {
			return err
		}
	}
	show := mutants{out: e.out, line: terminal(e.out), quiet: c.JSON == "-"}
	o.Told = show.told
	report, err := mutation.Run(e.ctx, cases, o)
	show.wipe()
	switch {
	case errors.Is(err, scenario.ErrRejected):
		return failure{scenario.Rejected.Code(), err}
	case errors.Is(err, mutation.ErrNoMutant):
		return err
	case err != nil:
		return failure{mutation.CodeBroken, err}
	}
	if err := c.reports(e, report); err != nil {
		return failure{mutation.CodeBroken, err}
	}
	if !show.quiet {
		if len(c.Only) > 0 {
			for _, m := range report.Mutants {
				m.Print(e.out)
			}
		}
		report.Print(e.out)
	}
	if code := report.ExitCode(); code != 0 {
		return failure{code, errQuiet}
	}
	return nil
}

// chosen are the cases that are wanted.
func (c *pluginMutateCmd) chosen(cases []scenario.Case) (out []scenario.Case, err error) {
	if len(c.Case) == 0 {
		return cases, nil
	}
	for _, name := range c.Case {
		if !slices.ContainsFunc(cases, func(x scenario.Case) bool { return x.Name == name }) {
			return nil, fmt.Errorf("there is no case %q", name)
		}
	}
	return slices.DeleteFunc(cases, func(x scenario.Case) bool { return !slices.Contains(c.Case, x.Name) }), nil
}

func earlier(path string) (*mutation.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := mutation.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func (c *pluginMutateCmd) reports(e *env, r *mutation.Report) error {
	for _, x := range []struct {
		path  string
		write func(io.Writer) error
	}{{c.JUnit, r.JUnit}, {c.SARIF, r.SARIF}, {c.HTML, r.HTML}, {c.JSON, r.JSON}} {
		var err error
		switch x.path {
		case "":
		case "-":
			err = x.write(e.out)
		default:
			err = writeTo(x.path, x.write)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mutants shows how far a run is, on a terminal.
type mutants struct {
	out         io.Writer
	line, quiet bool
	found       int
	onScreen    int
}

func (m *mutants) told(o mutation.Outcome, done, total int) {
	if o.Verdict.Finding() {
		m.found++
	}
	if m.quiet || !m.line {
		return
	}
	text := fmt.Sprintf("%d of %d mutants, %d to look at: %s: %s", done, total, m.found, o.Name(), o.Detail)
	if r := []rune(text); len(r) > 79 {
		text = string(r[:79])
	}
	m.wipe()
	fmt.Fprint(m.out, text)
	m.onScreen = len([]rune(text))
}

func (m *mutants) wipe() {
	if m.onScreen > 0 {
		fmt.Fprintf(m.out, "\r%s\r", strings.Repeat(" ", m.onScreen))
		m.onScreen = 0
	}
}
