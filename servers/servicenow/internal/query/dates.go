package query

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// units are the steps of RELATIVE, MORETHAN and LESSTHAN.
var units = []string{"minute", "hour", "day", "dayofweek", "week", "month", "quarter", "year"}

// maxSteps bounds how far a query can reach.
const maxSteps = 1_000_000

// step moves t by n units.
func step(t time.Time, unit string, n int) time.Time {
	switch unit {
	case "minute":
		return t.Add(time.Duration(n) * time.Minute)
	case "hour":
		return t.Add(time.Duration(n) * time.Hour)
	case "day", "dayofweek":
		return t.AddDate(0, 0, n)
	case "week":
		return t.AddDate(0, 0, 7*n)
	case "month":
		return t.AddDate(0, n, 0)
	case "quarter":
		return t.AddDate(0, 3*n, 0)
	}
	return t.AddDate(n, 0, 0)
}

// start is the beginning of the unit that t is in; weeks begin on Monday.
func start(t time.Time, unit string) time.Time {
	y, m, d := t.Date()
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, t.Location()) }
	switch unit {
	case "minute":
		return time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, t.Location())
	case "hour":
		return time.Date(y, m, d, t.Hour(), 0, 0, 0, t.Location())
	case "day", "dayofweek":
		return day(y, m, d)
	case "week":
		return day(y, m, d-(int(t.Weekday())+6)%7)
	case "month":
		return day(y, m, 1)
	case "quarter":
		return day(y, (m-1)/3*3+1, 1)
	}
	return day(y, 1, 1)
}

// relative compiles RELATIVEGT@unit@ago|ahead@n: later than that moment, and so
// on; EE is within the same unit.
func (s *Source) relative(c *Condition) (test, bool) {
	parts := strings.Split(strings.TrimPrefix(c.Value, "@"), "@")
	if len(parts) != 3 || !slices.Contains(units, parts[0]) || parts[1] != "ago" && parts[1] != "ahead" {
		return nil, false
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil || n > maxSteps || n < -maxSteps {
		return nil, false
	}
	if parts[1] == "ago" {
		n = -n
	}
	at := step(s.Now.In(s.Zone), parts[0], n)
	from := start(at, parts[0])
	to := step(from, parts[0], 1)
	field, op := c.Field, c.Op
	return func(r Row) bool {
		t, ok := moment(r.Value(field))
		switch {
		case !ok:
			return false
		case op == RelativeGT:
			return t.After(at)
		case op == RelativeGE:
			return !t.Before(at.Truncate(time.Second))
		case op == RelativeLE:
			return !t.After(at)
		case op == RelativeLT:
			return t.Before(at.Truncate(time.Second))
		}
		return !t.Before(from) && t.Before(to)
	}, true
}

// on compiles ONlabel@start@end, and the label alone where it names a span.
func (s *Source) on(c *Condition, kind Kind) (test, bool) {
	label, rest, cut := strings.Cut(c.Value, "@")
	from, to, two := strings.Cut(rest, "@")
	if !cut {
		span := strings.ReplaceAll(label, " ", "")
		from, to, two = "javascript:gs.beginningOf"+span+"()", "javascript:gs.endOf"+span+"()", true
	}
	if !two {
		return nil, false
	}
	within, ok := s.between(&Condition{Field: c.Field, Op: Between, Value: from + "@" + to}, kind)
	if !ok {
		return nil, false
	}
	field, wanted := c.Field, c.Op == On
	return func(r Row) bool { return r.Value(field) != "" && within(r) == wanted }, true
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// part compiles DATEPARTlabel@javascript:gs.datePart('dayofweek','monday','EE').
func (s *Source) part(c *Condition) (test, bool) {
	_, script, cut := strings.Cut(c.Value, "@")
	name, args, ok := call(script)
	if !cut || !ok || name != "datePart" || len(args) != 3 {
		return nil, false
	}
	want, err := strconv.Atoi(args[1])
	if args[0] == "dayofweek" {
		if want = slices.Index(weekdays, strings.ToLower(args[1])); want >= 0 {
			err = nil
		}
	}
	if args[0] == "month" && err != nil {
		if t, bad := time.Parse("January", strings.ToUpper(args[1][:min(1, len(args[1]))])+strings.ToLower(args[1][min(1, len(args[1])):])); bad == nil {
			want, err = int(t.Month()), nil
		}
	}
	of := parts[args[0]]
	if err != nil || of == nil || !slices.Contains([]string{"EE", "GT", "GE", "LT", "LE"}, args[2]) {
		return nil, false
	}
	field := c.Field
	return func(r Row) bool {
		t, ok := moment(r.Value(field))
		if !ok {
			return false
		}
		switch got := of(t.In(s.Zone)); args[2] {
		case "GT":
			return got > want
		case "GE":
			return got >= want
		case "LT":
			return got < want
		case "LE":
			return got <= want
		default:
			return got == want
		}
	}, true
}

// parts are what datePart can look at.
var parts = map[string]func(time.Time) int{
	"dayofweek": func(t time.Time) int { return int(t.Weekday()) },
	"hour":      func(t time.Time) int { return t.Hour() },
	"day":       func(t time.Time) int { return t.Day() },
	"month":     func(t time.Time) int { return int(t.Month()) },
	"quarter":   func(t time.Time) int { return int(t.Month()-1)/3 + 1 },
	"year":      func(t time.Time) int { return t.Year() },
	"week":      func(t time.Time) int { _, w := t.ISOWeek(); return w },
}
