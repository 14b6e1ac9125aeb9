package edit

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// earlier is how long ago an expired time is.
const earlier = 10

// timeLayouts are how answers write moments.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.000-0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "20060102150405Z", time.RFC1123}

// expired is a time ten years before a written one; a number is one if it is a Unix time
// of this century, in seconds or milliseconds.
func expired(value string) (string, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, value); err == nil {
			return t.AddDate(-earlier, 0, 0).Format(layout), true
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	const years = earlier * 365 * 24 * 3600
	switch {
	case err != nil:
		return "", false
	case n > 1e9 && n < 5e9:
		return strconv.FormatInt(n-years, 10), true
	case n > 1e12 && n < 5e12:
		return strconv.FormatInt(n-years*1000, 10), true
	}
	return "", false
}

// IsTime reports whether a value is a moment that can expire.
func IsTime(value string) bool { _, ok := expired(value); return ok }

// altered is a text or a number changed in a way that every format knows; ok is false
// where there is no such value.
func altered(f Field, c Change) (value string, ok bool) {
	switch c.As {
	case Empty:
		return "", f.Value != ""
	case Cut:
		if n := utf8.RuneCountInString(f.Value); n > 1 {
			return string([]rune(f.Value)[:n/2]), true
		}
	case Flipped:
		return flipped(f)
	case Other:
		if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil && f.Type == Number {
			return strconv.FormatInt(n+1, 10), true
		}
		return another(f.Value), f.Value != ""
	case Expired:
		return expired(f.Value)
	case Replaced, Forged:
		return c.Value, true
	}
	return "", false
}

func flipped(f Field) (string, bool) {
	if f.Type == Number {
		if f.Value == "0" {
			return "1", true
		}
		return "0", true
	}
	return Opposite(strings.TrimSpace(f.Value))
}

// Value is what becomes of a text in a message that has nothing but texts; drop says that
// it goes, with its name.
func Value(f Field, c Change) (value string, drop, ok bool) {
	if c.As == Dropped {
		return "", true, true
	}
	value, ok = altered(f, c)
	return value, false, ok && (value != f.Value || c.As == Replaced || c.As == Forged)
}
