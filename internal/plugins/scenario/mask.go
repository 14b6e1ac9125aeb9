package scenario

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/redact"
)

// mask hides secrets in what is said of a run: those of the fleet, what people
// typed where it is hidden, and what plugins fetched.
type mask struct {
	show  bool
	known *journal.Secrets // nil: there is no fleet
	own   []string         // longest first
	hid   bool             // something was hidden
}

// add takes the secrets of a run that no fleet knows.
func (m *mask) add(values ...string) {
	for _, v := range values {
		for line := range strings.Lines(v) { // a key shows line by line
			line = strings.TrimSpace(line)
			digits := strings.Trim(line, "0123456789") == ""
			if len(line) < 4 || digits && len(line) < 6 || strings.HasPrefix(line, "-----") || slices.Contains(m.own, line) {
				continue
			}
			m.own = append(m.own, line)
			if quoted, err := json.Marshal(line); err == nil && string(quoted) != `"`+line+`"` {
				m.own = append(m.own, strings.Trim(string(quoted), `"`))
			}
		}
	}
	slices.SortStableFunc(m.own, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// text is s as it may be shown.
func (m *mask) text(s string) string {
	if m == nil || m.show || s == "" {
		return s
	}
	out := m.known.Hide(s, false)
	for _, secret := range m.own {
		out = strings.ReplaceAll(out, secret, redact.Hidden)
	}
	m.hid = m.hid || out != s
	return out
}

// learn takes what a session brought to light.
func (m *mask) learn(p *pluginhost.Result) {
	m.add(p.Passwords...)
	for _, app := range p.Apps {
		m.add(app.Passwords...)
	}
	for _, k := range p.Keys {
		m.add(k.PEM)
	}
	for _, code := range p.TOTP {
		m.add(code.Code)
	}
	for _, asked := range p.Prompts {
		if asked.Ask.Hidden {
			m.add(asked.Answer.Text)
		}
	}
}

// open are holes whose values anybody may read.
var open = regexp.MustCompile(`\.(name|email|phone|host|port|address|url|public_id|base|rootdn|api_host|instance|client_id)\s*\}\}`)

// typed takes the answer to a prompt, if it is secret: the value of a hole, or
// hidden while it is typed.
func (m *mask) typed(answer, text string, hidden bool) {
	if hidden || answer != text && !open.MatchString(answer) {
		m.add(text)
	}
}

// hide takes the secrets out of a result.
func (r *Result) hide() {
	if r.mask == nil {
		return
	}
	if r.played != nil {
		r.mask.learn(r.played)
	}
	text := r.mask.text
	r.Problem = text(r.Problem)
	for i := range r.Differences {
		d := &r.Differences[i]
		d.Want, d.Got, d.Hint = text(d.Want), text(d.Got), text(d.Hint)
	}
	for i := range r.Review {
		r.Review[i] = text(r.Review[i])
	}
	for i := range r.Timeline {
		r.Timeline[i].Text = text(r.Timeline[i].Text)
	}
	r.Masked = r.mask.hid
}
