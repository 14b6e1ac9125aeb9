package main

import (
	"fmt"

	"counterpart/internal/plugins/bundle"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginReplayCmd struct {
	File    string   `arg:"" help:"A file that plugin test --bundles has written."`
	Package []string `placeholder:"PATH" help:"The plugin, where it is elsewhere now, or another version of it."`
	Deps    string   `type:"existingdir" placeholder:"DIR" help:"Extra site directory of the plugin."`
	Python  string   `placeholder:"python3" help:"Interpreter that the plugin runs in."`
	Verbose bool     `short:"v" help:"Print the timeline, too."`
	limitFlags
}

// Run does what the command is for.
func (c *pluginReplayCmd) Run(e *env) error {
	b, err := bundle.Read(c.File)
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	limits, err := c.limits()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	r, err := b.Run(e.ctx, bundle.Choice{Packages: c.Package, Deps: c.Deps,
		Options: scenario.Options{Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Limits: limits}})
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	for _, note := range append(r.Notes, b.Left...) {
		fmt.Fprintln(e.err, "note:", note)
	}
	admit(e, r.Result)
	if c.Verbose {
		r.Result.PrintAll(e.out)
	} else {
		r.Result.Print(e.out)
	}
	switch {
	case r.Result.Verdict == scenario.Broken:
		return failure{scenario.Broken.Code(), errQuiet}
	case len(r.Other) == 0:
		fmt.Fprintf(e.out, "the same end: %s, %d differences\n", r.Now.Verdict, len(r.Now.Differences))
		return nil
	}
	fmt.Fprintln(e.out, "another end:")
	for _, line := range r.Other {
		fmt.Fprintf(e.out, "  %s\n", line)
	}
	return failure{exitFailed, errQuiet}
}
