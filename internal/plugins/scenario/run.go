package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/pluginhost/headtail"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"

	"go.yaml.in/yaml/v4"
)

// Options are how scenarios are run.
type Options struct {
	Kinds       []dialect.Kind
	Python      string            // interpreter; empty: python3 from PATH
	Modes       []string          // fresh, worker; empty: what each scenario says
	Parallel    int               // cases at once; 0: as many as there are processors
	FailFast    bool              // nothing is started any more once a case did not pass
	Texts       map[string]string // further values for holes, by name
	Limits      Limits            // in place of those that a scenario names
	NoRemarks   bool              // a case without expectations of the review expects none
	ShowSecrets bool              // in timelines and differences, as they are
	Done        func(Result)
	// Up is told of a case's fleet before the session begins, and Ran is shown what the case
	// left behind while its fleet still stands; several at once.
	Up, Ran func(*Ran)
	// Traced is where fresh interpreters write which lines of each plugin they ran, see
	// pluginhost.Config; empty: nowhere.
	Traced string

	// Answer is the person at the terminal, in place of a case's prompts, and
	// Live sees the timeline while it grows.
	Answer pluginhost.Prompter
	Live   func(Moment)

	interpreter pluginhost.Python
	noPython    error
	fleets      *fleets // of cases that are over; nil: each case starts its own
	spawners    *pluginhost.Spawners
	longest     time.Duration // that a hook may take, whatever the scenario says; 0: no bound
	against     *boot.Company // that is played against, in place of one of the case's own
	control     bool          // the fleet has a control port
	atOnce      int           // interpreters of each plugin, at most; 0: what the host does by itself
}

// Build makes a case of values, as if they stood in a file.
func Build(path string, m map[string]any) (Case, error) {
	c := Case{Path: path, from: &origin{path: path}}
	text, err := yaml.Marshal(m)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if c.node, err = parse(path, text); err != nil {
		return c, err
	}
	return c, c.decode(c.node, nil)
}

// Play runs one case in the mode that it names.
func Play(ctx context.Context, c Case, o Options) Result {
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
	return runOne(ctx, c, orDefault(c.Mode, string(pluginhost.Fresh)), o)
}

// job is a case in one mode.
type job struct {
	c    Case
	mode string
}

// jobs are the cases in the modes in which they are run.
func jobs(cases []Case, o Options) (out []job) {
	for _, c := range cases {
		modes := o.Modes
		if len(modes) == 0 || c.Wrong != nil && len(modes) > 1 {
			modes = []string{orDefault(c.Mode, string(pluginhost.Fresh))}
		}
		for _, m := range modes {
			out = append(out, job{c, m})
		}
	}
	return out
}

// Jobs is how many results Run will have.
func Jobs(cases []Case, o Options) int { return len(jobs(cases, o)) }

// errFailed is why cases are not started any more.
var errFailed = errors.New("not run, because another case did not pass")

// Run runs cases, several at once, each with a fleet and a box that have seen no
// other case. The results stand in the order of the cases.
func Run(ctx context.Context, cases []Case, o Options) []Result {
	all := jobs(cases, o)
	results := make([]Result, len(all))
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python) // a case that names its own can do without
	parallel := o.Parallel
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	o.fleets = newFleets(all, o.Modes)
	defer o.fleets.close()
	if o.Traced == "" { // they run code before anybody traces it
		if spawners, err := pluginhost.NewSpawners(""); err == nil { // without them it takes longer
			o.spawners = spawners
			defer spawners.Close()
		}
	}
	starting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	var mu sync.Mutex
	for i, j := range all {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if errors.Is(context.Cause(starting), errFailed) {
				results[i] = j.result(Skipped, errFailed)
			} else {
				results[i] = runOne(ctx, j.c, j.mode, o)
			}
			if o.FailFast && results[i].Verdict.Code() != 0 {
				stop(errFailed)
			}
			if o.Done != nil {
				mu.Lock()
				defer mu.Unlock()
				o.Done(results[i])
			}
		})
	}
	running.Wait()
	for i := 1; i < len(results); i++ {
		agree(&results[i-1], &results[i])
	}
	return results
}

