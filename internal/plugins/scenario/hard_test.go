package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/measure/linear"
	"counterpart/internal/plugins/pluginhost"
)

// TestS2HostileScenariosAreLinear: four times the file takes about four times as long.
func TestS2HostileScenariosAreLinear(t *testing.T) {
	for name, c := range map[string]struct{ before, part, after string }{
		"brackets": {"scenario: x\na: ", "[", ""}, "blank lines": {"scenario: |\n", "\n", ""}, "one key again": {"scenario: x\n", "k: v\n", ""}, "a long text": {"scenario: ", "x", ""},
		"dashes": {"", "- ", ""}, "braces": {"", "{", ""}, "quotes": {"", `"`, ""}, "unknown keys": {"scenario: x\n", "key_%d: v\n", ""}, "free keys": {"scenario: x\nexpect:\n  session_cookie:\n", "    k%d: v\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			linear.Check(t, 400_000, func(n int) func() {
				var b strings.Builder
				b.WriteString(c.before)
				for i := 0; b.Len() < n; i++ {
					if strings.Contains(c.part, "%") {
						fmt.Fprintf(&b, c.part, i)
					} else {
						b.WriteString(c.part)
					}
				}
				path := filepath.Join(write(t, map[string]string{"s.yaml": b.String() + c.after}), "s.yaml")
				return func() { _, _ = Load(path) }
			})
		})
	}
}

// TestS2CasesOfALargeFile: each is laid over the whole file; what they make together
// is bounded.
func TestS2CasesOfALargeFile(t *testing.T) {
	head := "scenario: " + strings.Repeat("x", 400_000) + "\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\ncases:\n"
	for n, want := range map[int]string{1_000: "make more than 16777216 octets", 3_000: "at most 2000 are read"} {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			fmt.Fprintf(&b, "- name: n%d\n", i)
		}
		dir := write(t, map[string]string{"s.yaml": b.String()})
		if _, err := Load(filepath.Join(dir, "s.yaml")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d cases: %.200v, want %s", n, err, want)
		}
	}
}

