package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// API is a plugin API version; a third component counts for nothing.
type API struct{ Major, Minor int }

// String is "1.9".
func (a API) String() string { return fmt.Sprintf("%d.%d", a.Major, a.Minor) }

// AtLeast reports whether a is major.minor or later.
func (a API) AtLeast(major, minor int) bool {
	return a.Major > major || a.Major == major && a.Minor >= minor
}

// apiForm is a semantic version, after the documented short form was filled up.
var (
	shortForm = regexp.MustCompile(`^([0-9]+)\.([0-9]+)(\.[0-9]+)?$`)
	apiForm   = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// apiVersion is a version with what may follow its minor number.
type apiVersion struct {
	API
	patch int
	pre   bool
}

// parseAPI reads what a MANIFEST calls api.
func parseAPI(s string) (apiVersion, bool) {
	s = shortForm.ReplaceAllString(s, "$1.$2.0")
	m := apiForm.FindStringSubmatch(s)
	if m == nil {
		return apiVersion{}, false
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(m[i+1]); err != nil {
			return apiVersion{}, false
		}
	}
	return apiVersion{API{n[0], n[1]}, n[2], m[4] != ""}, true
}

// largerThan reports whether the plugin wants more than the host has.
func (v apiVersion) largerThan(host API) bool {
	if v.API != host {
		return v.AtLeast(host.Major, host.Minor)
	}
	return v.patch > 0 // with a suffix the patch is not dropped
}

// CompareDebian orders two versions as Debian's package tools do: numbers as
// numbers, and a tilde before everything, even before the end.
func CompareDebian(a, b string) int {
	ea, a := epoch(a)
	eb, b := epoch(b)
	if ea != eb {
		return cmpInt(ea, eb)
	}
	ua, ra := revision(a)
	ub, rb := revision(b)
	if c := comparePart(ua, ub); c != 0 {
		return c
	}
	return comparePart(ra, rb)
}

func epoch(s string) (int, string) {
	head, rest, ok := strings.Cut(s, ":")
	if !ok {
		return 0, s
	}
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0, s
	}
	return n, rest
}

func revision(s string) (upstream, rev string) {
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func comparePart(a, b string) int {
	for a != "" || b != "" {
		na, nb := nonDigits(a), nonDigits(b)
		for i := 0; i < len(na) || i < len(nb); i++ {
			if c := cmpInt(weight(na, i), weight(nb, i)); c != 0 {
				return c
			}
		}
		a, b = a[len(na):], b[len(nb):]
		da, db := digits(a), digits(b)
		if c := compareNumber(da, db); c != 0 {
			return c
		}
		a, b = a[len(da):], b[len(db):]
	}
	return 0
}

// weight orders one character: tilde, end, letters, the rest.
func weight(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch c := s[i]; {
	case c == '~':
		return -1
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return int(c)
	default:
		return int(c) + 256
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func nonDigits(s string) string {
	for i := range len(s) {
		if isDigit(s[i]) {
			return s[:i]
		}
	}
	return s
}

func digits(s string) string {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return s[:i]
		}
	}
	return s
}

func compareNumber(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return cmpInt(len(a), len(b))
	}
	return strings.Compare(a, b)
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
