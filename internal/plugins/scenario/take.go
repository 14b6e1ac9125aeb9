package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// take is a play under way.
type take struct {
	*Stage
	r     *run
	twist Twist
	kill  chan struct{}

	mu    sync.Mutex
	out   Take
	began []begun // calls of hooks, in their order
	over  int     // number of the call that ended last
}

// Play plays the session once.
func (s *Stage) Play(ctx context.Context, t Twist) Take {
	p := &take{Stage: s, r: s.run(), twist: t, kill: make(chan struct{}, 1)}
	p.out.Result = Result{Label: s.c.Label(), Title: s.c.Title, Path: s.c.Path, Case: s.c.Name, Mode: s.mode, Differences: []Difference{}, Review: []string{}}
	played, err := p.play(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(played, err)
	return p.out
}

func (p *take) play(ctx context.Context) (*pluginhost.Result, error) {
	s, r := p.Stage, p.r
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if s.played {
		if err := s.host.Renew(); err != nil {
			return nil, err
		}
		if err := s.fleet.Reset(ctx); err != nil {
			return nil, err
		}
	}
	s.played, r.seen = true, s.fleet.Journal.Since(0, journal.Match{}, 1).Last
	if err := r.fill(); err != nil {
		return nil, err
	}
	session, err := p.session(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.fleet.Faults.Add(p.twist.Rules...); err != nil {
		return nil, err
	}
	watcher := &fault.Watcher{Struck: p.struck}
	if p.twist.Watch {
		watcher.Answered = p.answered
	}
	s.fleet.Faults.Watch(watcher)
	defer s.fleet.Faults.Watch(nil)
	played, err := s.host.Run(ctx, session)
	r.catchUp()
	return played, err
}

// session is that of the first play with what this one adds.
func (p *take) session(r *run) (pluginhost.Session, error) {
	plugins := r.Plugins
	r.Plugins = Plugins{} // they are installed
	defer func() { r.Plugins = plugins }()
	session, err := r.session(p.host, p.host.Profile)
	session.AA, session.CredentialStore, session.LogLimit = p.Stage.session.AA, p.Stage.session.CredentialStore, p.Stage.session.LogLimit
	session.Event, session.Kill = p.event, p.kill
	r.configs = p.configs
	for _, prompt := range r.Prompts {
		p.spent = p.spent || prompt.Wait != ""
	}
	for _, step := range r.During {
		p.spent = p.spent || step.Wait != ""
	}
	return session, err
}

func (p *take) event(e pluginhost.Event) {
	if e.Kind == pluginhost.HookStarted {
		p.mu.Lock()
		p.began = append(p.began, begun{e.Call.Number, e.Call.Hook, p.fleet.Clock.Now()})
		p.mu.Unlock()
		if d := p.twist.Jumps[e.Call.Number]; d > 0 {
			p.spent = true
			if err := p.fleet.Clock.Advance(d); err != nil {
				p.r.differ("jump", d.String(), err.Error())
			}
		}
	}
	if e.Kind == pluginhost.HookEnded {
		p.mu.Lock()
		p.over = e.Call.Number
		p.mu.Unlock()
	}
	p.r.event(e)
}

// begun is when a hook was called, by the company's clock.
type begun struct {
	call int
	hook pluginhost.Hook
	at   time.Time
}

// during is the call of a hook during which an operation began: what a plugin has started
// may be answered when the hook is over. The lock is held.
func (p *take) during(s fault.Subject) (out begun) {
	for _, b := range p.began {
		if !s.Started.Before(b.at) {
			out = b
		}
	}
	return out
}

func (p *take) struck(r fault.Rule, s fault.Subject) {
	if !slices.ContainsFunc(p.twist.Rules, func(own fault.Rule) bool { return own.ID == r.ID }) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	call := p.during(s).call
	if call == 0 && len(p.began) > 0 { // a handshake has no beginning
		call = p.began[len(p.began)-1].call
	}
	if call <= p.over { // nobody waits for this answer any more
		return
	}
	if p.out.Fired++; p.out.Call == 0 {
		p.out.Call = call
	}
	if p.twist.Kill {
		select {
		case p.kill <- struct{}{}:
		default:
		}
	}
}

func (p *take) answered(s fault.Seen) {
	held := len(p.leases())
	tokens, _ := p.fleet.Logins.Alive(context.Background()) // it is for looking only
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.during(s.Subject)
	p.out.Seen = append(p.out.Seen, Answered{Seen: s, Call: in.call, Hook: in.hook, Late: in.call <= p.over, Leases: held, Tokens: len(tokens)})
}

// leases are the accounts that are checked out.
func (p *take) leases() (out []string) {
	all, err := p.fleet.Accounts.Leases(context.Background(), checkout.Principal{Client: "review", Admin: true})
	if err != nil {
		return nil
	}
	for _, l := range all {
		if l.State == checkout.Active {
			out = append(out, l.AccountID)
		}
	}
	return out
}

// finish judges a play as a run of the case is judged.
func (p *take) finish(played *pluginhost.Result, err error) {
	out, r := &p.out, p.r
	if played != nil && err == nil {
		r.judge(played)
		out.Left = p.leftovers(played)
		out.Entries = p.fleet.Journal.Since(0, journal.Match{}, 0).Entries
	}
	out.Played, out.Result.played = played, played
	out.Result.NotIsolated = p.host.NotIsolated()
	out.Result.Took, out.Result.Timeline = time.Since(r.began), r.timeline()
	out.Result.Differences = append(out.Result.Differences, r.diffs...)
	switch {
	case errors.Is(err, errRejected):
		out.Result.Verdict, out.Result.Problem = Rejected, err.Error()
	case err != nil:
		out.Result.Verdict, out.Result.Problem = Broken, err.Error()
	case len(out.Result.Differences) == 0:
		out.Result.Verdict = Passed
	default:
		out.Result.Verdict = Failed
	}
}

// leftovers are what the session has left behind that it should not.
func (p *take) leftovers(played *pluginhost.Result) (out []Leftover) {
	add := func(kind, format string, args ...any) {
		if l := (Leftover{kind, fmt.Sprintf(format, args...)}); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	for _, account := range p.leases() {
		add("lease", "%s", account)
	}
	if tokens, err := p.fleet.Logins.Alive(context.Background()); err == nil {
		for _, t := range tokens {
			add("token", "a %s token of %s", t.Kind, t.Owner)
		}
	}
	logged := func(hook pluginhost.Hook, line string) {
		for _, s := range p.secrets(played) {
			if strings.Contains(line, s.value) {
				add("logged", "%s in the log of %s", s.what, hook)
			}
		}
	}
	for _, l := range whole(played) {
		if !l.Box {
			logged(l.Hook, l.Text)
		}
	}
	for _, c := range played.Calls {
		if c.Err != nil { // what is not caught is logged
			logged(c.Hook, c.Err.Text+"\n"+c.Err.Traceback)
		}
	}
	return out
}

// secrets are those that must not be logged. Of answers at prompts it is codes and
// passwords: a ticket's number is none.
func (p *take) secrets(played *pluginhost.Result) []secret {
	open := map[string]bool{}
	for _, prompt := range played.Prompts {
		key := strings.ToLower(prompt.Ask.Key)
		named := slices.ContainsFunc([]string{"otp", "pass", "pin", "code", "token", "secret"}, func(s string) bool { return strings.Contains(key, s) })
		open[prompt.Answer.Text] = !prompt.Ask.Hidden && !named
	}
	return slices.DeleteFunc(p.r.knownSecrets(played), func(s secret) bool { return open[s.value] })
}
