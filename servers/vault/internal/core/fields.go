package core

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Fields are the parameters of a request. Values are taken as loosely as the
// server takes them: numbers may be text, lists may be text with commas.
type Fields map[string]any

// Has reports that a parameter was sent, whatever it is.
func (f Fields) Has(name string) bool { _, ok := f[name]; return ok }

// Text is a parameter as text; "" when it is not there.
func (f Fields) Text(name string) string {
	switch v := f[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// List is a parameter as a list of texts.
func (f Fields) List(name string) []string {
	switch v := f[name].(type) {
	case string:
		if strings.TrimSpace(v) == "" {
			return []string{}
		}
		parts := strings.Split(v, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	case []any:
		out := make([]string, 0, len(v))
		for _, x := range v {
			out = append(out, strings.TrimSpace(fmt.Sprint(x)))
		}
		return out
	case json.Number:
		return []string{v.String()}
	}
	return nil
}

// Strings is a parameter as a list of texts in which a comma is a character like
// any other.
func (f Fields) Strings(name string) []string {
	if text, ok := f[name].(string); ok {
		return []string{text}
	}
	return f.List(name)
}

// KeyValues is a parameter as a map of texts, which may be given as key=value; nil
// when it is not there.
func (f Fields) KeyValues(name string) (map[string]string, error) {
	var list []string
	switch v := f[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		for _, x := range v {
			switch x.(type) {
			case map[string]any, []any:
				return nil, Invalid(name, fmt.Sprintf("1 error(s) decoding:\n\n* '[0]' expected type 'string', got unconvertible type '%T', value: '%v'", v, v))
			}
		}
		return f.TextMap(name)
	case []any:
		list = f.List(name)
	default:
		list = []string{f.Text(name)}
	}
	out := map[string]string{}
	for _, pair := range list {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, Invalid(name, fmt.Sprintf("invalid key pair %q", pair))
		}
		out[k] = v
	}
	return out, nil
}

// Bool is a parameter as a truth.
func (f Fields) Bool(name string, otherwise bool) (bool, error) {
	switch v := f[name].(type) {
	case nil:
		return otherwise, nil
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b, nil
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n != 0, nil
		}
	}
	return false, Invalid(name, fmt.Sprintf("cannot parse '' as bool: strconv.ParseBool: parsing %q: invalid syntax", fmt.Sprint(f[name])))
}

// Int is a parameter as an integer.
func (f Fields) Int(name string, otherwise int) (int, error) {
	switch v := f[name].(type) {
	case nil:
		return otherwise, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n), nil
		}
	case string:
		if v == "" {
			return otherwise, nil
		}
		if n, err := strconv.Atoi(v); err == nil {
			return n, nil
		}
	case float64:
		return int(v), nil
	}
	return 0, Invalid(name, fmt.Sprintf("cannot parse '' as int: strconv.ParseInt: parsing %q: invalid syntax", fmt.Sprint(f[name])))
}

// Duration is a parameter as a length of time; negative ones are refused.
func (f Fields) Duration(name string) (time.Duration, error) {
	d, err := ParseDuration(f[name])
	if err != nil {
		return 0, Invalid(name, err.Error())
	}
	if d < 0 {
		return 0, Invalid(name, fmt.Sprintf("cannot provide negative value '%s'", fmt.Sprint(f[name])))
	}
	return d, nil
}

// Invalid is the refusal of a parameter that cannot be converted.
func Invalid(name, why string) error {
	return BadRequest("%serror converting input for field %q: %s", validation, name, why)
}

// validation stands before the words about a parameter, unless the path's
// existence check is the first to read it.
const validation = "Field validation failed: "

// Object is a parameter as an object; nil when it is not there. An empty list
// counts as an empty one.
func (f Fields) Object(name string) (map[string]any, error) {
	switch v := f[name].(type) {
	case nil:
		if f.Has(name) {
			return map[string]any{}, nil
		}
		return nil, nil
	case map[string]any:
		return v, nil
	case []any:
		if len(v) == 0 {
			return map[string]any{}, nil
		}
		return nil, Invalid(name, "'' expected a map, got 'slice'")
	case json.Number:
		return nil, Invalid(name, "'' expected a map, got 'string'")
	default:
		return nil, Invalid(name, fmt.Sprintf("'' expected a map, got '%T'", v))
	}
}

// TextMap is a parameter as a map of texts; nil when it is not there.
func (f Fields) TextMap(name string) (map[string]string, error) {
	switch v := f[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		out := make(map[string]string, len(v))
		for k, v := range v {
			out[k] = fmt.Sprint(v)
		}
		return out, nil
	case bool:
		return nil, Invalid(name, "'' expected a map, got 'bool'")
	case []any:
		return nil, Invalid(name, "'' expected a map, got 'slice'")
	}
	return nil, Invalid(name, "'' expected a map, got 'string'")
}

// ParseDuration reads a length of time: a number or a numeric text is seconds, everything
// else a Go duration, with d for days.
func ParseDuration(v any) (time.Duration, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return 0, nil
	case json.Number:
		s = v.String()
	case string:
		s = strings.TrimSpace(v)
	case float64:
		return time.Duration(v * float64(time.Second)), nil
	default:
		return 0, fmt.Errorf("time: invalid duration %q", fmt.Sprint(v))
	}
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > maxSeconds || n < -maxSeconds {
			return 0, fmt.Errorf("time: invalid duration %q", s)
		}
		return time.Duration(n) * time.Second, nil
	}
	if days, found := strings.CutSuffix(s, "d"); found {
		if n, err := strconv.ParseInt(days, 10, 64); err == nil && n < maxSeconds/86400 && n > -maxSeconds/86400 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("time: invalid duration %q", s)
	}
	return d, nil
}

// maxSeconds is the longest time that fits into a duration.
const maxSeconds = int64(1<<63-1) / int64(time.Second)

// Unframed is the refusal of a parameter as engines word it that are released on
// their own.
func Unframed(err error) error {
	return BadRequest("%s", strings.TrimPrefix(err.Error(), "Field validation failed: "))
}
