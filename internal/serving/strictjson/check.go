package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"counterpart/internal/company/cause"
)

// check goes once through a text that is JSON and refuses what encoding/json
// would pass over: equal keys, keys in another case, halves of surrogate pairs, null where
// a value is meant, and more depth or values than anybody means.
func check(text []byte, t reflect.Type) error {
	c := &checker{text: text, fields: map[reflect.Type]map[string]reflect.Type{}}
	return c.value(t, 0)
}

// checker is a cursor over JSON that is known to be well formed.
type checker struct {
	text   []byte
	at     int
	values int
	fields map[reflect.Type]map[string]reflect.Type
}

func (c *checker) space() {
	for c.at < len(c.text) && strings.IndexByte(" \t\r\n", c.text[c.at]) >= 0 {
		c.at++
	}
}

// value goes over one value that is meant for a t; nil is anything.
func (c *checker) value(t reflect.Type, depth int) error {
	if c.values++; c.values > maxValues {
		return cause.Because(cause.BadInput, "the JSON has more than %d values", maxValues)
	}
	c.space()
	switch c.text[c.at] {
	case '{', '[':
		if depth == maxDepth {
			return cause.Because(cause.BadInput, "the JSON is nested more than %d deep at octet %d", maxDepth, c.at+1)
		}
		if c.text[c.at] == '{' {
			return c.object(t, depth+1)
		}
		return c.array(t, depth+1)
	case '"':
		_, err := c.str()
		return err
	}
	for c.at < len(c.text) && strings.IndexByte(",]} \t\r\n", c.text[c.at]) < 0 {
		c.at++
	}
	return nil
}

func (c *checker) array(t reflect.Type, depth int) error {
	start := c.at
	t = plainType(t)
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		t = t.Elem()
	} else {
		t = nil
	}
	for c.next(']') {
		if c.text[c.at] == 'n' && !takesNull(t) {
			return cause.Because(cause.BadInput, "the array at octet %d cannot have null in it", start+1)
		}
		if err := c.value(t, depth); err != nil {
			return err
		}
	}
	return nil
}

// next moves to the next element of a collection, or behind its end.
func (c *checker) next(end byte) bool {
	if b := c.text[c.at]; b == '[' || b == '{' || b == ',' {
		c.at++
	}
	c.space()
	switch c.text[c.at] {
	case end:
		c.at++
		return false
	case ',':
		c.at++
		c.space()
	}
	return true
}

func (c *checker) object(t reflect.Type, depth int) error {
	t = plainType(t)
	var known map[string]reflect.Type
	var free reflect.Type
	switch {
	case t == nil:
	case t.Kind() == reflect.Struct:
		known = c.fieldsOf(t)
	case t.Kind() == reflect.Map:
		free = t.Elem()
	}
	seen := map[string]bool{}
	for c.next('}') {
		key, err := c.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return cause.Because(cause.BadInput, "field %s is there twice", shown(key))
		}
		seen[key] = true
		of := free
		if known != nil {
			var ok bool
			if of, ok = known[key]; !ok {
				return unknown(key, known)
			}
		}
		c.space()
		c.at++ // the colon
		if c.space(); c.text[c.at] == 'n' && !takesNull(of) {
			return cause.Because(cause.BadInput, "%s cannot be null; leave it out if there is nothing to say", shown(key))
		}
		if err := c.value(of, depth); err != nil {
			return err
		}
	}
	return nil
}

// unknown refuses a field, and says how it is written if only the case differs.
func unknown(key string, known map[string]reflect.Type) error {
	for name := range known {
		if strings.EqualFold(name, key) {
			return cause.Because(cause.BadInput, "unknown field %s, it is written %q", shown(key), name)
		}
	}
	return cause.Because(cause.BadInput, "unknown field %s", shown(key))
}

// shown quotes a key, and cuts it when it is long.
func shown(key string) string {
	const most = 80
	if len(key) > most {
		return strconv.Quote(strings.ToValidUTF8(key[:most], "")) + "…"
	}
	return strconv.Quote(key)
}

// str goes over a string and returns what it says.
func (c *checker) str() (string, error) {
	c.space()
	start, escaped := c.at, false
	for c.at++; c.text[c.at] != '"'; c.at++ {
		if c.text[c.at] != '\\' {
			continue
		}
		escaped = true
		if c.at++; c.text[c.at] == 'u' {
			if err := c.surrogate(); err != nil {
				return "", err
			}
		}
	}
	c.at++
	raw := c.text[start:c.at]
	if !escaped {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// surrogate looks at the four digits behind the u and, if they are the first half
// of a pair, at the second half. The cursor stands on the last digit then.
func (c *checker) surrogate() error {
	unit := hex(c.text[c.at+1 : c.at+5])
	c.at += 4
	if unit < 0xd800 || unit > 0xdfff {
		return nil
	}
	rest := c.text[c.at+1:]
	if unit <= 0xdbff && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if low := hex(rest[2:6]); low >= 0xdc00 && low <= 0xdfff {
			c.at += 6
			return nil
		}
	}
	return cause.Because(cause.BadInput, "half of a surrogate pair at octet %d is no character", c.at-4)
}

func hex(digits []byte) uint64 {
	n, _ := strconv.ParseUint(string(digits), 16, 32)
	return n
}

// plainType is t behind its pointers; nil when it reads itself.
func plainType(t reflect.Type) reflect.Type {
	for t != nil {
		p := reflect.PointerTo(t)
		if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

// takesNull reports whether null means something to a type: to pointers, to any value, and to
// what reads itself. encoding/json leaves all else as it is.
func takesNull(t reflect.Type) bool {
	return t == nil || t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || plainType(t) == nil
}

// fieldsOf are the fields of a struct as encoding/json names them.
func (c *checker) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := c.fields[t]; ok {
		return known
	}
	known := map[string]reflect.Type{}
	c.fields[t] = known
	for i := range t.NumField() {
		f := t.Field(i)
		tag, has := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			for k, v := range c.fieldsOf(inner) {
				if _, own := known[k]; !own {
					known[k] = v
				}
			}
		case !f.IsExported():
		case !has || name == "":
			known[f.Name] = f.Type
		default:
			known[name] = f.Type
		}
	}
	return known
}
