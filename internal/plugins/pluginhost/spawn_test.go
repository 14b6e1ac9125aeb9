//go:build linux && !nopython

package pluginhost_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// spawned is a host whose interpreters for this code are forked off, and the plugin.
// Without namespaces there is nothing to test.
func spawned(t *testing.T, main string, c pluginhost.Config) (*pluginhost.Host, *pluginhost.Plugin) {
	t.Helper()
	spawners, err := pluginhost.NewSpawners(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := spawners.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Spawners = spawners
	first := newHost(t, c)
	p := install(t, first, source{main: main})
	run(t, first, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}) // tells what it imports
	spawners.Wait()
	if spawners.Ready() != 1 {
		for _, gap := range first.NotIsolated() {
			if strings.Contains(gap, "no namespaces") {
				t.Log(gap)
				return first, p
			}
		}
		t.Fatalf("%d spawners are ready", spawners.Ready())
	}
	h := newHost(t, c)
	return h, install(t, h, source{main: main})
}

// TestSpawnedInterpretersHaveNoPast: whatever a hook did to its interpreter, the
// next one finds none of it, and has the modules, numbers and bounds of one that
// was started.
func TestSpawnedInterpretersHaveNoPast(t *testing.T) {
	main := `import json, os, random, sys
counted = 0
def look():
    global counted
    counted += 1
    json.marked = getattr(json, "marked", 0) + 1
    os.environ["MARK"] = str(int(os.environ.get("MARK", "0")) + 1)
    import resource
    return [counted, json.marked, os.environ["MARK"], os.getpid(), os.getppid(), os.getcwd() == os.environ["HOME"], sorted(os.environ),
            resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_AS), sys.path[0] == os.path.dirname(__file__), sys.argv,
            sorted(os.listdir("/proc/self/fd"))[:4], os.umask(0o77), sys.stdin.read()]
class Plugin:
    def __init__(self, configuration=""): pass
    def authenticate(self, cookie, session_cookie):
        modules = sorted(m for m in sys.modules)
        print("random", random.random())
        return {"verdict": "ACCEPT", "cookie": {"seen": look(), "modules": modules}}
    def authorize(self, cookie, session_cookie):
        print("random", random.random())
        return {"verdict": "ACCEPT", "cookie": {"again": look(), "seen": cookie["seen"], "modules": cookie["modules"]}}
    def session_ended(self, cookie, session_cookie): pass
`
	limits := pluginhost.Limits{Files: 200, Memory: 1 << 30}
	plain := newHost(t, pluginhost.Config{Limits: limits})
	want := run(t, plain, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: install(t, plain, source{main: main})}})
	h, p := spawned(t, main, pluginhost.Config{Limits: limits})
	seen := map[string]bool{}
	for range 2 {
		got := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}})
		wantState(t, got, pluginhost.Connected)
		if string(got.Cookies[pluginhost.AA]) != string(want.Cookies[pluginhost.AA]) {
			t.Errorf("forked off:\n%s\nstarted:\n%s", got.Cookies[pluginhost.AA], want.Cookies[pluginhost.AA])
		}
		for _, l := range got.Log {
			if seen[l.Text] {
				t.Errorf("%s a second time", l.Text)
			}
			seen[l.Text] = true
		}
	}
}

// TestSpawnedInterpretersEndAsStartedOnes: with a time-out, a signal, what they leave
// running, and beyond their limits.
func TestSpawnedInterpretersEndAsStartedOnes(t *testing.T) {
	for name, c := range map[string]struct{ hook, kind, text string }{
		"time-out":  {"import time; print('here'); time.sleep(60)", "timeout", "no answer within"},
		"signal":    {"os.kill(os.getpid(), 9)", "no-result", "signal: killed"},
		"exit":      {"os._exit(7)", "no-result", "exit status 7"},
		"memory":    {"x = bytearray(3 << 30)", "exception", "MemoryError"},
		"exception": {"1 / 0", "exception", "ZeroDivisionError"},
		"thread":    {"import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()", "timeout", "its process did not end"},
	} {
		t.Run(name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "mark")
			main := fmt.Sprintf(`import os
class Plugin:
    def __init__(self, configuration=""): self.wanted = configuration
    def authenticate(self, cookie, session_cookie):
        if self.wanted:
            if not os.fork():
                os.setsid()
                if os.fork(): os._exit(0)
                with open(%q, "w") as f: f.write(str(os.getpid()))
                import time
                while True:
                    os.utime(%q)
                    time.sleep(0.01)
            while not os.path.exists(%q): pass
            %s
        return {"verdict": "ACCEPT"}
    def authorize(self, cookie, session_cookie): return {"verdict": "ACCEPT"}
    def session_ended(self, cookie, session_cookie): pass
`, mark, mark, mark, c.hook)
			h, p := spawned(t, main, pluginhost.Config{ProxyTimeout: 4 * time.Second})
			r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: "x"}})
			err := r.Calls[0].Err
			if err == nil || string(err.Kind) != c.kind || !strings.Contains(err.Error(), c.text) || hooks(r) != "authenticate session_ended" {
				t.Errorf("%v, %s", err, hooks(r))
			}
			before, statErr := os.Stat(mark)
			again := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}})
			wantState(t, again, pluginhost.Connected)
			after, _ := os.Stat(mark)
			if statErr != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("what it started goes on: %v, then %v (%v)", before, after, statErr)
			}
		})
	}
}

// TestSpawnedInterpretersOfManySessions at once, and one that is given up.
func TestSpawnedInterpretersOfManySessions(t *testing.T) {
	h, p := spawned(t, extended("    def authorize(self):\n        print('here')\n        if self.cookie_ is None: pass\n        return {'verdict': 'ACCEPT'}\n    cookie_ = None\n"), pluginhost.Config{})
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			r, err := h.Run(context.Background(), pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}})
			if err == nil && r.Outcome.State != pluginhost.Connected {
				err = fmt.Errorf("%s", r.Outcome)
			}
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestSpawnersAreNotForCodeThatBringsModulesOfTheSamesName as those that are beside
// it: it would get the others.
func TestSpawnersAreNotForCodeThatShadows(t *testing.T) {
	spawners, err := pluginhost.NewSpawners(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer spawners.Close()
	h := newHost(t, pluginhost.Config{Spawners: spawners})
	// html.parser imports html and _markupbase, which is the plugin's.
	p := install(t, h, source{main: "import html.parser, _markupbase\nclass Plugin:\n    def __init__(self, configuration=''): pass\n    def authenticate(self, cookie, session_cookie):\n        print(_markupbase.mine)\n        return None\n" +
		"    def authorize(self, cookie, session_cookie):\n        print(_markupbase.mine)\n        return {'verdict': 'ACCEPT'}\n    def session_ended(self, cookie, session_cookie): pass\n", files: map[string]string{"_markupbase.py": "mine = 'mine'\nclass ParserBase: pass\n"}})
	for range 2 {
		wantState(t, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}), pluginhost.Connected)
		spawners.Wait()
	}
	if spawners.Ready() != 0 {
		t.Error("there is one for it")
	}
}
