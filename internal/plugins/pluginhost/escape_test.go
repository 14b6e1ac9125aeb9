//go:build linux && !nopython

package pluginhost_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// TestS3ZombiesCount: they are entries in the kernel's table like others.
func TestS3ZombiesCount(t *testing.T) {
	guarded(t, func(t *testing.T, change func(*pluginhost.Config, *pluginhost.Session)) {
		c := pluginhost.Config{Limits: pluginhost.Limits{Processes: 20}, ProxyTimeout: 2 * time.Minute}
		s := pluginhost.Session{Connection: ssh}
		change(&c, &s)
		h := newHost(t, c)
		s.AA = &pluginhost.Use{Plugin: install(t, h, source{main: extended("    def authenticate(self):\n        import os, time\n        for i in range(60):\n            if os.fork() == 0:\n                os._exit(0)\n        time.sleep(600)\n")})}
		r := run(t, h, s)
		wantState(t, r, pluginhost.Errored)
		if said := fmt.Sprint(r.Outcome.Err); !strings.Contains(said, "processes, the limit is 20") && !strings.Contains(said, "Resource temporarily unavailable") {
			t.Errorf("it ended as %q", said)
		}
	})
}

// TestS3ProcessorTimeOfWhoDoesNotListen: the kernel's signal can be ignored, the
// host's cannot.
func TestS3ProcessorTimeOfWhoDoesNotListen(t *testing.T) {
	for mode, body := range map[pluginhost.Mode]string{
		pluginhost.Fresh:  "signal.signal(signal.SIGXCPU, signal.SIG_IGN)",
		pluginhost.Worker: "resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, pluginhost.Config{Mode: mode, Limits: pluginhost.Limits{CPU: time.Second}, ProxyTimeout: 5 * time.Minute})
			s := pluginhost.Session{Connection: ssh}
			s.AA = &pluginhost.Use{Plugin: install(t, h, source{main: extended("    def authenticate(self):\n        import resource, signal, time\n        " + body + "\n        while time.process_time() < 20: pass\n        return {\"verdict\": \"ACCEPT\"}\n")})}
			r := run(t, h, s)
			wantState(t, r, pluginhost.Errored)
			if said := fmt.Sprint(r.Outcome.Err); !strings.Contains(said, "of processor time in one call, the limit is 1s") {
				t.Errorf("it ended as %q", said)
			}
		})
	}
}

// pipe is a named pipe, and a channel that is closed when nobody holds it open for
// writing any more.
func pipe(t *testing.T) (path string, gone <-chan struct{}) {
	path = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if f, err := os.Open(path); err == nil { // waits for the first writer
			_, _ = io.Copy(io.Discard, f)
			_ = f.Close()
		}
	}()
	return path, done
}

// ends waits for the channel; a test that fails does not wait for ever.
func ends(t *testing.T, gone <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error(what)
	}
}

// TestS3BetweenTwoCalls: what a plugin has left running in its worker is held to the
// limits although nobody calls it.
func TestS3BetweenTwoCalls(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) {
			t.Parallel()
			path, gone := pipe(t)
			h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker, Slots: 1, Plain: plain, Limits: pluginhost.Limits{Processes: 20}})
			p := install(t, h, source{main: extended(fmt.Sprintf(`    def authenticate(self):
        import os, threading, time
        held = open(%q, "w")
        def later():
            time.sleep(0.3)
            for i in range(60):
                try:
                    if os.fork() == 0:
                        time.sleep(600)
                except OSError:
                    pass
            time.sleep(600)
        if os.fork() == 0:
            os.setsid()
            later()
        return {"verdict": "ACCEPT"}
`, path))})
			wantState(t, run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}), pluginhost.Connected)
			ends(t, gone, "60 processes go on behind a call that has ended")
		})
	}
}

// TestS3NothingOutlivesAHostThatIsKilled: it has no time to end anything.
func TestS3NothingOutlivesAHostThatIsKilled(t *testing.T) {
	for _, plain := range []string{"false", "true"} {
		t.Run("plain="+plain, func(t *testing.T) {
			t.Parallel()
			path, gone := pipe(t)
			cmd := exec.Command(os.Args[0], "-test.run", "^TestHostThatIsKilled$", "-test.v")
			cmd.Env = append(os.Environ(), "KILLED_PIPE="+path, "KILLED_PLAIN="+plain)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ready := false
			for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
				ready = strings.Contains(lines.Text(), "all are there")
			}
			if err := cmd.Process.Kill(); err != nil || !ready {
				t.Errorf("ready: %v, %v", ready, err)
			}
			_ = cmd.Wait()
			ends(t, gone, "what the plugin has started lives on")
		})
	}
}

// TestHostThatIsKilled is the other process of the test above.
func TestHostThatIsKilled(t *testing.T) {
	path := os.Getenv("KILLED_PIPE")
	if path == "" {
		return
	}
	h := newHost(t, pluginhost.Config{Plain: os.Getenv("KILLED_PLAIN") == "true"})
	p := install(t, h, source{main: extended(fmt.Sprintf(`    def authenticate(self):
        import os, time
        held = open(%q, "w")
        r, w = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                os.write(w, b"x")
                time.sleep(600)
            os._exit(0)
        os.read(r, 1)
        print("all are there")
        time.sleep(600)
`, path))})
	run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}, Event: func(e pluginhost.Event) {
		if e.Kind == pluginhost.Logged {
			fmt.Println(e.Line.Text)
		}
	}})
}

// TestS3AnInterpreterThatIsNone: what it says is not kept, and what it leaves behind
// holds nobody up.
func TestS3AnInterpreterThatIsNone(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"endless":  "#!/bin/sh\nexec yes\n",
		"daemon":   "#!/bin/sh\nsleep 600 &\necho $! > " + dir + "/pid\nexit 1\n",
		"no lines": "#!/bin/sh\nexec cat /dev/zero\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := pluginhost.FindPython(t.Context(), path); err == nil {
			t.Errorf("%s is a Python", name)
		}
		runtime.ReadMemStats(&after)
		if kept := (after.TotalAlloc - before.TotalAlloc) >> 20; kept > 10 {
			t.Errorf("%s: %d MiB are allocated", name, kept)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("it was waited for until its daemon ended: %q", text)
	}
}
