//go:build !nopython

package pluginhost_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// acceptAll is an AA plugin with all hooks, to be extended.
const acceptAll = `
class Plugin:
    def __init__(self, configuration=""):
        self.configuration = configuration
    def authenticate(self, **kwargs):
        return {"verdict": "ACCEPT"}
    def authorize(self, **kwargs):
        return {"verdict": "ACCEPT"}
    def session_ended(self, **kwargs):
        pass
`

// extended is acceptAll with other methods.
func extended(methods string) string {
	return strings.Replace(acceptAll, "class Plugin", "class Base", 1) + "\nclass Plugin(Base):\n" + methods
}

// slow sets the time-out of hooks.
func slow(d time.Duration) func(*pluginhost.Config, *pluginhost.Session) {
	return func(c *pluginhost.Config, _ *pluginhost.Session) { c.ProxyTimeout = 2 * d }
}

var invocationChecks = []check{
	{"12 same name twice is overwritten", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{})
		first := install(t, h, source{main: extended("    def authorize(self): return {'verdict': 'DENY'}\n")})
		second := install(t, h, source{main: acceptAll})
		if first != second {
			t.Error("two plugins of one name")
		}
		wantState(t, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: first}}), pluginhost.Connected)
	}},
	{"12 overwritten during a session", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{})
		ask := extended("    def authenticate(self): return {'verdict': 'NEEDINFO', 'question': ('k', 'old?'), 'cookie': {'by': 'old'}}\n")
		p := install(t, h, source{main: ask})
		r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}, Event: func(e pluginhost.Event) {
			if e.Kind == pluginhost.Prompted {
				install(t, h, source{main: extended("    def authorize(self, cookie): return {'verdict': 'DENY', 'reason': 'cookie of ' + cookie['by']}\n")})
			}
		}, Prompter: script("")})
		if r.Outcome.Reason != "cookie of old" {
			t.Errorf("%v", r.Outcome)
		}
	}},
	{"13 no Plugin class", func(t *testing.T) {
		r := runAA(t, "class Plug: pass\n")
		wantError(t, r, pluginhost.Authenticate, pluginhost.Exception)
		if !strings.Contains(r.Outcome.Err.Text, "main.py defines no class 'Plugin'") {
			t.Error(r.Outcome.Err)
		}
	}},
	{"13 a plugin that takes no configuration", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
		p := install(t, h, source{main: extended("    def __init__(self): pass\n")})
		wantState(t, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}), pluginhost.Connected)
		r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: "[x]\n"}})
		wantError(t, r, pluginhost.Authenticate, pluginhost.Exception)
		// The constructor fails in every hook.
		if c := r.Calls[len(r.Calls)-1]; c.Hook != pluginhost.SessionEnded || c.Err == nil || c.Err.Type != "TypeError" {
			t.Errorf("%+v", c)
		}
	}},
	{"14 arguments go by keyword", func(t *testing.T) {
		r := runAA(t, extended("    def authenticate(self, client_port, session_id, protocol): return {'verdict': 'ACCEPT', 'cookie': {'got': [client_port, protocol]}}\n"))
		wantState(t, r, pluginhost.Connected)
		if got := string(r.Cookies["aa"]); !strings.Contains(got, `[51022, "ssh"]`) {
			t.Error(got)
		}
	}},
	{"15 a hook with two parameters gets just these", func(t *testing.T) {
		r := runAA(t, extended("    def authenticate(self, *, cookie, client_ip='x'): return {'verdict': 'ACCEPT'}\n"))
		wantState(t, r, pluginhost.Connected)
		if got := r.Calls[0].Passed; !slices.Equal(got, []string{"client_ip", "cookie"}) {
			t.Error(got)
		}
	}},
	{"15 decorated, static and callable hooks", func(t *testing.T) {
		r := runAA(t, `
import functools
def noisy(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs): return f(*args, **kwargs)
    return wrapper
class Caller:
    def __call__(self, cookie, *, session_id): return {"verdict": "ACCEPT"}
class Plugin:
    @noisy
    def authenticate(self, protocol): return {"verdict": "ACCEPT"}
    authorize = Caller()
    @staticmethod
    def session_ended(cookie, /, *rest, session_cookie): pass
`)
		wantState(t, r, pluginhost.Connected)
		var got []string
		for _, c := range r.Calls {
			got = append(got, strings.Join(c.Passed, " "))
		}
		if !slices.Equal(got, []string{"protocol", "cookie session_id", "session_cookie"}) || r.Calls[2].Err.Type != "TypeError" {
			t.Errorf("%q %v", got, r.Calls[2].Err)
		}
	}},
	{"16 a **kwargs hook gets the whole column", checkColumns},
	{"17 a required unknown parameter is an error", func(t *testing.T) {
		r := runAA(t, extended("    def authenticate(self, session_id, asset): return {'verdict': 'ACCEPT'}\n"))
		wantError(t, r, pluginhost.Authenticate, pluginhost.Exception)
		if e := r.Outcome.Err; e.Type != "TypeError" || !strings.Contains(e.Text, "asset") || !strings.Contains(e.Traceback, "TypeError") {
			t.Errorf("%+v", e)
		}
		if hooks(r) != "authenticate session_ended" {
			t.Error(hooks(r))
		}
	}},
	{"18 raw hooks with target_* and SDK-style hooks run side by side", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{})
		for name, hook := range map[string]string{
			"raw":   "    def authorize(self, target_username, target_server, target_port): return {'verdict': 'DENY', 'reason': '%s@%s:%d' % (target_username, target_server, target_port)}\n",
			"style": "    def authorize(self, session_id, cookie, session_cookie, protocol, connection_name, client_ip, client_hostname, client_port, gateway_user, gateway_domain, gateway_groups, server_username, server_domain, server_ip, server_hostname, server_port, key_value_pairs): return {'verdict': 'DENY', 'reason': '%s@%s:%d' % (server_username, server_hostname, server_port)}\n",
		} {
			p := install(t, h, source{name: "Plugin_" + name, main: extended(hook)})
			r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}})
			if r.Outcome.Reason != "root@web1.example.test:22" {
				t.Errorf("%s: %v\n%s", name, r.Outcome, logOf(r))
			}
		}
	}},
	{"19 no server_* before API 1.5", func(t *testing.T) {
		for sps, want := range map[string]bool{"6.4": false, "6.5": true} {
			r := runAA(t, extended("    def authorize(self, **kwargs): return {'verdict': 'DENY', 'reason': ' '.join(kwargs)}\n"),
				func(c *pluginhost.Config, _ *pluginhost.Session) { c.Profile = profile(t, sps) })
			c := r.CallsOf("aa", pluginhost.Authorize)[0]
			if has := strings.Contains(strings.Join(c.Passed, " "), "server_"); has != want {
				t.Errorf("SPS %s: %v", sps, c.Passed)
			}
			if !slices.Contains(c.Passed, "target_server") {
				t.Errorf("SPS %s: %v", sps, c.Passed)
			}
		}
	}},
	{"20 globals do not survive between hooks", func(t *testing.T) {
		r := runAA(t, "n = 0\n"+extended(`    def authenticate(self):
        global n
        n += 1
        return {"verdict": "ACCEPT"}
    def authorize(self): return {"verdict": "DENY", "reason": str(n)}
`))
		if r.Outcome.Reason != "0" {
			t.Error(r.Outcome)
		}
	}},
	{"21 int keys come back as strings, tuples as lists", func(t *testing.T) {
		for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
			r := runAA(t, extended(`    def authenticate(self): return {"verdict": "ACCEPT", "cookie": {"m": {1: (2, 3)}, "big": 2**80, "f": 1.0}}
    def authorize(self, cookie): return {"verdict": "DENY", "reason": repr(cookie)}
`), func(c *pluginhost.Config, _ *pluginhost.Session) { c.Mode = mode })
			if r.Outcome.Reason != "{'m': {'1': [2, 3]}, 'big': 1208925819614629174706176, 'f': 1.0}" {
				t.Errorf("%s: %v", mode, r.Outcome)
			}
		}
	}},
	{"22 output carries the session id and never corrupts the result", checkOutput},
	{"23 timeout kills the whole process group", checkTimeout},
	{"24 the hook's timeout is half the proxy's", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{ProxyTimeout: 10 * time.Second})
		if h.HookTimeout() != 5*time.Second {
			t.Error(h.HookTimeout())
		}
		if h := newHost(t, pluginhost.Config{}); h.HookTimeout() != 300*time.Second {
			t.Error(h.HookTimeout())
		}
	}},
	{"25 the environment is scrubbed", checkEnvironment},
}

