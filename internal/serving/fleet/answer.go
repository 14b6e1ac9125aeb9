package fleet

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
)

// edit plays the rules that change parts of an answer.
func (f *Fleet) edit(c *dialect.Call, m edit.Message) {
	if f.Faults.Watched() {
		f.Faults.Tell(fault.Seen{Subject: subject(c), Request: c.Request, Fields: m.Fields()})
	}
	var body []byte
	if a, ok := m.(*answer); ok {
		body = a.Body()
	}
	for _, r := range f.Faults.Edits(&c.Look, subject(c), body) {
		if m.Change(r.Change()) {
			broke(c, r, fault.After)
			continue
		}
		c.Fired = append(c.Fired, r.ID)
		c.Why = fmt.Sprintf("fault %s found nothing to change", r.ID) + behind(c.Why)
	}
}

// answer is an HTTP answer that is held: its parts are its status, its headers and its
// body.
type answer struct {
	w *recorder
	*edit.Document
}

// framing are the headers that say how an answer stands on the wire.
var framing = []string{"Content-Length", "Date", "Connection", "Transfer-Encoding"}

func answerOf(w *recorder) *answer {
	return &answer{w: w, Document: edit.Read(w.Header().Get("Content-Type"), slices.Clone(w.buf.Bytes()))}
}

// Fields implements edit.Message.
func (a *answer) Fields() []edit.Field {
	out := []edit.Field{{Path: "status", Type: edit.Number, Value: strconv.Itoa(max(a.w.status, http.StatusOK))}}
	for _, name := range slices.Sorted(maps.Keys(a.w.Header())) {
		if v := a.w.Header()[name]; len(v) > 0 && !slices.Contains(framing, name) {
			out = append(out, edit.Field{Path: edit.Join("header", name), Type: edit.Text, Value: v[0]})
		}
	}
	for _, f := range a.Document.Fields() {
		f.Path = edit.Under("body", f.Path)
		out = append(out, f)
	}
	return out
}

// Change implements edit.Message.
func (a *answer) Change(c edit.Change) bool {
	part, rest := edit.Cutoff(c.Field)
	switch part {
	case "status":
		n, err := strconv.Atoi(c.Value)
		if c.As != edit.Replaced && c.As != edit.Forged || rest != "" || err != nil || n < 200 || n > 599 {
			return false
		}
		a.w.status = n
	case "header":
		return a.changeHeader(rest, c)
	case "body":
		c.Field = rest
		if !a.Document.Change(c) {
			return false
		}
		if rest == "" && c.As == edit.HTML {
			a.w.Header().Set("Content-Type", "text/html")
		}
		whole := a.w.buf.Len()
		a.w.buf.Reset()
		a.w.buf.Write(a.Body())
		a.w.Header().Del("Content-Length")
		if a.Ending {
			a.w.Header().Set("Content-Length", strconv.Itoa(whole))
		}
	default:
		return false
	}
	return true
}

func (a *answer) changeHeader(path string, c edit.Change) bool {
	name, rest := edit.Cutoff(path)
	name = http.CanonicalHeaderKey(name)
	old := a.w.Header().Get(name)
	if name == "" || rest != "" || slices.Contains(framing, name) || old == "" && c.As != edit.Replaced && c.As != edit.Forged {
		return false
	}
	v, drop, ok := edit.Value(edit.Field{Type: edit.Text, Value: old}, c)
	switch {
	case !ok:
		return false
	case drop:
		a.w.Header()[name] = nil // net/http would find a Content-Type of its own
	default:
		a.w.Header().Set(name, v)
	}
	return true
}
