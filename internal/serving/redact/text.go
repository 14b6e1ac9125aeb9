package redact

import (
	"encoding/xml"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// Message is a text of the journal.
type Message struct {
	Op   string // the operation's name
	Side Side
	Text string // HTTP requests begin with "METHOD target" and a line feed
}

// Text is the message with what is secret by its place hidden. The values go to
// found, as they are without escapes; found may be nil.
func (r *Rules) Text(m Message, found func(value string)) string {
	if m.Text == "" {
		return ""
	}
	if found == nil {
		found = func(string) {}
	}
	rules := r.of(m.Op, m.Side)
	head, body := split(m)
	w := &writer{rules: rules, found: found}
	if head != "" {
		target, query, has := strings.Cut(head, "?")
		w.out.WriteString(target)
		if has {
			w.out.WriteByte('?')
			w.form(query)
		}
	}
	w.body(body)
	return w.out.String()
}

// requestLine is how an HTTP request begins in the journal.
var requestLine = regexp.MustCompile(`^[A-Z]{3,20} /\S*`)

// split takes the line of an HTTP request from its body.
func split(m Message) (head, body string) {
	if m.Side != Request {
		return "", m.Text
	}
	head = requestLine.FindString(m.Text)
	return head, m.Text[len(head):]
}

// writer puts a message together again.
type writer struct {
	rules *rules
	found func(string)
	out   strings.Builder
}

// body hides what is secret in a body of a format that its first octets tell.
func (w *writer) body(text string) {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	lead := text[:len(text)-len(trimmed)]
	w.out.WriteString(lead)
	switch {
	case trimmed == "":
	case trimmed[0] == '{' || trimmed[0] == '[' || trimmed[0] == '"':
		w.json(trimmed)
	case w.rules.whole():
		w.rest(trimmed)
	case trimmed[0] == '<':
		w.xml(trimmed)
	case formLike.MatchString(trimmed):
		w.form(trimmed)
	default:
		w.rest(trimmed)
	}
}

// formLike is a form or a query.
var formLike = regexp.MustCompile(`^[^\s=&{}<>"]{1,200}=[^\s]*$`)

// rest is what cannot be told apart: hidden where the operation has secrets of its
// own, shown elsewhere.
func (w *writer) rest(text string) {
	if !w.rules.own && !w.rules.whole() {
		w.out.WriteString(text)
		return
	}
	w.found(text)
	w.out.WriteString(Hidden)
}

// form hides parameters of a form or a query.
func (w *writer) form(text string) {
	for i, pair := range strings.Split(text, "&") {
		if i > 0 {
			w.out.WriteByte('&')
		}
		name, value, has := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		switch {
		case !has && w.rules.whole(): // no pair at all
			w.rest(pair)
		case has && value != "" && (w.rules.whole() || w.rules.secret([]string{strings.ToLower(plain)})):
			if v, err := url.QueryUnescape(value); err == nil {
				value = v
			}
			w.found(value)
			w.out.WriteString(name + "=" + Hidden)
		default:
			w.out.WriteString(pair)
		}
	}
}

// xml hides the texts and attributes of elements.
func (w *writer) xml(text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var at []string
	from := 0 // of the token that comes
	for {
		token, err := d.RawToken()
		to := int(d.InputOffset())
		if err != nil {
			if from < len(text) {
				w.rest(text[from:])
			}
			return
		}
		raw := text[from:to]
		from = to
		switch t := token.(type) {
		case xml.StartElement:
			if len(at) >= deepest {
				w.rest(text[to-len(raw):])
				return
			}
			at = append(at, strings.ToLower(t.Name.Local))
			hidden := map[string]bool{} // by name: a tag can have one a thousand times
			for _, a := range t.Attr {
				name := strings.ToLower(a.Name.Local)
				if a.Value == "" || !w.rules.secret(append(at[:len(at):len(at)], name)) {
					continue
				}
				w.found(a.Value)
				if !hidden[name] {
					raw, hidden[name] = hideAttribute(raw, name), true
				}
			}
		case xml.EndElement:
			if len(at) > 0 {
				at = at[:len(at)-1]
			}
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" && w.below(at) {
				w.found(s)
				raw = Hidden
			}
		case xml.Comment, xml.ProcInst, xml.Directive:
			if w.below(at) {
				raw = ""
			}
		}
		w.out.WriteString(raw)
	}
}

// below reports whether a path is at a secret's place or below it.
func (w *writer) below(at []string) bool {
	for i := range at {
		if w.rules.secret(at[:i+1]) {
			return true
		}
	}
	return false
}

// hideAttribute hides the values of an attribute in a start tag.
func hideAttribute(tag, name string) string {
	attr := regexp.MustCompile(`(?i)([\s:]` + regexp.QuoteMeta(name) + `\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)`)
	return attr.ReplaceAllString(tag, `${1}"`+Hidden+`"`)
}
