package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
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
