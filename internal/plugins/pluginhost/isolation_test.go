//go:build linux && !nopython

package pluginhost_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// guarded runs a test in both modes, with namespaces and without.
func guarded(t *testing.T, test func(t *testing.T, change func(*pluginhost.Config, *pluginhost.Session))) {
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s plain=%v", mode, plain), func(t *testing.T) {
				t.Parallel()
				test(t, func(c *pluginhost.Config, _ *pluginhost.Session) { c.Mode, c.Plain = mode, plain })
			})
		}
	}
}

// spawn starts processes in every way that gets away from a process group, and
// waits until all of them are there.
const spawn = `    def authenticate(self):
        import os, subprocess, sys, time
        mark = self.mark
        here = os.environ["TMPDIR"]
        code = "import os, sys, time; open(sys.argv[2], 'w').close(); time.sleep(600)"
        def sleeper(name, **kw):
            return subprocess.Popen([sys.executable, "-S", "-E", "-c", code, mark, os.path.join(here, name)], **kw)
        sleeper("plain")
        sleeper("session", start_new_session=True)
        sleeper("closed", start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/")
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sleeper("double", start_new_session=True)
                if os.fork() == 0:
                    os.setpgid(0, 0)
                    os.execv(sys.executable, [sys.executable, "-S", "-E", "-c", code, mark, os.path.join(here, "executed")])
                os._exit(0)
            os._exit(0)
        os.wait()
        while len(os.listdir(here)) < 5:
            time.sleep(0.01)
        return self.last()
`

// TestS3NothingOutlivesTheRun: whatever a plugin starts is gone when its call is,
// or its host, in every way that a call can end.
func TestS3NothingOutlivesTheRun(t *testing.T) {
	for name, last := range map[string]string{"answers": `return {"verdict": "ACCEPT"}`, "exits": "os._exit(3)", "hangs": "time.sleep(600)", "dies": "os.kill(os.getpid(), 9)"} {
		t.Run(name, func(t *testing.T) {
			guarded(t, func(t *testing.T, change func(*pluginhost.Config, *pluginhost.Session)) {
				mark := "mark-" + strconv.FormatInt(time.Now().UnixNano(), 36)
				main := "import os, time\n" + extended("    mark = \""+mark+"\"\n    def last(self):\n        "+last+"\n"+spawn)
				var c pluginhost.Config
				s := pluginhost.Session{Connection: ssh}
				change(&c, &s)
				if name == "hangs" {
					c.ProxyTimeout = 3 * time.Second
				}
				h := newHost(t, c)
				s.AA = &pluginhost.Use{Plugin: install(t, h, source{main: main})}
				r := run(t, h, s)
				if name == "answers" {
					wantState(t, r, pluginhost.Connected)
				} else {
					wantState(t, r, pluginhost.Errored)
				}
				if name == "dies" && !strings.Contains(r.Outcome.Err.Text, "signal: killed") {
					t.Errorf("it ended as %q", r.Outcome.Err.Text)
				}
				if err := h.Close(); err != nil {
					t.Fatal(err)
				}
				if left := running(mark); len(left) > 0 {
					t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
				}
			})
		})
	}
}

// TestS3WhatAPluginMayUse: each limit, in words, and the host goes on.
func TestS3WhatAPluginMayUse(t *testing.T) {
	for name, c := range map[string]struct {
		limits pluginhost.Limits
		body   string
		want   string
	}{
		"memory":           {pluginhost.Limits{Memory: 512 << 20}, "x = bytearray(3 << 30)", "MemoryError"},
		"memory of all":    {pluginhost.Limits{Memory: 256 << 20}, "import os, time\n        for i in range(4):\n            if os.fork() == 0:\n                x = bytearray(100 << 20)\n                for j in range(0, len(x), 4096): x[j] = 1\n                time.sleep(60)\n        time.sleep(60)", "octets of memory, the limit is"},
		"processes":        {pluginhost.Limits{Processes: 20}, "import os, time\n        for i in range(60):\n            if os.fork() == 0:\n                time.sleep(60)\n        time.sleep(60)", "the limit is 20"},
		"open files":       {pluginhost.Limits{Files: 64}, "import os\n        for i in range(100): os.open('/dev/null', 0)", "Too many open files"},
		"size of a file":   {pluginhost.Limits{FileSize: 1 << 20}, "import os\n        open(os.environ['TMPDIR'] + '/x', 'wb').write(b'x' * (2 << 20))", "File too large"},
		"processor time":   {pluginhost.Limits{CPU: time.Second}, "while True: pass", "CPU time limit exceeded"},
		"raising its own":  {pluginhost.Limits{Files: 64}, "import resource\n        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))", "not allowed to raise maximum limit"},
		"a core of itself": {pluginhost.Limits{}, "import resource\n        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n        raise RuntimeError('none')", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			guarded(t, func(t *testing.T, change func(*pluginhost.Config, *pluginhost.Session)) {
				cfg := pluginhost.Config{Limits: c.limits}
				s := pluginhost.Session{Connection: ssh}
				change(&cfg, &s)
				h := newHost(t, cfg)
				if name == "raising its own" && os.Getuid() == 0 && strings.Contains(strings.Join(h.NotIsolated(), "\n"), "no namespaces") {
					return // root may
				}
				bad := install(t, h, source{name: "Bad", main: extended("    def authenticate(self):\n        " + c.body + "\n")})
				s.AA = &pluginhost.Use{Plugin: bad}
				r := run(t, h, s)
				wantState(t, r, pluginhost.Errored)
				said := fmt.Sprintf("%+v", *r.Outcome.Err)
				kernel := name == "processes" && strings.Contains(said, "Resource temporarily unavailable") // it counts by itself unless for root
				if !strings.Contains(said, c.want) && !kernel {
					t.Errorf("it ended as %s, want %q", said, c.want)
				}
				s.AA = &pluginhost.Use{Plugin: install(t, h, source{name: "Good", main: acceptAll})}
				wantState(t, run(t, h, s), pluginhost.Connected)
			})
		})
	}
}

