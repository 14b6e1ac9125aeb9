// Package record writes a session that somebody played by hand down as a scenario: what
// was asked and typed, how it ended, which hooks said what, and what the systems were
// asked, in order. Secrets of the fleet become holes.
package record

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/bundle"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
)

// Recorder listens to one session.
type Recorder struct {
	folder, title string

	mu      sync.Mutex
	ran     *scenario.Ran   // since the fleet stands
	at      []scenario.Hole // at the session's start
	prompts []prompt
	notes   []string
	out     *document // once it is over
	problem error
}

// ErrNothing is a session that came to nothing that could be written down.
var ErrNothing = errors.New("no session was played")

// document is a scenario file, in the order in which people read it.
type document struct {
	Title      string         `yaml:"scenario"`
	SPS        string         `yaml:"sps,omitempty"`
	Mode       string         `yaml:"mode,omitempty"`
	Plugins    map[string]any `yaml:"plugins"`
	Fleet      map[string]any `yaml:"fleet,omitempty"`
	Box        any            `yaml:"box,omitempty"`
	Connection any            `yaml:"connection"`
	Prompts    []prompt       `yaml:"prompts"`
	Target     any            `yaml:"target,omitempty"`
	Expect     yaml.Node      `yaml:"expect"`
}

type prompt struct {
	Ask    question `yaml:"ask"`
	Answer *string  `yaml:"answer,omitempty"`
	Hangup bool     `yaml:"hangup,omitempty"`
}

type question struct {
	Key    string `yaml:"key"`
	Text   string `yaml:"text"`
	Hidden bool   `yaml:"hidden"`
}

// New returns a recorder of a scenario that will stand in a folder.
func New(folder, title string) *Recorder { return &Recorder{folder: folder, title: title} }

// Up is a scenario.Options.Up.
func (r *Recorder) Up(ran *scenario.Ran) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = ran
	r.at = ran.Holes(ran.Case.Connection.Gateway.User)
}

// Answered notes what was asked and typed, and hands the answer on.
func (r *Recorder) Answered(ask pluginhost.Ask, a pluginhost.Answer) pluginhost.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := prompt{Ask: question{ask.Key, ask.Text, ask.Hidden}, Hangup: a.HangUp}
	if !a.HangUp {
		text := r.typed(ask, a.Text)
		p.Answer = &text
	}
	p.Ask.Text = literal(p.Ask.Text)
	r.prompts = append(r.prompts, p)
	return a
}

// typed is an answer as it may be written down.
func (r *Recorder) typed(ask pluginhost.Ask, answer string) string {
	holes := r.ran.Holes(r.ran.Case.Connection.Gateway.User)
	text, known := fill(answer, holes)
	if known || !ask.Hidden || len(answer) < shortest || strings.Trim(answer, "0123456789") == "" {
		return text
	}
	other, err := bundle.StandIn(answer)
	if err != nil {
		r.problem = errors.Join(r.problem, err)
		return ""
	}
	r.notes = append(r.notes, fmt.Sprintf("what was typed at prompt %d is nothing that the fleet knows, and may be a secret: another text of the same kind stands there", len(r.prompts)+1))
	return other
}

// shortest value that becomes a hole: shorter ones stand anywhere by chance.
const shortest = 6

// fill puts holes where the fleet's secrets stand in a text, the longest first.
func fill(text string, holes []scenario.Hole) (out string, any bool) {
	if strings.Contains(text, "{{") {
		return text, false // it has holes already
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		best := scenario.Hole{}
		for _, h := range holes {
			if len(h.Value) >= shortest && len(h.Value) > len(best.Value) && strings.HasPrefix(text[i:], h.Value) {
				best = h
			}
		}
		if best.Value == "" {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString("{{ " + best.Path + " }}")
		i, any = i+len(best.Value), true
	}
	return b.String(), any
}

// within is fill for every text of a value.
func within(v any, holes []scenario.Hole) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = within(e, holes)
		}
	case []any:
		for i, e := range v {
			v[i] = within(e, holes)
		}
	case string:
		text, _ := fill(v, holes)
		return text
	}
	return v
}

// literal is a text that is expected as it is: those that a scenario reads as something
// else become regular expressions.
func literal(s string) string {
	if s == "any" || s == "absent" || len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/' || strings.Contains(s, "{{") {
		return "/^" + regexp.QuoteMeta(s) + "$/"
	}
	return s
}

// Ran is a scenario.Options.Ran: the session is over, and its fleet still stands.
func (r *Recorder) Ran(ran *scenario.Ran) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = ran
	if ran.Played == nil {
		return
	}
	raw := ran.Case.Written()
	d := &document{Title: r.title, Mode: ran.Mode, Box: within(raw["box"], r.at), Connection: within(raw["connection"], r.at),
		Target: within(raw["target"], r.at), Prompts: append([]prompt{}, r.prompts...)}
	if d.Mode == string(pluginhost.Fresh) {
		d.Mode = ""
	}
	if d.Title == "" {
		d.Title = "recorded: " + ran.Played.Outcome.String()
		if ran.Played.Outcome.Err != nil {
			d.Title = "recorded: " + string(ran.Played.Outcome.State)
		}
	}
	d.SPS, _ = raw["sps"].(string)
	d.Plugins, _ = raw["plugins"].(map[string]any)
	for _, p := range d.Plugins {
		plugin, _ := p.(map[string]any)
		for _, key := range []string{"package", "deps", "config_file"} {
			if path, ok := plugin[key].(string); ok {
				plugin[key] = r.beside(path)
			}
		}
	}
	r.company(raw, d)
	d.Expect = r.expect()
	r.out = d
}

// company names the seed: a file as it is seen from the scenario.
func (r *Recorder) company(raw map[string]any, d *document) {
	fleet, _ := raw["fleet"].(map[string]any)
	name, _ := fleet["seed"].(string)
	switch {
	case name == "demo":
		delete(fleet, "seed")
	case strings.ContainsAny(name, "./\\"):
		fleet["seed"] = r.beside(name)
	}
	if len(fleet) > 0 {
		d.Fleet = fleet
	}
}

// beside is a path as it is written in the scenario.
func (r *Recorder) beside(path string) string {
	abs, err := filepath.Abs(r.ran.Beside(path))
	if err != nil {
		return path
	}
	folder, err := filepath.Abs(r.folder)
	if err != nil {
		return abs
	}
	if rel, err := filepath.Rel(folder, abs); err == nil {
		return filepath.ToSlash(rel)
	}
	return abs
}

// Scenario is the file.
func (r *Recorder) Scenario() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.problem != nil {
		return nil, r.problem
	}
	if r.out == nil {
		return nil, ErrNothing
	}
	text, err := yaml.Marshal(r.out)
	return append([]byte("# Recorded by counterpart plugin record. What is expected is what happened.\n"), text...), err
}

// Notes is what to know about the file.
func (r *Recorder) Notes() []string { return r.notes }
