package native

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

const timeFormat = time.RFC3339Nano

// read decodes the request body strictly: one JSON object, known fields only.
// An empty body leaves v as it is when optional.
func (c *caller) read(v any, optional bool) error {
	return httpapi.Strict{Types: jsonTypes, Optional: optional}.Read(c.Request(), v)
}

// jsonTypes are the media types of bodies.
var jsonTypes = []string{"application/json", "application/merge-patch+json"}

// span is a duration in JSON and queries: "90s", "1h".
type span time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration like 90s or 1h", text)
	}
	*s = span(d)
	return nil
}

// Pages.
const (
	usualPage = 100
	maxPage   = 1000
)

// page cuts a list as limit and cursor ask.
func page[T any](c *caller, all []T) (items []T, next string, err error) {
	limit, err := c.number("limit", usualPage)
	if err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > maxPage {
		return nil, "", cause.Because(cause.BadInput, "limit must be 1 to %d", maxPage)
	}
	from := 0
	if cursor := c.QueryParam("cursor"); cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err == nil {
			from, err = strconv.Atoi(strings.TrimPrefix(string(raw), "at "))
		}
		if err != nil || from < 0 {
			return nil, "", cause.Because(cause.BadInput, "that cursor is none of ours")
		}
	}
	from = min(from, len(all))
	to := min(from+limit, len(all))
	if to < len(all) {
		next = base64.RawURLEncoding.EncodeToString(fmt.Append(nil, "at ", to))
	}
	return append([]T{}, all[from:to]...), next, nil
}

// list is a page in JSON.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitempty"`
}

// listed answers a page.
func listed[T any](c *caller, all []T) error {
	items, next, err := page(c, all)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list[T]{items, next})
}

// number is a whole number of the query.
func (c *caller) number(name string, otherwise int) (int, error) {
	text := c.QueryParam(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, cause.Because(cause.BadInput, "%s must be a whole number, not %q", name, text)
	}
	return n, nil
}
