// Command counterpart plays every system that a privileged-access plugin talks
// to: one binary, one seed, and vaults, RADIUS, one-time passwords, directories
// and ticketing answer as the real ones would.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"counterpart/cmd/counterpart/internal/grammar"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/seed"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a check or an expectation failed
	exitUse    = 2 // wrong use, or nothing could start
	exitPlugin = 4 // the same of plugin commands, where 2 is a plugin that SPS would refuse
)

// cli is the command line. Every flag has a variable COUNTERPART_<FLAG>.
type cli struct {
	Serve   serveCmd   `cmd:"" default:"withargs" help:"Start a fleet and serve until Ctrl-C. Without a seed it is the demo company."`
	Ready   readyCmd   `cmd:"" help:"Say whether a fleet is ready, or wait until it is. Exit code 1 unless so."`
	Check   checkCmd   `cmd:"" help:"Say everything that is wrong with seeds, without starting anything."`
	Seed    seedCmd    `cmd:"" help:"Help for writing seeds."`
	Ctl     ctlCmd     `cmd:"" help:"Steer a running fleet: clock, decisions, faults, journal, audit."`
	Load    loadCmd    `cmd:"" help:"What does it cost: journeys of many people at a rate, against a fleet or anything else, and an honest report."`
	Plugin  pluginCmd  `cmd:"" help:"Run plugins of Safeguard for Privileged Sessions against fleets."`
	CA      caCmd      `cmd:"" name:"ca" help:"The certificate of a seed's CA, for clients to trust, and certificates that it issues."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// env is what every command may use of the process around it.
type env struct {
	ctx context.Context
	in  io.Reader
	out io.Writer
	err io.Writer

	grammar *grammar.Grammar // for completion
}

// do runs a command of the grammar; nil is one that only asked for help.
func (c *cli) do(command any, e *env) error {
	switch x := command.(type) {
	case interface{ Run(e *env) error }:
		return x.Run(e)
	case interface{ Run(e *env, c *ctlCmd) error }:
		return x.Run(e, &c.Ctl)
	}
	return nil
}

// failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error
}

// errQuiet is a failure whose reasons have been printed already.
var errQuiet = errors.New("")

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func main() {
	ctx, stop := context.WithCancel(context.Background())
	urgent, hurry := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		if isPlugin(os.Args[1:]) { // a second Ctrl-C waits for no session_ended, and still removes what was made
			<-signals
			hurry()
		}
		signal.Stop(signals) // the next one ends the process at once
	}()
	os.Exit(run(pluginhost.WithUrgency(ctx, urgent), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) (code int) {
	var c cli
	g, err := grammar.New(&c, grammar.Options{Name: "counterpart", Variables: "COUNTERPART", Getenv: os.Getenv, Out: out, Err: errw,
		About: "Every system that a privileged-access plugin talks to, in one binary, from one seed. `counterpart` alone runs the demo company."})
	if err != nil {
		fmt.Fprintln(errw, "counterpart:", err)
		return exitUse
	}
	command, err := g.Parse(args)
	if err != nil {
		fmt.Fprintf(errw, "counterpart: %v; see counterpart --help\n", err)
		return wrongUse(args)
	}
	err = c.do(command, &env{ctx: ctx, in: in, out: out, err: errw, grammar: g})
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errQuiet) {
		report(errw, err)
	}
	var f failure
	if errors.As(err, &f) {
		return f.code
	}
	return wrongUse(args)
}

// wrongUse is the exit code of wrong use. Those of plugin commands are the plugin
// host's (its contract, section 6.1).
func wrongUse(args []string) int {
	if isPlugin(args) {
		return exitPlugin
	}
	return exitUse
}

// isPlugin reports whether a command is about plugins.
func isPlugin(args []string) bool {
	i := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	return i >= 0 && args[i] == "plugin"
}

// report prints an error; the list of a seed's problems stands on its own.
func report(w io.Writer, err error) {
	var list *seed.Error
	if errors.As(err, &list) {
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "counterpart:", err)
}
