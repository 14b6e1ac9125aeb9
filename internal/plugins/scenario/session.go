package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
)

// fill replaces the holes of everything but the prompts, whose answers may be
// codes that change with time.
func (r *run) fill() error {
	asked := r.Prompts
	made := map[*strictyaml.Node]bool{}
	var problems []seed.Problem
	wrong := func(n *strictyaml.Node, e *holeError) {
		problems = append(problems, r.from.within(r.from.problem(n, e.Error(), ""), e.hole))
	}
	rest := without(r.node, func(key string) bool { return key == "prompts" })
	filled := r.fleet.tree.fillNode(rest, made, wrong)
	if len(problems) > 0 {
		return sorted(problems)
	}
	c := r.Case
	if err := c.decode(filled, made); err != nil {
		return err
	}
	c.Prompts = asked
	r.Case, r.filled = c, filled
	return nil
}

// session is the case in the host's terms.
func (r *run) session(host *pluginhost.Host, profile pluginhost.Profile) (pluginhost.Session, error) {
	c := r.Connection
	clientPort := c.Client.Port
	if clientPort == 0 {
		clientPort = 51022 // every client has one
	}
	s := pluginhost.Session{Legs: r.Legs, EndAlways: r.SessionEnded == "always", Prompter: r.answer, Event: r.event, LogLimit: r.logLimit,
		Wait: func(_ context.Context, d time.Duration) error { return r.advance(d) },
		Connection: pluginhost.Connection{Protocol: c.Protocol, Policy: orDefault(c.Policy, "example"), Login: c.Login, KeyValues: pairs(c.KeyValues),
			UserMapping: c.Mapping != nil && *c.Mapping,
			Client:      pluginhost.Endpoint{IP: orDefault(c.Client.IP, "198.51.100.7"), Port: clientPort, Hostname: c.Client.Hostname},
			Gateway:     pluginhost.Gateway{User: c.Gateway.User, Password: c.Gateway.Password, Domain: c.Gateway.Domain, Groups: c.Gateway.Groups, Web: c.Gateway.Web},
			Server:      pluginhost.Server{User: c.Server.User, Domain: c.Server.Domain, IP: c.Server.IP, Port: c.Server.Port, Hostname: c.Server.Hostname}}}
	var err error
	if s.AA, err = r.install(host, profile, r.Plugins.AA); err != nil {
		return s, err
	}
	if s.CredentialStore, err = r.install(host, profile, r.Plugins.Store); err != nil {
		return s, err
	}
	s.Target = r.target()
	for i, step := range r.During {
		next := pluginhost.Step{TOTP: step.TOTP}
		if app := step.RemoteApp; app != nil {
			next.RemoteApp = &pluginhost.RemoteApp{Asset: app.Asset, Account: app.Account, Answer: app.Answer}
		}
		if step.Wait != "" {
			if next.Wait, err = time.ParseDuration(step.Wait); err != nil {
				return s, fmt.Errorf("%s: during[%d]: %w", r.Label(), i, err)
			}
		}
		s.During = append(s.During, next)
	}
	return s, nil
}

// advance lets time pass in the fleet.
func (r *run) advance(d time.Duration) error {
	if r.pause != nil {
		return r.pause(d)
	}
	r.moved = true
	return r.fleet.Clock.Advance(d)
}

func (r *run) target() *pluginhost.Target {
	if r.Target == nil {
		return nil
	}
	out := &pluginhost.Target{}
	for _, m := range r.Target.Offers {
		out.Offers = append(out.Offers, pluginhost.Method(m))
	}
	if p := r.Target.Accepts.Password; p != "" {
		out.Passwords = []string{p}
	}
	if k := r.Target.Accepts.Key; k != "" {
		out.Keys = []string{k}
	}
	return out
}

// install checks a package as SPS would at upload, and uploads it.
func (r *run) install(host *pluginhost.Host, profile pluginhost.Profile, p *Plugin) (*pluginhost.Use, error) {
	if p == nil {
		return nil, nil
	}
	path, err := r.expand("package", p.Package)
	if err != nil {
		return nil, err
	}
	pkg, verdict := pluginhost.Check(r.beside(path), profile)
	if !verdict.OK() {
		text := ""
		for _, e := range verdict.Errors() {
			text += "\n" + e.String()
		}
		return nil, fmt.Errorf("%w: %s%s", errRejected, p.Package, text)
	}
	deps := ""
	if p.Deps != "" {
		if deps, err = r.expand("deps", p.Deps); err != nil {
			return nil, err
		}
		deps = r.beside(deps)
	}
	installed, err := host.Install(pluginhost.Upload{Package: pkg, Deps: deps})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Label(), err)
	}
	config, err := r.config(p, pkg)
	if err != nil {
		return nil, err
	}
	r.configs = append(r.configs, config)
	return &pluginhost.Use{Plugin: installed, Config: config}, nil
}

// config is the plugin's configuration, and notes where its lines stand.
func (r *run) config(p *Plugin, pkg *pluginhost.Package) (string, error) {
	kind := pkg.Manifest.Type
	switch {
	case p.ConfigFile != "":
		path := r.beside(p.ConfigFile)
		text, err := slurp(path, maxFile)
		if err != nil {
			return "", r.problem("plugins."+kind+".config_file", err.Error())
		}
		r.where[kind] = origins{path, 0}
		config, err := r.fleet.tree.fillConfig(string(text))
		var bad *holeError
		if errors.As(err, &bad) {
			o := &origin{path: path, lines: map[string][]string{path: strings.Split(string(text), "\n")}}
			return "", sorted([]seed.Problem{o.within(seed.Problem{File: path, Line: 1, Column: 1, Message: bad.Error()}, bad.hole)})
		}
		return config, err
	case p.Config != "":
		if n := at(r.node, "plugins."+kind+".config"); n != nil && n.Style == strictyaml.Block {
			r.where[kind] = origins{r.from.file(n), n.Line}
		}
		return p.Config, nil
	}
	return pkg.DefaultConfig, nil
}

// problem is a mistake at the value of a path of the case.
func (r *run) problem(path, message string) error {
	return sorted([]seed.Problem{r.from.problem(at(r.node, path), message, "")})
}

// origins is where the lines of a text stand: in a file, behind a line.
type origins struct {
	file   string
	behind int
}

// configLine is how Python's configparser names a line.
var configLine = regexp.MustCompile(`\[line\s+(\d+)\]|\bline: (\d+)\b`)

// line is the place that a message of configparser names; empty for none.
func (o origins) line(message string) string {
	m := configLine.FindStringSubmatch(message)
	if m == nil || o.file == "" {
		return ""
	}
	n, err := strconv.Atoi(m[1] + m[2])
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", o.file, o.behind+n)
}

// beside resolves a path that stands in the scenario file.
func (r *run) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.Path), path)
}

// expand fills in environment variables: where published plugins are checked out
// is nobody's business but the machine's. $$ is a dollar sign.
func (r *run) expand(what, path string) (string, error) {
	var missing error
	out := os.Expand(path, func(name string) string {
		if name == "$" {
			return "$"
		}
		v, ok := os.LookupEnv(name)
		if !ok && missing == nil {
			missing = fmt.Errorf("%s: %s %s: the environment has no %s", r.Label(), what, path, name)
		}
		return v
	})
	return out, missing
}
