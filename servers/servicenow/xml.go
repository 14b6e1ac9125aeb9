package servicenow

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/face/httpapi"

	"github.com/labstack/echo/v4"
)

// The REST API speaks XML as well as JSON (documentation of the vendor, "REST APIs",
// request headers): answers are the same tree below <response>, an element of a
// list standing under the list's name; bodies of writes are <request><entry>.

// accepted is the media type in which a client wants its answer: JSON if it does
// not say; "" when there is none that the instance writes.
func accepted(header string) string {
	if strings.TrimSpace(header) == "" {
		return echo.MIMEApplicationJSON
	}
	best, weight := "", 0.0
	for part := range strings.SplitSeq(header, ",") {
		kind, args, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		q := 1.0
		for arg := range strings.SplitSeq(args, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(arg), "q="); ok {
				q, _ = strconv.ParseFloat(v, 64)
			}
		}
		mine := map[string]string{"application/json": echo.MIMEApplicationJSON, "application/*": echo.MIMEApplicationJSON, "*/*": echo.MIMEApplicationJSON,
			"application/xml": echo.MIMEApplicationXML, "text/xml": echo.MIMETextXML, "text/*": echo.MIMETextXML}[strings.TrimSpace(kind)]
		if mine != "" && q > weight {
			best, weight = mine, q
		}
	}
	return best
}

// speak makes the answer XML if that is what the client wants. false: it wants
// what no instance writes. Files are what they are.
func speak(c echo.Context) bool {
	kind := accepted(c.Request().Header.Get("Accept"))
	if strings.HasSuffix(c.Path(), "/attachment/:sys_id/file") {
		return true
	}
	if kind == echo.MIMEApplicationXML || kind == echo.MIMETextXML {
		c.Response().Writer = &xmlWriter{ResponseWriter: c.Response().Writer, kind: kind}
	}
	return kind != ""
}

// isXML reports a body or an answer in XML.
func isXML(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == echo.MIMEApplicationXML || kind == echo.MIMETextXML
}

// xmlWriter writes the JSON that it gets as XML, as it comes: a long list is never
// held. The JSON is the server's own, so it is well formed.
type xmlWriter struct {
	http.ResponseWriter
	kind    string
	decided bool
	on      bool // the answer is JSON
	stack   []nest
	state   byte   // 0, or what is being read: 's' text, 'e' text behind a backslash, 'l' a number or a word
	text    []byte // of it
	out     bytes.Buffer
}

// nest is an object or a list that is open.
type nest struct {
	list  bool
	name  string // of its element; for a list, of each element
	key   string // of the value that is to come
	keyed bool
}

// Unwrap lets http.ResponseController through.
func (w *xmlWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *xmlWriter) WriteHeader(status int) {
	w.decide()
	w.ResponseWriter.WriteHeader(status)
}

func (w *xmlWriter) decide() {
	if w.decided {
		return
	}
	h := w.Header()
	w.decided, w.on = true, strings.HasPrefix(h.Get("Content-Type"), echo.MIMEApplicationJSON)
	if w.on {
		h.Set("Content-Type", w.kind+";charset=UTF-8")
		h.Del("Content-Length")
	}
}

// Write implements io.Writer.
func (w *xmlWriter) Write(p []byte) (int, error) {
	w.decide()
	if !w.on {
		return w.ResponseWriter.Write(p)
	}
	w.out.Reset()
	for _, c := range p {
		w.take(c)
	}
	if _, err := w.ResponseWriter.Write(w.out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// take reads one octet of JSON.
func (w *xmlWriter) take(c byte) {
	switch {
	case w.state == 'e':
		w.state, w.text = 's', append(w.text, c)
		return
	case w.state == 's':
		w.text = append(w.text, c)
		switch c {
		case '\\':
			w.state = 'e'
		case '"':
			var text string
			json.Unmarshal(w.text, &text)
			w.end()
			w.value(text)
		}
		return
	case w.state == 'l' && (c == ',' || c == ']' || c == '}' || c <= ' '):
		word := string(w.text)
		w.end()
		if word == "null" {
			word = ""
		}
		w.value(word)
	case w.state == 'l':
		w.text = append(w.text, c)
		return
	}
	switch c {
	case '{', '[':
		w.open(c == '[')
	case '}', ']':
		w.close()
	case '"':
		w.state, w.text = 's', append(w.text[:0], c)
	case ',', ':', ' ', '\n', '\t', '\r':
	default:
		w.state, w.text = 'l', append(w.text[:0], c)
	}
}

func (w *xmlWriter) end() { w.state, w.text = 0, w.text[:0] }

// name is that of the element that a value becomes.
func (w *xmlWriter) name() string {
	if len(w.stack) == 0 {
		return "response"
	}
	top := &w.stack[len(w.stack)-1]
	if top.list {
		return top.name
	}
	top.keyed = false
	return top.key
}

func (w *xmlWriter) open(list bool) {
	if len(w.stack) == 0 {
		w.out.WriteString(xml.Header[:len(xml.Header)-1])
	}
	n := nest{list: list, name: w.name()}
	w.stack = append(w.stack, n)
	if !list {
		w.out.WriteString("<" + n.name + ">")
	}
}

func (w *xmlWriter) close() {
	if len(w.stack) == 0 {
		return
	}
	n := w.stack[len(w.stack)-1]
	w.stack = w.stack[:len(w.stack)-1]
	if !n.list {
		w.out.WriteString("</" + n.name + ">")
	}
}

// value writes a text, or keeps it as the name of the value that follows.
func (w *xmlWriter) value(text string) {
	if n := len(w.stack); n > 0 && !w.stack[n-1].list && !w.stack[n-1].keyed {
		w.stack[n-1].key, w.stack[n-1].keyed = elementName(text), true
		return
	}
	name := w.name()
	if text == "" {
		w.out.WriteString("<" + name + "/>")
		return
	}
	w.out.WriteString("<" + name + ">")
	xml.EscapeText(&w.out, []byte(text))
	w.out.WriteString("</" + name + ">")
}

// elementName makes a name of XML of one of JSON: what an element cannot begin
// with gets an underline before it, what it cannot have becomes one.
func elementName(name string) string {
	out := strings.Map(func(r rune) rune {
		if r < 0x80 && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r) {
			return '_'
		}
		return r
	}, name)
	if out == "" || strings.ContainsRune("0123456789.-", rune(out[0])) {
		return "_" + out
	}
	return out
}

// entry reads the columns of the first <entry> of a body in XML. A column that has
// elements of its own, as a reference in an answer, is its <value>.
func entry(raw []byte) (map[string]string, error) {
	root, err := httpapi.ParseXML(raw, httpapi.XMLLimits{Depth: 4, Elements: 8 * maxFields})
	if err != nil {
		return nil, err
	}
	if root.Name != "request" || len(root.Sub) == 0 || slices.ContainsFunc(root.Sub, func(e *httpapi.Element) bool { return e.Name != "entry" }) {
		return nil, errNoEntry
	}
	out := map[string]string{}
	for _, column := range root.Sub[0].Sub {
		text := column.Text
		for _, name := range []string{"value", "display_value"} {
			if v := column.Child(name); v != nil && strings.TrimSpace(text) == "" {
				text = v.Text
			}
		}
		if out[column.Name] = text; len(out) > maxFields {
			return nil, errNoEntry
		}
	}
	return out, nil
}

var errNoEntry = errors.New("servicenow: the body is no <request><entry>")