// TestDigitsStayWhatTheyAre: between a file and its case there are merged values;
// what a person types, a version and a seed's codes go through them as written.
func TestDigitsStayWhatTheyAre(t *testing.T) {
	text := `
scenario: 007
sps: 7.10
plugins: {aa: {package: ./p}}
connection: {protocol: ssh, gateway: {user: 0815}, key_values: {otp: 012345, exp: 1e3, yes: True}}
prompts: [{answer: 012345}]
expect: {passwords: [0123], authenticate: {calls: 2}}
fleet:
  seed: s2.yaml
  merge: {users: [{name: alice, phone: "+1555", devices: [{kind: totp, pin: 0042}]}]}
`
	dir := write(t, map[string]string{"s.yaml": text, "s2.yaml": "users: []\nclients: [{name: c, secret: s, settings: {native.code: 0099}}]\n"})
	cases, err := Load(filepath.Join(dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := cases[0]
	if c.Title != "007" || c.SPS != "7.10" || c.Connection.Gateway.User != "0815" || c.Prompts[0].Answer != "012345" {
		t.Errorf("%q %q %q %q", c.Title, c.SPS, c.Connection.Gateway.User, c.Prompts[0].Answer)
	}
	if got := fmt.Sprint(c.Connection.KeyValues); got != "map[exp:1e3 otp:012345 yes:True]" {
		t.Error(got)
	}
	if !fits(c.Expect.PasswordList, []any{"0123"}) || !fits(c.Expect.Authenticate["calls"], 2) {
		t.Errorf("%v %v", c.Expect.PasswordList, c.Expect.Authenticate)
	}
	seed, name, _, err := c.seedText()
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadSeed(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m); !strings.Contains(got, "pin:0042") || !strings.Contains(got, "native.code:0099") {
		t.Errorf("%s\n%s", got, seed)
	}
}

// TestExpectationsThatCannotFail: they are mistakes of the scenario.
func TestExpectationsThatCannotFail(t *testing.T) {
	const head = "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n"
	for text, want := range map[string]string{
		"expect: {authenticate: {verdikt: absent}}":       "expect.authenticate: unknown key `verdikt`, did you mean `verdict`?",
		"expect: {get_totp_codes: {gatewayuser: absent}}": "unknown key `gatewayuser`, did you mean `gateway_user`?",
		"expect: {authorize: {max_ms: 500ms}}":            `expect.authorize.max_ms: "500ms" is no number of milliseconds`,
		"expect: {authorize: {max_ms: any}}":              "is no number",
		"expect: {authorize: {max_ms: }}":                 "is no number",
		"expect: {keys: [{typ: absent}]}":                 "expect.keys[0]: unknown key `typ`, did you mean `type`?",
		"expect: {authorize: {max_ms: 500, calls: 1, verdict: any, reason: absent, gateway_user: a, gateway_groups: [], metadata: any, error: absent}, keys: [{type: a, fingerprint: b, pem: c, refused: absent}]}": "",
	} {
		dir := write(t, map[string]string{"s.yaml": head + text + "\n"})
		switch _, err := Load(filepath.Join(dir, "s.yaml")); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	r := &run{Case: Case{File: File{Expect: Expect{Cookie: Cookies{AA: map[string]any{}}}}}}
	if r.cookies(&pluginhost.Result{}); len(r.diffs) != 1 {
		t.Errorf("a cookie that is not there: %v", r.diffs)
	}
	r.diffs = nil
	if r.cookies(&pluginhost.Result{Cookies: map[string]json.RawMessage{pluginhost.AA: json.RawMessage(`{"a": 1}`)}}); len(r.diffs) != 0 {
		t.Errorf("a cookie: %v", r.diffs)
	}
}

// TestS3WhatWasNotKeptOfTheLogIsNoProof: a text may be in it, and a text may be cut
// in two by the pieces in which a long line comes.
func TestS3WhatWasNotKeptOfTheLogIsNoProof(t *testing.T) {
	pieces := []pluginhost.Line{{Text: "before"}, {Text: "the pass", More: true}, {Text: "word is Sec", More: true}, {Text: "ret-1"}, {Text: "after", More: true}, {Text: "box", Box: true}}
	for _, c := range []struct {
		p    pluginhost.Result
		want int
	}{
		{pluginhost.Result{Log: pieces}, 1},
		{pluginhost.Result{Log: pieces[4:]}, 0},
		{pluginhost.Result{Log: pieces[4:], LogDropped: 7, LogHead: 1}, 1},
		{pluginhost.Result{Log: []pluginhost.Line{pieces[2], pieces[3]}, LogDropped: 7, LogHead: 1}, 1}, // no word goes on over the gap
	} {
		r := &run{Case: Case{File: File{Expect: Expect{NoLog: []any{"Secret-1"}}}, Given: map[string]bool{}}}
		if r.judge(&c.p); len(r.diffs) != c.want {
			t.Errorf("%+v: %v", c.p.Log, r.diffs)
		}
	}
	if got := whole(&pluginhost.Result{Log: pieces}); len(got) != 4 || got[1].Text != "the password is Secret-1" || got[3].Text != "box" {
		t.Errorf("%+v", got)
	}
}

// TestS2NothingIsStartedForWhoHasGone: the cases that waited are not run.
func TestS2NothingIsStartedForWhoHasGone(t *testing.T) {
	gone := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	started := 0
	r := runOne(ctx, Case{File: File{Fleet: Fleet{Seed: "nowhere.yaml"}}, Path: "s.yaml"}, "fresh", Options{Live: func(Moment) { started++ }})
	if r.Verdict != Broken || r.Problem != gone.Error() || started > 0 {
		t.Errorf("%s: %s", r.Verdict, r.Problem)
	}
}
