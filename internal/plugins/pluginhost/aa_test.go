//go:build !nopython

package pluginhost_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

// returns is an AA plugin whose authenticate or authorize returns an expression.
func returns(hook, expression string) string {
	return extended(fmt.Sprintf("    def %s(self, cookie, key_value_pairs): return %s\n", hook, expression))
}

// on sets the protocol.
func on(protocol string) func(*pluginhost.Config, *pluginhost.Session) {
	return func(_ *pluginhost.Config, s *pluginhost.Session) { s.Connection.Protocol = protocol }
}

// answers sets the answers to prompts.
func answers(texts ...string) func(*pluginhost.Config, *pluginhost.Session) {
	return func(_ *pluginhost.Config, s *pluginhost.Session) { s.Prompter = script(texts...) }
}

// worker runs hooks in workers.
func worker(c *pluginhost.Config, _ *pluginhost.Session) { c.Mode = pluginhost.Worker }

// asks is a plugin that asks for keys in turn, then tells all it knows.
const asks = `
    def authenticate(self, key_value_pairs, cookie):
        n = cookie.get("n", 0)
        questions = [("otp", "first: "), ["otp", "again: ", True], ("pin", "pin: ", False)]
        if n == len(questions):
            return {"verdict": "ACCEPT"}
        return {"verdict": "NEEDINFO", "question": questions[n], "cookie": {"n": n + 1}}
    def authorize(self, key_value_pairs):
        return {"verdict": "DENY", "reason": repr(key_value_pairs)}
`

