package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

type pluginRunCmd struct {
	Path     string `arg:"" help:"Plugin: a zip file or a folder."`
	Preset   string `enum:",SshWithGatewayAuth,SshWithoutGatewayAuth,RdpWithGatewayAuth,RdpWithoutGatewayAuth" default:"" help:"One of the vendor tester's connections: ${enum}."`
	Protocol string `default:"ssh" help:"Protocol of the connection."`
	Gateway  string `name:"gateway-user" placeholder:"alice" help:"Who has authenticated on the gateway already; empty: nobody."`
	Login    string `placeholder:"otp=1@root@db01" help:"User name as it is typed."`
	User     string `default:"root" help:"User name on the server."`
	Server   string `default:"10.0.0.5" help:"Address of the server."`
	Hostname string `default:"db01.acme.test" help:"Name of the server; empty: reverse DNS fails."`
	Client   string `default:"198.51.100.7" help:"Address of the client."`
	Policy   string `default:"example" help:"Name of the connection policy."`
	Config   string `type:"existingfile" placeholder:"FILE" help:"Configuration of the plugin, with {{ … }} holes; by default its default.cfg."`
	Deps     string `type:"existingdir" placeholder:"DIR" help:"Extra site directory."`
	Seed     string `default:"demo" help:"Company that the plugin talks to: a seed file, demo, minimal, …"`
	Mapping  bool   `name:"usermapping" help:"A usermapping policy lets the gateway user that a plugin returns be another one than the user on the server."`
	Password string `placeholder:"PASSWORD" help:"Password that the target accepts, for credential store plugins; may have {{ … }} holes."`
	SPS      string `name:"sps" default:"" placeholder:"9.0" help:"SPS release to play."`
	Mode     string `enum:"fresh,worker" default:"fresh" help:"A new interpreter per hook, as SPS does, or a long-lived one."`
	Python   string `placeholder:"python3" help:"Interpreter that the plugin runs in."`
	Secrets  bool   `name:"show-secrets" help:"Show secrets in the timeline as they are."`
	limitFlags
}

// Run does what the command is for.
func (c *pluginRunCmd) Run(e *env) error {
	kase, err := c.scenario()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	t := &teletype{lines: read(e.in), out: e.out}
	if f, ok := e.in.(*os.File); ok && terminal(e.in) {
		t.fd, t.tty = int(f.Fd()), true
	}
	limits, err := c.limits()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	r := scenario.Play(e.ctx, kase, scenario.Options{Limits: limits, ShowSecrets: c.Secrets, Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Answer: t.answer, Live: t.moment})
	t.close(r)
	admit(e, r)
	if r.Interrupted { // to the plugin, who leaves has hung up
		return nil
	}
	if code := r.Verdict.Code(); code != 0 {
		return failure{code, errQuiet}
	}
	return nil
}

// scenario is the command line as a scenario without expectations.
func (c *pluginRunCmd) scenario() (scenario.Case, error) {
	profile, err := pluginhost.ProfileFor(c.SPS)
	if err != nil {
		return scenario.Case{}, err
	}
	plugin := map[string]any{"package": c.Path}
	if c.Config != "" {
		plugin["config_file"] = c.Config
	}
	if c.Deps != "" {
		plugin["deps"] = c.Deps
	}
	kind := "aa"
	if pkg, _ := pluginhost.Check(c.Path, profile); pkg != nil && pkg.Manifest.Type == pluginhost.CredentialStore {
		kind = "credentialstore"
	}
	connection := map[string]any{"protocol": c.Protocol, "policy": c.Policy, "client": map[string]any{"ip": c.Client, "port": 12341},
		"server": map[string]any{"user": c.User, "ip": c.Server, "port": 22, "hostname": c.Hostname}}
	if c.Gateway != "" {
		connection["gateway"] = map[string]any{"user": c.Gateway}
	}
	if c.Login != "" {
		connection["login"] = c.Login
	}
	if p, ok := pluginhost.Preset(c.Preset); ok {
		connection = preset(p.Connection)
	}
	connection["usermapping"] = c.Mapping
	m := map[string]any{"scenario": "a session on the terminal", "sps": c.SPS, "mode": c.Mode, "plugins": map[string]any{kind: plugin},
		"connection": connection, "fleet": map[string]any{"seed": c.Seed}}
	if c.Password != "" || kind == "credentialstore" {
		m["target"] = map[string]any{"accepts": map[string]any{"password": c.Password}}
	}
	return scenario.Build("command line", m)
}

