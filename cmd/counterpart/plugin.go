package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginCmd struct {
	Check  pluginCheckCmd  `cmd:"" help:"Say what SPS would say when the plugin is uploaded. Needs no Python."`
	Run    pluginRunCmd    `cmd:"" help:"Play one session on this terminal: prompts appear, answers are typed."`
	Test   pluginTestCmd   `cmd:"" help:"Run scenarios, each against a fresh fleet."`
	Mutate pluginMutateCmd `cmd:"" help:"Play scenarios again and again, each time with one answer that is wrong, and say what the plugin makes of it."`
	Init   pluginInitCmd   `cmd:"" help:"Write a first scenario for a plugin."`
}

type pluginCheckCmd struct {
	Paths []string `arg:"" name:"path" help:"Plugins: zip files or folders."`
	SPS   string   `name:"sps" default:"" placeholder:"9.0" help:"SPS release to check against."`
	JSON  bool     `name:"json" help:"Print the findings as JSON."`
}

// examined is what plugin check says about one plugin.
type examined struct {
	Path     string               `json:"path"`
	OK       bool                 `json:"ok"`
	Name     string               `json:"name,omitempty"`
	Type     string               `json:"type,omitempty"`
	Version  string               `json:"version,omitempty"`
	SPS      string               `json:"sps"`
	Problems []pluginhost.Problem `json:"problems"`
}

// Run implements kong's command.
func (c *pluginCheckCmd) Run(e *env) error {
	profile, err := pluginhost.ProfileFor(c.SPS)
	if err != nil {
		return err
	}
	all, bad := []examined{}, 0
	for _, path := range c.Paths {
		pkg, v := pluginhost.Check(path, profile)
		x := examined{Path: path, OK: v.OK(), SPS: profile.SPS, Problems: append([]pluginhost.Problem{}, v.Problems...)}
		if pkg != nil {
			x.Name, x.Type, x.Version = pkg.Manifest.Name, pkg.Manifest.Type, pkg.Manifest.Version
		}
		if all = append(all, x); !x.OK {
			bad++
		}
	}
	if c.JSON {
		err = json.NewEncoder(e.out).Encode(all)
	} else {
		for _, x := range all {
			x.print(e.out)
		}
	}
	if err == nil && bad > 0 {
		err = failure{scenario.Rejected.Code(), fmt.Errorf("SPS %s would refuse %d of %d plugins", profile.SPS, bad, len(all))}
	}
	return err
}

func (x examined) print(w io.Writer) {
	word := "accepted"
	if !x.OK {
		word = "refused"
	}
	fmt.Fprintf(w, "%s: %s by SPS %s", x.Path, word, x.SPS)
	if x.Name != "" {
		fmt.Fprintf(w, " (%s %s, %s)", x.Name, x.Version, x.Type)
	}
	fmt.Fprintln(w)
	for _, p := range x.Problems {
		fmt.Fprintf(w, "  %s\n", p)
	}
}

type pluginTestCmd struct {
	Scenarios []string `arg:"" name:"scenario" help:"Scenario files, or folders of them."`
	Python    string   `placeholder:"python3" help:"Interpreter that plugins run in; it must have the Plugin SDK for plugins that use it."`
	Mode      string   `enum:",fresh,worker,both" default:"" help:"A new interpreter per hook, as SPS does (fresh), long-lived ones (worker), or both; by default what each scenario says."`
	Parallel  int      `default:"2" help:"Cases at once."`
	JUnit     string   `name:"junit" placeholder:"FILE" help:"Write a JUnit report."`
	JSON      string   `name:"json" placeholder:"FILE" help:"Write everything that was seen as JSON; - is standard output."`
	Verbose   bool     `short:"v" help:"Print the timeline of cases that passed, too."`
	limitFlags
}

// limitFlags are the bounds of what plugins may use.
type limitFlags struct {
	Limit map[string]string `placeholder:"NAME=VALUE" help:"What a plugin may use: memory=2GiB, processes=64, files=1024, file_size=256MiB, cpu=60s (a hook), output=8MiB (kept)."`
}

// limits are the flags as a scenario has them.
func (f limitFlags) limits() (out scenario.Limits, err error) {
	for name, value := range f.Limit {
		if err := out.Limit(name, value); err != nil {
			return out, err
		}
	}
	return out, out.Check()
}

// admit says once what could not be isolated.
func admit(e *env, results ...scenario.Result) {
	for _, gap := range scenario.NotIsolated(results) {
		fmt.Fprintf(e.err, "not isolated: %s\n", gap)
	}
}

// Run implements kong's command.
func (c *pluginTestCmd) Run(e *env) error {
	cases, err := scenario.Load(c.Scenarios...)
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	limits, err := c.limits()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	o := scenario.Options{Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Parallel: c.Parallel, Limits: limits}
	switch c.Mode {
	case "both":
		o.Modes = []string{"fresh", "worker"}
	case "fresh", "worker":
		o.Modes = []string{c.Mode}
	}
	show := progress{out: e.out, total: len(cases) * max(len(o.Modes), 1), line: terminal(e.out), quiet: c.JSON == "-"}
	o.Done = show.done
	results := scenario.Run(e.ctx, cases, o)
	show.end(results)
	admit(e, results...)
	if c.Verbose && !show.quiet {
		for _, r := range results {
			r.PrintAll(e.out)
		}
	}
	if err := c.reports(e, results); err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	if !show.quiet {
		fmt.Fprintln(e.out, scenario.Summary(results))
	}
	if code := scenario.ExitCode(results); code != 0 {
		return failure{code, errQuiet}
	}
	return nil
}

func (c *pluginTestCmd) reports(e *env, results []scenario.Result) error {
	if c.JUnit != "" {
		if err := writeTo(c.JUnit, func(w io.Writer) error { return scenario.JUnit(w, results) }); err != nil {
			return err
		}
	}
	switch c.JSON {
	case "":
		return nil
	case "-":
		return scenario.JSON(e.out, results)
	}
	return writeTo(c.JSON, func(w io.Writer) error { return scenario.JSON(w, results) })
}

func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	err = write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// progress shows how far a run is: one line that moves on a terminal, a line per
// case elsewhere.
type progress struct {
	out         io.Writer
	total, n    int
	failed      int
	line, quiet bool
	onScreen    int
}

func (p *progress) done(r scenario.Result) {
	if p.n++; r.Verdict != scenario.Passed {
		p.failed++
	}
	if p.quiet {
		return
	}
	if !p.line || r.Verdict != scenario.Passed || len(r.Review) > 0 {
		p.wipe()
		r.Print(p.out)
	}
	if p.line {
		text := fmt.Sprintf("%d of %d, %d failed: %s", p.n, p.total, p.failed, r.Label)
		if len(text) > 100 {
			text = text[:100]
		}
		p.wipe()
		p.onScreen, _ = fmt.Fprint(p.out, text)
	}
}

func (p *progress) wipe() {
	if p.onScreen > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.onScreen))
		p.onScreen = 0
	}
}

// end prints what only the comparison of both modes has shown.
func (p *progress) end(results []scenario.Result) {
	p.wipe()
	for _, r := range results {
		if !p.quiet && r.Disagrees {
			r.Print(p.out)
		}
	}
}

// terminal reports whether w is one.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
