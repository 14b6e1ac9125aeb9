//go:build !nopython

package pluginhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

func TestParseLogin(t *testing.T) {
	for _, c := range []struct{ protocol, typed, kv, domain, user, host string }{
		{"ssh", "root", "{}", "", "root", ""},
		{"ssh", "root@host", "{}", "", "root", "host"},
		{"ssh", "otp=123456@root@host", `{"otp":"123456"}`, "", "root", "host"},
		{"ssh", "gu=alice@otp=1=2@root@host:2222", `{"gu":"alice","otp":"1=2"}`, "", "root", "host:2222"},
		{"ssh", "a=1@a=2@root@host", `{"a":"2"}`, "", "root", "host"},
		{"telnet", "tkt=CHG1@admin@10.0.0.8", `{"tkt":"CHG1"}`, "", "admin", "10.0.0.8"},
		{"ssh", "otp=@root@host", `{"otp":""}`, "", "root", "host"},
		{"ssh", "root@acme.test@host", "{}", "", "root@acme.test", "host"},
		{"ssh", "otp=1", `{"otp":"1"}`, "", "", ""},
		{"ssh", "=x@host", "{}", "", "=x", "host"},
		{"ssh", "", "{}", "", "", ""},
		{"rdp", `DOM\token_id~12345%Administrator`, `{"token_id":"12345"}`, "DOM", "Administrator", ""},
		{"rdp", `DOM\gu~gwuser%Administrator`, `{"gu":"gwuser"}`, "DOM", "Administrator", ""},
		{"rdp", "a~x^y%Administrator", `{"a":"x:y"}`, "", "Administrator", ""},
		{"rdp", "Administrator@acme.test", "{}", "", "Administrator@acme.test", ""},
		{"rdp", `gu~alice%DOM\Administrator`, `{"gu":"alice"}`, "DOM", "Administrator", ""},
		{"rdp", "otp~1", `{"otp":"1"}`, "", "", ""},
	} {
		l := pluginhost.ParseLogin(c.protocol, c.typed)
		kv, err := json.Marshal(l.KeyValues)
		if err != nil {
			t.Fatal(err)
		}
		if string(kv) != c.kv || l.Domain != c.domain || l.User != c.user || l.Host != c.host {
			t.Errorf("%s %q: %s %+v", c.protocol, c.typed, kv, l)
		}
	}
}

func FuzzParseLogin(f *testing.F) {
	for _, s := range []string{"otp=123456@root@host", `DOM\token_id~12345%Administrator`, "@@", "%%", "=@=", "a^b~c^d%e", "\\", "é=ü@\xff@"} {
		f.Add("ssh", s)
		f.Add("rdp", s)
	}
	f.Fuzz(func(t *testing.T, protocol, typed string) {
		l := pluginhost.ParseLogin(protocol, typed)
		seen := map[string]bool{}
		for _, kv := range l.KeyValues {
			if kv.Key == "" || seen[kv.Key] {
				t.Errorf("%q: key %q", typed, kv.Key)
			}
			seen[kv.Key] = true
		}
		data, err := json.Marshal(l.KeyValues)
		if err != nil || !json.Valid(data) {
			t.Errorf("%q: %s, %v", typed, data, err)
		}
	})
}

func FuzzCheckKey(f *testing.F) {
	dsa1, dsa8 := dsaKeys(f)
	for _, der := range [][]byte{dsa1, dsa8, {0x30, 0}, {0x30, 0x84, 0xff, 0xff, 0xff, 0xff}} {
		for _, label := range []string{"RSA PRIVATE KEY", "DSA PRIVATE KEY", "PRIVATE KEY"} {
			f.Add("ssh-rsa", pemBlock(label, der))
			f.Add("ssh-dss", pemBlock(label, der))
		}
	}
	f.Add("ssh-rsa", "-----BEGIN -----")
	f.Add("ssh-rsa", "-----BEGIN RSA PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, declared, text string) {
		k := pluginhost.CheckKey(declared, text)
		if (k.Refused == "") == (k.Fingerprint == "") {
			t.Errorf("%+v", k)
		}
	})
}