// result is that of a case that was not run.
func (j job) result(v Verdict, why error) Result {
	return Result{Label: j.c.Label(), Title: j.c.Title, Path: j.c.Path, Case: j.c.Name, Mode: j.mode, Verdict: v, Problem: why.Error(),
		Differences: []Difference{}, Review: []string{}, Timeline: []Moment{}}
}

// agree compares a case with the same case in the other mode: what differs is
// what the plugin keeps where SPS would not let it.
func agree(a, b *Result) {
	if a.Label != b.Label || a.Mode == b.Mode || a.played == nil || b.played == nil {
		return
	}
	for _, d := range pluginhost.Differences(a.played, b.played) {
		b.Differences = append(b.Differences, Difference{What: "mode", Want: b.Mode + " and " + a.Mode + " agree", Got: a.mask.text(b.mask.text(d))})
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
	noRemarks bool
	mode      string
	fleet     *backends
	began     time.Time
	seen      uint64 // journal entries already on the timeline
	prompts   int    // questions asked so far
	diffs     []Difference
	moments   *headtail.Buffer[Moment]
	last      []Moment // of the output, not shown live yet
	hidden    int      // moments before them that never will be
	configs   []string
	where     map[string]origins // of the plugins' configurations, by plugin type
	gaps      []string           // what the host could not isolate
	live      func(Moment)
	person    pluginhost.Prompter
	mask      *mask
	filled    *strictyaml.Node // the case without holes
	seed      source           // of its fleet
	moved     bool             // its clock was
	clean     bool             // nothing of the session goes on in it
	logLimit  int              // octets of the log that are kept
	started   time.Time        // the fleet's time then
	hosted    *journal.Hosted  // what its hooks ask belongs to it; nil: the fleet sees no other session

	pause func(time.Duration) error // passes real time, in place of the fleet's; nil: the fleet's is moved
}

// undisturbed reports a session none of whose hooks was cut off: what it had asked
// for may come to the servers later.
func undisturbed(p *pluginhost.Result) bool {
	return !slices.ContainsFunc(p.Calls, func(c pluginhost.Call) bool { return c.Err != nil })
}

// errRejected is an upload that SPS would refuse.
var errRejected = errors.New("SPS would refuse the plugin")

func runOne(ctx context.Context, c Case, mode string, o Options) Result {
	out := job{c, mode}.result(Broken, errors.New(""))
	switch {
	case c.Wrong != nil:
		out.Problem, out.Unreadable = c.Wrong.Error(), true
		return out
	case ctx.Err() != nil: // the cases that wait when somebody gives up
		out.Problem = context.Cause(ctx).Error()
		return out
	}
	r := &run{Case: c, mode: mode, noRemarks: o.NoRemarks, began: time.Now(), live: o.Live, person: o.Answer, where: map[string]origins{}, mask: &mask{show: o.ShowSecrets},
		moments: headtail.New(timelineLimit, func(m Moment) int { return len(m.Text) + momentCost })}
	played, err := r.play(ctx, o)
	if r.fleet != nil {
		out.Fleet = r.fleet.Company.Fleet.Endpoints()[0].Addr
		if played != nil && err == nil {
			r.clean = undisturbed(played)
			r.judge(played)
			out.Review = r.review(played)
			r.expectReview(&out)
		}
		defer o.fleets.give(r, r.fleet)
	}
	out.played, out.NotIsolated, out.mask = played, r.gaps, r.mask
	out.Took, out.Timeline = time.Since(r.began), r.timeline()
	out.Differences = append(out.Differences, r.diffs...)
	r.settle(&out, err)
	if err != nil && ctx.Err() != nil && played != nil {
		out.Interrupted, out.Problem = true, "interrupted; the session was ended as if the user had hung up"
	}
	out.Began = r.began
	if played != nil {
		out.Notes, out.Hooks = played.Notes, timesOf(played)
	}
	r.place(out.Differences)
	if o.Ran != nil && r.fleet != nil {
		o.Ran(r.left(&out))
	}
	out.hide()
	return out
}

// settle is the verdict.
func (r *run) settle(out *Result, err error) {
	out.Problem = ""
	if err != nil {
		out.Verdict, out.Problem = Broken, err.Error()
		if errors.Is(err, errRejected) {
			out.Verdict = Rejected
		}
		return
	}
	crash := r.unexpected(out.played)
	switch {
	case crash != nil && (len(out.Differences) == 0 || out.played.Outcome.State == pluginhost.Errored):
		out.Verdict, out.Problem = Crashed, r.blame(crash)
	case len(out.Differences) == 0:
		out.Verdict = Passed
	default:
		out.Verdict = Failed
	}
}

// failed is a hook that ended in an error.
type failed struct {
	plugin string
	hook   pluginhost.Hook
	err    *pluginhost.HookError
	of     string // how the session ended, with such an error
}

// unexpected is the first error of a hook that the scenario does not speak of; nil
// when there is none.
func (r *run) unexpected(p *pluginhost.Result) *failed {
	if p.Outcome.State == pluginhost.Errored {
		if r.Given["error"] || r.Given["outcome"] && fits(r.Expect.Outcome, string(pluginhost.Errored)) {
			return nil
		}
		return &failed{p.Outcome.Plugin, p.Outcome.Hook, p.Outcome.Err, p.Outcome.String()}
	}
	for _, c := range p.Calls {
		if _, spoken := r.hook(c.Hook)["error"]; c.Err != nil && !spoken && !c.Unsupported() {
			return &failed{c.Plugin, c.Hook, c.Err, fmt.Sprintf("%s in %s: %v", pluginhost.Errored, c.Hook, c.Err)}
		}
	}
	return nil
}

// blame words an error of a hook, with what helps against it.
func (r *run) blame(f *failed) string {
	text := f.of
	if f.err == nil {
		return text
	}
	if f.err.Hint != "" {
		text += "\n" + f.err.Hint
	}
	if place := r.where[f.plugin].line(f.err.Text); place != "" {
		text += "\nthat line of the configuration is " + place
	}
	return text
}

// play brings a fleet up, fills the case's holes and plays the session.
func (r *run) play(ctx context.Context, o Options) (*pluginhost.Result, error) {
	host, s, err := r.prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	played, err := host.Run(ctx, s)
	r.gaps = host.NotIsolated()
	r.catchUp()
	return played, err
}

// prepare has ready what a session takes: the company, the box with the plugins in it, and
// the session. Whoever calls it closes the host, and lets the company go in any case.
func (r *run) prepare(ctx context.Context, o Options) (*pluginhost.Host, pluginhost.Session, error) {
	none := pluginhost.Session{}
	fleet, err := r.up(o)
	if err != nil {
		return nil, none, err
	}
	r.fleet, r.mask.known, r.started = fleet, fleet.Secrets, fleet.Clock.Now()
	for name, text := range o.Texts {
		fleet.tree[name] = text
	}
	if o.Up != nil {
		o.Up(r.left(&Result{}))
	}
	if err := r.fill(); err != nil {
		return nil, none, err
	}
	profile, err := pluginhost.ProfileFor(r.SPS)
	if err != nil {
		return nil, none, err
	}
	box, err := r.box()
	if err != nil {
		return nil, none, err
	}
	if err := r.systems(o.Texts); err != nil {
		return nil, none, err
	}
	host, err := r.host(ctx, o, profile, box)
	if err != nil {
		return nil, none, err
	}
	s, err := r.session(host, profile)
	if err != nil {
		host.Close()
		return nil, none, err
	}
	return host, s, nil
}

// host is the plugin host of the case.
func (r *run) host(ctx context.Context, o Options, profile pluginhost.Profile, box pluginhost.Box) (*pluginhost.Host, error) {
	if r.Python != "" {
		o.interpreter, o.noPython = pluginhost.FindPython(ctx, r.Python)
	}
	if o.noPython != nil {
		return nil, o.noPython
	}
	limits, log, err := r.Limits.over(o.Limits).resolve()
	if err != nil {
		return nil, err
	}
	r.logLimit = log
	proxy := time.Duration(r.ProxyTimeout * float64(time.Second))
	if o.longest > 0 { // a hook has half of it
		proxy = min(cmp.Or(proxy, pluginhost.DefaultProxyTimeout), 2*o.longest)
	}
	return pluginhost.New(ctx, pluginhost.Config{Profile: profile, Mode: pluginhost.Mode(r.mode), Interpreter: o.interpreter, Limits: limits, Spawners: o.spawners,
		ProxyTimeout: proxy, Box: box, Traced: o.Traced, Slots: o.atOnce, AtOnce: o.atOnce})
}
