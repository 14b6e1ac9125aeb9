package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

type ctlState struct {
	Load   stateLoad   `cmd:"" help:"Let the fleet go on with another seed."`
	Reset  stateReset  `cmd:"" help:"Take everything but the clock back to the seed."`
	Export stateExport `cmd:"" help:"Print the fleet as it stands as a seed, which serve loads to the same state."`
}

type stateLoad struct {
	File string `arg:"" help:"A seed; - reads standard input. Files that it names must be in it, as in an export."`
}

// loadPatience is how long a fleet may take to change its seed.
const loadPatience = 15 * time.Second

// Run does what the command is for.
func (x stateLoad) Run(e *env, c *ctlCmd) error {
	text, _, _, err := source(e, x.File)
	if err != nil {
		return err
	}
	var loading, ready struct{ Seed string }
	raw, err := c.call(e, ask{method: http.MethodPut, path: "/state", in: text}, &loading)
	if err != nil {
		return err
	}
	for end := time.Now().Add(loadPatience); ready.Seed != loading.Seed; {
		if time.Now().After(end) {
			return failure{exitFailed, errors.New("the fleet has not come back with that seed; its own output says why")}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-e.ctx.Done():
			return e.ctx.Err()
		}
		c.call(e, ask{path: "/readyz"}, &ready) // nobody answers while the ports change hands
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	_, err = fmt.Fprintf(e.out, "%s is served\n", x.File)
	return err
}

type stateExport struct{}

// Run does what the command is for.
func (stateExport) Run(e *env, c *ctlCmd) error {
	raw, err := c.call(e, ask{path: "/state"}, nil)
	if err != nil {
		return err
	}
	_, err = e.out.Write(raw)
	return err
}

type stateReset struct{}

// Run does what the command is for.
func (stateReset) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodPost, path: "/state/reset"}, "as the seed has it; the time is %s", "now")
}

type ctlAudit struct{}

// Run does what the command is for.
func (ctlAudit) Run(e *env, c *ctlCmd) error {
	var out struct {
		Clean, Known              bool
		Leases, Tokens, Sightings []any
		Silent                    []string
		Looked                    int
		Dropped                   uint64
	}
	raw, err := c.call(e, ask{path: "/audit"}, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		c.raw(e, raw)
	} else {
		fmt.Fprintln(e.out, "Accounts never given back:")
		table(e.out, out.Leases, []string{"LEASE=id", "ACCOUNT=account", "USER=user", "CLIENT=client", "EXPIRES=expires"})
		fmt.Fprintln(e.out, "\nTokens still alive:")
		table(e.out, out.Tokens, []string{"ID=id", "KIND=kind", "OWNER=owner", "EXPIRES=expires"})
		fmt.Fprintln(e.out, "\nSecrets where they should not be:")
		table(e.out, out.Sightings, []string{"ENTRY=seq", "SERVER=server", "OPERATION=op", "ACTOR=actor", "WHERE=where", "WHAT=text"})
		fmt.Fprintf(e.out, "\n%d operations looked at.\n", out.Looked)
	}
	switch {
	case out.Clean:
		return nil
	case len(out.Silent) > 0:
		return failure{exitFailed, errors.New("not all replicas were heard, so that nothing is certain")}
	case !out.Known && out.Dropped == 0:
		return failure{exitFailed, errors.New("the fleet runs without a journal, so that nothing is certain")}
	case !out.Known:
		return failure{exitFailed, fmt.Errorf("the journal has forgotten %d operations, so that nothing is certain", out.Dropped)}
	}
	return failure{exitFailed, errors.New("not clean")}
}

type ctlCompletion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}"`
}

// Run writes the script that a shell reads.
func (x ctlCompletion) Run(e *env) error { return e.grammar.Completion(e.out, x.Shell) }
