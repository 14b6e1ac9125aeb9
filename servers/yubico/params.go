package yubico

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"counterpart/internal/face/httpapi"
)

// params are the parameters of a request as PHP hands them to a script: of several with
// one name the last.
type params httpapi.Form

// mostParams is PHP's max_input_vars.
const mostParams = 1000

// read takes the query, or the body if there is no query: ykval reads $_POST only when
// $_GET is empty.
func read(r *http.Request) params {
	if p := parse(r.URL.RawQuery); len(p) > 0 {
		return p
	}
	return readBody(r)
}

// request is $_REQUEST: the query, and over it the body.
func request(r *http.Request) params { return append(parse(r.URL.RawQuery), readBody(r)...) }

// readBody takes a form from the body; what is none, or too large, is nothing.
func readBody(r *http.Request) params {
	if r.Method != http.MethodPost {
		return nil
	}
	body, err := httpapi.Read(r)
	if err != nil {
		return nil
	}
	contentType := r.Header.Get("Content-Type")
	switch {
	case httpapi.IsMultipart(contentType):
		var out params
		for part, err := range httpapi.Parts(body, contentType) {
			if err != nil || len(out) == mostParams {
				break
			}
			if part.File == "" {
				out = append(out, httpapi.Pair{Name: mangled(part.Name), Value: string(part.Value)})
			}
		}
		return out
	case httpapi.IsForm(r):
		return parse(string(body))
	}
	return nil
}

func parse(text string) params {
	form, err := httpapi.ParseForm(text, httpapi.FormRules{Lax: true})
	if err != nil { // thousands of them
		return nil
	}
	form = form[:min(len(form), mostParams)]
	for i := range form {
		form[i].Name = mangled(form[i].Name)
	}
	return params(form)
}

// mangled is what PHP makes of a parameter's name.
func mangled(name string) string {
	name = strings.TrimLeft(name, " ")
	if strings.ContainsAny(name, ". ") {
		name = strings.NewReplacer(".", "_", " ", "_").Replace(name)
	}
	return name
}

// value is the last value of a name as the scripts use it: trimmed, without
// backslashes.
func (p params) value(name string) string {
	v, _ := httpapi.Form(p).Last(name)
	return strings.ReplaceAll(strings.Trim(v, " \t\n\r\x00\x0b"), `\`, "")
}

// raw is the last value of a name as it came.
func (p params) raw(name string) string {
	v, _ := httpapi.Form(p).Last(name)
	return v
}

// signed are the parameters that a signature is about: all but h, each once, by name.
func (p params) signed() []member {
	out := make([]member, 0, len(p))
	for i := len(p) - 1; i >= 0; i-- {
		if n := p[i].Name; n != "h" && n != "" && !slices.ContainsFunc(out, func(m member) bool { return m.name == n }) {
			out = append(out, member{n, p[i].Value})
		}
	}
	return out
}

// versionAt is the version of the protocol that an address names, /wsapi/N.M/, as
// ykval reckons it; -1 when there is none.
func versionAt(uri string) float64 {
	for {
		_, after, found := strings.Cut(uri, "/wsapi/")
		if !found {
			return -1
		}
		part, _, closed := strings.Cut(after, "/")
		major, minor, dotted := strings.Cut(part, ".")
		if closed && dotted && digits(major) && digits(minor) {
			a, _ := strconv.ParseFloat(major, 64)
			b, _ := strconv.ParseFloat(minor, 64)
			return a + b*0.1
		}
		uri = after
	}
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// intval is PHP's: the number that a text begins with, 0 for none.
func intval(text string) int {
	n, err := strconv.ParseFloat(longestNumber(text), 64)
	if err != nil {
		return 0
	}
	return int(max(math.MinInt32, min(math.MaxInt32, n)))
}

// longestNumber is the longest beginning of a text that is a decimal number.
func longestNumber(text string) string {
	i := 0
	take := func(set string) bool {
		from := i
		for i < len(text) && strings.IndexByte(set, text[i]) >= 0 {
			i++
		}
		return i > from
	}
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		i++
	}
	take("0123456789")
	if i < len(text) && text[i] == '.' {
		i++
		take("0123456789")
	}
	end := i
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if take("0123456789") {
			end = i
		}
	}
	return text[:end]
}

// isOne is PHP's == 1 for a text: 1, 01, 1.0 and 1e0.
func isOne(text string) bool {
	text = strings.Trim(text, " \t\n\r\v\f")
	if text == "" || longestNumber(text) != text {
		return false
	}
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && n == 1
}

// from is the address of a client.
func from(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr().Unmap().WithZone("")
}

// may reports whether the client's address is one of those that an operation is for.
func (s *Server) may(op string, r *http.Request) bool {
	at := from(r)
	return slices.ContainsFunc(s.allowed[op], func(p netip.Prefix) bool { return p.Contains(at) })
}
