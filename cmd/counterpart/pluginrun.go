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
	Password string `placeholder:"PASSWORD" help:"Password that the target accepts, for credential store plugins; may have {{ … }} holes."`
	SPS      string `name:"sps" default:"" placeholder:"9.0" help:"SPS release to play."`
	Mode     string `enum:"fresh,worker" default:"fresh" help:"A new interpreter per hook, as SPS does, or a long-lived one."`
	Python   string `placeholder:"python3" help:"Interpreter that the plugin runs in."`
	limitFlags
}

// Run implements kong's command.
func (c *pluginRunCmd) Run(e *env) error {
	kase, err := c.scenario()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	t := &teletype{in: bufio.NewReader(e.in), out: e.out}
	if f, ok := e.in.(*os.File); ok && terminal(e.in) {
		t.fd, t.tty = int(f.Fd()), true
	}
	limits, err := c.limits()
	if err != nil {
		return failure{scenario.Broken.Code(), err}
	}
	r := scenario.Play(e.ctx, kase, scenario.Options{Limits: limits, Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python, Answer: t.answer, Live: t.moment})
	t.close(r)
	admit(e, r)
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
	mu  sync.Mutex
	in  *bufio.Reader
	out io.Writer
	fd  int
	tty bool
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
func (t *teletype) answer(_ context.Context, ask pluginhost.Ask) pluginhost.Answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprint(t.out, ask.Text)
	if ask.Hidden && t.tty {
		text, err := term.ReadPassword(t.fd)
		fmt.Fprintln(t.out)
		return pluginhost.Answer{Text: string(text), HangUp: err != nil}
	}
	line, err := t.in.ReadString('\n')
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

// close says how the session ended and what a reviewer would say.
func (t *teletype) close(r scenario.Result) {
	if r.Problem != "" {
		fmt.Fprintln(t.out, r.Problem)
	}
	for _, remark := range r.Review {
		fmt.Fprintln(t.out, "remark:", remark)
	}
}
