package seed

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/serving/strictyaml"
)

// scalar decodes text, numbers and true or false.
func (d *decoder) scalar(n *node, v reflect.Value, f field) {
	switch k := v.Kind(); {
	case k == reflect.String:
		if s, ok := d.text(n, f); ok {
			v.SetString(s)
		}
	case k == reflect.Bool:
		n = d.other.made(n)
		if n.Kind != boolean {
			d.mismatchHint(n, f, "true or false", yesNo[strings.ToLower(n.Text)])
			return
		}
		v.SetBool(strings.EqualFold(n.Text, "true"))
	case v.CanInt(), v.CanUint():
		d.number(n, v, f)
	case v.CanFloat():
		n = d.other.made(n)
		x, err := strconv.ParseFloat(strings.ReplaceAll(n.Text, "_", ""), 64)
		if n.Kind != integer && n.Kind != float || err != nil {
			d.mismatch(n, f, "a number")
			return
		}
		if d.bounded(n, f, x) {
			v.SetFloat(x)
		}
	default:
		d.report.node(n, fmt.Sprintf("%s cannot be read into %s", f.named(), v.Type()), "")
	}
}

// yesNo are the words of older YAML.
var yesNo = map[string]string{"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}

// text checks and returns a text. Digits without quotes are a number in YAML,
// and a file that says so is right only by luck (leading zeros, 1e3): where
// people write digits all the time, formats allow it and take them as written.
func (d *decoder) text(n *node, f field) (string, bool) {
	format, special := formats[f.format]
	lax := special && format.digits
	switch {
	case n.Kind == text:
	case lax && (n.Kind == integer || n.Kind == float || n.Kind == boolean):
	case n.Kind == integer || n.Kind == float || n.Kind == boolean:
		d.mismatchHint(n, f, "text", fmt.Sprintf("put it in quotes: \"%s\"", short(n.Text)))
		return "", false
	default:
		d.mismatch(n, f, "text")
		return "", false
	}
	if f.required && n.Text == "" {
		d.report.node(n, fmt.Sprintf("%s is empty", f.named()), "")
		return "", false
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, n.Text) {
		d.report.node(n, fmt.Sprintf("%s cannot be `%s`", f.named(), short(n.Text)), didYouMean(n.Text, f.enum))
		return "", false
	}
	if special {
		if hint, ok := format.check(n.Text); !ok {
			d.report.node(n, fmt.Sprintf("%s must be %s, not `%s`", f.named(), format.what, short(n.Text)), hint)
			return "", false
		}
	}
	if f.ref != "" && n.Text != "" {
		d.refs = append(d.refs, reference{f.ref, n.Text, n})
	}
	return n.Text, true
}

// isInteger reports whether s is an integer as YAML 1.2 writes one.
func isInteger(s string) bool {
	_, err := strictyaml.ParseInteger(s)
	return err == nil
}

// number decodes an integer of any size.
func (d *decoder) number(n *node, v reflect.Value, f field) {
	n = d.other.made(n)
	if n.Kind != integer {
		hint := ""
		switch {
		case n.Kind == text && isInteger(n.Text):
			hint = "remove the quotes"
		case n.Kind == text && n.Text != "" && strings.Trim(n.Text, "+-0123456789") == "":
			hint = "this one is too large"
		}
		d.mismatchHint(n, f, "a whole number", hint)
		return
	}
	if v.CanUint() {
		u, err := strictyaml.ParseUnsigned(n.Text)
		if err != nil || v.OverflowUint(u) {
			d.report.node(n, fmt.Sprintf("%s cannot be %s", f.named(), short(n.Text)), fmt.Sprintf("it goes from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits())))
			return
		}
		if d.bounded(n, f, float64(u)) {
			v.SetUint(u)
		}
		return
	}
	i, err := strictyaml.ParseInteger(n.Text)
	if err != nil || v.OverflowInt(i) {
		d.report.node(n, fmt.Sprintf("%s cannot be %s", f.named(), short(n.Text)), "the number is too large")
		return
	}
	if d.bounded(n, f, float64(i)) {
		v.SetInt(i)
	}
}

// bounded holds a number against the tags min and max.
func (d *decoder) bounded(n *node, f field, x float64) bool {
	low, high := math.Inf(-1), math.Inf(1)
	if f.min != "" {
		low, _ = strconv.ParseFloat(f.min, 64)
	}
	if f.max != "" {
		high, _ = strconv.ParseFloat(f.max, 64)
	}
	if x >= low && x <= high {
		return true
	}
	d.report.node(n, fmt.Sprintf("%s cannot be %s", f.named(), short(n.Text)), f.bounds())
	return false
}

// bounds is the hint that goes with a number out of range.
func (f field) bounds() string {
	switch {
	case f.min != "" && f.min == f.max:
		return "it is " + f.min
	case f.min != "" && f.max != "":
		return fmt.Sprintf("it goes from %s to %s", f.min, f.max)
	case f.min != "":
		return fmt.Sprintf("it is at least %s", f.min)
	}
	return fmt.Sprintf("it is at most %s", f.max)
}

// special decodes the types that have a notation of their own.
func (d *decoder) special(n *node, v reflect.Value, f field) {
	if n.Kind == list || n.Kind == mapping || n.Kind == null {
		d.mismatch(n, f, notation(v.Type()))
		return
	}
	switch v.Type() {
	case durationType:
		d.duration(n, v, f)
	case timeType:
		t, ok := parseTime(n.Text, d.now)
		if !ok {
			d.report.node(n, fmt.Sprintf("%s cannot be `%s`", f.named(), short(n.Text)), "write -1h, +8h, now, 2030-01-31 or 2030-01-31T08:00:00Z")
			return
		}
		v.Set(reflect.ValueOf(t))
	case addrType:
		a, err := netip.ParseAddr(n.Text)
		if err != nil || a.Zone() != "" {
			d.report.node(n, fmt.Sprintf("%s must be an IP address, not `%s`", f.named(), short(n.Text)), "write 10.0.0.5 or 2001:db8::5")
			return
		}
		v.Set(reflect.ValueOf(a.Unmap()))
	case prefixType:
		p, ok := parsePrefix(n.Text)
		if !ok {
			d.report.node(n, fmt.Sprintf("%s must be an address or a network, not `%s`", f.named(), short(n.Text)), "write 10.0.0.5 or 10.0.0.0/8")
			return
		}
		v.Set(reflect.ValueOf(p))
	case octetsType:
		b, err := hex.DecodeString(without(n.Text, " :-"))
		if err != nil {
			d.report.node(n, fmt.Sprintf("%s must be hexadecimal, not `%s`", f.named(), short(n.Text)), "two of 0-9 and a-f for each octet")
			return
		}
		v.SetBytes(b)
	}
}

// without is s without some characters that people put in to read it better.
func without(s, drop string) string {
	if !strings.ContainsAny(s, drop) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(drop, r) {
			return -1
		}
		return r
	}, s)
}

// notation names the types of special.
func notation(t reflect.Type) string {
	switch t {
	case durationType:
		return "a duration such as 30s, 15m, 8h or 1d"
	case timeType:
		return "a time"
	case addrType:
		return "an IP address"
	case prefixType:
		return "an address or a network"
	}
	return "hexadecimal text"
}

func (d *decoder) duration(n *node, v reflect.Value, f field) {
	x, ok := parseDuration(n.Text)
	if !ok {
		hint := "write 30s, 15m, 8h or 1d"
		if n.Kind == integer {
			hint = fmt.Sprintf("a unit is missing: `%ss`?", short(n.Text))
		}
		d.report.node(n, fmt.Sprintf("%s must be a duration, not `%s`", f.named(), short(n.Text)), hint)
		return
	}
	low, high := time.Duration(0), time.Duration(math.MaxInt64)
	if d.keep { // some servers mean "never" by a negative duration
		low = math.MinInt64
	}
	if y, ok := parseDuration(f.min); ok {
		low = y
	}
	if y, ok := parseDuration(f.max); ok {
		high = y
	}
	if x < low || x > high {
		if f.min == "" {
			f.min = "0s"
		}
		d.report.node(n, fmt.Sprintf("%s cannot be %s", f.named(), short(n.Text)), f.bounds())
		return
	}
	v.SetInt(int64(x))
}

// parseDuration reads Go's durations, and days and weeks.
func parseDuration(s string) (time.Duration, bool) {
	sign, rest := time.Duration(1), s
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	if rest == "0" {
		return 0, true
	}
	if rest == "" || strings.ContainsAny(rest, "+-") {
		return 0, false
	}
	var total time.Duration
	for _, u := range []struct {
		suffix string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, u.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || time.Duration(n) > math.MaxInt64/u.length {
			return 0, false
		}
		total, rest = total+time.Duration(n)*u.length, after
		if total < 0 {
			return 0, false
		}
	}
	if rest != "" {
		x, err := time.ParseDuration(rest)
		if err != nil || total > math.MaxInt64-x {
			return 0, false
		}
		total += x
	}
	return sign * total, true
}

// parseTime reads an absolute time, or one relative to now: -1h, +8h, now-1h.
func parseTime(s string, now time.Time) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), true
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, true
	}
	offset, fromNow := strings.CutPrefix(s, "now")
	if fromNow && offset == "" {
		return now.UTC(), true
	}
	if !strings.HasPrefix(offset, "-") && !strings.HasPrefix(offset, "+") {
		return time.Time{}, false
	}
	d, ok := parseDuration(offset)
	return now.UTC().Add(d), ok
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}
