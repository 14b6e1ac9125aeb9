package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"counterpart/internal/company/world"
	"counterpart/internal/plugins/load"
	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/session"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/strictyaml"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// loadFleet is the fleet that a plan is run against.
type loadFleet struct {
	load.Fleet
	control []controlPort // of each replica; none: there is no fleet
	env     *env
	stop    func()
	// sessions are the plugins of the plan, in whose company everything happens; nil: none.
	sessions *session.Sessions
	// ahead is by how much the fleet's clock is ahead of ours; standing is where it stands, in
	// nanoseconds of Unix time, 0 while it runs.
	ahead, standing atomic.Int64
}

// told is what a control port says of its fleet.
type told struct {
	Endpoints []fleet.Endpoint          `json:"endpoints"`
	Facts     map[string][]dialect.Fact `json:"facts"`
}

// fleet starts a fleet of the plan's own, or finds the one that is named. A plan whose steps
// go to its own targets alone needs none.
func (c *loadRunCmd) fleet(e *env, p *plan.Plan) (*loadFleet, error) {
	f := &loadFleet{env: e, stop: func() {}}
	for _, base := range c.Target {
		f.control = append(f.control, controlPort{ControlURL: base, ControlToken: c.ControlToken, Way: "leave --target out for a fleet of its own"})
	}
	sessions, err := c.sessions(e, p)
	switch {
	case err != nil:
		return nil, err
	case sessions != nil:
		f.within(sessions)
	case len(c.Target) > 0:
		var text bytes.Buffer
		if err := f.ask("GET", "/state", nil, &text); err != nil {
			return nil, err
		}
		if err := f.people("the fleet's seed", text.Bytes(), nil); err != nil {
			return nil, err
		}
	case p.NeedsFleet():
		if err := f.start(p); err != nil {
			f.stop()
			return nil, err
		}
	default: // the people are the company's all the same
		text, name, files, err := planSeed(p)
		if err != nil {
			return nil, err
		}
		return f, f.people(name, text, files)
	}
	if err := f.look(); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// sessions brings up the plugins of a plan; nil: it has none.
func (c *loadRunCmd) sessions(e *env, p *plan.Plan) (*session.Sessions, error) {
	o := scenario.Options{Kinds: servers.Table(), Texts: servers.Texts(), Python: c.Python}
	s, err := session.Open(e.ctx, p, o, func(ctx context.Context, d time.Duration) error { return waitUntil(ctx, time.Now().Add(d)) })
	if s != nil && len(c.Target) > 0 {
		s.Close()
		return nil, errors.New("the sessions of a plan with a scenario talk to the scenario's fleet; leave --target out")
	}
	return s, err
}

// within makes the company of sessions the fleet. It runs in this process.
func (f *loadFleet) within(s *session.Sessions) {
	company := s.Company()
	f.sessions, f.World, f.stop = s, company.World, s.Close
	for _, e := range company.Fleet.Endpoints() {
		if e.Kind == "control" {
			f.control = []controlPort{{ControlURL: e.URL()}}
		}
	}
	for _, gap := range s.NotIsolated() {
		fmt.Fprintf(f.env.err, "not isolated: %s\n", gap)
	}
}

// ask sends a request to the first replica's control port and puts the answer into out.
func (f *loadFleet) ask(method, path string, in any, out io.Writer) error {
	resp, err := f.control[0].open(f.env, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(out, io.LimitReader(resp.Body, seed.MaxSize+1))
	return err
}

// look asks each replica where its servers are, and what time it is.
func (f *loadFleet) look() error {
	for i := range f.control {
		var answer told
		if _, err := f.control[i].call(f.env, ask{path: "/endpoints"}, &answer); err != nil {
			return err
		}
		f.Replicas = append(f.Replicas, answer.Endpoints)
		f.Facts = answer.Facts
	}
	var pem bytes.Buffer
	if err := f.ask("GET", "/ca.pem", nil, &pem); err != nil {
		return err
	}
	f.CA = pem.Bytes()
	return f.setTime()
}

// setTime asks what the fleet's clock shows.
func (f *loadFleet) setTime() error {
	var now struct {
		Now    time.Time
		Frozen bool
	}
	if _, err := f.control[0].call(f.env, ask{path: "/clock"}, &now); err != nil {
		return err
	}
	f.ahead.Store(int64(time.Until(now.Now)))
	f.standing.Store(0)
	if now.Frozen {
		f.standing.Store(now.Now.UnixNano())
	}
	return nil
}

// now is what the fleet's clock shows.
func (f *loadFleet) now() time.Time {
	if at := f.standing.Load(); at != 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Now().Add(time.Duration(f.ahead.Load()))
}

// crowd are the people of the fleet; nil: there is no fleet.
func (f *loadFleet) crowd() *load.Crowd {
	if f.World == nil {
		return nil
	}
	return &load.Crowd{World: f.World, Now: f.now}
}

// people makes the company of a seed.
func (f *loadFleet) people(name string, text []byte, files fs.FS) error {
	s, err := seed.Load(name, text, seed.Options{Now: time.Now(), FS: files, Kinds: kindNames(), Blocks: blocks()})
	if err != nil {
		return err
	}
	f.World, err = world.New(s.Facts)
	return err
}

// start starts a fleet in a process of its own, so that neither waits for the other's
// garbage. It ends with this one; the caller stops what a failure leaves behind.
func (f *loadFleet) start(p *plan.Plan) error {
	text, name, files, err := planSeed(p)
	if err != nil {
		return err
	}
	if err := f.people(name, text, files); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "counterpart-load-")
	if err != nil {
		return err
	}
	f.stop = func() { os.RemoveAll(dir) }
	if err := lay(dir, text, files); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"serve", filepath.Join(dir, "seed.yaml"), "--ports", "auto", "--json", "--with-stdin"}
	if !p.Fleet.Journal {
		args = append(args, "--no-journal")
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "counterpart"
	apart(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var said firstWords
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start a fleet: %w", err)
	}
	f.stop = func() {
		in.Close() // it ends with its standard input
		cmd.Wait()
		os.RemoveAll(dir)
	}
	var ready struct{ Ports map[string]string }
	if err := json.NewDecoder(out).Decode(&ready); err != nil || ready.Ports["control/http"] == "" {
		f.stop() // what it says is whole then
		return fmt.Errorf("the fleet does not start: %s", strings.TrimSpace(said.String()))
	}
	f.control = []controlPort{{ControlURL: "http://" + ready.Ports["control/http"]}}
	return nil
}

// firstWords keeps the beginning of what a fleet says on standard error: why it does not
// start. Whatever it logs during a run for days is not kept.
type firstWords struct{ bytes.Buffer }

// mostWords of them, in octets.
const mostWords = 16 << 10

// Write implements io.Writer.
func (f *firstWords) Write(p []byte) (int, error) {
	f.Buffer.Write(p[:min(len(p), max(0, mostWords-f.Len()))])
	return len(p), nil
}

// planSeed is the seed of a plan's own fleet.
func planSeed(p *plan.Plan) (text []byte, name string, files fs.FS, err error) {
	name = p.Fleet.Seed
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.Dir, path)
	}
	if slices.Contains(worlds.Names(), name) && !exists(path) {
		text, err = worlds.Open(name)
		name, files = name+".yaml", worlds.FS
	} else {
		text, err = readUpTo(path, seed.MaxSize)
		name, files = path, os.DirFS(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil, &seed.Error{Problems: []seed.Problem{p.Problem("fleet.seed", fmt.Sprintf("there is no seed %q", p.Fleet.Seed), strictyaml.DidYouMean(p.Fleet.Seed, worlds.Names()))}}
	}
	if over, ok := p.Fleet.Merge.(*strictyaml.Node); ok && err == nil {
		m, isMap := over.Written().(map[string]any)
		if !isMap {
			return nil, "", nil, &seed.Error{Problems: []seed.Problem{p.Problem("fleet.merge", "`merge` must be a block of keys", "")}}
		}
		text, err = seed.Overlay(name, text, m)
		name += " with fleet.merge"
	}
	return text, name, files, err
}

