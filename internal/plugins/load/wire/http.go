package wire

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
)

func grow(b []byte, n int) []byte {
	b = slices.Grow(b, n)
	return b[:len(b)+n]
}

func readFull(r io.Reader, b []byte) (int, error) { return io.ReadFull(r, b) }

// errEOF is the end of a body that ends with its connection: none.
func errEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return orMalformed(err)
}

// part is a text with what is done to the values of its holes.
type part struct {
	step.Text
	escape step.Escape
}

func (p part) append(dst []byte, w *step.Walk) ([]byte, error) { return p.Append(dst, w, p.escape) }

// request is a step over HTTP, compiled.
type request struct {
	spec      *step.Spec
	target    step.Target
	client    *Client
	operation string
	method    string
	path      part
	headers   []part // whole lines but for their ends
	basic     *[2]step.Text
	duo       *duo
	host      string
	body      *part
	kind      string // of the body
	judge     []rule
	save      []saved
	keep      bool // headers are wanted
	json      bool // the body is wanted as JSON
	means     meanings
}

// saved is a value that is kept for later steps.
type saved struct {
	name, from string
	pointer    []string // from a JSON body; nil: from elsewhere
}

// openHTTP compiles a step.
func (c *Client) openHTTP(s step.Spec, t step.Target) (step.Step, error) {
	r := &request{spec: &s, target: t, client: c, method: strings.ToUpper(s.HTTP.Method), host: t.Host}
	if r.method == "" {
		r.method = "GET"
	}
	if t.Host != "" && t.Proto != "" { // a port that is not the usual one is named
		r.host = hostPort(t)
	}
	var err error
	if r.path, err = path(s.HTTP, t); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(r.method, func(c rune) bool { return !token(c) }) {
		return nil, fmt.Errorf("`%s` is no method", strictyaml.Short(s.HTTP.Method))
	}
	named, err := step.Compile(s.HTTP.Path, t.Constants)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(named.Named(), "?")
	r.operation = r.method + " " + name
	if err := r.compileHeaders(); err != nil {
		return nil, err
	}
	if err := r.compileBody(); err != nil {
		return nil, err
	}
	if err := r.compileJudge(); err != nil {
		return nil, err
	}
	for name, from := range s.Save {
		v := saved{name: name, from: from}
		switch {
		case strings.HasPrefix(from, "/"):
			v.pointer, r.json = pointer(from), true
		case strings.HasPrefix(from, "header:"), strings.HasPrefix(from, "cookie:"):
			r.keep = true
		case from != "status" && from != "body":
			return nil, fmt.Errorf("save: `%s` is no JSON pointer, header:NAME, cookie:NAME, status or body", strictyaml.Short(from))
		}
		r.save = append(r.save, v)
	}
	slices.SortFunc(r.save, func(a, b saved) int { return strings.Compare(a.name, b.name) })
	r.means, err = compileMeanings(&s, t.Constants)
	return r, err
}

