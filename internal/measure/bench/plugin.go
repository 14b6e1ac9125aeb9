package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

const trivialPlugin = `#!/usr/bin/env pluginwrapper3
class Plugin:
    def __init__(self, configuration=""):
        pass
    def authenticate(self, session_id, cookie, session_cookie):
        return {"verdict": "ACCEPT"}
    def authorize(self, session_id, cookie, session_cookie):
        return {"verdict": "ACCEPT"}
    def session_ended(self, session_id, cookie, session_cookie):
        pass
`

// plugins measures what the host adds to a plugin's own time per hook.
func plugins(s settings) ([]row, error) {
	dir := filepath.Join(s.dir, "plugin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"main.py": trivialPlugin,
		"MANIFEST": "name: Trivial\ndescription: does nothing\nversion: \"1.0\"\ntype: aa\napi: 1.6\nentry_point: main.py\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	pkg, found := pluginhost.Check(dir, pluginhost.Profile{})
	if !found.OK() {
		return nil, fmt.Errorf("%v", found.Errors())
	}
	worker, err := overhead(s, pkg, pluginhost.Worker, 300)
	if err != nil {
		return nil, err
	}
	fresh, err := overhead(s, pkg, pluginhost.Fresh, 10)
	if err != nil {
		return nil, err
	}
	return []row{
		{work: "plugin: what the host adds to a hook, worker mode", ours: fmt.Sprintf("%.2f ms", worker), bar: "≤ 1 ms", verdict: verdict(worker <= 1)},
		{work: "plugin: the same with a new interpreter per hook", ours: fmt.Sprintf("%.1f ms", fresh)},
	}, nil
}

// overhead is the median over all hooks of so many sessions, in milliseconds.
func overhead(s settings, pkg *pluginhost.Package, mode pluginhost.Mode, sessions int) (float64, error) {
	ctx := context.Background()
	host, err := pluginhost.New(ctx, pluginhost.Config{Mode: mode, Dir: s.dir, Python: s.python})
	if err != nil {
		return 0, err
	}
	defer host.Close()
	plugin, err := host.Install(pluginhost.Upload{Package: pkg})
	if err != nil {
		return 0, err
	}
	var added []float64
	for range sessions {
		r, err := host.Run(ctx, pluginhost.Session{AA: &pluginhost.Use{Plugin: plugin}, Connection: pluginhost.Connection{Protocol: "ssh", Policy: "bench",
			Client: pluginhost.Endpoint{IP: "198.51.100.7", Port: 1}, Gateway: pluginhost.Gateway{User: "alice"}, Server: pluginhost.Server{User: "root", IP: "10.0.0.5", Port: 22}}})
		if err != nil {
			return 0, err
		}
		if r.Outcome.State != pluginhost.Connected {
			return 0, fmt.Errorf("the session ended: %s", r.Outcome)
		}
		for _, c := range r.Calls {
			added = append(added, float64(c.Took-c.Split.Construct-c.Split.Hook)/float64(time.Millisecond))
		}
	}
	return median(added), nil
}
