package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

type ctlSessions struct {
	List    sessionsList    `cmd:"" default:"1" help:"List them."`
	Plugins sessionsPlugins `cmd:"" help:"The plugins that can be run."`
	Start   sessionsStart   `cmd:"" help:"Run one."`
	Show    sessionsShow    `cmd:"" help:"What happened in one, and the prompt that waits."`
	Answer  sessionsAnswer  `cmd:"" help:"Answer the prompt that waits."`
	Stop    sessionsStop    `cmd:"" help:"Have the user hang up."`
}

type sessionsList struct{}

// Run does what the command is for.
func (sessionsList) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/sessions"}, "sessions", "ID=id", "STATE=state", "USER=user", "PLUGINS=plugins", "BEGAN=began", "OUTCOME=outcome")
}

type sessionsPlugins struct{}

// Run does what the command is for.
func (sessionsPlugins) Run(e *env, c *ctlCmd) error {
	return c.show(e, ask{path: "/plugins"}, "plugins", "NAME=name", "TITLE=title", "TYPE=type", "VERSION=version", "REJECTED=rejected")
}

type sessionsStart struct {
	AA       string `name:"aa" help:"An AA plugin, by its name."`
	Store    string `help:"A credential store plugin, by its name."`
	User     string `help:"Who logs in at the gateway."`
	Protocol string `default:"ssh" help:"ssh, telnet, rdp, …"`
	Server   string `default:"root@10.0.0.5:22" help:"Where to: user@address:port."`
}

// Run does what the command is for.
func (x sessionsStart) Run(e *env, c *ctlCmd) error {
	user, host, cut := strings.Cut(x.Server, "@")
	address, port, both := strings.Cut(host, ":")
	number := 0
	if _, err := fmt.Sscan(port, &number); !cut || !both || err != nil {
		return fmt.Errorf("--server %q is no user@address:port", x.Server)
	}
	in := map[string]any{"connection": map[string]any{"protocol": x.Protocol, "gateway": map[string]any{"user": x.User}, "server": map[string]any{"user": user, "ip": address, "port": number}}}
	if x.AA != "" {
		in["aa"] = map[string]any{"name": x.AA}
	}
	if x.Store != "" {
		in["credentialstore"] = map[string]any{"name": x.Store}
	}
	return c.done(e, ask{method: http.MethodPost, path: "/sessions", in: in}, "%s runs; watch it with: counterpart ctl sessions show %s", "id", "id")
}

type sessionsShow struct {
	ID    string `arg:"" help:"Its ID."`
	Since int    `help:"Only what happened after that number."`
	Wait  string `placeholder:"TIME" help:"Wait that long for something to happen."`
}

// Run does what the command is for.
func (x sessionsShow) Run(e *env, c *ctlCmd) error {
	var out struct {
		State, Outcome, Problem string
		Last                    int
		Ask                     *struct {
			Number int
			Text   string
		}
		Moments []any
	}
	raw, err := c.call(e, ask{path: "/sessions/" + url.PathEscape(x.ID), query: query("since", count(x.Since), "wait", x.Wait)}, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.raw(e, raw)
	}
	if err := table(e.out, out.Moments, []string{"#=n", "SOURCE=source", "WHAT=text"}); err != nil {
		return err
	}
	if out.Ask != nil {
		fmt.Fprintf(e.out, "prompt %d waits: %s\n", out.Ask.Number, out.Ask.Text)
	}
	if out.State == "ended" {
		fmt.Fprintf(e.out, "it ended: %s\n", orElse(out.Outcome, out.Problem))
	}
	return nil
}

type sessionsAnswer struct {
	ID     string `arg:"" help:"Its ID."`
	Number int    `arg:"" help:"Of the prompt."`
	Text   string `arg:"" optional:"" help:"The answer; - reads a line of standard input."`
	HangUp bool   `help:"Hang up instead."`
}

// Run does what the command is for.
func (x sessionsAnswer) Run(e *env, c *ctlCmd) error {
	if x.Text == stdin {
		text, err := io.ReadAll(io.LimitReader(e.in, rulesLimit))
		if err != nil {
			return err
		}
		x.Text, _, _ = strings.Cut(string(text), "\n")
	}
	if x.HangUp && x.Text != "" {
		return errors.New("give either an answer or --hang-up")
	}
	return c.done(e, ask{method: http.MethodPost, path: "/sessions/" + url.PathEscape(x.ID) + "/answer", in: map[string]any{"number": x.Number, "text": x.Text, "hang_up": x.HangUp}}, "answered")
}

type sessionsStop struct {
	ID string `arg:"" help:"Its ID."`
}

// Run does what the command is for.
func (x sessionsStop) Run(e *env, c *ctlCmd) error {
	return c.done(e, ask{method: http.MethodDelete, path: "/sessions/" + url.PathEscape(x.ID)}, "the user hangs up")
}
