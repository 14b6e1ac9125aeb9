package pluginhost

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// play goes through the steps of one leg up to its end.
func (p *play) play() Outcome {
	for _, step := range []func() stop{p.authenticate, p.authorize, p.logIn, p.during} {
		if out := step(); out != nil {
			return *out
		}
		if p.failure != nil {
			return p.broken()
		}
		if p.gone != nil {
			break
		}
	}
	return Outcome{State: Connected}
}

// broken is the outcome of a session whose host failed.
func (p *play) broken() Outcome {
	return Outcome{State: Errored, Err: &HookError{Kind: NoResult, Text: p.failure.Error()}}
}

func (p *play) errored(kind string, hook Hook, err *HookError) stop {
	return &Outcome{State: Errored, Plugin: kind, Hook: hook, Err: err}
}

func (p *play) denied(c *Call) stop {
	return &Outcome{State: Denied, Plugin: AA, Hook: c.Hook, Reason: c.Reason}
}

// authenticate asks the AA plugin until it knows enough.
func (p *play) authenticate() stop {
	if p.s.AA == nil {
		p.known = true
		return nil
	}
	for {
		var ask Ask
		var next identity
		replaced := false
		c, err := p.call(AA, Authenticate, func(a answer, c *Call) (err *HookError) {
			ask, next, replaced, err = p.readAuthenticate(a, c)
			return err
		})
		switch {
		case err != nil:
			return p.errored(AA, Authenticate, err)
		case c.Verdict == Deny:
			return p.denied(c)
		case c.Verdict == NeedInfo:
			if out := p.prompt(Authenticate, ask); out != nil {
				return out
			}
			continue
		}
		p.known = true // the destination was selected
		if replaced && c.Verdict == Accept {
			return p.become(next)
		}
		return nil
	}
}

// readAuthenticate reads an answer of authenticate. None is a verdict too.
func (p *play) readAuthenticate(a answer, c *Call) (ask Ask, next identity, replaced bool, err *HookError) {
	if a == nil {
		c.Verdict = NoAnswer
		return ask, next, false, nil
	}
	if err := a.verdict(c); err != nil {
		return ask, next, false, err
	}
	if c.Verdict == NeedInfo {
		ask, err = a.question()
		return ask, next, false, err
	}
	user, groups, both, odd, err := a.newUser()
	if err != nil {
		return ask, next, false, err
	}
	if odd {
		p.warn("authenticate returned one of gateway_user and gateway_groups without the other: neither has an effect")
	}
	if both {
		c.GatewayUser, c.GatewayGroups = user, groups
		next = p.who
		next.user, next.groups = user, groups
	}
	return ask, next, both, nil
}

// become makes the session's gateway user who the plugin says it is. That
// counts as gateway authentication.
func (p *play) become(next identity) stop {
	p.who = next
	remote := p.conn.Server.User
	if remote == "" || remote == next.user || p.conn.UserMapping {
		return nil
	}
	return p.errored(AA, Authenticate, &HookError{
		Kind: UserMapping, Text: fmt.Sprintf("gateway user %q is not the remote user %q, and no usermapping policy allows that", next.user, remote),
		Hint: "add a usermapping policy to the connection: `usermapping: true` in a scenario, --usermapping on the command line",
	})
}

// prompt shows a question and keeps the answer; the user may hang up instead.
func (p *play) prompt(hook Hook, ask Ask) stop {
	if !slices.Contains(prompting, p.conn.Protocol) {
		return p.cannotPrompt(hook, fmt.Sprintf("nobody can be asked on %s", p.conn.Protocol))
	}
	if p.prompts >= p.s.MaxPrompts {
		return p.cannotPrompt(hook, fmt.Sprintf("more than %d prompts in one session", p.s.MaxPrompts))
	}
	p.prompts++
	ask.SessionID, ask.Hook, ask.Number = p.id, hook, p.prompts
	p.emit(Event{Kind: Prompted, Ask: &ask})
	given := Answer{HangUp: true}
	if p.s.Prompter != nil {
		given = p.s.Prompter(p.ctx, ask)
	}
	if p.leave() {
		given = Answer{HangUp: true}
	}
	p.r.Prompts = append(p.r.Prompts, Prompt{ask, given})
	p.emit(Event{Kind: Answered, Ask: &ask, Answer: &given})
	if given.HangUp {
		return &Outcome{State: Disconnected, Plugin: AA, Hook: hook}
	}
	p.kv = p.kv.With(ask.Key, given.Text)
	return nil
}

