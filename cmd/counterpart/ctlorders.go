package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"counterpart/internal/serving/strictyaml"
)

type ctlDecide struct {
	Verb    string        `arg:"" enum:"approve,deny,delay,timeout,fraud,lock,expire,require_approval" help:"What is decided: ${enum}."`
	User    string        `help:"About that person."`
	Device  string        `help:"About that device."`
	Account string        `help:"About that account, like root@db01."`
	Ticket  string        `help:"About that ticket."`
	On      string        `enum:",login,code,push,checkout,ticket" default:"" help:"Only about operations of that sort (${enum})."`
	Next    int           `help:"For so many operations; 0 is until lifted."`
	After   time.Duration `help:"How long the answer takes."`
	For     time.Duration `help:"The order dies by itself after that time."`
}

// Run does what the command is for.
func (x ctlDecide) Run(e *env, c *ctlCmd) error {
	in := map[string]any{"verb": x.Verb}
	for k, v := range map[string]string{"user": x.User, "device": x.Device, "account": x.Account, "ticket": x.Ticket, "on": x.On} {
		if v != "" {
			in[k] = v
		}
	}
	if x.Next != 0 {
		in["next"] = x.Next
	}
	for k, v := range map[string]time.Duration{"after": x.After, "for": x.For} {
		if v != 0 {
			in[k] = v.String()
		}
	}
	return c.done(e, ask{method: http.MethodPost, path: "/decisions", in: in}, "%s is in force; lift it with: counterpart ctl decisions lift %s", "id", "id")
}

type ctlDecisions struct {
	List  decisionsList  `cmd:"" default:"1" help:"List them."`
	Lift  decisionsLift  `cmd:"" help:"Lift one."`
	Clear decisionsClear `cmd:"" help:"Lift all."`
}

type decisionsList struct{}

// Run does what the command is for.
func (decisionsList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/decisions"}, "decisions", "ID=id", "VERB=verb", "ON=on", "USER=user", "DEVICE=device", "ACCOUNT=account",
		"TICKET=ticket", "NEXT=next", "USED=used", "AFTER=after", "UNTIL=until")
}

type decisionsLift struct {
	ID string `arg:"" help:"Its ID."`
}

// Run does what the command is for.
func (x decisionsLift) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/decisions/" + url.PathEscape(x.ID)}, "lifted")
}

type decisionsClear struct{}

// Run does what the command is for.
func (decisionsClear) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/decisions"}, "all lifted")
}

type ctlFaults struct {
	List   faultsList   `cmd:"" default:"1" help:"List the rules and how often each struck."`
	Add    faultsAdd    `cmd:"" help:"Add a rule."`
	Set    faultsSet    `cmd:"" help:"Replace all rules by those of a file, or none if one is wrong."`
	Remove faultsRemove `cmd:"" help:"Take one rule away."`
	Clear  faultsClear  `cmd:"" help:"Break nothing any more."`
}

type faultsList struct{}

// Run does what the command is for.
func (faultsList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/faults"}, "rules", "ID=id", "KIND=kind", "MOMENT=moment", "SERVER=server", "OP=op", "ACTOR=actor", "SEEN=seen", "FIRED=fired")
}

type faultsAdd struct {
	Kind    string            `arg:"" help:"delay, status, body, edit, slow, reset, hang, tls, drop, duplicate, reorder, or a kind of a server's own."`
	Arg     map[string]string `short:"a" help:"What the kind wants to know: -a code=503, -a for=2s."`
	ID      string            `help:"Its name."`
	Server  string            `help:"Only that server."`
	Port    string            `help:"Only that port of it."`
	Op      string            `help:"Only that operation; * stands for anything."`
	Actor   string            `help:"Only for that person."`
	Object  string            `help:"Only about that object."`
	Moment  string            `enum:",before,after" default:"" help:"Strike before the operation changes anything, or after it did (${enum})."`
	Percent int               `help:"So many of a hundred."`
	Skip    int               `help:"Spare the first ones."`
	Times   int               `help:"At most so often."`
	Every   int               `help:"Every n-th."`
	Nth     int               `help:"The n-th alone."`
	Lasts   string            `help:"For that time on the fleet's clock."`
}

// Run does what the command is for.
func (x faultsAdd) Run(e *env, c *ctlCmd) error {
	rule := map[string]any{"kind": x.Kind}
	for k, v := range map[string]string{"id": x.ID, "server": x.Server, "port": x.Port, "op": x.Op, "actor": x.Actor, "object": x.Object, "moment": x.Moment, "lasts": x.Lasts} {
		if v != "" {
			rule[k] = v
		}
	}
	for k, v := range map[string]int{"percent": x.Percent, "skip": x.Skip, "times": x.Times, "every": x.Every, "nth": x.Nth} {
		if v != 0 {
			rule[k] = v
		}
	}
	if len(x.Arg) > 0 {
		rule["args"] = x.Arg
	}
	return c.done(e, ask{method: http.MethodPost, path: "/faults", in: map[string]any{"rules": []any{rule}}}, "%s is in force", "ids")
}

type faultsSet struct {
	File string `arg:"" help:"YAML or JSON with a list under rules; - reads standard input."`
}

// Run does what the command is for.
func (x faultsSet) Run(e *env, c *ctlCmd) error {
	in, err := document(e, x.File)
	if err != nil {
		return err
	}
	return c.show(e, ask{method: http.MethodPut, path: "/faults", in: in}, "rules", "ID=id", "KIND=kind", "SERVER=server", "OP=op")
}

// rulesLimit is how much of a file of rules is read.
const rulesLimit = 1 << 20

// readUpTo reads a file, at most so many octets of it.
func readUpTo(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// document reads a YAML or JSON file.
func document(e *env, name string) (out map[string]any, err error) {
	var text []byte
	if name == stdin {
		text, err = io.ReadAll(io.LimitReader(e.in, rulesLimit+1))
	} else {
		text, err = readUpTo(name, rulesLimit+1)
	}
	if err != nil {
		return nil, err
	}
	root, err := strictyaml.Decode(context.Background(), text, strictyaml.Config{What: "set of rules", Empty: "write a list under `rules:`", Limits: strictyaml.SmallLimits()}, &out)
	var wrong *strictyaml.Errors
	switch {
	case errors.As(err, &wrong):
		return nil, errors.New(wrong.In(name))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out, _ = root.Plain().(map[string]any)
	return out, nil
}

type faultsRemove struct {
	ID string `arg:"" help:"Its ID."`
}

// Run does what the command is for.
func (x faultsRemove) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/faults/" + url.PathEscape(x.ID)}, "removed")
}

type faultsClear struct{}

// Run does what the command is for.
func (faultsClear) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/faults"}, "nothing is broken any more")
}
