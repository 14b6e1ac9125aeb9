package api

import (
	"slices"
	"testing"
)

func TestEngine(t *testing.T) {
	var table Table
	paths := table.Engine("transit")
	i := slices.IndexFunc(paths, func(p Path) bool { return p.Template == "keys/{name}/config" })
	if i < 0 {
		t.Fatal("transit has no keys/{name}/config")
	}
	p := paths[i]
	if p.Ops != "W" || p.Sudo || p.Public || !slices.Equal(p.Captured, []string{"name"}) || p.Fields["deletion_allowed"] != Bool || p.Fields["auto_rotate_period"] != Text {
		t.Errorf("%+v", p)
	}
	for rest, want := range map[string]bool{"keys/k/config": true, "keys/k/config/": true, "keys/k": false, "keys//config": false, "keys/k/config/x": false} {
		if p.Fits(rest) != want {
			t.Errorf("%s fits: %v", rest, !want)
		}
	}
	if !p.Same("keys/{}/config") || p.Same("keys/{}") || p.Same("keys/{}/trim") {
		t.Error("shapes are told apart wrongly")
	}
	if len(table.Engine("nosuch")) > 0 {
		t.Error("an engine that is not there has paths")
	}
	if data := table.Engine("secret"); !slices.ContainsFunc(data, func(p Path) bool { return p.Fits("data/a/b/c") && p.Fields["options"] == Object }) {
		t.Error("a parameter at the end does not stand for all that follows")
	}
}