var aaChecks = []check{
	{"26 None and NONE continue", func(t *testing.T) {
		for _, e := range []string{"None", `{"verdict": "NONE"}`} {
			r := runAA(t, returns("authenticate", e), worker)
			wantState(t, r, pluginhost.Connected)
			if hooks(r) != "authenticate authorize session_ended" || r.Calls[0].Verdict != pluginhost.NoAnswer {
				t.Errorf("%s, %+v", hooks(r), r.Calls[0])
			}
		}
	}},
	{"27 lower-case verdict", func(t *testing.T) {
		wantError(t, runAA(t, returns("authenticate", `{"verdict": "accept"}`), worker), pluginhost.Authenticate, pluginhost.BadResult)
	}},
	{"27 other results that are none", checkBadResults},
	{"28 questions of two and three members", func(t *testing.T) {
		r := runAA(t, extended(asks), answers("1", "2", "3"), worker)
		var got []string
		for _, p := range r.Prompts {
			got = append(got, fmt.Sprintf("%s %q %v", p.Ask.Key, p.Ask.Text, p.Ask.Hidden))
		}
		if want := []string{`otp "first: " false`, `otp "again: " true`, `pin "pin: " false`}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	}},
	{"29 answers accumulate and reach authorize", func(t *testing.T) {
		r := runAA(t, extended(asks), answers("1", "2", "3"), worker, func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.Connection.Login = "tkt=CHG0000038@root@10.0.0.5"
		})
		if r.Outcome.Reason != "{'tkt': 'CHG0000038', 'otp': '2', 'pin': '3'}" {
			t.Error(r.Outcome)
		}
		if hooks(r) != "authenticate authenticate authenticate authenticate authorize session_ended" {
			t.Error(hooks(r))
		}
	}},
	{"30 an empty answer is an empty text", func(t *testing.T) {
		r := runAA(t, extended(asks), answers("", "", ""), worker)
		if r.Outcome.Reason != "{'otp': '', 'pin': ''}" {
			t.Error(r.Outcome)
		}
	}},
	{"31 groups of authenticate reach authorize", checkGroups},
	{"32 other gateway user without usermapping", func(t *testing.T) {
		main := returns("authenticate", `{"verdict": "ACCEPT", "gateway_user": "bob", "gateway_groups": []}`)
		r := runAA(t, main, worker)
		wantError(t, r, pluginhost.Authenticate, pluginhost.UserMapping)
		if hooks(r) != "authenticate session_ended" {
			t.Error(hooks(r))
		}
		wantState(t, runAA(t, main, worker, func(_ *pluginhost.Config, s *pluginhost.Session) { s.Connection.UserMapping = true }), pluginhost.Connected)
		wantState(t, runAA(t, main, worker, func(_ *pluginhost.Config, s *pluginhost.Session) { s.Connection.Server.User = "bob" }), pluginhost.Connected)
	}},
	{"33 authorize must not return None", func(t *testing.T) {
		for _, e := range []string{"None", `{"verdict": "NONE"}`, "{}"} {
			r := runAA(t, returns("authorize", e), worker)
			wantError(t, r, pluginhost.Authorize, pluginhost.BadResult)
			if !logged(r, "Calling Authorize hook of AA plugin failed.") {
				t.Errorf("%s\n%s", e, logOf(r))
			}
		}
	}},
	{"33 NEEDINFO from authorize depends on the API", func(t *testing.T) {
		main := extended(`    def authorize(self, key_value_pairs):
        return {"verdict": "ACCEPT"} if "why" in key_value_pairs else {"verdict": "NEEDINFO", "question": ("why", "why? ")}
`)
		r := runAA(t, main, worker, answers("because"))
		wantState(t, r, pluginhost.Connected)
		if !r.Calls[1].NonPortable || len(r.CallsOf("aa", pluginhost.Authorize)) != 2 {
			t.Errorf("%s %+v", hooks(r), r.Calls[1])
		}
		r = runAA(t, main, worker, answers("because"), func(c *pluginhost.Config, _ *pluginhost.Session) { c.Profile = profile(t, "6.6") })
		wantError(t, r, pluginhost.Authorize, pluginhost.BadResult)
	}},
	{"34 authorize once after ACCEPT, never after DENY", func(t *testing.T) {
		r := runAA(t, acceptAll, worker)
		if hooks(r) != "authenticate authorize session_ended" {
			t.Error(hooks(r))
		}
		r = runAA(t, returns("authenticate", `{"verdict": "DENY", "reason": "no", "additional_metadata": "m", "cookie": {"a": 1}}`), worker)
		wantState(t, r, pluginhost.Denied)
		if hooks(r) != "authenticate session_ended" || r.Outcome.Reason != "no" || r.Calls[0].Metadata != "m" || offered(t, r.Calls[1], "cookie") != `{"a":1}` {
			t.Errorf("%s %v", hooks(r), r.Outcome)
		}
	}},
	{"35 NEEDINFO where nobody can be asked", func(t *testing.T) {
		wantError(t, runAA(t, extended(asks), on("mssql"), answers("1", "2", "3"), worker), pluginhost.Authenticate, pluginhost.CannotPrompt)
		r := runAA(t, returns("authenticate", `{"verdict": "NEEDINFO", "question": ("again", "? ")}`), worker, func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.Prompter = func(context.Context, pluginhost.Ask) pluginhost.Answer { return pluginhost.Answer{Text: "x"} }
		})
		wantError(t, r, pluginhost.Authenticate, pluginhost.CannotPrompt)
		if len(r.Prompts) != 20 {
			t.Errorf("%d prompts", len(r.Prompts))
		}
	}},
	{"36 metadata must be text", func(t *testing.T) {
		for _, hook := range []string{"authenticate", "authorize"} {
			wantError(t, runAA(t, returns(hook, `{"verdict": "ACCEPT", "additional_metadata": {"reason": "x"}}`), worker), pluginhost.Hook(hook), pluginhost.BadResult)
		}
	}},
	{"37 unknown keys are ignored", func(t *testing.T) {
		r := runAA(t, returns("authenticate", `{"verdict": "ACCEPT", "whatever": [1], "question": None}`), worker)
		wantState(t, r, pluginhost.Connected)
		if len(r.Warnings) > 0 {
			t.Error(r.Warnings)
		}
	}},
}