// lay writes a seed into a folder, with the files of keys that it may name beside it.
func lay(dir string, text []byte, files fs.FS) error {
	if sub, err := fs.Sub(files, "keys"); err == nil {
		if _, err := fs.Stat(files, "keys"); err == nil {
			if err := os.CopyFS(filepath.Join(dir, "keys"), sub); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "seed.yaml"), text, 0o600)
}

// happen makes a moment of the plan happen to the fleet.
func (f *loadFleet) happen(ctx context.Context, m plan.Moment) error {
	if len(f.control) == 0 {
		return errors.New("there is no fleet that this could happen to")
	}
	path, body := "/clock", any(nil)
	method := "POST"
	switch {
	case m.Clock != nil:
		in := map[string]any{}
		if m.Clock.Advance > 0 {
			in["advance"] = m.Clock.Advance.String()
		}
		if m.Clock.Frozen != nil {
			in["frozen"] = *m.Clock.Frozen
		}
		body = in
	case m.Decide != nil:
		path, body = "/decisions", plainOf(m.Decide)
	default:
		rules := plainOf(m.Faults)
		if rules == nil {
			rules = []any{}
		}
		method, path, body = "PUT", "/faults", map[string]any{"rules": rules}
	}
	if _, err := f.control[0].call(&env{ctx: ctx, err: f.env.err}, ask{method: method, path: path, in: body}, nil); err != nil {
		return err
	}
	if m.Clock != nil {
		return f.setTime()
	}
	return nil
}

// plainOf is a value of a plan as JSON has it.
func plainOf(v any) any {
	if n, ok := v.(*strictyaml.Node); ok && n != nil {
		return n.Plain()
	}
	return nil
}
