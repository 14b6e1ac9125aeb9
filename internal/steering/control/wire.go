package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/strictjson"
	"counterpart/internal/serving/strictyaml"
)

// Causes of this port's own.
const (
	tooLarge         cause.Cause = "too large"
	unsupportedMedia cause.Cause = "unsupported media type"
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

// whole is a body of at most so many octets.
func whole(c echo.Context, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, int64(limit)+1))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big), len(body) > limit:
		return nil, cause.Because(tooLarge, "a body has at most %d octets", limit)
	case err != nil:
		return nil, cause.Because(cause.BadInput, "the body ended early")
	}
	return body, nil
}

// read decodes a body strictly: one JSON object, known fields only. An empty one
// leaves v as it is when optional.
func read(c echo.Context, v any, optional bool) error {
	body, err := whole(c, largestBody)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		if optional {
			return nil
		}
		return cause.Because(cause.BadInput, "a JSON object is expected")
	}
	if kind, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return cause.Because(unsupportedMedia, "send Content-Type: application/json, not %q", c.Request().Header.Get("Content-Type"))
	}
	return strictjson.Decode(body, v)
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
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, cause.Because(cause.BadInput, "%s must be a whole number, not %q", name, text)
	}
	return n, nil
}

// longestWait bounds how long a request is held.
const longestWait = 60 * time.Second

// wait is how long a request wants to be held at most.
func wait(c echo.Context, name string, otherwise time.Duration) (time.Duration, error) {
	text := c.QueryParam(name)
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, cause.Because(cause.BadInput, "%s must be a duration like 10s, not %q", name, text)
	}
	return min(d, longestWait), nil
}

// wrongMethod is another verb than those of a path.
const wrongMethod cause.Cause = "method not allowed"

var statuses = map[cause.Cause]int{
	cause.WrongCode: 400, cause.NotFound: 404, cause.UnknownUser: 404, cause.UnknownRequest: 404, cause.UnknownLease: 404, cause.UnknownAccount: 404,
	cause.UnknownTicket: 404, cause.NoDevice: 404,
	cause.BadInput: 400, cause.NotAllowed: 403, cause.NotAuthenticated: 401, cause.Unavailable: 503, cause.Decided: 409,
	cause.LeaseExpired: 409, cause.LeaseReturned: 409, cause.RateLimited: 429, wrongMethod: 405, tooLarge: 413, unsupportedMedia: 415,
}

// problem answers an error as a problem document (RFC 9457).
func problem(err error, c echo.Context) {
	reason, known := cause.Of(err)
	status, ok := statuses[reason]
	switch {
	case ok:
	case known:
		status = http.StatusConflict
	case errors.Is(err, state.ErrUnavailable):
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	title := string(reason)
	if !known {
		title = http.StatusText(status)
	}
	if status == http.StatusUnauthorized {
		c.Response().Header().Set("WWW-Authenticate", "Bearer")
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	c.JSON(status, map[string]any{"type": "about:blank", "title": title, "status": status, "detail": cause.Why(err)})
}
