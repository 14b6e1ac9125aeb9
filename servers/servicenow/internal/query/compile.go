package query

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How dates are stored and compared: text in this form is in order.
const (
	Layout     = "2006-01-02 15:04:05"
	DateLayout = "2006-01-02"
)

// compile makes a test of a condition and puts what its value came to into it;
// false means that the condition is invalid.
func (s *Source) compile(c *Condition) (test, bool) {
	kind, known := s.Kind(c.Field)
	dated := kind == DateTime || kind == Date
	if !known || needsDate[c.Op] && !dated {
		return nil, false
	}
	switch field := c.Field; {
	case c.Op == Anything:
		return func(Row) bool { return true }, true
	case c.Op == IsEmpty || c.Op == EmptyString:
		return func(r Row) bool { return r.Value(field) == "" }, true
	case c.Op == IsNotEmpty:
		return func(r Row) bool { return r.Value(field) != "" }, true
	case withField[c.Op]:
		return s.fields(c, kind)
	case c.Op == MoreThan || c.Op == LessThan:
		return s.apart(c)
	case c.Op == DatePart:
		return s.part(c)
	case needsDate[c.Op] && c.Op != On && c.Op != NotOn:
		return s.relative(c)
	case c.Op == On || c.Op == NotOn:
		return s.on(c, kind)
	case c.Op == Between:
		return s.between(c, kind)
	case c.Op == Dynamic:
		if c.Value != dynamicMe || kind != Reference {
			return nil, false
		}
		return func(r Row) bool { return r.Value(field) == s.UserID }, true
	}
	value, ok := s.resolve(c.Value)
	if !ok {
		return nil, false
	}
	if c.Value = value; inOrder[c.Op] {
		return s.ordered(c, kind)
	}
	return s.text(c, kind)
}

// dynamicMe is the sys_id of the filter "Me" on every instance.
const dynamicMe = "90d1921e5f510100a9ad2572f2b477fe"

// fold is a text as it is compared.
func (s *Source) fold(v string) string {
	if s.CaseSensitive {
		return v
	}
	return strings.ToLower(v)
}

// text compiles equality and the tests of parts of a text.
func (s *Source) text(c *Condition, kind Kind) (test, bool) {
	field, op := c.Field, c.Op
	of := func(r Row) string { return s.fold(r.Value(field)) }
	if kind == Reference && (op == Like || op == NotLike || op == StartsWith || op == EndsWith) {
		of = func(r Row) string { return s.fold(r.Display(field)) }
	}
	want := s.fold(c.Value)
	if op == Equal || op == NotEqual {
		switch kind {
		case Boolean:
			want = truth(want)
			of = func(r Row) string { return truth(r.Value(field)) }
		case DateTime, Date:
			return s.sameDate(c, kind)
		case Number:
			if x, err := strconv.ParseFloat(want, 64); err == nil {
				return func(r Row) bool {
					y, err := strconv.ParseFloat(r.Value(field), 64)
					return (err == nil && x == y) == (op == Equal)
				}, true
			}
		}
	}
	switch op {
	case Equal:
		return func(r Row) bool { return of(r) == want }, true
	case NotEqual:
		return func(r Row) bool { return of(r) != want }, true
	case Like:
		return func(r Row) bool { return strings.Contains(of(r), want) }, true
	case NotLike:
		return func(r Row) bool { return !strings.Contains(of(r), want) }, true
	case StartsWith:
		return func(r Row) bool { return strings.HasPrefix(of(r), want) }, true
	case EndsWith:
		return func(r Row) bool { return strings.HasSuffix(of(r), want) }, true
	case In, NotIn:
		set := map[string]bool{}
		for _, v := range list(want) {
			set[v] = true
		}
		return func(r Row) bool { return set[of(r)] == (op == In) }, true
	}
	return nil, false
}

// truth is a boolean in one spelling.
func truth(v string) string {
	switch strings.ToLower(v) {
	case "1", "true", "yes":
		return "true"
	case "0", "false", "no":
		return "false"
	}
	return v
}

// sameDate compiles = and != of dates; a date without a time means that day.
func (s *Source) sameDate(c *Condition, kind Kind) (test, bool) {
	field, equal := c.Field, c.Op == Equal
	if c.Value == "" {
		return func(r Row) bool { return (r.Value(field) == "") == equal }, true
	}
	want, ok := canonical(c.Value, kind)
	if !ok {
		return nil, false
	}
	if _, err := time.Parse(DateLayout, c.Value); err == nil && kind == DateTime {
		want = c.Value
	}
	return func(r Row) bool { return strings.HasPrefix(r.Value(field), want) == equal }, true
}