func (p *play) cannotPrompt(hook Hook, why string) stop {
	return p.errored(AA, hook, &HookError{Kind: CannotPrompt, Text: why})
}

// authorize asks the AA plugin once, or, from API 1.6 on, until it knows enough.
func (p *play) authorize() stop {
	if p.s.AA == nil {
		return nil
	}
	for {
		var ask Ask
		c, err := p.call(AA, Authorize, func(a answer, c *Call) (err *HookError) {
			ask, err = p.readAuthorize(a, c)
			return err
		})
		switch {
		case err != nil:
			return p.errored(AA, Authorize, err)
		case c.Verdict == Deny:
			return p.denied(c)
		case c.Verdict == Accept:
			return nil
		}
		if out := p.prompt(Authorize, ask); out != nil {
			return out
		}
	}
}

func (p *play) readAuthorize(a answer, c *Call) (Ask, *HookError) {
	if a == nil {
		return Ask{}, bad("authorize returned None instead of a verdict")
	}
	if err := a.verdict(c); err != nil {
		return Ask{}, err
	}
	if _, ok := a["gateway_user"]; ok {
		p.warn("authorize returned gateway_user, which only authenticate can: ignored")
	}
	switch {
	case c.Verdict == NoAnswer:
		return Ask{}, bad("authorize returned NONE instead of a verdict")
	case c.Verdict == NeedInfo && !p.h.Profile.API.AtLeast(1, 6):
		return Ask{}, bad("authorize returned NEEDINFO, which API %s does not know", p.h.Profile.API)
	case c.Verdict == NeedInfo:
		c.NonPortable = true
		p.warn("authorize returned NEEDINFO: the SDK's tester asks, the guides exclude it")
		return a.question()
	}
	return Ask{}, nil
}

// farewell is how long session_ended may take when nobody waits any more.
const farewell = 10 * time.Second

// urgency is the key of WithUrgency.
type urgency struct{}

// WithUrgency is a context in which a session that has been given up lasts no longer
// than urgent: session_ended, which may take some seconds then, ends with it.
func WithUrgency(ctx, urgent context.Context) context.Context {
	return context.WithValue(ctx, urgency{}, urgent)
}

// end calls session_ended, once per plugin, whatever happened before.
func (p *play) end(out Outcome) Outcome {
	if p.gone != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), farewell)
		defer cancel()
		if urgent, ok := p.ctx.Value(urgency{}).(context.Context); ok {
			defer context.AfterFunc(urgent, cancel)()
		}
		p.ctx = ctx
	}
	order := []string{CredentialStore, AA}
	if p.s.EndAAFirst {
		slices.Reverse(order)
	}
	for _, kind := range order {
		if p.use(kind) == nil || p.failure != nil || !p.used[kind] && !p.s.EndAlways {
			continue
		}
		_, err := p.call(kind, SessionEnded, nil)
		switch {
		case err == nil:
		case err.Kind == MissingHook && out.State == Connected:
			out = *p.errored(kind, SessionEnded, err)
		default:
			p.warn("session_ended of the %s plugin failed: %v", kind, err)
		}
	}
	if p.failure != nil {
		return p.broken()
	}
	return out
}

// setShared sets a text in the session cookie.
func (p *play) setShared(values map[string]string) {
	m := map[string]json.RawMessage{}
	_ = json.Unmarshal(p.shared, &m) // it was checked to be a dict
	for k, v := range values {
		if text, err := json.Marshal(v); err == nil && v != "" {
			m[k] = text
		}
	}
	if data, err := json.Marshal(m); err == nil {
		p.shared = data
	}
}