func TestRDP(t *testing.T) {
	main := extended(`    def authenticate(self, server_username, key_value_pairs):
        return {"verdict": "ACCEPT", "cookie": {"first": [server_username, key_value_pairs]}}
    def authorize(self, server_username, server_domain, cookie, session_cookie):
        n = session_cookie.get("n", 0) + 1
        print(n, cookie, server_username, server_domain)
        return {"verdict": "ACCEPT", "session_cookie": {"n": n}}
`)
	rdp := func(_ *pluginhost.Config, s *pluginhost.Session) {
		s.Connection = pluginhost.Connection{Protocol: "rdp", Login: `DOM\otp~1%Administrator`, Server: pluginhost.Server{IP: "10.0.0.7", Port: 3389}}
		s.Legs = 2
	}
	r := runAA(t, main, rdp, worker)
	wantState(t, r, pluginhost.Connected)
	var got []string
	for _, l := range r.Log {
		got = append(got, l.Text)
	}
	first := "{'first': [None, {'otp': '1', 'username': 'Administrator'}]} Administrator DOM"
	if !slices.Equal(got, []string{"1 " + first, "2 " + first}) {
		t.Errorf("%q", got)
	}
	if hooks(r) != "authenticate authorize session_ended authenticate authorize session_ended" || r.Calls[0].SessionID == r.Calls[3].SessionID || r.Calls[3].Leg != 2 {
		t.Errorf("%s %s %s", hooks(r), r.Calls[0].SessionID, r.Calls[3].SessionID)
	}
}

func TestSessionIDs(t *testing.T) {
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
	p := install(t, h, source{main: acceptAll})
	form := regexp.MustCompile(`^svc/[1-9A-HJ-NP-Za-km-z]{22}/ssh-prod:\d+/ssh$`)
	seen := map[string]bool{}
	for range 3 {
		id := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}).SessionID
		if !form.MatchString(id) || seen[id] {
			t.Error(id)
		}
		seen[id] = true
	}
	if r := run(t, h, pluginhost.Session{ID: "mine", Connection: ssh, AA: &pluginhost.Use{Plugin: p}}); r.SessionID != "mine" || offered(t, r.Calls[0], "session_id") != `"mine"` {
		t.Error(r.SessionID)
	}
}

