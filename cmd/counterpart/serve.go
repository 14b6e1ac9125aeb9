package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"counterpart/internal/company/clock"
	"counterpart/internal/plugins/live"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/control"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

type serveCmd struct {
	Seed         string  `arg:"" optional:"" default:"demo" help:"Seed file, or a ready-made one: demo, minimal, load; - reads standard input."`
	Host         string  `default:"127.0.0.1" help:"Address that ports without one of their own listen on. Anything but loopback lets strangers in."`
	Ports        string  `enum:"seed,auto" default:"seed" help:"Port numbers: those of the seed, or free ones (${enum})."`
	PortsFile    string  `type:"path" help:"Write where everything listens to this file, as JSON, once every port is bound."`
	ControlToken *string `help:"Token that the control port wants. Needed when it can be reached from elsewhere."`
	Data         string  `placeholder:"DIR" help:"Remember what changes in this folder, over restarts. One process at a time has it, and it belongs to one seed."`
	Sync         string  `enum:"always,interval,never," default:"" placeholder:"HOW" help:"With --data, when a change is safe: always (before it is answered), interval (within 100 ms, the default) or never (when the system writes it)."`
	State        string  `default:"memory" placeholder:"URL" help:"Where what changes is kept: memory, or a Redis or Valkey that several processes share (redis://, rediss://, unix://, redis+sentinel://)."`
	JournalSize  int     `default:"6" placeholder:"MIB" help:"How much of what is asked and answered is remembered, in MiB; at most 10,000 operations."`
	NoJournal    bool    `help:"Remember nothing of what is asked and answered."`
	Open         bool    `help:"Show the console in a browser."`
	Pprof        bool    `name:"pprof" help:"Open the runtime's profiles on the control port, under /debug/pprof/."`
	Plugins      string  `type:"path" placeholder:"DIR" help:"Run sessions of the plugins in this folder against the fleet, for who asks the control port."`
	Python       string  `placeholder:"PATH" help:"Interpreter of the plugins of --plugins; python3 from PATH if nothing is said."`
	LogLevel     string  `enum:"debug,info,warn,error" default:"warn" help:"What is logged to standard error (${enum})."`
	WithStdin    bool    `help:"End when standard input ends, too: with whoever holds it open, however that ends."`
	JSON         bool    `name:"json" help:"Print what runs where as JSON instead of tables."`
}

// Run does what the command is for.
func (c *serveCmd) Run(e *env) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.WithStdin {
		ctx, stop := context.WithCancel(e.ctx)
		defer stop()
		in := e.in
		go func() {
			io.Copy(io.Discard, in)
			stop()
		}()
		e = &env{ctx: ctx, in: strings.NewReader(""), out: e.out, err: e.err}
	}
	if !c.Pprof {
		runtime.MemProfileRate = 0 // nobody can look at it, and it takes memory
	}
	var level slog.Level
	level.UnmarshalText([]byte(c.LogLevel))
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
	time := clock.New()
	store, err := openKept(e.ctx, c, log, time)
	if err != nil {
		return err
	}
	return errors.Join(c.run(e, log, time, store), store.close())
}

// check refuses what flags alone say is wrong.
func (c *serveCmd) check() error {
	if net.ParseIP(c.Host) == nil && c.Host != "localhost" {
		return fmt.Errorf("--host %q is no address of a machine; 127.0.0.1 is the default", c.Host)
	}
	if c.ControlToken != nil {
		if err := control.CheckToken(*c.ControlToken); err != nil {
			return err
		}
	}
	if c.JournalSize < 1 || c.JournalSize > 1024 {
		return fmt.Errorf("--journal-size %d is not from 1 to 1024 MiB; --no-journal remembers nothing", c.JournalSize)
	}
	if c.WithStdin && c.Seed == "-" {
		return errors.New("--with-stdin waits for the end of standard input, which the seed would be read from; write the seed into a file")
	}
	if c.Data != "" && c.State != "memory" {
		return errors.New("--data and --state are two places for the same; name one of them")
	}
	if c.Sync != "" && c.Data == "" {
		return errors.New("--sync says when changes are written to the folder of --data, which is not given")
	}
	return nil
}

