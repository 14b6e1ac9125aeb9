package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/pluginhost/headtail"
	"counterpart/internal/serving/dialect"
)

// Options are how scenarios are run.
type Options struct {
	Kinds    []dialect.Kind
	Python   string            // interpreter; empty: python3 from PATH
	Modes    []string          // fresh, worker; empty: what each scenario says
	Parallel int               // cases at once; 0: 2
	Texts    map[string]string // further values for holes, by name
	Limits   Limits            // in place of those that a scenario names
	Done     func(Result)
	// Ran is shown what each case left behind while its fleet still stands; several at once.
	Ran func(*Ran)
	// Up is told of a case's fleet before the session begins.
	Up func(*Ran)
	// Traced is where fresh interpreters write which lines of each plugin they ran, see
	// pluginhost.Config; empty: nowhere.
	Traced string

	// Answer is the person at the terminal, in place of a case's prompts, and
	// Live sees the timeline while it grows.
	Answer pluginhost.Prompter
	Live   func(Moment)

	interpreter pluginhost.Python
	noPython    error
}

// Build makes a case of values, as if they stood in a file.
func Build(path string, m map[string]any) (Case, error) { return decode(path, "", m) }

// Play runs one case in the mode that it names.
func Play(ctx context.Context, c Case, o Options) Result {
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
	return runOne(ctx, c, orDefault(c.Mode, "fresh"), o)
}

// Run runs cases, several at once, each with a fleet and a box of its own. The
// results stand in the order of the cases.
func Run(ctx context.Context, cases []Case, o Options) []Result {
	type job struct {
		c    Case
		mode string
	}
	var err error
	var jobs []job
	for _, c := range cases {
		modes := o.Modes
		if len(modes) == 0 {
			modes = []string{orDefault(c.Mode, "fresh")}
		}
		for _, m := range modes {
			jobs = append(jobs, job{c, m})
		}
	}
	results := make([]Result, len(jobs))
	if o.interpreter, err = pluginhost.FindPython(ctx, o.Python); err != nil {
		o.noPython = err // a case that names its own can do without
	}
	slots := make(chan struct{}, max(o.Parallel, 1))
	if o.Parallel == 0 {
		slots = make(chan struct{}, 2)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for i, j := range jobs {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			results[i] = runOne(ctx, j.c, j.mode, o)
			if o.Done != nil {
				mu.Lock()
				defer mu.Unlock()
				o.Done(results[i])
			}
		})
	}
	all.Wait()
	for i := 1; i < len(results); i++ {
		agree(&results[i-1], &results[i])
	}
	return results
}

