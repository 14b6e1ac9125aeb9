package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginCmd struct {
	Check  pluginCheckCmd  `cmd:"" help:"Say what SPS would say when the plugin is uploaded. Needs no Python."`
	Run    pluginRunCmd    `cmd:"" help:"Play one session on this terminal: prompts appear, answers are typed."`
	Mutate pluginMutateCmd `cmd:"" help:"Play scenarios again and again, each time with one answer that is wrong, and say what the plugin makes of it."`
	Record pluginRecordCmd `cmd:"" help:"Play one session on this terminal and keep it as a scenario, with what happened as its expectations."`
	Test   pluginTestCmd   `cmd:"" help:"Run scenarios, each case against a fleet that has seen no other."`
	Replay pluginReplayCmd `cmd:"" help:"Run a case again that plugin test --bundles has kept. Exit code 0 if it ends as it did, 1 otherwise."`
	Init   pluginInitCmd   `cmd:"" help:"Write a first scenario for a plugin."`
	Schema pluginSchemaCmd `cmd:"" help:"Print the JSON Schema of scenarios, for editors."`
}

type pluginSchemaCmd struct{}

// Run does what the command is for.
func (pluginSchemaCmd) Run(e *env) error {
	text, err := scenario.Schema()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s\n", text)
	return err
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

// Run does what the command is for.
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
	Scenarios   []string `arg:"" name:"scenario" help:"Scenario files, or folders of them."`
	Python      string   `placeholder:"python3" help:"Interpreter that plugins run in; it must have the Plugin SDK for plugins that use it."`
	Mode        string   `enum:",fresh,worker,both" default:"" help:"A new interpreter per hook, as SPS does (fresh), long-lived ones (worker), or both; by default what each scenario says."`
	Filter      string   `placeholder:"REGEXP" help:"Only the cases whose label (file: case) it finds something in."`
	FailFast    bool     `help:"Start nothing more once a case did not pass."`
	Parallel    int      `default:"0" help:"Cases at once; 0 is as many as there are processors."`
	Watch       bool     `help:"Go on: run again what a changed file belongs to, until Ctrl-C."`
	Timing      bool     `help:"Say how long each hook took, and how much of that went into imports."`
	JUnit       string   `name:"junit" placeholder:"FILE" help:"Write a JUnit report."`
	JSON        string   `name:"json" placeholder:"FILE" help:"Write everything that was seen as JSON; - is standard output."`
	NoRemarks   bool     `help:"A remark of the review (an account not given back, a token not revoked, a secret in a log) fails a case that does not expect it."`
	ShowSecrets bool     `help:"Show secrets in timelines and reports as they are."`
	Verbose     bool     `short:"v" help:"Print the timeline of cases that passed, too."`
	limitFlags
	observeFlags
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

// admit says once what could not be isolated, and where the host is not the box
// that it plays.
func admit(e *env, results ...scenario.Result) {
	for _, gap := range scenario.NotIsolated(results) {
		fmt.Fprintf(e.err, "not isolated: %s\n", gap)
	}
	for _, note := range scenario.Notes(results) {
		fmt.Fprintf(e.err, "not as on SPS: %s\n", note)
	}
}

// Run does what the command is for.
func (c *pluginTestCmd) Run(e *env) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	pick, err := c.picker()
	if err != nil {
		return err
	}
	results, err := c.once(e, c.load(pick), o)
	if c.Watch {
		return c.watch(e, pick, o)
	}
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	if code := scenario.ExitCode(results); code != 0 {
		return failure{code, errQuiet}
	}
	return nil
}

// options are how cases are run.
func (c *pluginTestCmd) options() (scenario.Options, error) {
	limits, err := c.limits()
	o := scenario.Options{Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Parallel: c.Parallel, FailFast: c.FailFast,
		NoRemarks: c.NoRemarks, ShowSecrets: c.ShowSecrets, Limits: limits}
	switch c.Mode {
	case "both":
		o.Modes = []string{string(pluginhost.Fresh), string(pluginhost.Worker)}
	case "fresh", "worker":
		o.Modes = []string{c.Mode}
	}
	return o, err
}

// picker chooses cases by their labels.
func (c *pluginTestCmd) picker() (*regexp.Regexp, error) {
	if c.Filter == "" {
		return nil, nil
	}
	pick, err := regexp.Compile(c.Filter)
	if err != nil {
		return nil, fmt.Errorf("--filter: %w", err)
	}
	return pick, nil
}

// load reads the cases that are to be run. Files that cannot be are among them:
// which cases they would have nobody knows.
func (c *pluginTestCmd) load(pick *regexp.Regexp) []scenario.Case {
	all := scenario.LoadAll(c.Scenarios...)
	if pick == nil {
		return all
	}
	var out []scenario.Case
	for _, one := range all {
		if pick.MatchString(one.Label()) || one.Wrong != nil && one.Name == "" {
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		out = append(out, scenario.Case{Path: strings.Join(c.Scenarios, ", "), File: scenario.File{Title: "--filter " + c.Filter},
			Wrong: fmt.Errorf("none of the %d cases has a label that fits --filter %s", len(all), c.Filter)})
	}
	return out
}

// once runs cases and writes what came of it. The reports are written whatever
// came of it.
func (c *pluginTestCmd) once(e *env, cases []scenario.Case, o scenario.Options) ([]scenario.Result, error) {
	show := progress{out: e.out, err: e.err, total: scenario.Jobs(cases, o), line: terminal(e.out), quiet: c.JSON == "-"}
	o.Done = show.done
	observed, err := c.observe(e, &o)
	if err != nil {
		return nil, err
	}
	results := scenario.Run(e.ctx, cases, o)
	show.end(results)
	admit(e, results...)
	observed.hint(e, results)
	wrong := observed.close(e, show.quiet, c.Verbose)
	if !show.quiet {
		c.say(e, results)
	}
	return results, errors.Join(wrong, c.reports(e, results))
}

// say prints what stands below the results.
func (c *pluginTestCmd) say(e *env, results []scenario.Result) {
	if c.Verbose {
		for _, r := range results {
			r.PrintAll(e.out)
		}
	}
	if c.Timing {
		timing(e.out, results)
	}
	if scenario.Masked(results) {
		fmt.Fprintln(e.out, "Secrets are shown as ***; --show-secrets shows them as they are.")
	}
	fmt.Fprintln(e.out, scenario.Summary(results))
}

// reports writes each report that is asked for, whatever becomes of the others.
func (c *pluginTestCmd) reports(e *env, results []scenario.Result) error {
	var wrong []error
	if c.JUnit != "" {
		wrong = append(wrong, writeTo(c.JUnit, func(w io.Writer) error { return scenario.JUnit(w, results) }))
	}
	switch c.JSON {
	case "":
	case "-":
		wrong = append(wrong, scenario.JSON(e.out, results))
	default:
		wrong = append(wrong, writeTo(c.JSON, func(w io.Writer) error { return scenario.JSON(w, results) }))
	}
	return errors.Join(wrong...)
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
	out, err    io.Writer
	total, n    int
	failed      int
	line, quiet bool
	onScreen    int
}

func (p *progress) done(r scenario.Result) {
	if p.n++; r.Verdict.Code() != 0 {
		p.failed++
	}
	if r.Unreadable {
		p.wipe()
		fmt.Fprintln(p.err, r.Problem)
		r.Problem = ""
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
		if r := []rune(text); len(r) > 100 {
			text = string(r[:100])
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

// ended reports whether somebody gave up.
func ended(ctx context.Context) bool { return ctx.Err() != nil }
