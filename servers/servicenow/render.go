package servicenow

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/ticket"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/servicenow/internal/dict"
	"counterpart/servers/servicenow/internal/query"
)

// column is a field that an answer shows.
type column struct {
	name  string // as asked for
	path  string // of a dotted one: where it is walked to
	field *dict.Field
	link  string // what comes before the sys_id of a reference
}

// sheet is the form of an answer's rows.
type sheet struct {
	*request
	display string // see params
	columns []column
	look    *glance
	file    string // what comes before the sys_id in an attachment's download_link; empty: there is none
}

func (r *request) sheet(t *dict.Table, p *params) *sheet {
	names := p.fields
	if len(names) == 0 {
		names = t.Fields()
	}
	out := &sheet{request: r, display: p.display, columns: make([]column, 0, len(names)), look: r.glance(r.ctx(), t.Name, r.closed)}
	if strings.HasPrefix(r.call().Op, "attachment.") { // the Attachment API's own, no column of the table
		out.file = r.base() + "/api/now/attachment/"
	}
	for _, n := range names {
		if f, ok := r.field(t.Name, n); ok {
			c := column{name: n, field: f}
			if i := strings.LastIndexByte(n, '.'); i >= 0 {
				c.path = n[:i]
			}
			if f.Type == dict.Reference && p.links {
				c.link = r.base() + "/api/now/table/" + f.Table + "/"
			}
			out.columns = append(out.columns, c)
		}
	}
	return out
}

// appendRow writes a row as JSON.
func (s *sheet) appendRow(b []byte, rec *record) []byte {
	s.look.at(rec)
	b = append(b, '{')
	for i, c := range s.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, c.name), ':')
		of := rec
		if c.path != "" {
			of = s.look.step(c.path, 1)
		}
		v, people, link := "", "", ""
		if of != nil {
			v = s.value(of, c.field.Name)
			if s.display != "false" {
				people = s.shown(of, c.field, v)
			}
		}
		if c.link != "" && v != "" {
			link = c.link + v
		}
		switch {
		case s.display == "all":
			b = appendObject(b, "display_value", people, "value", v, "link", link)
		case s.display == "true" && link != "":
			b = appendObject(b, "display_value", people, "link", link)
		case s.display == "true":
			b = appendText(b, people)
		case link != "":
			b = appendObject(b, "link", link, "value", v)
		default:
			b = appendText(b, v)
		}
	}
	if s.file != "" {
		if len(s.columns) > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `"download_link":`...), s.file+rec.id+"/file")
	}
	return append(b, '}')
}

// appendObject writes names and values; an empty link is left out.
func appendObject(b []byte, pairs ...string) []byte {
	b = append(b, '{')
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "link" && pairs[i+1] == "" {
			continue
		}
		if i > 0 && b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendText(b, pairs[i]), ':')
		b = appendText(b, pairs[i+1])
	}
	return append(b, '}')
}

// appendText writes a JSON string; almost all of them need no escapes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// shown is what people see of a value.
func (r *request) shown(rec *record, f *dict.Field, v string) string {
	switch {
	case f.Type == dict.Journal:
		return r.history(rec, f.Name)
	case v == "":
		return ""
	case f.Type == dict.Reference:
		return r.refName(r.ctx(), f.Table, v)
	case f.Type == dict.DateTime:
		if t, err := time.Parse(query.Layout, v); err == nil {
			return t.In(r.user.zone).Format(query.Layout)
		}
	}
	return f.Display(v)
}

// history is a journal as people read it, the newest entry first.
func (r *request) history(rec *record, field string) string {
	if rec.ticket == nil {
		return r.value(rec, field)
	}
	var b strings.Builder
	labels := map[string]string{"comments": "Additional comments", "work_notes": "Work notes"}
	for i := len(rec.ticket.Notes) - 1; i >= 0; i-- {
		n := rec.ticket.Notes[i]
		element := elements[n.Kind]
		if element != field && field != "comments_and_work_notes" {
			continue
		}
		fmt.Fprintf(&b, "%s - %s (%s)\n%s\n\n", n.At.In(r.user.zone).Format(query.Layout), r.authorName(n), labels[element], n.Text)
	}
	return b.String()
}

func (r *request) authorName(n ticket.Note) string {
	if u, ok := r.lookup(n.Author); ok {
		return u.display
	}
	return n.Author
}

// single answers one row.
func (r *request) single(status int, t *dict.Table, rec *record, p *params) error {
	if status != http.StatusOK || r.method() != http.MethodGet && r.method() != http.MethodHead {
		if strings.EqualFold(r.Request().Header.Get("X-no-response-body"), "true") {
			return r.NoContent(http.StatusNoContent)
		}
	}
	b := r.sheet(t, p).appendRow([]byte(`{"result":`), rec)
	return r.Blob(status, jsonType, append(b, '}'))
}