func (c *serveCmd) run(e *env, log *slog.Logger, time *clock.Virtual, store *kept) error {
	s, err := store.load(e, c.Seed, time.Now())
	if err != nil {
		return err
	}
	token := ""
	if c.ControlToken != nil {
		token = *c.ControlToken
	}
	r := &reloader{opt: boot.Options{Kinds: servers.Table(), Host: c.Host, Auto: c.Ports == "auto", Clock: time,
		NoJournal: c.NoJournal, JournalBytes: c.JournalSize << 20, ControlToken: token, Profiles: c.Pprof,
		Unplayed: func(server, feature string) { fmt.Fprintf(e.err, "%s: %s is not played here\n", server, feature) },
		Log:      log}}
	r.opt.Load = r.load
	if c.Plugins != "" {
		if info, err := os.Stat(c.Plugins); err != nil || !info.IsDir() {
			return fmt.Errorf("--plugins %s is no folder", c.Plugins)
		}
		var sessions *live.Sessions
		r.opt.Plugins = func(company *boot.Company) *control.Plugins {
			if sessions != nil { // of the seed before
				sessions.Close()
			}
			sessions = live.New(c.Plugins, company, scenario.Options{Kinds: servers.Table(), Python: c.Python})
			return sessions.API()
		}
		defer func() {
			if sessions != nil {
				sessions.Close()
			}
		}()
	}
	if store != nil {
		r.opt.Store, r.opt.Lasting, r.opt.Load = store.store, !store.store.Shared(), store.refuse
	}
	company, err := boot.New(s, r.opt)
	if err != nil {
		return store.failed(c.Seed, err)
	}
	if c.PortsFile != "" { // whoever waits for it must not find that of an earlier run
		if info, err := os.Lstat(c.PortsFile); err == nil && info.Mode().IsRegular() {
			os.Remove(c.PortsFile)
		}
	}
	if err := company.Bind(); err != nil {
		return err
	}
	var serving atomic.Pointer[boot.Company]
	go boot.ReturnMemory(e.ctx, func() {
		if c := serving.Load(); c != nil {
			c.Rest()
		}
	})
	go boot.LimitMemory(e.ctx, func() (open int) {
		if c := serving.Load(); c != nil {
			for _, l := range c.Fleet.Loads() {
				open += l.Open
			}
		}
		return open
	})
	for {
		serving.Store(company)
		err := c.serve(e, r, running{s, company})
		next := r.take()
		if err != nil || next == nil || e.ctx.Err() != nil {
			return err
		}
		if s, company, err = r.follow(e, running{s, company}, *next); err != nil {
			return err
		}
	}
}

// serve announces a bound fleet and serves it, until the end or until another
// seed is to follow.
func (c *serveCmd) serve(e *env, r *reloader, now running) error {
	s, company := now.seed, now.company
	if !slices.Contains(worlds.Names(), c.Seed) { // the ready-made ones are as they are on purpose
		for _, w := range s.Warnings {
			fmt.Fprintln(e.err, "warning:", w)
		}
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	r.arm(cancel)
	done := make(chan error, 1)
	go func() { done <- company.Serve(ctx) }()
	<-company.Fleet.Up() // whoever finds the ports file finds the fleet ready
	if c.PortsFile != "" {
		if err := writePorts(c.PortsFile, company); err != nil {
			cancel()
			return errors.Join(err, <-done)
		}
	}
	var err error
	if c.JSON {
		err = announceJSON(e.out, company)
	} else {
		err = c.announce(e.out, company)
	}
	if err != nil { // nobody reads what we say: a closed pipe
		cancel()
	}
	if c.Open {
		if err := browse(ctx, consoleURL(company)); err != nil {
			fmt.Fprintln(e.err, "counterpart:", err) // the fleet serves all the same
		}
	}
	return <-done
}

// ports is the ports file: "native/http" → "127.0.0.1:8080".
func ports(company *boot.Company) map[string]string {
	out := map[string]string{}
	for _, e := range company.Fleet.Endpoints() {
		out[e.ID()] = e.Addr
	}
	return out
}

// writePorts writes the file in one step, so that a reader never sees half.
func writePorts(path string, company *boot.Company) error {
	text, err := json.MarshalIndent(ports(company), "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(file{path, append(text, '\n')}, 0o644); err != nil {
		return fmt.Errorf("cannot write the ports file: %w", err)
	}
	return nil
}

func announceJSON(w io.Writer, company *boot.Company) error {
	return json.NewEncoder(w).Encode(map[string]any{"status": "ready", "ports": ports(company), "endpoints": company.Fleet.Endpoints(), "facts": company.Facts()})
}
