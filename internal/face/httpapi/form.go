package httpapi

import (
	"net/url"
	"strings"

	"counterpart/internal/company/cause"
)

// Pair is one parameter of a query or a form: decoded, and as it was sent, which is
// what signatures are about.
type Pair struct{ Name, Value, RawName, RawValue string }

// Form is the parameters of a query or a form in the order in which they were sent.
// Which of several with one name counts is the vendor's to say: First, Last or All.
type Form []Pair

// FormRules says how a query or a form is decoded. The zero value: once, "+" is a
// blank, a broken escape is refused, ";" is a letter like any other.
type FormRules struct {
	Lax       bool // a broken escape stands for itself
	Twice     bool // values are decoded once more, where "+" stays what it is
	Semicolon bool // ";" is refused, as by net/url
}

// maxPairs is how many parameters a query or a form may have.
const maxPairs = 10_000

// ParseForm reads the query of a URL or a body of application/x-www-form-urlencoded.
// It refuses with cause.BadInput.
func ParseForm(text string, rules FormRules) (Form, error) {
	if text == "" {
		return nil, nil
	}
	n := strings.Count(text, "&") + 1
	if n > maxPairs {
		return nil, cause.Because(cause.BadInput, "%d parameters, the limit is %d", n, maxPairs)
	}
	out := make(Form, 0, n)
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		if rules.Semicolon && strings.Contains(part, ";") {
			return nil, cause.Because(cause.BadInput, "a semicolon among the parameters")
		}
		p := Pair{}
		p.RawName, p.RawValue, _ = strings.Cut(part, "=")
		var ok, fine bool
		p.Name, ok = rules.decode(p.RawName, url.QueryUnescape)
		p.Value, fine = rules.decode(p.RawValue, url.QueryUnescape)
		if rules.Twice && ok && fine {
			p.Value, fine = rules.decode(p.Value, url.PathUnescape)
		}
		if !ok || !fine {
			return nil, cause.Because(cause.BadInput, "malformed percent encoding")
		}
		out = append(out, p)
	}
	return out, nil
}

// decode undoes the escapes of s with f; a broken one stands for itself when the rules
// are lax.
func (r FormRules) decode(s string, f func(string) (string, error)) (string, bool) {
	if plain, err := f(s); err == nil {
		return plain, true
	}
	if !r.Lax {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		n := 1
		if s[i] == '%' && i+2 < len(s) {
			if _, err := f(s[i : i+3]); err == nil {
				n = 3
			}
		}
		plain, err := f(s[i : i+n])
		if err != nil { // a percent sign
			plain = s[i : i+n]
		}
		b.WriteString(plain)
		i += n - 1
	}
	return b.String(), true
}

// First is the first value of a name.
func (f Form) First(name string) (string, bool) {
	for _, p := range f {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Last is the last value of a name.
func (f Form) Last(name string) (string, bool) {
	for i := len(f) - 1; i >= 0; i-- {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return "", false
}

// All are the values of a name in their order.
func (f Form) All(name string) (out []string) {
	for _, p := range f {
		if p.Name == name {
			out = append(out, p.Value)
		}
	}
	return out
}

// Folded is f with its names in lower case, for vendors that take them in any.
func (f Form) Folded() Form {
	out := make(Form, len(f))
	for i, p := range f {
		p.Name = strings.ToLower(p.Name)
		out[i] = p
	}
	return out
}

// Values are all parameters by name.
func (f Form) Values() url.Values {
	out := make(url.Values, len(f))
	for _, p := range f {
		out[p.Name] = append(out[p.Name], p.Value)
	}
	return out
}
