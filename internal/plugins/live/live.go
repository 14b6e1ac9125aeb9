// Package live runs sessions of plugins against a fleet that is there already, for people
// who answer the prompts and watch. They are bounded in number, time and memory.
package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/control"
)

// Bounds.
const (
	mostRunning = 4                // sessions at once
	mostKept    = 32               // sessions that are over, with what happened in them
	longest     = 30 * time.Minute // a session, in real time
	mostMoments = 2000             // of one session
	mostText    = 4 << 10          // octets of a moment
	mostConfig  = 64 << 10         // octets of a configuration
	mostAnswer  = 4 << 10          // octets of an answer
)

// Sessions are those of one company.
type Sessions struct {
	dir     string
	company *boot.Company
	options scenario.Options
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	last int
	all  []*session
}

// session is one of them. Its fields are under the mutex of all.
type session struct {
	view    control.PluginSession
	stop    context.CancelFunc
	answer  chan control.PluginAnswer
	changed chan struct{} // closed when something happens
}

// New is for the plugins of a folder: each is a folder or an archive in it. NAME.cfg beside
// a plugin is its configuration, with holes as in a scenario.
func New(dir string, company *boot.Company, o scenario.Options) *Sessions {
	s := &Sessions{dir: dir, company: company, options: o}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends all sessions, and returns when they have ended.
func (s *Sessions) Close() {
	s.stop()
	s.running.Wait()
}

// API is what the control port asks.
func (s *Sessions) API() *control.Plugins {
	return &control.Plugins{List: s.list, Start: s.start, All: s.views, Look: s.look, Answer: s.answer, Stop: s.end}
}

func (s *Sessions) list() (out []control.Plugin, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of plugins: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() && filepath.Ext(e.Name()) != ".zip" {
			continue
		}
		pkg, verdict := pluginhost.Check(filepath.Join(s.dir, e.Name()), pluginhost.Profile{})
		p := control.Plugin{Name: e.Name()}
		if pkg != nil {
			p.Title, p.Type, p.Version = pkg.Manifest.Name, pkg.Manifest.Type, pkg.Manifest.Version
		}
		if e.IsDir() && p.Type == "" { // a folder that is no plugin
			continue
		}
		for _, x := range verdict.Errors() {
			p.Rejected = append(p.Rejected, x.String())
		}
		out = append(out, p)
	}
	return out, nil
}

// use is a plugin as a scenario names it.
func (s *Sessions) use(u *control.PluginUse) (map[string]any, error) {
	if u.Name == "" || u.Name != filepath.Base(u.Name) || strings.HasPrefix(u.Name, ".") {
		return nil, cause.Because(cause.BadInput, "%q is no name of a plugin; GET /plugins has them", u.Name)
	}
	path := filepath.Join(s.dir, u.Name)
	if _, err := os.Stat(path); err != nil {
		return nil, cause.Because(cause.NotFound, "there is no plugin %q; GET /plugins has them", u.Name)
	}
	if len(u.Config) > mostConfig {
		return nil, cause.Because(cause.BadInput, "the configuration is longer than %d octets", mostConfig)
	}
	m := map[string]any{"package": strings.ReplaceAll(path, "$", "$$")}
	beside := filepath.Join(s.dir, strings.TrimSuffix(u.Name, ".zip")+".cfg")
	if _, err := os.Stat(beside); u.Config != "" {
		m["config"] = u.Config
	} else if err == nil {
		m["config_file"] = beside
	}
	return m, nil
}

func (s *Sessions) start(in control.PluginStart) (out control.PluginSession, err error) {
	plugins, names := map[string]any{}, []string{}
	for kind, u := range map[string]*control.PluginUse{pluginhost.AA: in.AA, pluginhost.CredentialStore: in.Store} {
		if u == nil {
			continue
		}
		if plugins[kind], err = s.use(u); err != nil {
			return out, err
		}
		names = append(names, u.Name)
	}
	if len(names) == 0 {
		return out, cause.Because(cause.BadInput, "name a plugin: aa, credentialstore or both")
	}
	slices.Sort(names)
	m := map[string]any{"scenario": "a session", "plugins": plugins, "connection": in.Connection}
	if in.Target != nil {
		m["target"] = in.Target
	}
	c, err := scenario.Build(filepath.Join(s.dir, "session"), m)
	if err != nil {
		return out, cause.Because(cause.BadInput, "%v", err)
	}
	x, err := s.add(c, names)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, longest)
	s.mu.Lock()
	x.stop = cancel
	out = x.shown(0)
	s.mu.Unlock()
	s.running.Go(func() {
		defer cancel()
		s.play(ctx, x, c)
	})
	return out, nil
}

// add makes room for one more.
func (s *Sessions) add(c scenario.Case, names []string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, cause.Because(cause.Unavailable, "the fleet is being stopped")
	}
	running := 0
	for _, x := range s.all {
		if x.view.State != "ended" {
			running++
		}
	}
	if running >= mostRunning {
		return nil, cause.Because(cause.RateLimited, "%d sessions run already", running)
	}
	if over := len(s.all) - running; over >= mostKept {
		i := slices.IndexFunc(s.all, func(x *session) bool { return x.view.State == "ended" })
		s.all = slices.Delete(s.all, i, i+1)
	}
	s.last++
	x := &session{answer: make(chan control.PluginAnswer), changed: make(chan struct{}), view: control.PluginSession{ID: fmt.Sprintf("plugin-%d", s.last), State: "running",
		User: c.Connection.Gateway.User, Plugins: names, Began: s.company.Clock.Now(), Left: []string{}, Gaps: []string{}}}
	s.all = append(s.all, x)
	return x, nil
}