func checkColumns(t *testing.T) {
	cs := `
class Plugin:
    def get_password_list(self, **kwargs): return {"passwords": ["right"]}
    def get_private_key_list(self, **kwargs): pass
    def authentication_completed(self, **kwargs): pass
    def get_remote_app_credentials(self, **kwargs): pass
    def get_totp_codes(self, **kwargs): pass
    def session_ended(self, **kwargs): pass
`
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
	r := run(t, h, pluginhost.Session{
		Connection:      ssh,
		AA:              &pluginhost.Use{Plugin: install(t, h, source{main: acceptAll})},
		CredentialStore: &pluginhost.Use{Plugin: install(t, h, source{kind: pluginhost.CredentialStore, main: cs})},
		Target:          &pluginhost.Target{Passwords: []string{"right"}},
		During:          []pluginhost.Step{{RemoteApp: &pluginhost.RemoteApp{Asset: "app"}}, {TOTP: true}},
	})
	wantState(t, r, pluginhost.Connected)
	fetch := "client_hostname client_ip cookie gateway_domain gateway_groups gateway_password gateway_username protocol server_domain server_hostname server_ip server_port server_username session_cookie session_id target_domain target_host target_port target_username"
	for hook, want := range map[pluginhost.Hook]string{
		pluginhost.Authenticate:            "client_hostname client_ip client_port connection_name cookie gateway_domain gateway_user key_value_pairs protocol server_domain server_username session_cookie session_id target_username",
		pluginhost.Authorize:               "client_hostname client_ip client_port connection_name cookie gateway_domain gateway_groups gateway_user key_value_pairs protocol server_domain server_hostname server_ip server_port server_username session_cookie session_id target_port target_server target_username",
		pluginhost.GetPasswordList:         fetch,
		pluginhost.GetPrivateKeyList:       fetch,
		pluginhost.GetTOTPCodes:            fetch,
		pluginhost.GetRemoteAppCredentials: "asset " + strings.Replace(fetch, "client_ip cookie", "client_ip connection_name cookie", 1),
		pluginhost.AuthenticationCompleted: "cookie session_cookie session_id",
		pluginhost.SessionEnded:            "cookie session_cookie session_id",
	} {
		for _, c := range r.CallsOf("", hook) {
			if got := strings.Join(c.Passed, " "); got != want {
				t.Errorf("%s of %s got\n%s, want\n%s", hook, c.Plugin, got, want)
			}
		}
		if len(r.CallsOf("", hook)) == 0 {
			t.Errorf("%s was not called", hook)
		}
	}
	c := r.CallsOf("", pluginhost.GetPasswordList)[0]
	for name, want := range map[string]string{
		"client_hostname": "null", "gateway_password": `""`, "gateway_groups": `["ops"]`, "target_host": `"web1.example.test"`, "server_port": "22", "cookie": "{}",
		"gateway_domain": "null", "server_username": `"root"`,
	} {
		if got := offered(t, c, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func checkOutput(t *testing.T) {
	var seen events
	r := runAA(t, extended(`    def authenticate(self):
        import os, sys, subprocess
        print("first")
        sys.stderr.write("second\n")
        subprocess.call(["echo", "third"])
        print('{"id": 1, "result": {"verdict": "DENY"}}')
        os.write(1, b"bell \a and \xff\n")
        os.write(2, b"x" * 100000 + b"\n")
        os.write(1, b"no newline at the end")
        return {"verdict": "ACCEPT"}
`), func(_ *pluginhost.Config, s *pluginhost.Session) { s.Event = seen.take })
	wantState(t, r, pluginhost.Connected)
	var texts []string
	for _, l := range r.Log {
		if l.SessionID == "" || l.SessionID != r.SessionID || !strings.HasPrefix(l.String(), r.SessionID+": ") || l.Hook != pluginhost.Authenticate {
			t.Errorf("%+v", l)
		}
		texts = append(texts, l.Text)
	}
	want := []string{"first", "second", "third", `{"id": 1, "result": {"verdict": "DENY"}}`, `bell \x07 and \xff`, strings.Repeat("x", 64<<10), strings.Repeat("x", 100000-64<<10), "no newline at the end"}
	if !slices.Equal(texts, want) {
		t.Errorf("%.200q", texts)
	}
	count := 0
	for _, e := range seen.all {
		if e.Kind == pluginhost.Logged {
			count++
		}
	}
	if count != len(want) {
		t.Errorf("%d events, want %d", count, len(want))
	}
}

// running finds the processes that have a word on their command line. A plugin
// does not know their numbers: it has a process namespace of its own.
func running(word string) (out []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), word) {
			out = append(out, path)
		}
	}
	return out
}