func checkBadResults(t *testing.T) {
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker, Slots: 1})
	p := install(t, h, source{main: extended("    def authenticate(self): return eval(self.configuration)\n")})
	needInfo := func(question string) string { return `{"verdict": "NEEDINFO", "question": ` + question + `}` }
	for expression, kind := range map[string]pluginhost.Kind{
		`"ACCEPT"`: pluginhost.BadResult, "[]": pluginhost.BadResult, "7": pluginhost.BadResult, "{}": pluginhost.BadResult,
		`{"verdict": None}`: pluginhost.BadResult, `{"verdict": "MAYBE"}`: pluginhost.BadResult, `{"verdict": True}`: pluginhost.BadResult,
		`{"verdict": "NEEDINFO"}`: pluginhost.BadResult, needInfo(`("k",)`): pluginhost.BadResult, needInfo(`("k", "t", True, 1)`): pluginhost.BadResult,
		needInfo(`("k", "t", 1)`): pluginhost.BadResult, needInfo(`("k", "t", None)`): pluginhost.BadResult, needInfo(`(1, "t")`): pluginhost.BadResult,
		needInfo(`{"key": "k", "prompt": "t"}`): pluginhost.BadResult,
		`{"verdict": "ACCEPT", "cookie": []}`:   pluginhost.BadResult, `{"verdict": "ACCEPT", "session_cookie": None}`: pluginhost.BadResult,
		`{"verdict": "ACCEPT", "cookie": {"k": "x" * 2000000}}`:          pluginhost.BadResult,
		`{"verdict": "ACCEPT", "reason": 1}`:                             pluginhost.BadResult,
		`{"verdict": "ACCEPT", "gateway_user": 1, "gateway_groups": []}`: pluginhost.BadResult, `{"verdict": "ACCEPT", "gateway_user": "u", "gateway_groups": "g"}`: pluginhost.BadResult,
		`{"verdict": "ACCEPT", "cookie": {"k": b"x"}}`: pluginhost.NotJSON, `{"verdict": "ACCEPT", "x": {1, 2}}`: pluginhost.NotJSON,
		`{"verdict": "ACCEPT", "cookie": {"k": float("nan")}}`: pluginhost.NotJSON, `{"verdict": "ACCEPT", "x": {(1,): 2}}`: pluginhost.NotJSON,
		`(lambda d: d.update(d=d) or d)({"verdict": "ACCEPT"})`: pluginhost.NotJSON,
		`1/0`:                pluginhost.Exception,
		`exec("import nix")`: pluginhost.Exception,
	} {
		r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: expression}})
		t.Log(expression)
		wantError(t, r, pluginhost.Authenticate, kind)
		if hooks(r) != "authenticate session_ended" || string(r.Cookies["aa"]) != "" {
			t.Errorf("%s, %s", hooks(r), r.Cookies["aa"])
		}
	}
}

func checkGroups(t *testing.T) {
	accept := func(more string) string {
		return extended(`    def authenticate(self): return {"verdict": "ACCEPT", ` + more + `}
    def authorize(self, gateway_user, gateway_groups): return {"verdict": "DENY", "reason": "%s %r" % (gateway_user, gateway_groups)}
`)
	}
	mapped := func(_ *pluginhost.Config, s *pluginhost.Session) { s.Connection.UserMapping = true }
	for more, want := range map[string]string{
		`"gateway_user": "bob", "gateway_groups": ["b", "a", "b"]`: "bob ['b', 'a', 'b']",
		`"gateway_user": "bob", "gateway_groups": ()`:              "bob []",
		`"gateway_user": "bob"`:                                    "alice ['ops']",
		`"gateway_groups": ["x"]`:                                  "alice ['ops']",
		`"gateway_user": "bob", "gateway_groups": None`:            "alice ['ops']",
	} {
		r := runAA(t, accept(more), mapped, worker)
		if r.Outcome.Reason != want {
			t.Errorf("%s: %v", more, r.Outcome)
		}
		if alone := strings.HasPrefix(want, "alice"); warned(r, "without the other") != alone {
			t.Errorf("%s: warnings %q", more, r.Warnings)
		}
	}
}
