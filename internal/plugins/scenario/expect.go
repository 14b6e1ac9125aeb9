package scenario

import (
	"encoding/json"
	"fmt"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
)

// judge holds what happened against what is expected.
func (r *run) judge(p *pluginhost.Result) {
	e := r.Expect
	if r.Given["outcome"] && !fits(e.Outcome, string(p.Outcome.State)) {
		d := Difference{What: "outcome", Want: shown(e.Outcome), Got: p.Outcome.String()}
		if p.Outcome.Err != nil {
			d.Hint = p.Outcome.Err.Hint
		}
		r.diffs = append(r.diffs, d)
	}
	if r.Given["error"] {
		var kind any = missing{}
		if p.Outcome.Err != nil {
			kind = string(p.Outcome.Err.Kind)
		}
		if !fits(e.Error, kind) {
			r.differ("error", shown(e.Error), shown(kind))
		}
	}
	if r.prompts < len(r.Prompts) {
		r.differ("prompts", fmt.Sprintf("%d prompts", len(r.Prompts)), fmt.Sprintf("%d were asked", r.prompts))
	}
	r.hooks(p)
	r.secrets(p)
	r.cookies(p)
	var log []string
	for _, l := range whole(p) {
		log = append(log, l.Text)
	}
	r.diffs = append(r.diffs, lines(e.Log, e.NoLog, log)...)
	if p.LogDropped > 0 && len(e.NoLog) > 0 {
		r.differ("no_log", "a log that was kept as a whole", fmt.Sprintf("%d pieces of it were not, and may hold anything; `limits: {output: …}` keeps more", p.LogDropped))
	}
	if r.Given["backend"] || e.BackendExact {
		r.diffs = append(r.diffs, sequence(e.Backend, r.operations(), e.BackendExact)...)
	}
}

// whole are the lines of the log; one that came in pieces is one again.
func whole(p *pluginhost.Result) (out []pluginhost.Line) {
	for i, l := range p.Log {
		if i > 0 && p.Log[i-1].More && !l.Box && (p.LogDropped == 0 || i != p.LogHead) {
			last := &out[len(out)-1]
			last.Text, last.More = last.Text+l.Text, l.More
			continue
		}
		out = append(out, l)
	}
	return out
}

// operations are the journal's entries as fields.
func (r *run) operations() (out []map[string]any) {
	for _, e := range r.fleet.Journal.Since(0, journal.Match{}, 0).Entries {
		out = append(out, operation(e, r.fleet.kind[e.Server]))
	}
	return out
}

// hooks compares each hook that is spoken of.
func (r *run) hooks(p *pluginhost.Result) {
	for _, hook := range pluginhost.Hooks() {
		want := r.hook(hook)
		calls := p.CallsOf("", hook)
		got := called(calls)
		if limit := number(want["max_ms"]); limit != nil {
			for i, c := range calls {
				if ms := float64(c.Took) / float64(time.Millisecond); ms > *limit {
					r.differ(fmt.Sprintf("%s.max_ms", hook), text(want["max_ms"]), fmt.Sprintf("%.0f ms in call %d", ms, i+1))
				}
			}
		}
		rest := map[string]any{}
		for k, v := range want {
			if k != "max_ms" {
				rest[k] = v
			}
		}
		r.diffs = append(r.diffs, compare(string(hook), rest, got)...)
	}
}

// hook is what is expected of a hook.
func (r *run) hook(h pluginhost.Hook) map[string]any {
	return map[pluginhost.Hook]map[string]any{
		pluginhost.Authenticate: r.Expect.Authenticate, pluginhost.Authorize: r.Expect.Authorize, pluginhost.SessionEnded: r.Expect.SessionEnded,
		pluginhost.GetPasswordList: r.Expect.Passwords, pluginhost.GetPrivateKeyList: r.Expect.Keys, pluginhost.AuthenticationCompleted: r.Expect.Completed,
		pluginhost.GetRemoteAppCredentials: r.Expect.RemoteApp, pluginhost.GetTOTPCodes: r.Expect.TOTP,
	}[h]
}

// called is a hook as the fields that expect may name: of its last call.
func called(calls []pluginhost.Call) map[string]any {
	m := map[string]any{"calls": len(calls)}
	if len(calls) == 0 {
		return m
	}
	last := calls[len(calls)-1]
	for name, v := range map[string]string{"verdict": last.Verdict, "reason": last.Reason, "gateway_user": last.GatewayUser} {
		if v != "" {
			m[name] = v
		}
	}
	if last.GatewayUser != "" {
		groups := []any{}
		for _, g := range last.GatewayGroups {
			groups = append(groups, g)
		}
		m["gateway_groups"] = groups
	}
	if last.Metadata != "" {
		m["metadata"] = document(last.Metadata)
	}
	if last.Err != nil {
		m["error"] = string(last.Err.Kind)
	}
	return m
}

// secrets compares the passwords and keys that were returned.
func (r *run) secrets(p *pluginhost.Result) {
	if r.Given["passwords"] {
		got := []any{}
		for _, s := range p.Passwords {
			got = append(got, s)
		}
		if want := append([]any{}, r.Expect.PasswordList...); !fits(want, got) {
			r.differ("passwords", text(want), text(got))
		}
	}
	if !r.Given["keys"] {
		return
	}
	if len(r.Expect.KeyList) != len(p.Keys) {
		r.differ("keys", fmt.Sprintf("%d keys", len(r.Expect.KeyList)), fmt.Sprintf("%d keys", len(p.Keys)))
		return
	}
	for i, want := range r.Expect.KeyList {
		k := p.Keys[i]
		got := map[string]any{"type": k.Type, "fingerprint": k.Fingerprint, "pem": k.PEM}
		if k.Refused != "" {
			got["refused"] = k.Refused
		}
		r.diffs = append(r.diffs, compare(fmt.Sprintf("keys[%d]", i), want, got)...)
	}
}

// cookies compares parts of the final cookies.
func (r *run) cookies(p *pluginhost.Result) {
	for what, c := range map[string]struct {
		want any
		got  json.RawMessage
	}{
		"cookie.aa": {r.Expect.Cookie.AA, p.Cookies[pluginhost.AA]}, "session_cookie": {r.Expect.SessionCookie, p.SessionCookie},
		"cookie.credentialstore": {r.Expect.Cookie.Store, p.Cookies[pluginhost.CredentialStore]},
	} {
		if c.want == nil {
			continue
		}
		got := any(missing{})
		if len(c.got) > 0 {
			got = decoded(c.got)
		}
		parts, isMap := c.want.(map[string]any)
		fields, _ := got.(map[string]any)
		if isMap && (len(parts) > 0 || fields != nil) {
			r.diffs = append(r.diffs, compare(what, parts, fields)...)
		} else if !fits(c.want, got) {
			r.differ(what, shown(c.want), shown(got))
		}
	}
}