func checkTimeout(t *testing.T) {
	const hanging = `    def authenticate(self, cookie):
        return {"verdict": "ACCEPT", "cookie": {"kept": 1}}
    def authorize(self, cookie):
        import subprocess, sys, time
        child = subprocess.Popen(["sleep", "NAP"])
        print("grandchild")
        cookie["kept"] = 2
        time.sleep(600)
    def session_ended(self, cookie):
        print("ended with", cookie["kept"])
`
	for i, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			nap := fmt.Sprintf("600.%d%d", os.Getpid(), i) // seconds, and a name
			r := runAA(t, extended(strings.ReplaceAll(hanging, "NAP", nap)), slow(3*time.Second), func(c *pluginhost.Config, _ *pluginhost.Session) { c.Mode = mode })
			wantError(t, r, pluginhost.Authorize, pluginhost.TimedOut)
			if hooks(r) != "authenticate authorize session_ended" || !logged(r, "ended with 1") {
				t.Errorf("%s\n%s", hooks(r), logOf(r))
			}
			if c := r.Calls[1]; c.Took < c.Limit || c.Took > c.Limit+5*time.Second {
				t.Errorf("took %v of %v", c.Took, c.Limit)
			}
			if !logged(r, "grandchild") {
				t.Errorf("no grandchild\n%s", logOf(r))
			}
			if left := running(nap); len(left) > 0 {
				t.Errorf("it lives on: %v", left)
			}
		})
	}
}