// canonical is a date in the form of a kind.
func canonical(v string, kind Kind) (string, bool) {
	for _, layout := range []string{Layout, DateLayout, time.RFC3339, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, v); err == nil {
			if t = t.UTC(); kind == Date {
				return t.Format(DateLayout), true
			}
			return t.Format(Layout), true
		}
	}
	return "", false
}

// comparer orders the values of a kind; false when one of them is not of it.
func (s *Source) comparer(kind Kind) func(a, b string) (int, bool) {
	switch kind {
	case Number:
		return func(a, b string) (int, bool) {
			x, err := strconv.ParseFloat(a, 64)
			y, bad := strconv.ParseFloat(b, 64)
			return cmp.Compare(x, y), err == nil && bad == nil
		}
	case DateTime, Date:
		return func(a, b string) (int, bool) { return strings.Compare(a, b), a != "" && b != "" }
	}
	return func(a, b string) (int, bool) { return strings.Compare(s.fold(a), s.fold(b)), a != "" }
}

// ordered compiles < <= > >=.
func (s *Source) ordered(c *Condition, kind Kind) (test, bool) {
	want, ok := s.bound(c.Value, kind)
	if !ok {
		return nil, false
	}
	return holds(s.comparer(kind), c.Op, func(r Row) (string, string) { return r.Value(c.Field), want }), true
}

// bound is a value to compare with in a kind's own form.
func (s *Source) bound(v string, kind Kind) (string, bool) {
	switch kind {
	case DateTime, Date:
		return canonical(v, kind)
	case Number:
		_, err := strconv.ParseFloat(v, 64)
		return v, err == nil
	}
	return v, v != ""
}

// holds is the test that two values stand in the order op says.
func holds(compare func(a, b string) (int, bool), op Op, of func(Row) (string, string)) test {
	return func(r Row) bool {
		a, b := of(r)
		n, ok := compare(a, b)
		switch op {
		case Less, LTField:
			return ok && n < 0
		case LessEqual, LEField:
			return ok && n <= 0
		case Greater, GTField:
			return ok && n > 0
		}
		return ok && n >= 0
	}
}

// between compiles BETWEENa@b, both ends included.
func (s *Source) between(c *Condition, kind Kind) (test, bool) {
	from, to, cut := strings.Cut(c.Value, "@")
	from, ok := s.resolve(from)
	to, alsoOK := s.resolve(to)
	if !cut || !ok || !alsoOK {
		return nil, false
	}
	from, ok = s.bound(from, kind)
	to, alsoOK = s.bound(to, kind)
	if !ok || !alsoOK {
		return nil, false
	}
	compare, field := s.comparer(kind), c.Field
	return func(r Row) bool {
		v := r.Value(field)
		a, ok := compare(from, v)
		b, alsoOK := compare(v, to)
		return v != "" && ok && alsoOK && a <= 0 && b <= 0
	}, true
}

// fields compiles the comparison of two fields of one row.
func (s *Source) fields(c *Condition, kind Kind) (test, bool) {
	other, ok := s.Kind(c.Value)
	if !ok || (other == Number) != (kind == Number) && inOrder[c.Op] {
		return nil, false
	}
	field, second := c.Field, c.Value
	switch c.Op {
	case SameAs:
		return func(r Row) bool { return s.fold(r.Value(field)) == s.fold(r.Value(second)) }, true
	case NotSameAs:
		return func(r Row) bool { return s.fold(r.Value(field)) != s.fold(r.Value(second)) }, true
	}
	return holds(s.comparer(kind), c.Op, func(r Row) (string, string) { return r.Value(field), r.Value(second) }), true
}

// moment is a stored date or time.
func moment(v string) (time.Time, bool) {
	for _, layout := range []string{Layout, DateLayout} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// apart compiles MORETHANfield@day@before@n and LESSTHAN: how far this field is
// before or after another one.
func (s *Source) apart(c *Condition) (test, bool) {
	parts := strings.Split(c.Value, "@")
	if len(parts) != 4 || parts[2] != "before" && parts[2] != "after" {
		return nil, false
	}
	kind, known := s.Kind(parts[0])
	n, err := strconv.Atoi(parts[3])
	if !known || kind != DateTime && kind != Date || err != nil || !slices.Contains(units, parts[1]) || n > maxSteps || n < -maxSteps {
		return nil, false
	}
	field, more := c.Field, c.Op == MoreThan
	return func(r Row) bool {
		mine, ok := moment(r.Value(field))
		other, alsoOK := moment(r.Value(parts[0]))
		if !ok || !alsoOK {
			return false
		}
		first, second := mine, other
		if parts[2] == "after" {
			first, second = other, mine
		}
		edge := step(first, parts[1], n)
		if more {
			return second.After(edge)
		}
		return !second.Before(first) && second.Before(edge)
	}, true
}
