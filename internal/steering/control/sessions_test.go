package control_test

import (
	"context"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/control"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/native"
)

func TestSessionsOverTheAPI(t *testing.T) {
	a := client(t)
	for path, method := range map[string]string{"/plugins": "GET", "/sessions": "GET", "/sessions/x": "GET"} {
		a.want(404, method, path, "") // this fleet runs none
	}
	var began control.PluginStart
	var answered control.PluginAnswer
	stopped, looked := "", [2]int{}
	shown := control.PluginSession{ID: "plugin-1", State: "waiting", Plugins: []string{"otp"}, Ask: &control.PluginAsk{Number: 1, Text: "Code:"}, Left: []string{}, Gaps: []string{},
		Moments: []control.PluginMoment{{N: 1, Source: "hook", Text: "aa: authenticate"}}, Last: 1}
	a.f = dialecttest.RunWith(t, dialecttest.Setup{Kinds: []dialect.Kind{{Name: "native", New: native.New, Settings: native.Settings{}}}, Seed: seed, Options: func(o *boot.Options) {
		o.Plugins = func(*boot.Company) *control.Plugins {
			return &control.Plugins{
				List:  func() ([]control.Plugin, error) { return []control.Plugin{{Name: "otp", Type: "aa"}}, nil },
				Start: func(in control.PluginStart) (control.PluginSession, error) { began = in; return shown, nil },
				All:   func() []control.PluginSession { return nil },
				Look: func(_ context.Context, id string, since, asked int) (control.PluginSession, error) {
					looked = [2]int{since, asked}
					if id != "plugin-1" {
						return shown, cause.Because(cause.NotFound, "there is no session %q", id)
					}
					return shown, nil
				},
				Answer: func(_ string, in control.PluginAnswer) error { answered = in; return nil },
				Stop:   func(id string) error { stopped = id; return nil },
			}
		}
	}})
	if r := a.want(200, "GET", "/plugins", ""); r.str("plugins.0.name") != "otp" {
		t.Errorf("%s", r.body)
	}
	a.want(200, "GET", "/sessions", "")
	a.want(201, "POST", "/sessions", `{"aa":{"name":"otp"},"connection":{"protocol":"ssh","gateway":{"user":"alice"}}}`)
	if began.AA == nil || began.AA.Name != "otp" || began.Connection["protocol"] != "ssh" {
		t.Errorf("%+v", began)
	}
	if r := a.want(200, "GET", "/sessions/plugin-1?since=7&asked=3&wait=1s", ""); looked != [2]int{7, 3} || r.str("ask.text") != "Code:" || r.str("moments.0.source") != "hook" {
		t.Errorf("%s", r.body)
	}
	a.want(204, "POST", "/sessions/plugin-1/answer", `{"number":1,"text":"123"}`)
	a.want(204, "DELETE", "/sessions/plugin-1", "")
	if answered.Text != "123" || stopped != "plugin-1" {
		t.Errorf("%+v %q", answered, stopped)
	}
	a.want(404, "GET", "/sessions/plugin-2", "")
	for _, bad := range []string{`{"plugin":"x"}`, `{"aa":"otp"}`, `[]`, ``} {
		a.want(400, "POST", "/sessions", bad)
	}
	a.want(400, "GET", "/sessions/plugin-1?since=x", "")
	a.want(400, "POST", "/sessions/plugin-1/answer", `{"answer":"x"}`)
}
