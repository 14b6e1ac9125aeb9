package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// readyCmd is for scripts and health checks.
type readyCmd struct {
	controlPort `embed:""`
	Wait        time.Duration `placeholder:"TIME" help:"How long to wait for a fleet that is not ready yet, as in 30s."`
	JSON        bool          `name:"json" help:"Print the answer as JSON."`
}

const (
	lookAgain = 100 * time.Millisecond
	oneLook   = 5 * time.Second // a port that takes a connection and says nothing is not ready
)

// Run does what the command is for.
func (c *readyCmd) Run(e *env) error {
	if c.Wait < 0 {
		return fmt.Errorf("--wait %s is no time to wait; 30s, say", c.Wait)
	}
	ctx, cancel := context.WithTimeout(e.ctx, max(c.Wait, oneLook))
	defer cancel()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	began := time.Now()
	for {
		raw, err := c.look(ctx, e)
		if err == nil {
			return c.say(e, raw)
		}
		var said refusal
		busy := errors.As(err, &said) && said.status == http.StatusServiceUnavailable
		if busy {
			err = fmt.Errorf("not ready: %w", err)
		}
		if !busy && !errors.Is(err, errNoFleet) && !errors.Is(err, context.DeadlineExceeded) { // a wrong token or a port of something else: waiting mends nothing
			return err
		}
		if e.ctx.Err() != nil {
			return failure{exitFailed, e.ctx.Err()}
		}
		if time.Since(began) >= c.Wait {
			return failure{exitFailed, c.because(err)}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return failure{exitFailed, c.because(err)}
		}
	}
}

// because is why there is no fleet that is ready.
func (c *readyCmd) because(err error) error {
	if c.Wait == 0 {
		return err
	}
	return fmt.Errorf("after %s: %w", c.Wait, err)
}

// look asks once.
func (c *readyCmd) look(ctx context.Context, e *env) ([]byte, error) {
	one, cancel := context.WithTimeout(ctx, oneLook)
	defer cancel()
	inner := *e
	inner.ctx = one
	return c.call(&inner, ask{path: "/readyz"}, nil)
}

// say prints what a person, or with --json a machine, wants to know.
func (c *readyCmd) say(e *env, raw []byte) error {
	if c.JSON {
		_, err := fmt.Fprintf(e.out, "%s\n", bytes.TrimSpace(raw))
		return err
	}
	var answer struct{ Seed string }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("what answers there is no control port: %w", err)
	}
	_, err := fmt.Fprintf(e.out, "ready (seed %.12s)\n", answer.Seed)
	return err
}
