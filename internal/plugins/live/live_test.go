package live_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/plugins/live"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/control"
	"counterpart/internal/steering/dialecttest"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

const asks = `#!/usr/bin/env pluginwrapper3
import urllib.request
class Plugin:
    def __init__(self, config, **more):
        self.url = config.strip().split("= ")[-1]
    def authenticate(self, cookie=None, key_value_pairs=None, **more):
        answers = dict(key_value_pairs or {})
        if "otp" not in answers:
            return {"verdict": "NEEDINFO", "question": ("otp", "Code: ")}
        urllib.request.urlopen(self.url + "/openapi.json").read()
        return {"verdict": "ACCEPT" if answers["otp"] == "123" else "DENY"}
    def authorize(self, **more):
        return {"verdict": "ACCEPT"}
    def session_ended(self, **more):
        pass
`

// running are sessions of a plugin that asks for a code, in the demo company.
func running(t *testing.T) (*control.Plugins, *dialecttest.Fleet) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"asks/MANIFEST": "api: 1.0\nname: asks\nversion: 1.0\ntype: aa\nentry_point: main.py\ndescription: asks for a code\n", "asks/main.py": asks,
		"asks.cfg": "[x]\nurl = {{ native.url }}\n", "notes/readme.txt": "no plugin",
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := worlds.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	var sessions *live.Sessions
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: string(text), Options: func(o *boot.Options) {
		o.Plugins = func(c *boot.Company) *control.Plugins {
			sessions = live.New(dir, c, scenario.Options{Kinds: servers.Table()})
			return sessions.API()
		}
	}})
	t.Cleanup(sessions.Close)
	return sessions.API(), f
}

// until looks at a session until it is so.
func until(t *testing.T, p *control.Plugins, id, state string) (all []control.PluginMoment, v control.PluginSession) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for since, asked := 0, 0; ctx.Err() == nil; since, asked = v.Last, promptOf(v) {
		var err error
		if v, err = p.Look(ctx, id, since, asked); err != nil {
			t.Fatal(err)
		}
		all = append(all, v.Moments...)
		if v.State == state {
			return all, v
		}
	}
	t.Fatalf("it is not %s: %+v", state, v)
	return nil, v
}

// promptOf is the number of the prompt that waits; 0: none does.
func promptOf(v control.PluginSession) int {
	if v.Ask == nil {
		return 0
	}
	return v.Ask.Number
}

// TestWhoKnowsThePromptWaits: a reader that knows which prompt waits is held until there is
// something else to tell, not answered again and again.
func TestWhoKnowsThePromptWaits(t *testing.T) {
	p, _ := running(t)
	s, err := p.Start(control.PluginStart{AA: &control.PluginUse{Name: "asks"}, Connection: ssh})
	if err != nil {
		t.Fatal(err)
	}
	_, v := until(t, p, s.ID, "waiting")
	type told struct {
		v   control.PluginSession
		err error
	}
	held := make(chan told, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	go func() {
		v, err := p.Look(ctx, s.ID, v.Last, promptOf(v))
		held <- told{v, err}
	}()
	select {
	case x := <-held:
		t.Fatalf("told at once: %+v", x)
	case <-time.After(200 * time.Millisecond): // as often as it likes it would have come by now
	}
	if now, err := p.Look(ctx, s.ID, v.Last, 0); err != nil || promptOf(now) != promptOf(v) {
		t.Errorf("who does not know it: %+v %v", now, err)
	}
	if err := p.Stop(s.ID); err != nil {
		t.Fatal(err)
	}
	if x := <-held; x.err != nil || ctx.Err() != nil || x.v.State == "waiting" && len(x.v.Moments) == 0 {
		t.Errorf("%+v", x)
	}
}

var ssh = map[string]any{"protocol": "ssh", "gateway": map[string]any{"user": "alice"}, "server": map[string]any{"user": "root", "ip": "10.0.0.5", "port": 22}}

func TestASessionRunsAgainstTheFleet(t *testing.T) {
	p, f := running(t)
	if all, err := p.List(); err != nil || len(all) != 1 || all[0].Name != "asks" || all[0].Type != "aa" || len(all[0].Rejected) > 0 {
		t.Fatalf("%+v %v", all, err)
	}
	s, err := p.Start(control.PluginStart{AA: &control.PluginUse{Name: "asks"}, Connection: ssh})
	if err != nil {
		t.Fatal(err)
	}
	_, v := until(t, p, s.ID, "waiting")
	if v.Ask == nil || v.Ask.Text != "Code: " || v.User != "alice" {
		t.Fatalf("%+v", v)
	}
	if err := p.Answer(s.ID, control.PluginAnswer{Number: 7}); !errors.Is(err, cause.Decided) {
		t.Errorf("another prompt: %v", err)
	}
	if err := p.Answer(s.ID, control.PluginAnswer{Number: v.Ask.Number, Text: "123"}); err != nil {
		t.Fatal(err)
	}
	all, v := until(t, p, s.ID, "ended")
	if v.Outcome != "connected" || v.Problem != "" || len(v.Left) > 0 {
		t.Errorf("%+v", v)
	}
	if text := fmt.Sprint(all); !strings.Contains(text, "aa: authenticate") || !strings.Contains(text, "native GET /openapi.json") {
		t.Errorf("%s", text)
	}
	if got := f.Journal.Since(0, journal.Match{Session: s.ID}, 0).Entries; len(got) != 1 || got[0].Person != "alice" || got[0].Grouped != journal.ByPlugin {
		t.Errorf("%+v", got)
	}
}

func TestSessionsAreBoundedAndEnd(t *testing.T) {
	p, _ := running(t)
	var ids []string
	for range 4 {
		s, err := p.Start(control.PluginStart{AA: &control.PluginUse{Name: "asks"}, Connection: ssh})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	if _, err := p.Start(control.PluginStart{AA: &control.PluginUse{Name: "asks"}, Connection: ssh}); !errors.Is(err, cause.RateLimited) {
		t.Errorf("a fifth: %v", err)
	}
	until(t, p, ids[0], "waiting")
	if err := p.Stop(ids[0]); err != nil {
		t.Fatal(err)
	}
	if _, v := until(t, p, ids[0], "ended"); v.Outcome != "disconnected" {
		t.Errorf("%+v", v)
	}
	for name, in := range map[string]control.PluginStart{
		"no plugin": {Connection: ssh}, "a path": {AA: &control.PluginUse{Name: "../asks"}}, "hidden": {AA: &control.PluginUse{Name: ".."}},
		"a key that is none": {AA: &control.PluginUse{Name: "asks"}, Connection: map[string]any{"protocl": "ssh"}},
	} {
		if _, err := p.Start(in); !errors.Is(err, cause.BadInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Start(control.PluginStart{AA: &control.PluginUse{Name: "none"}}); !errors.Is(err, cause.NotFound) {
		t.Errorf("another one: %v", err)
	}
	if _, err := p.Look(t.Context(), "plugin-99", 0, 0); !errors.Is(err, cause.NotFound) {
		t.Errorf("another session: %v", err)
	}
}
