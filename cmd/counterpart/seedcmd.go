package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"counterpart/seed"
	"counterpart/seed/worlds"
)

type seedCmd struct {
	Schema  schemaCmd  `cmd:"" help:"Print the JSON Schema of seeds, for editors."`
	Example exampleCmd `cmd:"" help:"Print a commented seed to start from."`
}

type schemaCmd struct{}

// Run does what the command is for.
func (schemaCmd) Run(e *env) error {
	text, err := seed.Schema(blocks())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "%s\n", text)
	return err
}

type exampleCmd struct{}

// Run does what the command is for.
func (exampleCmd) Run(e *env) error {
	_, err := e.out.Write(worlds.Example())
	return err
}

type versionCmd struct{}

// Run does what the command is for.
func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintf(e.out, "counterpart %s (%s, %s/%s)\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the version of this program.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}
