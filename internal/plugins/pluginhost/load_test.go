//go:build !nopython

package pluginhost_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// untidy leaves behind what a worker has to put right.
const untidy = `
import logging, os, sys, tempfile
logging.basicConfig(format="at import: %(message)s", stream=sys.stderr)
os.environ["IMPORTED"] = "yes"
del os.environ["LANG"]
` + `
class Plugin:
    def __init__(self, configuration=""):
        self.mine = getattr(self, "mine", 0) + 1
    def _state(self):
        root = logging.getLogger()
        return "%d handlers, level %d, %s, env %s %s %s, home %s, tmp %s, umask %o, path %s, mine %d" % (
            len(root.handlers), root.level, os.getcwd() == os.environ["HOME"], os.environ.get("https_proxy"), os.environ.get("IMPORTED"), os.environ.get("LANG"),
            os.listdir(os.environ["HOME"]), tempfile.gettempdir() == os.environ["TMPDIR"], os.umask(0o022), "junk" in sys.path, self.mine)
    def _spoil(self):
        os.environ["https_proxy"] = "https://nowhere"
        os.environ.pop("IMPORTED")
        logging.getLogger().addHandler(logging.StreamHandler())
        logging.getLogger().setLevel(10)
        logging.disable(50)
        os.umask(0)
        open("here", "w").close()
        os.chdir("/")
        tempfile.tempdir = "/"
        sys.path.insert(0, "junk")
        sys.stdout = open(os.devnull, "w")
        sys.setrecursionlimit(500)
    def authenticate(self, cookie):
        s = self._state(); self._spoil()
        return {"verdict": "ACCEPT", "cookie": {"first": s}}
    def authorize(self, cookie):
        s = self._state(); self._spoil()
        return {"verdict": "ACCEPT", "cookie": dict(cookie, second=s)}
    def session_ended(self, cookie):
        print(self._state())
        logging.error("told")
`

var loadChecks = []check{
	{"52 fresh and worker give equal results", func(t *testing.T) {
		for name, main := range map[string]string{
			"plain": acceptAll, "untidy": untidy, "asks": extended(asks), "exception": returns("authenticate", "1/0"), "not JSON": returns("authorize", "{b'x'}"),
			"no class": "x = 1\n", "import fails": "print('importing')\nimport nix\n", "exit": extended("    def authorize(self): print('bye'); raise SystemExit(2)\n"),
			"exit at import": "raise SystemExit(1)\n", "closes its streams": extended("    def authorize(self):\n        import os; os.close(1); os.close(2); os.closerange(3, 4)\n        return {'verdict': 'ACCEPT'}\n"),
			"forks":    extended("    def authorize(self):\n        import os; os.fork()\n        return {'verdict': 'ACCEPT'}\n"),
			"too deep": extended("    def authorize(self):\n        import sys; sys.setrecursionlimit(100000)\n        d = {}\n        for i in range(12000): d = {'d': d}\n        return {'verdict': 'ACCEPT', 'cookie': d}\n"),
			"missing":  extended("    authorize = None\n"), "needs configuration": "class Plugin:\n    def __init__(self, configuration): raise ValueError(configuration)\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var results []*pluginhost.Result
				for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
					h := newHost(t, pluginhost.Config{Mode: mode, Slots: 1})
					p := install(t, h, source{main: main})
					times := 1
					if mode == pluginhost.Worker {
						times = 2 // a worker that was used already
					}
					for range times {
						results = append(results, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: "[x]\n"}, Prompter: script("1", "2", "3")}))
					}
				}
				for i, r := range results[1:] {
					if d := pluginhost.Differences(results[0], r); len(d) > 0 {
						t.Errorf("run %d: %s", i+2, strings.Join(d, "\n"))
					}
				}
			})
		}
	}},
	{"53 a hung worker is replaced without losing other sessions", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker, Slots: 2, ProxyTimeout: 6 * time.Second})
		p := install(t, h, source{main: extended(`    def authorize(self, key_value_pairs):
        if "hang" in key_value_pairs:
            import time; time.sleep(60)
        if "crash" in key_value_pairs:
            import os; os._exit(1)
        return {"verdict": "ACCEPT"}
`)})
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				s := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}
				want := pluginhost.Connected
				switch i % 8 {
				case 2:
					s.Connection.Login, want = "crash=1@root@h", pluginhost.Errored
				case 5:
					if i < 8 {
						s.Connection.Login, want = "hang=1@root@h", pluginhost.Errored
					}
				}
				r, err := h.Run(t.Context(), s)
				if err != nil {
					t.Error(err)
					return
				}
				wantState(t, r, want)
				if n := len(r.CallsOf("", pluginhost.SessionEnded)); n != 1 {
					t.Errorf("ended %d times", n)
				}
			})
		}
		wg.Wait()
	}},
	{"54 two plugins with a package lib run side by side", func(t *testing.T) {
		for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
			h := newHost(t, pluginhost.Config{Mode: mode})
			deps := t.TempDir()
			mustWrite(t, deps, "lib/__init__.py", "raise RuntimeError('the deps come after the package')\n")
			mustWrite(t, deps, "extra.py", "name = 'extra'\n")
			lib := func(name string) map[string]string {
				return map[string]string{"lib/__init__.py": "", "lib/who.py": "name = " + fmt.Sprintf("%q", name) + "\n"}
			}
			who := "from lib.who import name\nimport extra\n"
			aa := install(t, h, source{main: who + extended("    def authorize(self): return {'verdict': 'ACCEPT', 'session_cookie': {'aa': name + extra.name}}\n"), files: lib("first"), deps: deps})
			cs := install(t, h, source{kind: pluginhost.CredentialStore, main: who + vaultWith("    def get_password_list(self, session_cookie): return {'passwords': [session_cookie['aa'] + name]}\n"), files: lib("second"), deps: deps})
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					r, err := h.Run(t.Context(), pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: aa}, CredentialStore: &pluginhost.Use{Plugin: cs},
						Target: &pluginhost.Target{Offers: []pluginhost.Method{pluginhost.Password}, Passwords: []string{"firstextrasecond"}}})
					if err != nil {
						t.Error(err)
						return
					}
					wantState(t, r, pluginhost.Connected)
				})
			}
			wg.Wait()
		}
	}},
}