// list answers a page of a table, written row by row.
func (r *request) list(t *dict.Table, p *params) error {
	page, total, err := r.search(t, p)
	over := errors.Is(err, overdrawn)
	if err != nil && !over {
		return err
	}
	if total == 0 && !over && r.version == "v1" && r.settings.EmptyV1404 {
		return &failure{Cause: noMatch, why: "no row matches"}
	}
	h := r.Response().Header()
	if !p.countless && !over {
		h.Set("X-Total-Count", strconv.Itoa(total))
	}
	if link := r.links(p, total); link != "" && !p.suppressed {
		h.Set("Link", link)
	}
	if _, hidden := r.call().Fault(faultHidden); hidden { // the limit comes before the rules
		page = nil
	}
	rule, cancelled := r.call().Fault(faultCancelled)
	h.Set("Content-Type", jsonType)
	out, finish := r.writer(h)
	r.Response().WriteHeader(http.StatusOK)
	out.WriteString(`{"result":[`)
	rows := r.sheet(t, p)
	var b []byte
	written := 0
	for i, f := range page {
		if over = over || rows.look.cost > r.quota; over || cancelled && i >= len(page)/2 {
			break
		}
		rec, ok := r.again(f)
		if !ok || r.hidden(rec) {
			continue
		}
		if b = b[:0]; written > 0 {
			b = append(b, ',')
		}
		if _, err := out.Write(rows.appendRow(b, rec)); err != nil {
			return nil // the client has gone
		}
		written++
	}
	if over {
		r.call().Outcome, r.call().Why = dialect.Failed, "the query was ended: it costs too much"
	}
	if !over && !cancelled {
		out.WriteString("]}")
		return finish()
	}
	if over || rule.Args["as"] != "unclosed" {
		out.WriteString("]")
	}
	w := wording.Of[overdrawn]
	fmt.Fprintf(out, `,"error":{"message":%q,"detail":%q},"status":"failure"}`, w.message, w.detail)
	return finish()
}

// writer is where a list is written: compressed if the instance does that and
// the client understands it. The journal shows the plain text.
func (r *request) writer(h http.Header) (*bufio.Writer, func() error) {
	var to io.Writer = r.Response()
	var zip *gzip.Writer
	_, asXML := r.Response().Writer.(*xmlWriter)
	if r.settings.Gzip && !asXML && strings.Contains(r.Request().Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		zip, _ = gzip.NewWriterLevel(r.Response(), gzip.BestSpeed)
		to = &head{Writer: zip, keep: func(text string) { r.call().Response += text }}
	}
	out := bufio.NewWriterSize(to, 16<<10)
	return out, func() error {
		out.Flush()
		if zip != nil {
			zip.Close()
		}
		return nil
	}
}

// head shows the beginning of what is written to the journal.
type head struct {
	io.Writer
	kept int
	keep func(string)
}

func (h *head) Write(p []byte) (int, error) {
	const most = 4 << 10
	if n := min(len(p), most-h.kept); n > 0 {
		h.keep(string(p[:n]))
		h.kept += n
	}
	return h.Writer.Write(p)
}

// links is the Link header: the request's own URL with other pages' offsets.
func (r *request) links(p *params, total int) string {
	if p.limit == 0 || total == 0 {
		return ""
	}
	var rest []string
	for part := range strings.SplitSeq(r.Request().URL.RawQuery, "&") {
		if name, _, _ := strings.Cut(part, "="); part != "" && name != "sysparm_offset" && name != "sysparm_limit" {
			rest = append(rest, part)
		}
	}
	at := func(offset int, rel string) string {
		q := append(append([]string{}, rest...), "sysparm_limit="+strconv.Itoa(p.limit), "sysparm_offset="+strconv.Itoa(offset))
		return "<" + strings.TrimSuffix(r.base(), r.settings.PathPrefix) + r.Request().URL.EscapedPath() + "?" + strings.Join(q, "&") + `>;rel="` + rel + `"`
	}
	out := []string{at(0, "first")}
	if p.offset > 0 {
		out = append(out, at(max(0, p.offset-p.limit), "prev"))
	}
	if p.offset+p.limit < total {
		out = append(out, at(p.offset+p.limit, "next"))
	}
	return strings.Join(append(out, at((total-1)/p.limit*p.limit, "last")), ",")
}

// again loads a row that a search found; false: it is gone.
func (r *request) again(f found) (*record, bool) {
	if f.number != "" {
		t, err := r.Tickets.Get(r.ctx(), r.settings.System, f.number)
		return r.fromTicket(t), err == nil
	}
	rec, err := r.findOwn(r.ctx(), f.class, f.id)
	return rec, err == nil && rec != nil
}
