package bundle

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// maker makes one bundle.
type maker struct {
	*walker
	ran  *scenario.Ran
	b    *Bundle
	hide func(string) string // values that the fleet knows
}

// Of is the bundle of a case that just ran; its fleet still stands.
func Of(ran *scenario.Ran, version string) (*Bundle, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	b := &Bundle{Format: format, Counterpart: version, Plugins: map[string]Plugin{}, Faults: ran.Company.Faults.Rules(), Hooks: []Hook{}, Timeline: []scenario.Moment{},
		Journal: []journal.Entry{}, Log: []string{}, Masked: []string{}, Left: []string{}}
	s := newStandIns(key, publicOf(ran))
	m := &maker{walker: &walker{standIns: s, left: &b.Left, done: &b.Masked}, ran: ran, b: b,
		hide: func(text string) string { return ran.Company.Secrets.Hide(text, false) }}
	if err := errors.Join(m.seed(), m.scenario(), m.plugins()); err != nil {
		return nil, err
	}
	m.happened()
	slices.Sort(b.Masked)
	slices.Sort(b.Left)
	return b, nil
}

// publicOf reports names that everybody may know: they are no secrets, whoever uses them as one.
func publicOf(ran *scenario.Ran) func(string) bool {
	w := ran.Company.World
	names := map[string]bool{}
	for server, kind := range ran.Kinds {
		names[server], names[kind] = true, true
	}
	for u := range w.Written() {
		names[u.Name], names[u.ID] = true, true
	}
	for a := range w.WrittenAccounts() {
		names[a.Name], names[a.ID] = true, true
	}
	for c := range w.Clients() {
		names[c.Name] = true
	}
	for g := range w.Groups() {
		names[g.Name] = true
	}
	return func(value string) bool { return names[value] }
}

// seed puts the company into the bundle.
func (m *maker) seed() error {
	text, name, _, err := m.ran.Case.SeedText()
	if err != nil {
		return err
	}
	if len(text) > maxSeed {
		return fmt.Errorf("%w: the seed has %d octets, the limit is %d", ErrTooLarge, len(text), maxSeed)
	}
	raw, err := scenario.ReadSeed(name, text)
	if err != nil {
		return err
	}
	if raw["state"] != nil {
		delete(raw, "state")
		note(m.left, "state: what an export has of a fleet's past is packed, and was left out")
	}
	for _, facts := range m.ran.Company.Facts() {
		for _, f := range facts {
			if f.Secret && f.Value != "" && !m.public(f.Value) {
				m.standIn(f.Value)
			}
		}
	}
	m.keysOf(raw)
	m.csv(raw)
	m.walk(raw, "", false)
	m.spread(raw)
	m.draws(raw)
	if text, err = yaml.Marshal(raw); err != nil {
		return err
	}
	m.b.Seed = Seed{Name: filepath.Base(name), Text: m.sealed("seed", string(text)), Started: m.ran.Started, Ended: m.ran.Company.Clock.Now()}
	return nil
}

// draws replaces the number that generated secrets follow from.
func (m *maker) draws(raw map[string]any) {
	if raw["random_seed"] == nil {
		return
	}
	if slices.ContainsFunc(m.ran.Company.Faults.Rules(), func(r fault.Rule) bool { return r.Percent > 0 && r.Percent < 100 }) {
		note(m.left, "random_seed: the draws of a fault rule follow from it; who has it can tell what was generated")
		return
	}
	if n := fmt.Sprint(raw["random_seed"]); n == "1" { // as without any
		return
	}
	other, err := rand.Int(rand.Reader, big.NewInt(1<<53))
	if err != nil {
		delete(raw, "random_seed")
		return
	}
	raw["random_seed"] = other.Uint64()
	note(m.done, "random_seed")
}

// sealed is a text that must not hold any secret: one that is still there is hidden, and
// said.
func (m *maker) sealed(what, text string) string {
	found := m.ran.Company.Secrets.Find(text)
	for _, f := range found {
		note(m.left, "%s: a value of %s had no stand-in and is hidden", what, f.Whose)
	}
	if len(found) == 0 {
		return text
	}
	return m.hide(text)
}

// scenario puts the case into the bundle.
func (m *maker) scenario() error {
	c := m.ran.Case
	raw := c.Written()
	delete(raw, "python")
	delete(raw, "fleet")
	if len(c.Fleet.Off) > 0 {
		raw["fleet"] = map[string]any{"off": c.Fleet.Off}
	}
	if err := m.configs(raw); err != nil {
		return err
	}
	m.answers(raw)
	if box, ok := raw["box"].(map[string]any); ok {
		box["credential_stores"] = m.walk(box["credential_stores"], "box.credential_stores", true)
		if box["credential_stores"] == nil {
			delete(box, "credential_stores")
		}
	}
	apart := map[string]any{} // what is asked and expected has keys of its own, and matchers
	for _, part := range []string{"expect", "prompts"} {
		if v, there := raw[part]; there {
			apart[part] = v
			delete(raw, part)
		}
	}
	m.walk(raw, "", false)
	for part, v := range apart {
		raw[part] = v
	}
	m.spread(raw)
	text, err := yaml.Marshal(raw)
	if err != nil {
		return err
	}
	m.b.Scenario = Scenario{File: filepath.Base(c.Path), Case: c.Name, Mode: m.ran.Mode, Text: m.sealed("scenario", string(text))}
	return nil
}

