package pluginhost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// passing is what two runs differ in by nature: addresses of objects in texts,
// and the loopback ports that servers were given.
var passing = regexp.MustCompile(`0x[0-9a-f]{6,}|(127\.0\.0\.1|\[::1\]|localhost)(:|'?,? port=)\d+`)

// Differences compares two runs of the same session, in fresh interpreters and
// in workers for example. What differs by nature is left out: times, session
// ids, places in tracebacks, addresses. Nothing means that they agree.
func Differences(a, b *Result) []string {
	var out []string
	differ := func(what string, x, y any) {
		one, two := passing.ReplaceAllString(fmt.Sprint(x), "…"), passing.ReplaceAllString(fmt.Sprint(y), "…")
		if one != two {
			out = append(out, fmt.Sprintf("%s: %s, then %s", what, one, two))
		}
	}
	differ("outcome", a.Outcome, b.Outcome)
	differ("hooks called", hookNames(a), hookNames(b))
	for i := range min(len(a.Calls), len(b.Calls)) {
		x, y := a.Calls[i], b.Calls[i]
		what := fmt.Sprintf("call %d, %s of %s", i+1, x.Hook, x.Plugin)
		differ(what+", arguments taken", x.Passed, y.Passed)
		differ(what+", result", a.neutral(canonical(x.Result)), b.neutral(canonical(y.Result)))
		differ(what+", error", x.brief(), y.brief())
		differ(what+", cookie", a.neutral(jsonText(x.Offered["cookie"])), b.neutral(jsonText(y.Offered["cookie"])))
	}
	differ("prompts", a.asked(), b.asked())
	differ("passwords", a.Passwords, b.Passwords)
	differ("keys", a.Keys, b.Keys)
	differ("attempts", a.Attempts, b.Attempts)
	differ("key_value_pairs", a.KeyValues, b.KeyValues)
	differ("session cookie", a.neutral(canonical(a.SessionCookie)), b.neutral(canonical(b.SessionCookie)))
	differ("warnings", a.Warnings, b.Warnings)
	differ("log", strings.Join(a.texts(), "\n"), strings.Join(b.texts(), "\n"))
	return out
}

func hookNames(r *Result) []string {
	var out []string
	for _, c := range r.Calls {
		out = append(out, c.Plugin+"."+string(c.Hook))
	}
	return out
}

// brief is an error without its traceback.
func (c Call) brief() string {
	if c.Err == nil {
		return "none"
	}
	return c.Err.Error()
}

// asked are the prompts without session ids.
func (r *Result) asked() []string {
	var out []string
	for _, p := range r.Prompts {
		out = append(out, fmt.Sprintf("%s %q %v", p.Ask.Key, p.Ask.Text, p.Ask.Hidden))
	}
	return out
}

// texts are the log lines, without the lines of a traceback that name places.
func (r *Result) texts() []string {
	var out []string
	for _, l := range r.Log {
		if !strings.HasPrefix(l.Text, "  ") {
			out = append(out, r.neutral(l.Text))
		}
	}
	return out
}

// neutral takes the session ids out of a text.
func (r *Result) neutral(s string) string {
	var ids []string
	for _, c := range r.Calls {
		if c.SessionID != "" && !slices.Contains(ids, c.SessionID) {
			ids = append(ids, c.SessionID)
		}
	}
	for i, id := range ids {
		s = strings.ReplaceAll(s, id, fmt.Sprintf("<session %d>", i+1))
	}
	return s
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return canonical(data)
}

// canonical is a JSON text with sorted keys and no blanks.
func canonical(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if len(raw) == 0 || d.Decode(&v) != nil {
		return string(raw)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(data)
}
