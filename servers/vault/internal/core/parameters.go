package core

import (
	"maps"
	"strings"
)

// Unplayed are parameters that a real server has and this one does not read.
type Unplayed struct {
	At    string // the engine and the shape of the path, "*" standing for any
	Names string // of the parameters, separated by spaces
	// Harmless is why nothing is lost when the parameter is ignored. Without it, a
	// request that sets the parameter is refused in these words, as a real server
	// refuses what it cannot do, and marked with the feature.
	Harmless string
	Refusal  func(r *Request, name string) error // nil for what is harmless
	Feature  string                              // that a refused call is marked with
}

// Covers reports that the rule is about paths of a shape of an engine.
func (u *Unplayed) Covers(engine, shape string) bool {
	at, path, both := strings.Cut(u.At, " ")
	if at != "*" && at != engine {
		return false
	}
	if prefix, open := strings.CutSuffix(path, "*"); open {
		return strings.HasPrefix(shape, prefix)
	}
	return !both || path == shape
}

// About reports that the rule is about the parameter.
func (u *Unplayed) About(name string) bool {
	for word := range strings.FieldsSeq(u.Names) {
		if word == name {
			return true
		}
	}
	return false
}

// unplayedParameter refuses a request that sets a parameter which is known and not
// played, unless nothing is lost by ignoring it.
func (r *Request) unplayedParameter(p *Path) error {
	e := r.engineOf(r.Mount)
	k := p.known(&r.Described, e)
	shape := p.Shape()
	sent := r.Raw
	if r.HTTP.URL.RawQuery != "" && r.Op == OpWrite { // where it is the only parameter in the URL
		sent = maps.Clone(r.Raw)
		if id := r.HTTP.URL.Query().Get("recover_snapshot_id"); id != "" && sent == nil {
			sent = map[string]any{"recover_snapshot_id": id}
		} else if id != "" {
			sent["recover_snapshot_id"] = id
		}
	}
	for name, value := range sent {
		if _, known := k.fields[name]; !known || empty(value) {
			continue
		}
		for i := range r.Unplayed {
			u := &r.Unplayed[i]
			if u.Refusal == nil || !u.Covers(e.DescribedAt, shape) || !u.About(name) {
				continue
			}
			if err := u.Refusal(r, name); err != nil {
				r.Call.NotPlayed(u.Feature)
				return err
			}
		}
	}
	return nil
}

// empty reports a value that asks for nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
