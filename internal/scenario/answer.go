package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"counterpart/internal/journal"
	"counterpart/internal/pluginhost"
)

// answer is the person at the prompt: it holds the question against the next
// one of the scenario.
func (r *run) answer(ctx context.Context, ask pluginhost.Ask) pluginhost.Answer {
	if r.person != nil {
		return r.person(ctx, ask)
	}
	i := r.prompts
	r.prompts++
	what := fmt.Sprintf("prompts[%d]", i)
	if i >= len(r.Prompts) {
		r.differ(what, fmt.Sprintf("%d prompts and no more", len(r.Prompts)), fmt.Sprintf("asked %s: %q", ask.Key, ask.Text))
		return pluginhost.Answer{HangUp: true}
	}
	p := r.Prompts[i]
	if q := p.Ask; q != nil {
		want := map[string]any{}
		if q.Key != nil {
			want["key"] = q.Key
		}
		if q.Text != nil {
			want["text"] = q.Text
		}
		if q.Hidden != nil {
			want["hidden"] = q.Hidden
		}
		r.diffs = append(r.diffs, compare(what+".ask", want, map[string]any{"key": ask.Key, "text": ask.Text, "hidden": ask.Hidden})...)
	}
	if p.Wait != "" {
		d, err := time.ParseDuration(p.Wait)
		if err != nil {
			r.differ(what+".wait", "a duration", p.Wait)
		}
		if err := r.fleet.Clock.Advance(d); err != nil {
			r.differ(what+".wait", "a duration", err.Error())
		}
	}
	text, err := r.fleet.tree.fill(p.Answer)
	if err != nil {
		r.differ(what+".answer", p.Answer, err.Error())
		return pluginhost.Answer{HangUp: true}
	}
	return pluginhost.Answer{Text: text, HangUp: p.Hangup}
}

func (r *run) differ(what, want, got string) {
	r.diffs = append(r.diffs, Difference{What: what, Want: want, Got: got})
}

// event puts what the host tells on the timeline, behind what the backends have
// done meanwhile.
func (r *run) event(e pluginhost.Event) {
	r.catchUp()
	switch e.Kind {
	case pluginhost.HookStarted:
		r.moment("hook", fmt.Sprintf("%s: %s …", e.Call.Plugin, e.Call.Hook))
	case pluginhost.HookEnded:
		text := fmt.Sprintf("%s: %s → %s (%s)", e.Call.Plugin, e.Call.Hook, orDefault(e.Call.Verdict, string(e.Call.Result)), e.Call.Took.Round(time.Millisecond))
		if e.Call.Err != nil {
			text = fmt.Sprintf("%s: %s failed: %v", e.Call.Plugin, e.Call.Hook, e.Call.Err)
		}
		r.moment("hook", text)
	case pluginhost.Logged:
		r.moment("log", e.Line.Text)
	case pluginhost.Prompted:
		r.moment("prompt", fmt.Sprintf("%s: %s", e.Ask.Key, e.Ask.Text))
	case pluginhost.Answered:
		text := e.Answer.Text
		switch {
		case e.Answer.HangUp:
			text = "(hangs up)"
		case e.Ask.Hidden:
			text = "(hidden)"
		}
		r.moment("answer", text)
	case pluginhost.Warned:
		r.moment("warning", e.Text)
	case pluginhost.Ended:
		r.moment("session", e.Outcome.String())
	}
}

func (r *run) moment(source, text string) {
	m := Moment{At: time.Since(r.began), Source: source, Text: text}
	if r.moments = append(r.moments, m); r.live != nil {
		r.live(m)
	}
}

// catchUp puts what the backends were asked since on the timeline.
func (r *run) catchUp() {
	p := r.fleet.Journal.Since(r.seen, journal.Match{}, 0)
	r.seen = p.Last
	for _, e := range p.Entries {
		text := e.Op
		if e.Actor != "" {
			text += " as " + e.Actor
		}
		if e.Status != "" {
			text += " → " + e.Status
		}
		if e.Why != "" {
			text += " (" + e.Why + ")"
		}
		r.moment(e.Server, text)
	}
}

// decoded is JSON as a value; nil for none.
func decoded(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

// pairs are key values in the order of their keys.
func pairs(m map[string]string) (out pluginhost.KeyValues) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pluginhost.KeyValue{Key: k, Value: m[k]})
	}
	return out
}