func TestFacts(t *testing.T) {
	h := newHost(t, pluginhost.Config{})
	aa := &pluginhost.Use{Plugin: install(t, h, source{main: acceptAll})}
	cs := &pluginhost.Use{Plugin: install(t, h, source{kind: pluginhost.CredentialStore, main: plainVault})}
	with := func(protocol string) pluginhost.Connection {
		c := ssh
		c.Protocol = protocol
		return c
	}
	web := ssh
	web.Gateway.Web = true
	for name, s := range map[string]pluginhost.Session{
		"no plugin":         {Connection: ssh},
		"unknown protocol":  {Connection: with("SSH"), AA: aa},
		"AA on http":        {Connection: with("http"), AA: aa},
		"web gateway":       {Connection: web, AA: aa},
		"wrong type":        {Connection: ssh, AA: cs},
		"nothing installed": {Connection: ssh, AA: &pluginhost.Use{}},
		"legs on ssh":       {Connection: ssh, AA: aa, Legs: 2},
		"empty step":        {Connection: ssh, AA: aa, During: []pluginhost.Step{{}}},
		"double step":       {Connection: ssh, AA: aa, During: []pluginhost.Step{{TOTP: true, Wait: 1}}},
	} {
		if _, err := h.Run(t.Context(), s); !errors.Is(err, pluginhost.ErrFacts) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Install(pluginhost.Upload{}); !errors.Is(err, pluginhost.ErrRejected) {
		t.Error(err)
	}
	if _, err := pluginhost.New(t.Context(), pluginhost.Config{Python: "/nowhere/python3"}); !errors.Is(err, pluginhost.ErrPython) {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	var seen events
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var waited time.Duration
	r := runAA(t, extended("    def authenticate(self, key_value_pairs):\n        print('hello')\n        return {'verdict': 'ACCEPT', 'gateway_user': 'x'} if key_value_pairs else {'verdict': 'NEEDINFO', 'question': ('k', 'q')}\n"),
		answers("a"), worker, func(c *pluginhost.Config, s *pluginhost.Session) {
			c.Now = func() time.Time { return noon }
			s.Event = seen.take
			s.During = []pluginhost.Step{{Wait: time.Hour}}
			s.Wait = func(_ context.Context, d time.Duration) error { waited += d; return nil }
		})
	wantState(t, r, pluginhost.Connected)
	var got []string
	for _, e := range seen.all {
		text := string(e.Kind)
		switch e.Kind {
		case pluginhost.HookStarted, pluginhost.HookEnded:
			text += " " + string(e.Call.Hook) + e.Call.Verdict
		case pluginhost.Logged:
			text += " " + e.Line.Text
		case pluginhost.Answered:
			text += " " + e.Ask.Key + " " + e.Answer.Text
		}
		if !e.At.Equal(noon) || e.SessionID != r.SessionID || e.Leg != 1 {
			t.Errorf("%+v", e)
		}
		got = append(got, text)
	}
	want := "leg, hook authenticate, log hello, hook-ended authenticateNEEDINFO, prompt, answer k a, hook authenticate, log hello, warning, hook-ended authenticateACCEPT, " +
		"hook authorize, hook-ended authorizeACCEPT, hook session_ended, hook-ended session_ended, ended"
	if s := strings.Join(got, ", "); s != want {
		t.Error(s)
	}
	if waited != time.Hour {
		t.Error(waited)
	}
	if s := r.Calls[0].Split; s.Start <= 0 || s.Import <= 0 || s.Hook <= 0 || r.Calls[0].Took <= 0 {
		t.Errorf("%+v", s)
	}
}

// The session ends with its context, without waiting for a hook.
func TestCancelled(t *testing.T) {
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		h := newHost(t, pluginhost.Config{Mode: mode})
		p := install(t, h, source{main: extended("    def authorize(self):\n        print('here')\n        import time; time.sleep(60)\n")})
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		r, err := h.Run(ctx, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}, Event: func(e pluginhost.Event) {
			if e.Kind == pluginhost.Logged {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || r == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v", mode, err, time.Since(began))
		}
	}
}

func TestWithoutPrompter(t *testing.T) {
	r := runAA(t, extended(asks), worker)
	wantState(t, r, pluginhost.Disconnected)
	if hooks(r) != "authenticate session_ended" {
		t.Error(hooks(r))
	}
}

func TestSDKIsMissing(t *testing.T) {
	r := runAA(t, "from safeguard.sessions.nothing import AAPlugin\n", worker)
	wantError(t, r, pluginhost.Authenticate, pluginhost.Exception)
	if !strings.Contains(r.Outcome.Err.Hint, "Plugin SDK is not importable") {
		t.Errorf("%+v", r.Outcome.Err)
	}
}

func TestResultIsJSON(t *testing.T) {
	r := runCS(t, plainVault, worker)
	data, err := json.Marshal(r)
	if err != nil || !bytes.Contains(data, []byte(`"outcome":{"state":"connected"}`)) {
		t.Errorf("%v %s", err, data)
	}
	for _, c := range []struct {
		o    pluginhost.Outcome
		want string
	}{
		{pluginhost.Outcome{State: pluginhost.Connected}, "connected"},
		{pluginhost.Outcome{State: pluginhost.Denied, Hook: pluginhost.Authorize, Reason: "no"}, "denied by authorize: no"},
		{pluginhost.Outcome{State: pluginhost.Failed}, "failed: no credential accepted"},
		{pluginhost.Outcome{State: pluginhost.Errored, Hook: pluginhost.Authorize, Err: &pluginhost.HookError{Kind: pluginhost.TimedOut, Text: "late"}}, "error in authorize: timeout: late"},
	} {
		if fmt.Sprint(c.o) != c.want {
			t.Errorf("%v", c.o)
		}
	}
	if len(pluginhost.Unverified()) == 0 || len(pluginhost.Profiles()) < 10 {
		t.Error("tables are empty")
	}
}

func TestPresets(t *testing.T) {
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
	p := install(t, h, source{main: extended(`    def authenticate(self, session_id, gateway_user, server_username, key_value_pairs):
        return {"verdict": "DENY", "reason": "%s %s %s %s" % (session_id, gateway_user, server_username, key_value_pairs)}
`)})
	for name, want := range map[string]string{
		"SshWithGatewayAuth":    "ssh-example-1 gatewayuser targetuser {}",
		"SshWithoutGatewayAuth": "ssh-example-1 None gatewayuser {}",
		"RdpWithGatewayAuth":    "rdp-example-1 gatewayuser None {}",
		"RdpWithoutGatewayAuth": "rdp-example-1 None None {'username': 'gatewayuser'}",
	} {
		s, ok := pluginhost.Preset(name)
		s.AA = &pluginhost.Use{Plugin: p}
		if r := run(t, h, s); !ok || r.Outcome.Reason != want {
			t.Errorf("%s: %v", name, r.Outcome)
		}
	}
	if _, ok := pluginhost.Preset("Other"); ok {
		t.Error("a preset of any name")
	}
}

func TestDifferences(t *testing.T) {
	a := runAA(t, returns("authorize", `{"verdict": "ACCEPT"}`), worker)
	if d := pluginhost.Differences(a, a); len(d) > 0 {
		t.Error(d)
	}
	b := runAA(t, returns("authorize", `print("x") or {"verdict": "DENY"}`), worker)
	d := strings.Join(pluginhost.Differences(a, b), "\n")
	for _, want := range []string{"outcome: connected, then denied by authorize", "call 2, authorize of aa, result", "log: , then x"} {
		if !strings.Contains(d, want) {
			t.Errorf("nothing says %q:\n%s", want, d)
		}
	}
}
