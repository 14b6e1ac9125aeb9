package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/redact"
)

// answer is the person at the prompt: it holds the question against the next
// one of the scenario.
func (r *run) answer(ctx context.Context, ask pluginhost.Ask) pluginhost.Answer {
	if r.person != nil {
		given := r.person(ctx, ask)
		if ask.Hidden {
			r.mask.add(given.Text)
		}
		return given
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
		if err := r.advance(d); err != nil {
			r.differ(what+".wait", "a duration", err.Error())
		}
	}
	text, err := r.fleet.tree.fill(p.Answer)
	if err != nil {
		r.differ(what+".answer", p.Answer, err.Error())
		return pluginhost.Answer{HangUp: true}
	}
	r.mask.typed(p.Answer, text, ask.Hidden)
	return pluginhost.Answer{Text: text, HangUp: p.Hangup}
}

func (r *run) differ(what, want, got string) {
	r.diffs = append(r.diffs, Difference{What: what, Want: want, Got: got})
}

// event puts what the host tells on the timeline, behind what the backends have
// done meanwhile.
func (r *run) event(e pluginhost.Event) {
	r.catchUp()
	if r.hosted != nil && (e.Kind == pluginhost.HookStarted || e.Kind == pluginhost.HookEnded) {
		r.hosted.Runs(e.Kind == pluginhost.HookStarted)
	}
	switch e.Kind {
	case pluginhost.HookStarted:
		r.moment("hook", fmt.Sprintf("%s: %s …", e.Call.Plugin, e.Call.Hook))
	case pluginhost.HookEnded:
		text := fmt.Sprintf("%s: %s → %s (%s)", e.Call.Plugin, e.Call.Hook, orDefault(e.Call.Verdict, string(e.Call.Result)), e.Call.Took.Round(time.Millisecond))
		if e.Call.Err != nil {
			text = fmt.Sprintf("%s: %s failed: %v", e.Call.Plugin, e.Call.Hook, e.Call.Err)
			if e.Call.Err.Hint != "" {
				text += " (" + e.Call.Err.Hint + ")"
			}
		}
		r.moment("hook", text)
	case pluginhost.Logged:
		r.moment("log", e.Line.String())
	case pluginhost.Prompted:
		r.moment("prompt", fmt.Sprintf("%s: %s", e.Ask.Key, e.Ask.Text))
	case pluginhost.Answered:
		text := e.Answer.Text
		switch {
		case e.Answer.HangUp:
			text = "(hangs up)"
		case e.Ask.Hidden:
			text = redact.Hidden
		}
		r.moment("answer", text)
	case pluginhost.Warned:
		r.moment("warning", e.Text)
	case pluginhost.Ended:
		r.moment("session", e.Outcome.String())
	}
}

// How much of a timeline is kept, and what a moment costs besides its text.
const (
	timelineLimit = 4 << 20
	momentCost    = 100
	lastShown     = 20 // lines of output shown live behind those that are not
)

// moment puts something on the timeline, which keeps its beginning and its end.
func (r *run) moment(source, text string) {
	m := Moment{At: time.Since(r.began), Source: source, Text: text}
	if r.live != nil {
		m.Text = r.mask.text(text)
	}
	first := r.moments.Add(m)
	switch {
	case r.live == nil:
	case first || source != "log":
		r.showHidden()
		r.live(m)
	default:
		if r.last = append(r.last, m); len(r.last) > 2*lastShown {
			r.hidden += len(r.last) - lastShown
			r.last = append(r.last[:0:0], r.last[len(r.last)-lastShown:]...)
		}
	}
}

// showHidden shows the last lines of output that were held back, and says how
// many came before.
func (r *run) showHidden() {
	if r.hidden > 0 {
		r.live(notShown(r.last[0].At, r.hidden))
	}
	for _, m := range r.last {
		r.live(m)
	}
	r.hidden, r.last = 0, nil
}

func notShown(at time.Duration, n int) Moment {
	return Moment{At: at, Source: "…", Text: fmt.Sprintf("%d lines are not shown", n)}
}

// timeline is what was kept.
func (r *run) timeline() []Moment {
	if r.live != nil {
		r.showHidden()
	}
	head, missing, tail := r.moments.Kept()
	out := append([]Moment{}, head...)
	if missing > 0 && len(tail) > 0 {
		out = append(out, notShown(tail[0].At, missing))
	}
	return append(out, tail...)
}

// catchUp puts what the backends were asked since on the timeline.
func (r *run) catchUp() {
	m := journal.Match{}
	if r.hosted != nil {
		m.Session = r.hosted.ID
	}
	p := r.fleet.Journal.Since(r.seen, m, 0)
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
