package fault

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Wait is how long a delay that fired lasts. With args.spread it is uniform
// within that of args.for, or normal with it as the deviation; an exponential
// one has args.for as its mean. What it drew follows from the seed's number.
func (r Rule) Wait() time.Duration {
	d, _ := time.ParseDuration(r.Args["for"]) // checked when the rule was set
	spread, _ := time.ParseDuration(r.Args["spread"])
	u := (float64(r.draw>>11) + 0.5) / (1 << 53) // above 0, below 1
	switch shape := r.Args["shape"]; {
	case shape == "exponential":
		d = time.Duration(-math.Log(u) * float64(d))
	case spread == 0:
	case shape == "normal":
		v := (float64(mix(r.draw+1)>>11) + 0.5) / (1 << 53)
		d += time.Duration(math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v) * float64(spread))
	default:
		d += time.Duration((2*u - 1) * float64(spread))
	}
	return min(max(d, 0), longest)
}

// Held is how long a reordered datagram waits for another answer to overtake it.
func (r Rule) Held() time.Duration {
	if d, err := time.ParseDuration(r.Args["for"]); err == nil {
		return d
	}
	return time.Second
}

// Rate is how many octets per second a slow answer gets.
func (r Rule) Rate() int {
	n, _ := strconv.Atoi(r.Args["rate"])
	return max(n, 1)
}

// Code is the status that a status rule answers with.
func (r Rule) Code() int {
	n, err := strconv.Atoi(r.Args["code"])
	if err != nil {
		return 503
	}
	return n
}

// Spoil is what a body rule makes of an answer's body; cut says that the
// connection is to end in its middle. A field that the body does not have, or a
// body that is no JSON, stays as it is, and done is false.
func (r Rule) Spoil(body []byte) (spoilt []byte, cut, done bool) {
	switch r.Args["as"] {
	case "empty":
		return []byte{}, false, true
	case "html":
		return []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"), false, true
	case "cut":
		return body[:len(body)/2], true, true
	case "malformed":
		end := bytes.TrimRight(body, " \r\n\t")
		return append(slices.Clone(end[:max(0, len(end)-1)]), ",\x00]"...), false, true
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return body, false, false
	}
	if done = change(v, strings.Split(r.Args["field"], "."), r.Args["as"]); !done {
		return body, false, false
	}
	out, err := json.Marshal(v)
	if err != nil {
		return body, false, false
	}
	return out, false, true
}

// change spoils the field at a path of names and indexes; "*" is every item of
// a list.
func change(v any, path []string, as string) bool {
	name, rest := path[0], path[1:]
	switch v := v.(type) {
	case map[string]any:
		old, found := v[name]
		if !found {
			return false
		}
		if len(rest) > 0 {
			return change(old, rest, as)
		}
		if as == "dropped" {
			delete(v, name)
		} else {
			v[name] = replaced(old, as)
		}
		return true
	case []any:
		done := false
		for i := range v {
			if name != "*" && name != strconv.Itoa(i) {
				continue
			}
			if len(rest) == 0 {
				v[i], done = replaced(v[i], as), true // an item cannot be dropped without moving the others
			} else if change(v[i], rest, as) {
				done = true
			}
		}
		return done
	}
	return false
}

// replaced is a value of another type than v, or null.
func replaced(v any, as string) any {
	if as != "wrong-type" {
		return nil
	}
	switch v.(type) {
	case string:
		return 4711
	case map[string]any:
		return []any{"unexpected"}
	}
	return map[string]any{"unexpected": true}
}
