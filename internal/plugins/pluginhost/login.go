package pluginhost

import (
	"bytes"
	"encoding/json"
	"strings"
)

// KeyValue is one of the key_value_pairs.
type KeyValue struct{ Key, Value string }

// KeyValues are the key_value_pairs of a session, in the order in which they
// came in.
type KeyValues []KeyValue

// Get returns the value of a key.
func (kv KeyValues) Get(key string) (string, bool) {
	for _, p := range kv {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// With returns a copy with one key set; a key that was there keeps its place
// and loses its value.
func (kv KeyValues) With(key, value string) KeyValues {
	out := append(KeyValues(nil), kv...)
	for i, p := range out {
		if p.Key == key {
			out[i].Value = value
			return out
		}
	}
	return append(out, KeyValue{key, value})
}

// MarshalJSON writes the pairs as one object that keeps their order.
func (kv KeyValues) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range kv {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, s := range []string{p.Key, p.Value} {
			if j > 0 {
				b.WriteByte(':')
			}
			text, err := json.Marshal(s)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Login is a user name as typed at a connection, taken apart.
type Login struct {
	KeyValues KeyValues
	Domain    string
	User      string
	Host      string // as typed, possibly with a port
}

// ParseLogin takes a typed user name apart. At terminals, fields are separated
// by @, key=value fields come first, then the user and perhaps the host. In RDP
// they are separated by % inside the user name, ~ stands for = and ^ for :, and
// the domain comes first.
func ParseLogin(protocol, typed string) Login {
	if protocol == "rdp" || protocol == "tsg" {
		return parseRDP(typed)
	}
	return parseTerminal(typed)
}

func parseTerminal(typed string) Login {
	var l Login
	fields := strings.Split(typed, "@")
	for len(fields) > 1 {
		key, value, isPair := strings.Cut(fields[0], "=")
		if !isPair || key == "" {
			break
		}
		l.KeyValues = l.KeyValues.With(key, value)
		fields = fields[1:]
	}
	// A pair alone is data without a user, who is then asked for elsewhere.
	if key, value, isPair := strings.Cut(fields[0], "="); isPair && key != "" && len(fields) == 1 {
		l.KeyValues = l.KeyValues.With(key, value)
		return l
	}
	l.User = fields[0]
	if n := len(fields); n > 1 {
		// A user may be user@domain: only the last field is the host.
		l.User = strings.Join(fields[:n-1], "@")
		l.Host = fields[n-1]
	}
	return l
}

func parseRDP(typed string) Login {
	var l Login
	if domain, rest, ok := strings.Cut(typed, `\`); ok && !strings.Contains(domain, "%") {
		l.Domain, typed = domain, rest
	}
	var names []string
	for _, field := range strings.Split(typed, "%") {
		key, value, isPair := strings.Cut(field, "~")
		if isPair && key != "" {
			l.KeyValues = l.KeyValues.With(caret(key), caret(value))
			continue
		}
		names = append(names, field)
	}
	if n := len(names); n > 0 {
		l.User = names[n-1]
	}
	// Lenient: some clients put the domain before the last field instead.
	if domain, user, ok := strings.Cut(l.User, `\`); ok && l.Domain == "" {
		l.Domain, l.User = domain, user
	}
	return l
}

// caret restores the colon, which RDP clients do not allow in a user name.
func caret(s string) string { return strings.ReplaceAll(s, "^", ":") }
