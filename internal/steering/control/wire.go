package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/strictyaml"
)

// span is a duration on the wire: "90s", "8h".
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration like 90s or 8h", text)
	}
	*s = span(d)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// The largest bodies: of JSON, and of a seed, which is what an export may be.
const (
	largestBody = 1 << 20
	largestSeed = strictyaml.MaxSeed
)

// read decodes a body strictly: one JSON object, known fields only. An empty one
// leaves v as it is when optional.
func read(c echo.Context, v any, optional bool) error {
	return httpapi.Strict{Optional: optional, Limit: largestBody}.Read(c.Request(), v)
}

// known refuses query parameters that a route does not have: a mistyped filter
// would find everything.
func known(c echo.Context, names ...string) error {
	for name, values := range c.QueryParams() {
		fine := false
		for _, n := range names {
			fine = fine || n == name
		}
		if !fine {
			return cause.Because(cause.BadInput, "there is no parameter %q here; known are %s", name, strings.Join(names, ", "))
		}
		if len(values) > 1 {
			return cause.Because(cause.BadInput, "%s is given %d times", name, len(values))
		}
	}
	return nil
}

// number is a whole number of the query.
func number(c echo.Context, name string) (uint64, error) {
	if !c.QueryParams().Has(name) {
		return 0, nil
	}
	text := c.QueryParam(name)
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, cause.Because(cause.BadInput, "%s must be a whole number, not %q", name, text)
	}
	return n, nil
}

// word is one of the words that a parameter of the query may be; empty if it is not given.
func word[T ~string](c echo.Context, name string, all ...T) (T, error) {
	if !c.QueryParams().Has(name) {
		return "", nil
	}
	if text := T(c.QueryParam(name)); slices.Contains(all, text) {
		return text, nil
	}
	return "", cause.Because(cause.BadInput, "%s must be one of %v, not %q", name, all, c.QueryParam(name))
}

// longestWait bounds how long a request is held.
const longestWait = 60 * time.Second

// wait is how long a request wants to be held at most.
func wait(c echo.Context, name string, otherwise time.Duration) (time.Duration, error) {
	if !c.QueryParams().Has(name) {
		return otherwise, nil
	}
	text := c.QueryParam(name)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, cause.Because(cause.BadInput, "%s must be a duration like 10s, not %q", name, text)
	}
	return min(d, longestWait), nil
}

// wording is the status of each cause.
var wording = httpapi.Words[int]{Write: write, Other: http.StatusConflict, Unavailable: http.StatusServiceUnavailable, Internal: http.StatusInternalServerError, Of: map[cause.Cause]int{
	cause.WrongCode: 400, cause.WrongNumber: 400, cause.NotFound: 404, cause.UnknownUser: 404, cause.UnknownRequest: 404, cause.UnknownLease: 404, cause.UnknownAccount: 404,
	cause.UnknownTicket: 404, cause.NoDevice: 404,
	cause.BadInput: 400, cause.NotAllowed: 403, cause.NotAuthenticated: 401, cause.Unavailable: 503, cause.Decided: 409,
	cause.LeaseExpired: 409, cause.LeaseReturned: 409, cause.RateLimited: 429, httpapi.WrongMethod: 405, httpapi.TooLarge: 413, httpapi.UnsupportedMedia: 415,
}}

// write answers an error as a problem document (RFC 9457).
func write(c echo.Context, status int, err error) {
	title := http.StatusText(status)
	if reason, known := cause.Of(err); known {
		title = string(reason)
	}
	if status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", "Bearer")
	}
	problem := map[string]any{"type": "about:blank", "title": title, "status": status, "detail": cause.Why(err)}
	if errors.Is(err, cause.WrongNumber) {
		problem["pending"] = true // it can be answered again
	}
	httpapi.JSONWriter{ContentType: "application/problem+json", EscapeHTML: true, Newline: true}.Write(c, status, problem)
}
