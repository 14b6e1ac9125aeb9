package query

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// resolve is what a value means: itself, or the result of one of the functions
// that queries may call after "javascript:".
func (s *Source) resolve(v string) (string, bool) {
	if !strings.HasPrefix(v, "javascript:") {
		return v, true
	}
	name, args, ok := call(v)
	if !ok {
		return "", false
	}
	now := s.Now.In(s.Zone)
	if len(args) == 0 {
		switch name {
		case "getUserID":
			return s.UserID, true
		case "getUserName":
			return s.UserName, true
		case "now":
			return now.Format(DateLayout), true
		case "nowDateTime":
			return s.Now.UTC().Format(Layout), true
		}
	}
	if name == "dateGenerate" {
		return s.generate(args)
	}
	t, ok := span(now, name, args)
	return t.UTC().Format(Layout), ok && t.Year() > 0 && t.Year() < 10000
}

var calling = regexp.MustCompile(`^javascript:\s*gs\.([A-Za-z0-9]{1,40})\(([^()]*)\)\s*;?$`)

// call splits "javascript:gs.name(arguments)"; arguments are numbers or quoted.
func call(v string) (name string, args []string, ok bool) {
	m := calling.FindStringSubmatch(v)
	if m == nil {
		return "", nil, false
	}
	if strings.TrimSpace(m[2]) == "" {
		return m[1], nil, true
	}
	for a := range strings.SplitSeq(m[2], ",") {
		a = strings.TrimSpace(a)
		if n := len(a); n >= 2 && (a[0] == '\'' || a[0] == '"') && a[n-1] == a[0] {
			a = a[1 : n-1]
		} else if _, err := strconv.Atoi(a); err != nil {
			return "", nil, false
		}
		if strings.ContainsAny(a, `'"\`) {
			return "", nil, false
		}
		args = append(args, a)
	}
	return m[1], args, true
}

// generate is gs.dateGenerate: a date and a time of the user's zone.
func (s *Source) generate(args []string) (string, bool) {
	if len(args) != 1 && len(args) != 2 {
		return "", false
	}
	text := strings.Join(args, " ")
	if len(args) == 2 && (args[1] == "start" || args[1] == "end") {
		text = args[0] + map[string]string{"start": " 00:00:00", "end": " 23:59:59"}[args[1]]
	}
	for _, layout := range []string{Layout, DateLayout} {
		if t, err := time.ParseInLocation(layout, text, s.Zone); err == nil {
			return t.UTC().Format(Layout), true
		}
	}
	return "", false
}

var (
	ago   = regexp.MustCompile(`^(minutes|hours|days|weeks|months|quarters|years)Ago(Start|End|)$`)
	spans = regexp.MustCompile(`^(beginningOf|endOf)(This|Last|Next|Current|)([0-9]*)(Minute|Hour|Day|Week|Month|Quarter|Year)(s?)$`)
)

// span is the moment that a function about spans of time names: daysAgoStart(1),
// endOfLastMonth(), beginningOfLast7Days().
func span(now time.Time, name string, args []string) (time.Time, bool) {
	if m := ago.FindStringSubmatch(name); m != nil && len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n > maxSteps || n < -maxSteps {
			return time.Time{}, false
		}
		unit := strings.TrimSuffix(m[1], "s")
		t := step(now, unit, -n)
		if m[2] != "" {
			t = edge(start(t, unit), unit, 1, m[2] == "End")
		}
		return t, true
	}
	if len(args) != 0 {
		return time.Time{}, false
	}
	for day, shift := range map[string]int{"Today": 0, "Yesterday": -1, "Tomorrow": 1} {
		if name == "beginningOf"+day || name == "endOf"+day {
			return edge(start(now.AddDate(0, 0, shift), "day"), "day", 1, name[0] == 'e'), true
		}
	}
	if name == "beginningOfOneYearAgo" || name == "endOfOneYearAgo" {
		return edge(start(now.AddDate(-1, 0, 0), "day"), "day", 1, name[0] == 'e'), true
	}
	m := spans.FindStringSubmatch(name)
	if m == nil {
		return time.Time{}, false
	}
	unit, end := strings.ToLower(m[4]), m[1] == "endOf"
	if m[3] != "" {
		n, err := strconv.Atoi(m[3])
		if err != nil || n < 1 || n > 1000 {
			return time.Time{}, false
		}
		from, n, ok := several(now, unit, m[2], n)
		return edge(from, unit, n, end), ok
	}
	from := start(now, unit)
	switch m[2] {
	case "Last":
		from = step(from, unit, -1)
	case "Next":
		from = step(from, unit, 1)
	}
	return edge(from, unit, 1, end), m[5] == ""
}

// several is the beginning and the length of a span of n units: the last n before
// now, up to and with the present one, or the next n.
func several(now time.Time, unit, which string, n int) (time.Time, int, bool) {
	from := start(now, unit)
	switch which {
	case "Last":
		return step(from, unit, -n), n + 1, true
	case "Next":
		return step(from, unit, 1), n, true
	}
	return from, n, false
}

// edge is the first or the last second of n units from a beginning.
func edge(from time.Time, unit string, n int, end bool) time.Time {
	if !end {
		return from
	}
	return step(from, unit, n).Add(-time.Second)
}