// configs puts the texts of configuration files where their names stand.
func (m *maker) configs(raw map[string]any) error {
	plugins, _ := raw["plugins"].(map[string]any)
	for _, kind := range sortedKeys(plugins) {
		p, _ := plugins[kind].(map[string]any)
		if p == nil {
			continue
		}
		used := m.ran.Case.Plugins.AA
		if kind == pluginhost.CredentialStore {
			used = m.ran.Case.Plugins.Store
		}
		text, err := m.ran.ConfigText(used)
		if err != nil {
			return err
		}
		if text != "" {
			delete(p, "config_file")
			p["config"] = text
		}
		if text, ok := p["config"].(string); ok {
			p["config"] = m.config(text, "plugins."+kind+".config")
		}
		p["package"] = kind // where it is, is said beside it
		delete(p, "deps")
	}
	return nil
}

// answers replaces what was typed where it is not shown, and no code.
func (m *maker) answers(raw map[string]any) {
	prompts, _ := raw["prompts"].([]any)
	for i, p := range prompts {
		prompt, _ := p.(map[string]any)
		answer, ok := prompt["answer"].(string)
		if !ok || strings.Contains(answer, "{{") || !m.asked(i) || len(answer) < fewestDigits || strings.Trim(answer, digits) == "" {
			continue
		}
		prompt["answer"] = m.replace(answer, fmt.Sprintf("prompts[%d].answer", i))
	}
}

// asked reports that the i-th question hid what was typed.
func (m *maker) asked(i int) bool {
	p := m.ran.Played
	return p == nil || i >= len(p.Prompts) || p.Prompts[i].Ask.Hidden
}

// plugins says which they were.
func (m *maker) plugins() error {
	for kind, path := range m.ran.Packages() {
		p := Plugin{Path: path}
		if abs, err := filepath.Abs(path); err == nil {
			p.Path = abs
		}
		if deps := m.ran.Deps()[kind]; deps != "" {
			var err error
			if p.Deps, err = filepath.Abs(deps); err != nil {
				return err
			}
		}
		pkg, _ := pluginhost.Check(path, pluginhost.Profile{})
		if pkg != nil {
			var err error
			if p.Digest, err = Digest(pkg); err != nil {
				return err
			}
			p.Name, p.Version = pkg.Manifest.Name, pkg.Manifest.Version
			if err := m.knows(kind, pkg); err != nil {
				return err
			}
		}
		m.b.Plugins[kind] = p
	}
	return nil
}

// knows notes files of a plugin that hold a secret of the company as it is: they are run as
// they are, and another value stands in the company.
func (m *maker) knows(kind string, pkg *pluginhost.Package) error {
	return visit(pkg, func(name string, text []byte) {
		if s := string(text); m.text(s) != s {
			note(m.left, "the %s plugin's own %s holds a secret of the company, which has another value here", kind, name)
		}
	})
}

// shown is a text of what happened as it may be given away.
func (m *maker) shown(text string) string {
	if text = m.text(m.hide(text)); len(text) > maxField {
		text = strings.ToValidUTF8(text[:maxField/2], "") + " … " + strings.ToValidUTF8(text[len(text)-maxField/2:], "")
	}
	return strings.ToValidUTF8(text, "�")
}

// happened puts what was seen into the bundle.
func (m *maker) happened() {
	b, result, played := m.b, m.ran.Result, m.ran.Played
	b.End = endOf(result, m.shown)
	for _, x := range result.Timeline {
		x.Text = m.shown(x.Text)
		b.Timeline = append(b.Timeline, x)
	}
	for _, e := range m.ran.Entries() {
		for _, s := range []*string{&e.Op, &e.Actor, &e.Object, &e.Status, &e.Why, &e.Request, &e.Response} {
			*s = m.shown(*s)
		}
		b.Journal = append(b.Journal, e)
	}
	if played != nil {
		for _, c := range played.Calls {
			h := Hook{Plugin: c.Plugin, Hook: string(c.Hook), Verdict: c.Verdict, Took: c.Took}
			if c.Err != nil {
				h.Error = m.shown(c.Err.Error())
			}
			b.Hooks = append(b.Hooks, h)
		}
		for _, l := range played.Log {
			b.Log = append(b.Log, m.shown(l.Text))
		}
	}
	b.Timeline = middle(b, "timeline", b.Timeline, func(x scenario.Moment) int { return len(x.Text) + 60 })
	b.Journal = middle(b, "journal", b.Journal, func(e journal.Entry) int { return len(e.Request) + len(e.Response) + len(e.Why) + 400 })
	b.Log = middle(b, "log", b.Log, func(s string) int { return len(s) + 4 })
}

// middle keeps of a part its beginning and its end.
func middle[T any](b *Bundle, what string, all []T, size func(T) int) []T {
	head, tail, room := 0, len(all), maxPart
	for head < tail {
		at := head
		if (len(all)-tail)*2 < head { // two of the beginning for each of the end
			at = tail - 1
		}
		if room -= size(all[at]); room < 0 {
			b.Cut = append(b.Cut, fmt.Sprintf("%s: %d of %d entries are left out behind the %d-th", what, tail-head, len(all), head))
			break
		}
		if at == head {
			head++
		} else {
			tail--
		}
	}
	return slices.Concat(all[:head], all[tail:])
}

// endOf is how a case ended, in texts that show makes fit to be shown.
func endOf(r *scenario.Result, show func(string) string) End {
	e := End{Verdict: r.Verdict, Problem: show(r.Problem), Differences: []scenario.Difference{}, Review: []string{}}
	for _, d := range r.Differences {
		e.Differences = append(e.Differences, scenario.Difference{What: d.What, Want: show(d.Want), Got: show(d.Got), Hint: show(d.Hint)})
	}
	for _, remark := range r.Review {
		e.Review = append(e.Review, show(remark))
	}
	return e
}