// TestS3ProcessorTimeIsThatOfACall: a worker is not ended for what it has used
// before.
func TestS3ProcessorTimeIsThatOfACall(t *testing.T) {
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker, Slots: 1, Limits: pluginhost.Limits{CPU: time.Second}})
	p := install(t, h, source{main: extended("    def authenticate(self):\n        import time\n        end = time.process_time() + 0.5\n        while time.process_time() < end: pass\n        return {\"verdict\": \"ACCEPT\"}\n")})
	for range 5 {
		wantState(t, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}), pluginhost.Connected)
	}
}

// TestS3TheHostsEnvironmentStaysItsOwn: neither what it inherited nor what stands
// in /proc, wherever this system allows to keep it.
func TestS3TheHostsEnvironmentStaysItsOwn(t *testing.T) {
	guarded(t, func(t *testing.T, change func(*pluginhost.Config, *pluginhost.Session)) {
		var c pluginhost.Config
		s := pluginhost.Session{Connection: ssh}
		change(&c, &s)
		h := newHost(t, c)
		main := extended(fmt.Sprintf(`    def authenticate(self):
        import glob, os
        print("own:", ",".join(sorted(os.environ)))
        try:
            readable = len(open("/proc/%d/environ").read()) > 0
        except OSError as e:
            readable = False
            print("not readable:", e)
        return {"verdict": "DENY" if readable or "PYTHONPATH" in os.environ else "ACCEPT"}
`, os.Getpid()))
		s.AA = &pluginhost.Use{Plugin: install(t, h, source{main: main})}
		r := run(t, h, s)
		open := strings.Contains(strings.Join(h.NotIsolated(), "\n"), "environment of this process can be read")
		if !open {
			wantState(t, r, pluginhost.Connected)
		}
		if !c.Plain && open && !strings.Contains(strings.Join(h.NotIsolated(), "\n"), "no namespaces") {
			t.Errorf("with namespaces it says %q", h.NotIsolated())
		}
		if len(h.NotIsolated()) == 0 {
			t.Error("nothing is said about what could not be isolated")
		}
	})
}

// TestS3AGigabyteOfOutput: what is kept of it is bounded, whether its lines are
// long or empty; the beginning and the end are there, and the count between.
func TestS3AGigabyteOfOutput(t *testing.T) {
	for name, body := range map[string]string{
		"long lines":  `os.write(1, (b"x" * 1023 + b"\n") * 1024)`,
		"empty lines": `os.write(1, b"\n" * (1 << 16))`,
		"no lines":    `os.write(1, b"x" * (1 << 20))`,
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := runAA(t, extended("    def authenticate(self):\n        import os\n        print('first')\n        for i in range(128):\n            "+body+"\n        print('\\nlast')\n        return {\"verdict\": \"ACCEPT\"}\n"))
			wantState(t, r, pluginhost.Connected)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20; kept > 32 {
				t.Errorf("%d MiB are kept", kept)
			}
			if r.Log[0].Text != "first" || r.Log[len(r.Log)-1].Text != "last" || r.LogDropped == 0 || r.LogHead == 0 {
				t.Errorf("%d lines, the first %.20q, the last %.20q, %d missing behind %d", len(r.Log), r.Log[0].Text, r.Log[len(r.Log)-1].Text, r.LogDropped, r.LogHead)
			}
			runtime.KeepAlive(r)
		})
	}
}

// TestS3AGroupOfItsOwn: where the system lets us make control groups that are
// worth it, a plugin is in one, and none is left behind.
func TestS3AGroupOfItsOwn(t *testing.T) {
	base, controllers := groups()
	h := newHost(t, pluginhost.Config{})
	r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: install(t, h, source{main: extended("    def authenticate(self):\n        print(open('/proc/self/cgroup').read())\n        return {\"verdict\": \"ACCEPT\"}\n")})}})
	wantState(t, r, pluginhost.Connected)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	in := strings.Contains(logOf(r), fmt.Sprintf("counterpart-%d-", os.Getpid()))
	bare := strings.Contains(strings.Join(h.NotIsolated(), "\n"), "no namespaces")
	limits := strings.Contains(controllers, "memory") && strings.Contains(controllers, "pids")
	if want := base != "" && (bare || limits); in != want {
		t.Errorf("groups with %q can be made below %q, and the plugin is in\n%s", controllers, base, logOf(r))
	}
	if left, _ := filepath.Glob(fmt.Sprintf("%s/counterpart-%d-*", base, os.Getpid())); base != "" && len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// groups is where control groups can be made, and which controllers they have.
func groups() (base, controllers string) {
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		path, v2 := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			try := mount + path + "/counterpart-test"
			if _, err := os.Stat(mount + "/cgroup.controllers"); !v2 || err != nil || os.Mkdir(try, 0o755) != nil {
				continue
			}
			text, _ := os.ReadFile(try + "/cgroup.controllers")
			if os.Remove(try) == nil {
				return mount + path, string(text)
			}
		}
	}
	return "", ""
}
