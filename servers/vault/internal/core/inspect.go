package core

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Bounds of Vault's JSON reader.
const (
	maxDepth   = 300
	maxString  = 1 << 20
	maxMembers = 10000
	maxTokens  = 500000 // commas and colons are some, too
)

// inspector walks through a body as Vault does before it decodes it: it keeps the
// bounds, and refuses much of what is no JSON.
type inspector struct {
	body   []byte
	at     int
	tokens int
	open   []container
	last   byte // kind of the last token: a delimiter, "k" a key, "v" a value
}

// container is an object or a list that has not been closed.
type container struct {
	isObject bool
	wantsKey bool
	commas   int
	keys     map[string]bool
}

// inspect is what the reader says about a body; empty words mean nothing.
func inspect(body []byte) string {
	r := &inspector{body: body}
	for ; r.at < len(body); r.at++ {
		switch body[r.at] {
		case ' ', '\t', '\n', '\r':
			continue
		}
		if words := r.token(body[r.at]); words != "" {
			return words
		}
		if r.tokens++; r.tokens > maxTokens {
			return "JSON payload exceeds allowed token count"
		}
	}
	if len(r.open) > 0 {
		return "malformed JSON, unclosed containers"
	}
	return ""
}

// top is the innermost container.
func (r *inspector) top() *container { return &r.open[len(r.open)-1] }

// token reads the token that starts with ch and stays at its last octet.
func (r *inspector) token(ch byte) string {
	if len(r.open) == 0 && r.tokens > 0 {
		return fmt.Sprintf("invalid character '%c' after top-level value", ch)
	}
	switch {
	case ch == '{' || ch == '[':
		if len(r.open) >= maxDepth {
			return "JSON input exceeds allowed nesting depth"
		}
		r.open, r.last = append(r.open, container{isObject: ch == '{', wantsKey: ch == '{'}), ch
	case ch == '}' || ch == ']':
		return r.close(ch)
	case ch == ',':
		return r.comma()
	case ch == ':':
		r.last = ch
	case ch == '"':
		return r.text()
	case ch == '-' || ch >= '0' && ch <= '9':
		return r.number()
	case ch == 't' || ch == 'f' || ch == 'n':
		for r.at+1 < len(r.body) && r.body[r.at+1] >= 'a' && r.body[r.at+1] <= 'z' {
			r.at++
		}
		r.last = 'v'
	default:
		return fmt.Sprintf("invalid character '%c' looking for beginning of value", ch)
	}
	return ""
}

func (r *inspector) close(ch byte) string {
	c := r.top()
	switch {
	case c.isObject != (ch == '}'):
		return fmt.Sprintf("malformed JSON: mismatched closing delimiter '%c'", ch)
	case r.last == ',' && c.isObject:
		return "invalid character '}' after object key-value pair"
	case r.last == ',':
		return "invalid character ']' after array element"
	case r.last == ':' || r.last == 'k':
		return "invalid character '}' after object key"
	}
	r.open, r.last = r.open[:len(r.open)-1], 'v'
	return ""
}

func (r *inspector) comma() string {
	c := r.top()
	c.wantsKey, r.last = c.isObject, ','
	if c.commas++; c.commas < maxMembers {
		return ""
	}
	if c.isObject {
		return "JSON object exceeds allowed entry count"
	}
	return "JSON array exceeds allowed element count"
}

func (r *inspector) number() string {
	start := r.at
	for r.at+1 < len(r.body) {
		ch := r.body[r.at+1]
		if (ch < '0' || ch > '9') && ch != '+' && ch != '-' && ch != '.' && ch != 'e' && ch != 'E' {
			break
		}
		r.at++
	}
	r.last = 'v'
	text := string(r.body[start : r.at+1])
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return fmt.Sprintf("malformed JSON, invalid number syntax for '%s'", text)
	}
	return ""
}

// text reads a string, and a key's is held against those that the object has.
func (r *inspector) text() string {
	start, escaped := r.at, false
	for r.at++; r.at < len(r.body) && r.body[r.at] != '"'; r.at++ {
		if r.body[r.at] == '\\' {
			escaped = true
			if words := r.escape(); words != "" {
				return words
			}
		}
	}
	switch {
	case r.at >= len(r.body):
		return "malformed JSON, unclosed string"
	case r.at-start-1 > maxString:
		return "JSON string value exceeds allowed length"
	}
	r.last = 'v'
	if c := r.top(); c.wantsKey {
		c.wantsKey, r.last = false, 'k'
		key := string(r.body[start+1 : r.at])
		if escaped {
			json.Unmarshal(r.body[start:r.at+1], &key)
		}
		if c.keys[key] {
			return fmt.Sprintf("duplicate key '%s' in object", key)
		}
		if c.keys == nil {
			c.keys = map[string]bool{}
		}
		c.keys[key] = true
	}
	return ""
}

// escape reads an escape sequence and stays at its last octet. Half of a pair must
// be followed by another escape.
func (r *inspector) escape() string {
	wrong := func(at int) string {
		if at >= len(r.body) {
			return "malformed JSON, unclosed string"
		}
		return fmt.Sprintf("invalid character '%c' in string escape code", r.body[at])
	}
	if r.at++; r.at >= len(r.body) {
		return wrong(r.at)
	}
	switch r.body[r.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return ""
	case 'u':
	default:
		return wrong(r.at)
	}
	for range 4 {
		if r.at++; r.at >= len(r.body) || !isHex(r.body[r.at]) {
			return wrong(r.at)
		}
	}
	code, _ := strconv.ParseUint(string(r.body[r.at-3:r.at+1]), 16, 16)
	if code >= 0xd800 && code < 0xdc00 && (r.at+2 >= len(r.body) || r.body[r.at+1] != '\\' || r.body[r.at+2] != 'u') {
		return "malformed JSON, unterminated surrogate pair in string"
	}
	return ""
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
