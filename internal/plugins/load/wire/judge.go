package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
)

// rule says what an answer means.
type rule struct {
	low, high int // statuses; high 0: any
	pointer   []string
	is        *string
	has       []byte // what stands in the body; nil: anything
	verdict   step.Verdict
	reason    string
}

func (r *request) compileJudge() error {
	for _, x := range r.spec.HTTP.Judge {
		out := rule{reason: x.Reason}
		if x.Has != "" {
			out.has = []byte(x.Has)
		}
		switch s := x.Status; {
		case s == "":
		case len(s) == 3 && s[0] >= '1' && s[0] <= '5' && strings.HasSuffix(s, "xx"):
			out.low = int(s[0]-'0') * 100
			out.high = out.low + 99
		default:
			n, err := strconv.Atoi(s)
			if err != nil || n < 100 || n > 599 {
				return fmt.Errorf("judge: `%s` is no status; write 200 or 4xx", strictyaml.Short(s))
			}
			out.low, out.high = n, n
		}
		if x.At != "" {
			if x.At[0] != '/' {
				return fmt.Errorf("judge: `%s` is no JSON pointer; it begins with /", strictyaml.Short(x.At))
			}
			out.pointer, r.json = pointer(x.At), true
			if x.Is != "" {
				out.is = &x.Is
			}
		}
		out.verdict, _ = step.ParseVerdict(x.Verdict)
		r.judge = append(r.judge, out)
	}
	return nil
}

// verdict is what an answer means.
func (r *request) verdict(status int, text []byte, body any) (step.Verdict, string) {
	word := statusWord(status)
	for i := range r.judge {
		j := &r.judge[i]
		if j.high > 0 && (status < j.low || status > j.high) {
			continue
		}
		if j.has != nil && !bytes.Contains(text, j.has) {
			continue
		}
		reason := word
		if j.pointer != nil {
			value, ok := at(body, j.pointer)
			if !ok || j.is != nil && value != *j.is {
				continue
			}
			reason = word + " " + strictyaml.Short(value)
		}
		if j.reason != "" {
			reason = j.reason
		}
		return j.verdict, reason
	}
	switch {
	case status >= 200 && status < 300:
		return step.LetIn, word
	case status == 401 || status == 403 || status == 404:
		return step.Refused, word
	}
	return step.Failed, word
}

// statusWord is a status as text; the usual ones cost no memory.
func statusWord(status int) string {
	switch status {
	case 200:
		return "200"
	case 201:
		return "201"
	case 204:
		return "204"
	}
	return strconv.Itoa(status)
}

// document reads JSON with its numbers as they are written; what is no JSON has no values.
func document(body []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return nil
	}
	return v
}

// pointer is a JSON pointer taken apart (RFC 6901).
func pointer(text string) (out []string) {
	for part := range strings.SplitSeq(text[1:], "/") {
		out = append(out, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
	}
	return out
}

// at is the value that a pointer leads to, as text.
func at(v any, path []string) (string, bool) {
	for _, name := range path {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[name]; !ok {
				return "", false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return "", false
			}
			v = x[i]
		default:
			return "", false
		}
	}
	switch x := v.(type) {
	case string:
		return x, true
	case bool:
		return strconv.FormatBool(x), true
	case json.Number: // an identifier may have more digits than a float64 keeps
		return x.String(), true
	}
	return "", false
}

var errNotThere = errors.New("the answer has no such value")

// reply is an answer that was read.
type reply struct {
	*head
	body    []byte
	value   any // of the body, if it is JSON and wanted
	verdict step.Verdict
}

// keepValues saves what later steps want. An answer that was refused need not have it.
func (r *request) keepValues(w *step.Walk, a reply) error {
	for _, s := range r.save {
		value, ok := "", true
		switch {
		case s.pointer != nil:
			value, ok = at(a.value, s.pointer)
		case s.from == "status":
			value = statusWord(a.status)
		case s.from == "body":
			value = string(a.body)
		case strings.HasPrefix(s.from, "header:"):
			value, ok = a.get(s.from[len("header:"):])
		default:
			value, ok = a.cookie(s.from[len("cookie:"):])
		}
		switch {
		case ok:
			w.Save(s.name, value)
		case a.verdict == step.LetIn || a.verdict == step.Asked:
			return fmt.Errorf("save: %s: %w: %s", s.name, errNotThere, s.from)
		}
	}
	return nil
}

func (h *head) get(name string) (string, bool) {
	for _, x := range h.headers {
		if strings.EqualFold(x.name, name) {
			return x.value, true
		}
	}
	return "", false
}

func (h *head) cookie(name string) (string, bool) {
	for _, x := range h.headers {
		if strings.EqualFold(x.name, "set-cookie") {
			pair, _, _ := strings.Cut(x.value, ";")
			if n, v, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(n) == name {
				return strings.TrimSpace(v), true
			}
		}
	}
	return "", false
}
