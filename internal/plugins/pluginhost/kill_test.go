//go:build !nopython

package pluginhost_test

import (
	"strings"
	"testing"

	"counterpart/internal/plugins/pluginhost"
)

// TestAKilledHook: the process ends without an answer, its cookie is lost, session_ended
// comes all the same, and nothing else is killed.
func TestAKilledHook(t *testing.T) {
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		t.Run(string(mode), func(t *testing.T) {
			kill := make(chan struct{}, 1)
			r := runAA(t, "import sys, time\n"+extended(`    def authenticate(self):
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(600)
    def session_ended(self, cookie):
        print("ended with", cookie, file=sys.stderr, flush=True)
`), func(c *pluginhost.Config, s *pluginhost.Session) {
				c.Mode, s.Kill = mode, kill
				s.Event = func(e pluginhost.Event) {
					if e.Kind == pluginhost.Logged && strings.Contains(e.Line.Text, "waiting") {
						kill <- struct{}{}
					}
				}
			})
			wantError(t, r, pluginhost.Authenticate, pluginhost.NoResult)
			if !logged(r, "ended with {}") || !strings.Contains(r.Calls[0].Err.Text, "killed") {
				t.Errorf("%+v\n%s", r.Calls[0].Err, logOf(r))
			}
		})
	}
}

// TestARenewedBoxHasForgotten: what plugins have kept is gone, and what the cache began with
// is there again.
func TestARenewedBoxHasForgotten(t *testing.T) {
	h := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
	p := install(t, h, source{main: "import os, sys\n" + extended(`    def authenticate(self):
        for name in ("SCB_PLUGIN_STATE_DIRECTORY", "EPHEMERAL_PLUGIN_STATE_DIRECTORY"):
            path = os.path.join(os.environ[name], "kept")
            print("known" if os.path.exists(path) else "new", file=sys.stderr)
            open(path, "w").close()
        return {"verdict": "ACCEPT"}
`)})
	session := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p}}
	for i, want := range []string{"new", "known", "new"} {
		if i == 2 {
			if err := h.Renew(); err != nil {
				t.Fatal(err)
			}
		}
		if r := run(t, h, session); !logged(r, want) || want == "new" && logged(r, "known") {
			t.Errorf("session %d:\n%s", i+1, logOf(r))
		}
	}
}