// agree compares a case with the same case in the other mode: what differs is
// what the plugin keeps where SPS would not let it.
func agree(a, b *Result) {
	if a.Label != b.Label || a.Mode == b.Mode || a.played == nil || b.played == nil {
		return
	}
	for _, d := range pluginhost.Differences(a.played, b.played) {
		b.Differences = append(b.Differences, Difference{What: "mode", Want: b.Mode + " and " + a.Mode + " agree", Got: d})
		if b.Verdict == Passed {
			b.Verdict, b.Disagrees = Failed, true
		}
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// run is one case under way.
type run struct {
	Case
	mode    string
	fleet   *backends
	began   time.Time
	seen    uint64 // journal entries already on the timeline
	prompts int    // questions asked so far
	diffs   []Difference
	moments *headtail.Buffer[Moment]
	last    []Moment // of the output, not shown live yet
	hidden  int      // moments before them that never will be
	configs []string
	gaps    []string // what the host could not isolate
	live    func(Moment)
	person  pluginhost.Prompter
}

// errRejected is an upload that SPS would refuse.
var errRejected = errors.New("SPS would refuse the plugin")

func runOne(ctx context.Context, c Case, mode string, o Options) Result {
	r := &run{Case: c, mode: mode, began: time.Now(), live: o.Live, person: o.Answer,
		moments: headtail.New(timelineLimit, func(m Moment) int { return len(m.Text) + momentCost })}
	out := Result{Label: c.Label(), Title: c.Title, Path: c.Path, Case: c.Name, Mode: mode, Differences: []Difference{}, Review: []string{}}
	if ctx.Err() != nil { // the cases that wait when somebody gives up
		out.Verdict, out.Problem, out.Timeline = Broken, context.Cause(ctx).Error(), []Moment{}
		return out
	}
	played, err := r.play(ctx, o)
	if r.fleet != nil {
		if played != nil && err == nil {
			r.judge(played)
			out.Review = r.review(played)
			r.expectReview(&out)
		}
		defer r.fleet.stop()
	}
	out.played, out.NotIsolated = played, r.gaps
	out.Took, out.Timeline = time.Since(r.began), r.timeline()
	out.Differences = append(out.Differences, r.diffs...)
	switch {
	case errors.Is(err, errRejected):
		out.Verdict, out.Problem = Rejected, err.Error()
	case err != nil:
		out.Verdict, out.Problem = Broken, err.Error()
	case len(out.Differences) == 0:
		out.Verdict = Passed
	case played.Outcome.State == pluginhost.Errored && !r.Given["error"] && !fits(r.Expect.Outcome, string(pluginhost.Errored)):
		out.Verdict, out.Problem = Crashed, played.Outcome.String()
	default:
		out.Verdict = Failed
	}
	if o.Ran != nil && r.fleet != nil {
		o.Ran(r.left(&out))
	}
	return out
}

// play brings a fleet up, fills the case's holes and plays the session.
func (r *run) play(ctx context.Context, o Options) (*pluginhost.Result, error) {
	fleet, err := r.up(o.Kinds)
	if err != nil {
		return nil, err
	}
	r.fleet = fleet
	for name, text := range o.Texts {
		fleet.tree[name] = text
	}
	if o.Up != nil {
		o.Up(r.left(&Result{}))
	}
	if err := r.fill(); err != nil {
		return nil, err
	}
	profile, err := pluginhost.ProfileFor(r.SPS)
	if err != nil {
		return nil, err
	}
	box, err := r.box()
	if err != nil {
		return nil, err
	}
	interpreter := o.interpreter
	if r.Python != "" {
		interpreter, o.noPython = pluginhost.FindPython(ctx, r.Python)
	}
	if o.noPython != nil {
		return nil, o.noPython
	}
	limits, log, err := r.Limits.over(o.Limits).resolve()
	if err != nil {
		return nil, err
	}
	host, err := pluginhost.New(ctx, pluginhost.Config{Profile: profile, Mode: pluginhost.Mode(r.mode), Interpreter: interpreter, Limits: limits,
		ProxyTimeout: time.Duration(r.ProxyTimeout * float64(time.Second)), Box: box, Traced: o.Traced})
	if err != nil {
		return nil, err
	}
	defer host.Close()
	s, err := r.session(host, profile)
	if err != nil {
		return nil, err
	}
	s.LogLimit = log
	played, err := host.Run(ctx, s)
	r.gaps = host.NotIsolated()
	r.catchUp()
	return played, err
}

// fill replaces the holes of everything but the prompts, whose answers may be
// codes that change with time.
func (r *run) fill() error {
	asked := r.Prompts
	raw := make(map[string]any, len(r.raw))
	for k, v := range r.raw {
		if k != "prompts" {
			raw[k] = v
		}
	}
	filled, err := r.fleet.tree.fillAll(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Label(), err)
	}
	c, err := decode(r.Path, r.Name, filled.(map[string]any))
	if err != nil {
		return err
	}
	c.raw, c.Prompts, c.Seed = r.raw, asked, r.Seed
	r.Case = c
	return nil
}

// session is the case in the host's terms.
func (r *run) session(host *pluginhost.Host, profile pluginhost.Profile) (pluginhost.Session, error) {
	c := r.Connection
	s := pluginhost.Session{Legs: r.Legs, EndAlways: r.SessionEnded == "always", Prompter: r.answer, Event: r.event,
		Wait: func(_ context.Context, d time.Duration) error { return r.fleet.Clock.Advance(d) },
		Connection: pluginhost.Connection{Protocol: c.Protocol, Policy: orDefault(c.Policy, "example"), Login: c.Login, KeyValues: pairs(c.KeyValues),
			UserMapping: c.Mapping == nil || *c.Mapping,
			Client:      pluginhost.Endpoint{IP: orDefault(c.Client.IP, "198.51.100.7"), Port: c.Client.Port, Hostname: c.Client.Hostname},
			Gateway:     pluginhost.Gateway{User: c.Gateway.User, Password: c.Gateway.Password, Domain: c.Gateway.Domain, Groups: c.Gateway.Groups},
			Server:      pluginhost.Server{User: c.Server.User, Domain: c.Server.Domain, IP: c.Server.IP, Port: c.Server.Port, Hostname: c.Server.Hostname}}}
	var err error
	if s.AA, err = r.install(host, profile, r.Plugins.AA); err != nil {
		return s, err
	}
	if s.CredentialStore, err = r.install(host, profile, r.Plugins.Store); err != nil {
		return s, err
	}
	if t := r.Target; t != nil {
		s.Target = &pluginhost.Target{}
		for _, m := range t.Offers {
			s.Target.Offers = append(s.Target.Offers, pluginhost.Method(m))
		}
		if t.Accepts.Password != "" {
			s.Target.Passwords = []string{t.Accepts.Password}
		}
		if t.Accepts.Key != "" {
			s.Target.Keys = []string{t.Accepts.Key}
		}
	}
	for i, step := range r.During {
		next := pluginhost.Step{TOTP: step.TOTP}
		if step.RemoteApp != nil {
			next.RemoteApp = &pluginhost.RemoteApp{Asset: step.RemoteApp.Asset}
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

// install checks a package as SPS would at upload, and uploads it.
func (r *run) install(host *pluginhost.Host, profile pluginhost.Profile, p *Plugin) (*pluginhost.Use, error) {
	if p == nil {
		return nil, nil
	}
	path, err := r.expand(p.Package)
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
		deps = r.beside(p.Deps)
	}
	installed, err := host.Install(pluginhost.Upload{Package: pkg, Deps: deps})
	if err != nil {
		return nil, err
	}
	config := p.Config
	if p.ConfigFile != "" {
		text, err := slurp(r.beside(p.ConfigFile), maxFile)
		if err != nil {
			return nil, fmt.Errorf("%s: config_file: %w", r.Label(), err)
		}
		if config, err = r.fleet.tree.fill(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", p.ConfigFile, err)
		}
	} else if config == "" {
		config = pkg.DefaultConfig
	}
	r.configs = append(r.configs, config)
	return &pluginhost.Use{Plugin: installed, Config: config}, nil
}

// beside resolves a path that stands in the scenario file.
func (r *run) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.Path), path)
}

// expand fills in environment variables: where published plugins are checked
// out is nobody's business but the machine's.
func (r *run) expand(path string) (string, error) {
	var missing error
	out := os.Expand(path, func(name string) string {
		v, ok := os.LookupEnv(name)
		if !ok && missing == nil {
			missing = fmt.Errorf("%s: package %s: the environment has no %s", r.Label(), path, name)
		}
		return v
	})
	return out, missing
}
