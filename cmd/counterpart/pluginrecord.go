package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/record"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginRecordCmd struct {
	pluginRunCmd
	Out     string `required:"" placeholder:"FILE" help:"Scenario file to write."`
	Title   string `placeholder:"TEXT" help:"Title of the scenario; by default how the session ended."`
	Force   bool   `help:"Write over a file that exists."`
	NoCheck bool   `help:"Do not play the scenario once more to see that it passes."`
}

// Run does what the command is for: a session as plugin run plays it, which is written down.
func (c *pluginRecordCmd) Run(e *env) error {
	if _, err := os.Lstat(c.Out); err == nil && !c.Force {
		return failure{scenario.Broken.Code(), fmt.Errorf("%s exists; --force writes over it", c.Out)}
	}
	kase, err := c.scenario()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	limits, err := c.limits()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	t := &teletype{lines: read(e.in), out: e.out}
	if f, ok := e.in.(*os.File); ok && terminal(e.in) {
		t.fd, t.tty = int(f.Fd()), true
	}
	o := scenario.Options{Limits: limits, ShowSecrets: c.Secrets, Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python}
	heard := record.New(filepath.Dir(c.Out), c.Title)
	session := o
	session.Live, session.Ran = t.moment, heard.Ran
	session.Answer = func(ctx context.Context, ask pluginhost.Ask) pluginhost.Answer {
		return heard.Answered(ask, t.answer(ctx, ask))
	}
	session.Up = heard.Up
	r := scenario.Play(e.ctx, kase, session)
	t.close(r)
	admit(e, r)
	text, err := heard.Scenario()
	if err != nil {
		return failure{scenario.Broken.Code(), fmt.Errorf("nothing was written: %w", err)}
	}
	if err := c.write(text); err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	fmt.Fprintln(e.out, "wrote", c.Out)
	for _, note := range heard.Notes() {
		fmt.Fprintln(e.out, "note:", note)
	}
	if c.NoCheck {
		return nil
	}
	return c.check(e, o)
}

// write writes the scenario: never over another one unless that is wanted.
func (c *pluginRecordCmd) write(text []byte) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(c.Out, how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists; --force writes over it", c.Out)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// check plays what was written.
func (c *pluginRecordCmd) check(e *env, o scenario.Options) error {
	cases, err := scenario.Load(c.Out)
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	results := scenario.Run(e.ctx, cases, o)
	for _, r := range results {
		if r.Verdict != scenario.Passed {
			r.Print(e.out)
			return failure{scenario.ExitCode(results), fmt.Errorf("played once more, %s does not pass: what differs from run to run is to be taken out of its expectations", c.Out)}
		}
	}
	fmt.Fprintln(e.out, "played once more: passed")
	return nil
}