// hostPort is what the Host header says.
func hostPort(t step.Target) string {
	_, port, err := net.SplitHostPort(last(t.Addrs))
	if err != nil || t.Proto == "http" && port == "80" || t.Proto == "https" {
		return t.Host
	}
	return t.Host + ":" + port
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// path is the path with its query.
func path(h *step.HTTP, t step.Target) (part, error) {
	text := literal(t.Path+h.Path, printable)
	names := make([]string, 0, len(h.Query))
	for name := range h.Query {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		sep := "&"
		if i == 0 && !strings.Contains(text, "?") {
			sep = "?"
		}
		text += sep + escaped(name) + "=" + literal(h.Query[name], escaped)
	}
	if text == "" {
		text = "/"
	}
	out, err := step.CompileWithin(text, t.Constants, escapePath)
	return part{out, escapePath}, err
}

// literal changes what stands between the holes of a text.
func literal(text string, change func(string) string) string {
	var b strings.Builder
	for text != "" {
		before, after, hole := strings.Cut(text, "{{")
		b.WriteString(change(before))
		if !hole {
			break
		}
		name, rest, _ := strings.Cut(after, "}}")
		b.WriteString("{{" + name + "}}")
		text = rest
	}
	return b.String()
}

// token reports a character of a method or a header's name (RFC 9110 section 5.6.2).
func token(c rune) bool {
	return c > 0x20 && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
}

// printable escapes what cannot stand in a request line; what a plan has escaped stays as it is.
func printable(text string) string {
	var b []byte
	for i := range len(text) {
		if c := text[i]; c <= 0x20 || c >= 0x7f || c == '#' {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// escapePath is for values in paths, queries and forms: all but what is unreserved (RFC 3986
// section 2.3).
func escapePath(dst []byte, value string) []byte {
	for i := range len(value) {
		b := value[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == '~':
			dst = append(dst, b)
		default:
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

func escaped(s string) string { return string(escapePath(nil, s)) }

// escapeJSON is for values within a JSON text.
func escapeJSON(dst []byte, value string) []byte {
	for i := range len(value) {
		switch b := value[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[b>>4], upperHex[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// escapeLine is for values of headers: what would end the line is left out.
func escapeLine(dst []byte, value string) []byte {
	for i := range len(value) {
		if b := value[i]; b >= 0x20 && b != 0x7f || b == '\t' {
			dst = append(dst, b)
		}
	}
	return dst
}

func (r *request) compileHeaders() error {
	h := r.spec.HTTP
	names := make([]string, 0, len(h.Headers))
	for name := range h.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	add := func(line string) error {
		t, err := step.CompileWithin(line, r.target.Constants, escapeLine)
		r.headers = append(r.headers, part{t, escapeLine})
		return err
	}
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return !token(c) }) {
			return fmt.Errorf("headers: `%s` is no name of a header", strictyaml.Short(name))
		}
		if strings.ContainsAny(h.Headers[name], "\r\n") {
			return fmt.Errorf("headers: `%s` has more than one line", strictyaml.Short(name))
		}
		if strings.EqualFold(name, "host") {
			host, err := step.CompileWithin(h.Headers[name], r.target.Constants, escapeLine)
			if err != nil {
				return err
			}
			same, ok := host.Constant()
			if !ok {
				return errors.New("headers: `Host` is the same for all walks")
			}
			r.host = same
			continue
		}
		if err := add(name + ": " + h.Headers[name]); err != nil {
			return err
		}
	}
	a := h.Auth
	switch {
	case a == nil:
	case a.Bearer != "":
		return add("Authorization: Bearer " + a.Bearer)
	case a.Basic != nil:
		user, err := step.Compile(a.Basic.User, r.target.Constants)
		if err != nil {
			return err
		}
		password, err := step.Compile(a.Basic.Password, r.target.Constants)
		r.basic = &[2]step.Text{user, password}
		return err
	case a.Duo != nil:
		var err error
		r.duo, err = compileDuo(r, a.Duo)
		return err
	}
	return nil
}

func (r *request) compileBody() (err error) {
	h := r.spec.HTTP
	var text string
	p := part{}
	switch n, ok := h.JSON.(*strictyaml.Node); {
	case ok && n != nil:
		var b bytes.Buffer
		if err := writeJSON(&b, n); err != nil {
			return err
		}
		text, p.escape, r.kind = b.String(), escapeJSON, "application/json"
	case h.Form != nil:
		names := make([]string, 0, len(h.Form))
		for name := range h.Form {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			if i > 0 {
				text += "&"
			}
			text += escaped(name) + "=" + literal(h.Form[name], escaped)
		}
		p.escape, r.kind = escapePath, "application/x-www-form-urlencoded"
	case h.Body != "":
		text = h.Body
	default:
		return nil
	}
	for name := range h.Headers {
		if strings.EqualFold(name, "Content-Type") { // the plan knows better
			r.kind = ""
		}
	}
	if p.Text, err = step.CompileWithin(text, r.target.Constants, p.escape); err == nil {
		r.body = &p
	}
	return err
}

// writeJSON writes a value of a plan, with the keys in the order of the file. Holes stay.
func writeJSON(b *bytes.Buffer, n *strictyaml.Node) error {
	switch n.Kind {
	case strictyaml.Mapping:
		b.WriteByte('{')
		for i, e := range n.Entries {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, e.Name)
			b.WriteByte(':')
			if err := writeJSON(b, e.Value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case strictyaml.List:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case strictyaml.Text:
		writeText(b, n.Text)
	default:
		text, err := json.Marshal(n.Plain())
		if err != nil {
			return err
		}
		b.Write(text)
	}
	return nil
}

func writeText(b *bytes.Buffer, text string) {
	b.WriteByte('"')
	b.WriteString(literal(text, func(s string) string { return string(escapeJSON(nil, s)) }))
	b.WriteByte('"')
}

// Do implements step.Step.
func (r *request) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	r.client.until(ctx)
	a := step.Answer{Operation: r.operation}
	address, err := addr(&r.target, w)
	if err != nil {
		return a, err
	}
	p := r.client.pool(&r.target, address)
	deadline := w.Now().Add(timeout(r.spec))
	for again := false; ; again = true {
		c, err := p.take(deadline, r.spec.HTTP.Fresh || again)
		if err != nil {
			a.Reason, a.Answered = why(err), w.Now()
			return a, nil
		}
		if c.out, err = r.write(c.out[:0], w, address); err != nil {
			p.put(c, false)
			return a, err
		}
		c.SetDeadline(deadline)
		if a.Sent.IsZero() {
			a.Sent = w.Now()
		}
		_, err = c.Write(c.out)
		var h head
		if err == nil {
			h, err = c.readHead(r.keep)
		}
		if err != nil && c.used && !again && h.status == 0 && why(err) != "timeout" {
			p.put(c, false) // the server had ended it meanwhile: it is no failure of this request
			continue
		}
		return r.finish(w, p, c, finished{a, h, err})
	}
}

// finished is a request whose answer has begun.
type finished struct {
	step.Answer
	head
	err error
}

// finish reads the rest of an answer and says what it means.
func (r *request) finish(w *step.Walk, p *pool, c *conn, f finished) (step.Answer, error) {
	a := f.Answer
	var body []byte
	if f.err == nil {
		body, f.err = c.readBody(&f.head, r.method == "HEAD")
	}
	a.Answered = w.Now()
	if f.err != nil {
		p.put(c, false)
		a.Verdict, a.Reason = step.Failed, why(f.err)
		return a, nil
	}
	a.Octets = len(body)
	var v any
	if r.json {
		json.Unmarshal(body, &v) // what is no JSON has none of the values
	}
	a.Verdict, a.Reason = r.verdict(f.status, body, v)
	err := r.keepValues(w, &f.head, body, v, a.Verdict)
	if err == nil {
		a.Facts, err = r.means.facts(w, a.Verdict)
	}
	if cap(c.body) > keptBody {
		c.body = nil
	}
	p.put(c, !f.last && !r.spec.HTTP.Fresh)
	return a, err
}

// write makes the request.
func (r *request) write(b []byte, w *step.Walk, address string) (_ []byte, err error) {
	b = append(append(b, r.method...), ' ')
	from := len(b)
	if b, err = r.path.append(b, w); err != nil {
		return b, err
	}
	path := string(b[from:len(b):len(b)])
	if r.duo == nil {
		path = ""
	}
	host := r.host
	if host == "" {
		host = address
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	for i := range r.headers {
		if b, err = r.headers[i].append(b, w); err != nil {
			return b, err
		}
		b = append(b, "\r\n"...)
	}
	if r.basic != nil {
		var pair [256]byte
		plain, err := r.basic[0].Append(pair[:0], w, nil)
		if err == nil {
			plain, err = r.basic[1].Append(append(plain, ':'), w, nil)
		}
		if err != nil {
			return b, err
		}
		b = append(base64.StdEncoding.AppendEncode(append(b, "Authorization: Basic "...), plain), "\r\n"...)
	}
	var body []byte
	if r.body != nil {
		var room [512]byte
		if body, err = r.body.append(room[:0], w); err != nil {
			return b, err
		}
		if r.kind != "" {
			b = append(append(append(b, "Content-Type: "...), r.kind...), "\r\n"...)
		}
	}
	if r.duo != nil {
		if b, err = r.duo.sign(b, w, path, body); err != nil {
			return b, err
		}
	}
	if len(body) > 0 || r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...), nil
}