func checkEnvironment(t *testing.T) {
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		r := runAA(t, extended(`    def authorize(self):
        import os, stat, tempfile
        open(os.path.join(os.environ["HOME"], "x"), "w").close()
        tempfile.mkstemp()
        print(" ".join(sorted(os.environ)))
        print(oct(stat.S_IMODE(os.stat(os.environ["SCB_PLUGIN_STATE_DIRECTORY"]).st_mode)), os.path.isdir(os.environ["EPHEMERAL_PLUGIN_STATE_DIRECTORY"]))
        print(tempfile.gettempdir() == os.environ["TMPDIR"], os.environ["LANG"], os.getcwd() == os.environ["HOME"])
        return {"verdict": "DENY", "reason": os.environ["HOME"] + " " + os.environ["TMPDIR"]}
`), func(c *pluginhost.Config, _ *pluginhost.Session) { c.Mode = mode })
		var got []string
		for _, l := range r.Log {
			got = append(got, l.Text)
		}
		want := []string{"EPHEMERAL_PLUGIN_STATE_DIRECTORY HOME LANG PATH SCB_PLUGIN_STATE_DIRECTORY TMPDIR", "0o750 True", "True C.UTF-8 True"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", mode, got)
		}
		for _, dir := range strings.Fields(r.Outcome.Reason) {
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s: %s is still there", mode, dir)
			}
		}
	}
}