// Nothing a session starts outlives its host: no goroutines, files or processes.
func TestNothingIsLeft(t *testing.T) {
	before, files := runtime.NumGoroutine(), openFiles()
	mark := filepath.Join(t.TempDir(), "mark")
	main := extended(fmt.Sprintf(`    def authenticate(self):
        import subprocess
        subprocess.Popen(["sh", "-c", "sleep 600; echo %s"])
        return {"verdict": "ACCEPT"}
    def authorize(self):
        import os, time
        if os.fork() == 0:
            time.sleep(600)
        time.sleep(600)
`, mark))
	var wg sync.WaitGroup
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		h, err := pluginhost.New(t.Context(), pluginhost.Config{Dir: t.TempDir(), Python: python(), Mode: mode, ProxyTimeout: 6 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		p := install(t, h, source{main: main})
		wg.Go(func() {
			began := time.Now()
			r, err := h.Run(t.Context(), pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}})
			if err != nil {
				t.Error(err)
				return
			}
			wantError(t, r, pluginhost.Authorize, pluginhost.TimedOut)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s took %v: a grandchild held the session up", mode, took)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", n, before, buf[:runtime.Stack(buf, true)])
	}
	if n := openFiles(); n > files {
		t.Errorf("%d open files, %d before", n, files)
	}
	for {
		left := processesWith(t, mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes left: %v", left)
		}
		runtime.Gosched()
	}
}

// openFiles counts this process's descriptors.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// processesWith finds processes by a word of their command line.
func processesWith(t testing.TB, word string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline") // systems without /proc have none to show
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), word) {
			out = append(out, f)
		}
	}
	return out
}

func TestOutputInBulk(t *testing.T) {
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			lines := 0
			r := runAA(t, extended(`    def authenticate(self):
        for i in range(25000):
            print("line", i, "x" * 400)
        return {"verdict": "ACCEPT"}
    def authorize(self):
        import os
        junk = bytes(range(256)) * 4096
        for i in range(3):
            os.write(1, junk)
        os.write(2, b"y" * 3000000)
        return {"verdict": "ACCEPT"}
`), func(c *pluginhost.Config, s *pluginhost.Session) {
				c.Mode = mode
				s.LogLimit = 1 << 20
				s.Event = func(e pluginhost.Event) {
					if e.Kind == pluginhost.Logged {
						lines++
					}
				}
			})
			wantState(t, r, pluginhost.Connected)
			kept := 0
			for _, l := range r.Log {
				kept += len(l.Text)
			}
			if lines < 25000+3*4096+46 || kept > 1<<20 || len(r.Log)+r.LogDropped != lines {
				t.Errorf("%d lines, %d kept with %d bytes, %d dropped", lines, len(r.Log), kept, r.LogDropped)
			}
		})
	}
}

// A worker adds little to the plugin's own time.
func BenchmarkWorkerHook(b *testing.B) {
	h := newHost(b, pluginhost.Config{Mode: pluginhost.Worker, Slots: 1})
	p := install(b, h, source{main: acceptAll})
	s := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}
	run(b, h, s)
	b.ResetTimer()
	hooks := 0
	for b.Loop() {
		hooks += len(run(b, h, s).Calls)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(hooks), "ns/hook")
}