func (s *Sessions) play(ctx context.Context, x *session, c scenario.Case) {
	o := s.options
	o.Live = func(m scenario.Moment) { s.change(x, func() { x.add(m) }) }
	o.Answer = func(ctx context.Context, a pluginhost.Ask) pluginhost.Answer { return s.ask(ctx, x, a) }
	ended, err := scenario.Against(ctx, s.company, x.view.ID, c, o)
	s.change(x, func() {
		v := &x.view
		v.State, v.Ask = "ended", nil
		if v.Outcome = string(ended.Outcome.State); v.Outcome != "" {
			v.Outcome = ended.Outcome.String()
		}
		if err != nil {
			v.Problem = err.Error()
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			v.Problem = fmt.Sprintf("it was ended after %v", longest)
		}
		for _, l := range ended.Left {
			v.Left = append(v.Left, l.What)
		}
		v.Gaps = append(v.Gaps, ended.Gaps...)
	})
}

// ask waits for somebody's answer to a prompt.
func (s *Sessions) ask(ctx context.Context, x *session, a pluginhost.Ask) pluginhost.Answer {
	s.change(x, func() {
		x.view.State, x.view.Ask = "waiting", &control.PluginAsk{Number: a.Number, Text: a.Text, Hidden: a.Hidden}
	})
	defer s.change(x, func() { x.view.State, x.view.Ask = "running", nil })
	select {
	case given := <-x.answer:
		return pluginhost.Answer{Text: given.Text, HangUp: given.HangUp}
	case <-ctx.Done():
		return pluginhost.Answer{HangUp: true}
	}
}

// change does something to a session and tells those who wait.
func (s *Sessions) change(x *session, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(x.changed)
	x.changed = make(chan struct{})
}

// add notes a moment. The lock is held.
func (x *session) add(m scenario.Moment) {
	v := &x.view
	v.Last++
	v.Moments = append(v.Moments, control.PluginMoment{N: v.Last, At: m.At.Seconds(), Source: m.Source, Text: strings.ToValidUTF8(m.Text[:min(len(m.Text), mostText)], "")})
	if over := len(v.Moments) - mostMoments; over > 0 {
		v.Moments = slices.Delete(v.Moments, 0, over)
		v.Dropped += over
	}
}

// shown is the session as it stands, with the moments after a number. The lock is held.
func (x *session) shown(since int) control.PluginSession {
	v := x.view
	v.Left, v.Gaps = slices.Clone(v.Left), slices.Clone(v.Gaps)
	v.Moments = []control.PluginMoment{}
	for _, m := range x.view.Moments {
		if m.N > since {
			v.Moments = append(v.Moments, m)
		}
	}
	return v
}

func (s *Sessions) find(id string) (*session, error) {
	for _, x := range s.all {
		if x.view.ID == id {
			return x, nil
		}
	}
	return nil, cause.Because(cause.NotFound, "there is no session %q", id)
}

func (s *Sessions) views() (out []control.PluginSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.all {
		out = append(out, x.shown(x.view.Last))
	}
	return out
}

// look waits until something is another than the caller knows: something happened after
// since, another prompt than asked waits (0: none does), or the session is over.
func (s *Sessions) look(ctx context.Context, id string, since, asked int) (control.PluginSession, error) {
	for {
		s.mu.Lock()
		x, err := s.find(id)
		if err != nil {
			s.mu.Unlock()
			return control.PluginSession{}, err
		}
		v, changed := x.shown(since), x.changed
		s.mu.Unlock()
		waits := 0
		if v.Ask != nil {
			waits = v.Ask.Number
		}
		if ctx.Err() != nil || len(v.Moments) > 0 || v.State == "ended" || waits != asked {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// answer answers the prompt that waits. Of two who answer one is told that it is over.
func (s *Sessions) answer(id string, a control.PluginAnswer) error {
	if len(a.Text) > mostAnswer {
		return cause.Because(cause.BadInput, "the answer is longer than %d octets", mostAnswer)
	}
	s.mu.Lock()
	x, err := s.find(id)
	if err == nil && (x.view.Ask == nil || x.view.Ask.Number != a.Number) {
		err = cause.Because(cause.Decided, "session %s does not wait for answer %d", id, a.Number)
	}
	if err == nil {
		x.view.State, x.view.Ask = "running", nil // the next one is too late
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case x.answer <- a:
		return nil
	case <-s.ctx.Done():
	case <-time.After(time.Second):
	}
	return cause.Because(cause.Decided, "session %s is over", id)
}

// end has the user hang up.
func (s *Sessions) end(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.find(id)
	if err != nil {
		return err
	}
	if x.stop != nil {
		x.stop()
	}
	return nil
}
