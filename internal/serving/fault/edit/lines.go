package edit

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

// plain writes a value into a body of texts.
func plain(encode func(string) string) func(part, Change) (string, bool) {
	return func(p part, c Change) (string, bool) {
		v, _, ok := Value(p.Field, c)
		return encode(v), ok
	}
}

var (
	form = format{name: "form", parse: parseForm, write: plain(url.QueryEscape)}
	text = format{name: "text", parse: parseText, write: plain(func(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) })}
)

// parseForm finds the pairs of a=b&c=d; the second of a name is name[1].
func parseForm(body []byte) (parts []part, ok bool) {
	times := map[string]int{}
	for at := 0; at <= len(body) && len(parts) < maxParts; {
		end := bytes.IndexByte(body[at:], '&')
		if end < 0 {
			end = len(body) - at
		}
		pair := string(body[at : at+end])
		name, value, found := strings.Cut(pair, "=")
		n, err := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if !found || err != nil || err2 != nil || n == "" {
			return nil, false
		}
		from, to := at, at+end
		if from > 0 {
			from--
		} else if to < len(body) {
			to++
		}
		parts = append(parts, part{Field: Field{Path: numbered(escape(n), times), Type: Text, Value: v},
			at: at + len(name) + 1, end: at + end, from: from, to: to, next: min(at+end+1, len(body))})
		at += end + 1
	}
	return parts, len(parts) > 0
}

// parseText finds the lines of a text: by their names if each is name=value or
// name: value, by their numbers from 0 on otherwise.
func parseText(body []byte) (parts []part, ok bool) {
	named, numbers := []part{}, []part{}
	times := map[string]int{}
	for at := 0; at < len(body) && len(numbers) < maxParts; {
		end, to := len(body), len(body)
		if n := bytes.IndexByte(body[at:], '\n'); n >= 0 {
			end, to = at+n, at+n+1
		}
		line := strings.TrimRight(string(body[at:end]), "\r")
		if line != "" {
			whole := part{Field: Field{Path: strconv.Itoa(len(numbers)), Type: Text, Value: line}, at: at, end: at + len(line), from: at, to: to}
			numbers = append(numbers, whole)
			if name, value, lead, found := pairOf(line); found {
				p := whole
				p.Path, p.Value, p.at = numbered(escape(name), times), value, at+lead
				named = append(named, p)
			}
		}
		at = to
	}
	if len(named) == len(numbers) {
		return named, len(named) > 0
	}
	return numbers, true
}

// pairOf cuts a line into name and value, which begins at lead.
func pairOf(line string) (name, value string, lead int, ok bool) {
	at := strings.IndexAny(line, "=:")
	if at < 1 || strings.ContainsAny(line[:at], " \t,;{}[]<>\"'/") {
		return "", "", 0, false
	}
	value = strings.TrimLeft(line[at+1:], " \t")
	return line[:at], value, len(line) - len(value), true
}
