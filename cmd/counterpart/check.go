package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"counterpart/internal/company/clock"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/servers"
)

type checkCmd struct {
	Seeds []string `arg:"" name:"seed" help:"Seed files, or names of ready-made ones; - reads standard input."`
	JSON  bool     `name:"json" help:"Print the findings as JSON."`
}

// finding is what check says about one seed.
type finding struct {
	Seed     string         `json:"seed"`
	OK       bool           `json:"ok"`
	Problems []seed.Problem `json:"problems"`
	Warnings []seed.Problem `json:"warnings"`
	Summary  string         `json:"summary,omitempty"`
}

// Run does what the command is for.
func (c *checkCmd) Run(e *env) error {
	findings, bad := []finding{}, 0
	for _, name := range c.Seeds {
		f, err := examine(e, name)
		if err != nil {
			return err
		}
		if findings = append(findings, f); !f.OK {
			bad++
		}
	}
	if c.JSON {
		if err := json.NewEncoder(e.out).Encode(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			f.print(e)
		}
	}
	if bad > 0 {
		return failure{exitFailed, fmt.Errorf("%d of %d seeds cannot be served", bad, len(findings))}
	}
	return nil
}

// examine loads a seed and builds its servers, without opening a port.
func examine(e *env, name string) (finding, error) {
	f := finding{Seed: name, Problems: []seed.Problem{}, Warnings: []seed.Problem{}}
	now := clock.New()
	s, err := loadSeed(e, name, now.Now())
	if err == nil {
		f.Warnings = append(f.Warnings, s.Warnings...)
		_, err = boot.New(s, boot.Options{Kinds: servers.Table(), Clock: now})
	}
	if err == nil {
		f.OK = true
		f.Summary = fmt.Sprintf("%d people, %d accounts, %d servers", s.Facts.UserCount(), s.Facts.AccountCount(), len(s.Servers))
		return f, nil
	}
	var list *seed.Error
	if !errors.As(err, &list) {
		return f, err
	}
	f.Problems = list.Problems
	return f, nil
}

func (f finding) print(e *env) {
	for _, p := range f.Problems {
		fmt.Fprintln(e.err, p)
	}
	for _, w := range f.Warnings {
		fmt.Fprintln(e.err, "warning:", w)
	}
	if f.OK {
		fmt.Fprintf(e.out, "%s: fine (%s)\n", f.Seed, f.Summary)
	}
}
