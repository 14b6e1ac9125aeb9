package pluginhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"counterpart/internal/plugins/pluginhost/process"
)

// titles name the hooks in the box's log. Only authorize's is documented.
var titles = map[Hook]string{
	Authenticate: "Authenticate", Authorize: "Authorize", SessionEnded: "Session ended",
	GetPasswordList: "Get password list", GetPrivateKeyList: "Get private key list", AuthenticationCompleted: "Authentication completed",
	GetRemoteAppCredentials: "Get remote app credentials", GetTOTPCodes: "Get TOTP codes",
}

var pluginTitles = map[string]string{AA: "AA", CredentialStore: "Credential Store"}

// errHost marks a failure that is the host's, not the plugin's.
var errHost = errors.New("the host could not run the hook")

// use is the plugin of a type.
func (p *play) use(kind string) *Use {
	if kind == AA {
		return p.s.AA
	}
	return p.s.CredentialStore
}

// cookie is what SPS keeps for a plugin.
func (p *play) cookie(kind string) json.RawMessage {
	if c, ok := p.cookies[kind]; ok {
		return c
	}
	return json.RawMessage("{}")
}

// call runs one hook and lets read judge its answer. Cookies are kept only if
// nothing was wrong.
func (p *play) call(kind string, hook Hook, read func(a answer, c *Call) *HookError) (*Call, *HookError) {
	u := p.use(kind)
	p.used[kind] = true
	offered := offer(p.h.Profile.API, view{
		id: p.id, hook: hook, conn: p.conn, who: p.who, kv: p.kv, known: p.known, asset: p.asset, cookie: p.cookie(kind), shared: p.shared,
	})
	c := Call{
		Number: len(p.r.Calls) + 1, Leg: p.leg, SessionID: p.id, Plugin: kind, Hook: hook, Offered: offered,
		Mode: p.h.Mode, Started: p.h.Now(), Limit: p.h.HookTimeout(),
	}
	started := c
	p.emit(Event{Kind: HookStarted, Call: &started})
	reply, err := p.process(u, &c)
	switch {
	case err == nil:
		c.Err = p.judge(kind, reply, &c, read)
	case p.leave():
		c.Err = &HookError{Kind: NoResult, Text: "ended with the session: " + p.gone.Error()}
	default:
		p.fail(err)
		c.Err = &HookError{Kind: NoResult, Text: err.Error()}
	}
	p.tellAbsent(kind, u, reply)
	if c.Err != nil && err == nil && !p.unsupported(&c) {
		p.boxLog(kind, hook, fmt.Sprintf("Calling %s hook of %s plugin failed.", titles[hook], pluginTitles[kind]))
	}
	p.r.Calls = append(p.r.Calls, c)
	p.emit(Event{Kind: HookEnded, Call: &c})
	return &p.r.Calls[len(p.r.Calls)-1], c.Err
}

// process runs the hook's process.
func (p *play) process(u *Use, c *Call) (process.Reply, error) {
	args, err := json.Marshal(c.Offered)
	if err != nil {
		return process.Reply{}, fmt.Errorf("%w: %w", errHost, err)
	}
	var known []string
	for _, h := range hooksOf(c.Plugin, p.h.Profile.API) {
		known = append(known, string(h))
	}
	reply := p.h.process(p.ctx, process.Job{
		Code: u.Plugin.current(), Hook: string(c.Hook), Configuration: u.Config, Args: args, Known: known,
		Now: c.Started, Timeout: c.Limit,
		Kill: p.s.Kill,
		Line: func(text string, more bool) { p.log(Line{Plugin: c.Plugin, Hook: c.Hook, Text: text, More: more}) },
	})
	c.Took, c.Passed, c.Result = reply.Took, reply.Passed, reply.Result
	c.Split.Start, c.Split.Import, c.Split.Construct, c.Split.Hook = reply.Split()
	switch reply.Fault {
	case process.Cancelled:
		return reply, p.ctx.Err()
	case process.NotRun:
		return reply, fmt.Errorf("%w: %s", errHost, reply.Detail)
	}
	return reply, nil
}

// judge turns a reply into what SPS would make of it.
func (p *play) judge(kind string, reply process.Reply, c *Call, read func(a answer, c *Call) *HookError) *HookError {
	switch {
	case reply.Fault == process.TimedOut:
		return &HookError{Kind: TimedOut, Text: reply.Detail}
	case reply.Fault == process.TooLarge:
		return &HookError{Kind: BadResult, Text: reply.Detail}
	case reply.Fault != process.None:
		return &HookError{Kind: NoResult, Text: reply.Detail}
	case reply.Error != nil:
		return p.exception(reply.Error)
	case reply.Missing:
		return &HookError{Kind: MissingHook, Text: fmt.Sprintf("class Plugin has no method %s", c.Hook), Hint: "the guides want every hook implemented"}
	case c.Hook == SessionEnded:
		return nil // whatever it returns is ignored
	}
	a, err := readAnswer(reply.Result)
	if err != nil {
		return err
	}
	if err := read(a, c); err != nil {
		return err
	}
	return p.keep(kind, a)
}

// keep stores returned cookies: each replaces the stored one.
func (p *play) keep(kind string, a answer) *HookError {
	own, err := a.cookie("cookie")
	if err != nil {
		return err
	}
	shared, err := a.cookie("session_cookie")
	if err != nil {
		return err
	}
	if own != nil {
		p.cookies[kind] = own
		p.r.Cookies[kind] = own
	}
	if shared != nil {
		p.shared = shared
	}
	for name, c := range map[string]json.RawMessage{"cookie": own, "session_cookie": shared} {
		if len(c) > largeCookie {
			p.warn("the %s of the %s plugin has %d bytes of JSON; a box's limit is not documented", name, kind, len(c))
		}
	}
	return nil
}

// exception is what a plugin raised, with a hint where one helps.
func (p *play) exception(e *process.Exception) *HookError {
	out := &HookError{Kind: Exception, Type: e.Type, Text: e.Text, Traceback: e.Traceback}
	if e.Kind == string(NotJSON) {
		out.Kind = NotJSON
	}
	if e.Type == "ModuleNotFoundError" || e.Type == "ImportError" {
		switch {
		case strings.Contains(e.Text, "safeguard"):
			out.Hint = fmt.Sprintf("the Plugin SDK is not importable in %s: install oneidentity-safeguard-sessions-plugin-sdk there, or choose another Python", p.h.Interpreter.Path)
		default:
			out.Hint = "a module that is neither in the package nor in its deps nor in this Python"
		}
	}
	return out
}

// tellAbsent warns once of hooks that a plugin lacks: most plugins get away
// with that until one is called.
func (p *play) tellAbsent(kind string, u *Use, reply process.Reply) {
	if len(reply.Absent) == 0 || p.told[kind] {
		return
	}
	p.told[kind] = true
	p.warn("%s has no %s; the guides want every hook implemented", u.Plugin.Name, strings.Join(reply.Absent, ", "))
}

func (p *play) unsupported(c *Call) bool { return c.Unsupported() }

// Unsupported reports whether the plugin lacks the hook, and a box takes that as
// "this plugin cannot do that".
func (c Call) Unsupported() bool {
	return c.Err != nil && c.Err.Kind == MissingHook &&
		(c.Hook == AuthenticationCompleted || c.Hook == GetRemoteAppCredentials || c.Hook == GetTOTPCodes)
}
