package main

import (
	"fmt"
	"net/http"
	"time"
)

type ctlClock struct {
	Show    clockShow    `cmd:"" default:"1" help:"What time it is."`
	Freeze  clockFreeze  `cmd:"" help:"Stop time."`
	Resume  clockResume  `cmd:"" help:"Let time run on."`
	Advance clockAdvance `cmd:"" help:"Move time forward: 90s, 8h."`
}

func (c *ctlCmd) clock(e *env, change map[string]any) error {
	r := ask{path: "/clock"}
	if change != nil {
		r.method, r.in = http.MethodPost, change
	}
	var out struct {
		Now    time.Time
		Frozen bool
	}
	raw, err := c.call(e, r, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	how := "running"
	if out.Frozen {
		how = "frozen"
	}
	_, err = fmt.Fprintf(e.out, "%s, %s\n", out.Now.Format(time.RFC3339), how)
	return err
}

type clockShow struct{}

// Run does what the command is for.
func (clockShow) Run(e *env, c *ctlCmd) error { return c.clock(e, nil) }

type clockFreeze struct {
	At string `placeholder:"TIME" help:"Go to that moment first, like 2026-01-01T12:00:00Z; it must not have passed."`
}

// Run does what the command is for.
func (x clockFreeze) Run(e *env, c *ctlCmd) error {
	change := map[string]any{"frozen": true}
	if x.At != "" {
		change["to"] = x.At
	}
	return c.clock(e, change)
}

type clockResume struct{}

// Run does what the command is for.
func (clockResume) Run(e *env, c *ctlCmd) error { return c.clock(e, map[string]any{"frozen": false}) }

type clockAdvance struct {
	By time.Duration `arg:"" help:"How far."`
}

// Run does what the command is for.
func (x clockAdvance) Run(e *env, c *ctlCmd) error {
	return c.clock(e, map[string]any{"advance": x.By.String()})
}
