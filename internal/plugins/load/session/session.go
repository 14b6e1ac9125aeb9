// Package session is the step of a load test that is a session of a plugin: its hooks run
// in a bounded number of interpreters, however many sessions are on their way.
package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
)

// Sessions are the plugins of a plan's journeys, and the company that they all talk to.
type Sessions struct {
	open []*scenario.Shared
	by   map[string]*scenario.Shared // by journey
}

// Open brings up what the journeys of a plan need that are sessions; nil if none is. One
// company is that of all.
func Open(ctx context.Context, p *plan.Plan, o scenario.Options, pause func(context.Context, time.Duration) error) (*Sessions, error) {
	s := &Sessions{by: map[string]*scenario.Shared{}}
	for i := range p.Journeys {
		j := &p.Journeys[i]
		if j.Scenario == "" {
			continue
		}
		refuse := func(key, message, hint string) error {
			s.Close()
			return seed.Merge(&seed.Error{Problems: []seed.Problem{p.Problem(fmt.Sprintf("journeys[%d].%s", i, key), message, hint)}})
		}
		if len(s.open) > 0 {
			return nil, refuse("scenario", "one journey of a plan is a scenario, for each has a fleet of its own", "write a second plan")
		}
		c, err := pick(p, j)
		if err != nil {
			return nil, refuse("scenario", err.Error(), "")
		}
		how := scenario.Sharing{Mode: j.Mode, Interpreters: j.Interpreters, Pause: pause}
		how.Merge, _ = p.Fleet.Merge.(*strictyaml.Node)
		shared, err := scenario.NewShared(ctx, c, how, o)
		if err != nil {
			return nil, refuse("scenario", err.Error(), "")
		}
		s.open = append(s.open, shared)
		s.by[j.Name] = shared
	}
	if len(s.open) == 0 {
		return nil, nil
	}
	return s, nil
}

// pick is the case of a journey.
func pick(p *plan.Plan, j *plan.Journey) (scenario.Case, error) {
	path := j.Scenario
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.Dir, path)
	}
	cases := scenario.LoadAll(path)
	var names []string
	for _, c := range cases {
		if c.Wrong != nil && (c.Name == "" || c.Name == j.Case) {
			return c, c.Wrong
		}
		if j.Case == "" || c.Name == j.Case {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return scenario.Case{}, fmt.Errorf("%s has no case %q; there are %s", j.Scenario, j.Case, strings.Join(names, ", "))
}

// Company is the company that the sessions talk to.
func (s *Sessions) Company() *boot.Company { return s.open[0].Company() }

// NotIsolated is what plugins can do on this system although they should not.
func (s *Sessions) NotIsolated() []string { return s.open[0].NotIsolated() }

// Close ends everything.
func (s *Sessions) Close() {
	for _, shared := range s.open {
		shared.Close()
	}
}

// Step is the one step of a journey.
func (s *Sessions) Step(j *plan.Journey) step.Step {
	return &one{shared: s.by[j.Name], as: j.As, expected: s.by[j.Name].Expected()}
}

// one is a session, again and again.
type one struct {
	shared   *scenario.Shared
	as       string
	expected string
}

// Do implements step.Step.
func (o *one) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	a := step.Answer{Operation: "session", Sent: w.Now()}
	var mu sync.Mutex
	var began time.Time // the hook that runs; waiting for an interpreter is part of it
	hook := func(e pluginhost.Event) {
		mu.Lock()
		defer mu.Unlock()
		now := w.Now()
		if e.Kind == pluginhost.HookStarted {
			began = now
		}
		if e.Kind != pluginhost.HookEnded {
			return
		}
		p := step.Part{Operation: "hook " + string(e.Call.Hook), Intended: began, Sent: now.Add(-e.Call.Took), Answered: now, Verdict: step.LetIn, Reason: e.Call.Verdict}
		switch {
		case e.Call.Err != nil:
			p.Verdict, p.Reason = step.Failed, string(e.Call.Err.Kind)
		case e.Call.Verdict == pluginhost.Deny:
			p.Verdict = step.Refused
		case e.Call.Verdict == pluginhost.NeedInfo:
			p.Verdict = step.Asked
		}
		a.Parts = append(a.Parts, p)
	}
	played, wrong, err := o.shared.Play(ctx, scenario.Guest{Name: w.Person.Name, In: o.as}, hook)
	a.Answered = w.Now()
	if err != nil && ctx.Err() == nil && played == nil {
		return a, err
	}
	if played == nil {
		a.Reason = "not played"
		return a, nil
	}
	a.Reason = string(played.Outcome.State)
	switch played.Outcome.State {
	case pluginhost.Connected:
		a.Verdict = step.LetIn
	case pluginhost.Denied, pluginhost.Failed:
		a.Verdict = step.Refused
	case pluginhost.Errored:
		if e := played.Outcome.Err; e != nil {
			a.Reason = string(e.Kind)
		}
	}
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		a.Wrong = err.Error()
	case o.expected != "" && o.expected != string(played.Outcome.State):
		a.Wrong = fmt.Sprintf("the session ended as %s, not %s", played.Outcome, o.expected)
	case len(wrong) > 0:
		a.Wrong = fmt.Sprintf("%s is %s, not %s", wrong[0].What, wrong[0].Got, wrong[0].Want)
	}
	return a, nil
}