// preset is one of the connections of the vendor's own tester.
func preset(p pluginhost.Connection) map[string]any {
	m := map[string]any{"protocol": p.Protocol, "policy": p.Policy,
		"client":  map[string]any{"ip": p.Client.IP, "port": p.Client.Port, "hostname": p.Client.Hostname},
		"gateway": map[string]any{"user": p.Gateway.User},
		"server":  map[string]any{"user": p.Server.User, "ip": p.Server.IP, "port": p.Server.Port, "hostname": p.Server.Hostname}}
	if len(p.KeyValues) > 0 {
		values := map[string]any{}
		for _, kv := range p.KeyValues {
			values[kv.Key] = kv.Value
		}
		m["key_values"] = values
	}
	return m
}

// teletype shows a session and takes the answers.
type teletype struct {
	mu    sync.Mutex
	lines *typing
	out   io.Writer
	fd    int
	tty   bool
}

// typing reads what a person types, in the background: who leaves does not end a
// line.
type typing struct {
	ask  chan func() (string, error)
	said chan typed
}

type typed struct {
	text string
	err  error
}

// read reads lines of in, one for each that is asked for.
func read(in io.Reader) *typing {
	t := &typing{ask: make(chan func() (string, error)), said: make(chan typed, 1)}
	lines := bufio.NewReader(in)
	go func() {
		for other := range t.ask {
			if other == nil {
				other = func() (string, error) { return lines.ReadString('\n') }
			}
			text, err := other()
			t.said <- typed{text, err}
		}
	}()
	return t
}

// line is the next one, or what another way of reading says; it ends with ctx.
func (t *typing) line(ctx context.Context, other func() (string, error)) (string, error) {
	select {
	case t.ask <- other:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case s := <-t.said:
		return s.text, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// moment prints one line of what happens.
func (t *teletype) moment(m scenario.Moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.Source != "prompt" && m.Source != "answer" {
		fmt.Fprintf(t.out, "%7dms %-12s %s\n", m.At.Milliseconds(), m.Source, strings.TrimRight(m.Text, "\n"))
	}
}

// answer asks the person; the end of input hangs up.
func (t *teletype) answer(ctx context.Context, ask pluginhost.Ask) pluginhost.Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprint(t.out, ask.Text)
	if ask.Hidden && t.tty {
		return t.hidden(ctx)
	}
	line, err := t.lines.line(ctx, nil)
	if err != nil && line == "" {
		fmt.Fprintln(t.out, "(hangs up)")
		return pluginhost.Answer{HangUp: true}
	}
	line = strings.TrimRight(line, "\r\n")
	if !t.tty {
		shown := line
		if ask.Hidden {
			shown = "(hidden)"
		}
		fmt.Fprintln(t.out, shown)
	}
	return pluginhost.Answer{Text: line}
}

// hidden asks without showing what is typed. Who leaves finds the terminal as it
// was.
func (t *teletype) hidden(ctx context.Context) pluginhost.Answer {
	before, err := term.GetState(t.fd)
	if err != nil {
		return pluginhost.Answer{HangUp: true}
	}
	text, err := t.lines.line(ctx, func() (string, error) {
		text, err := term.ReadPassword(t.fd)
		return string(text), err
	})
	if ctx.Err() != nil {
		_ = term.Restore(t.fd, before) // there is no other way left
	}
	fmt.Fprintln(t.out)
	return pluginhost.Answer{Text: text, HangUp: err != nil}
}

// close says how the session ended and what a reviewer would say.
func (t *teletype) close(r scenario.Result) {
	if r.Problem != "" {
		fmt.Fprintln(t.out, r.Problem)
	}
	for _, remark := range r.Review {
		fmt.Fprintln(t.out, "remark:", remark)
	}
}
