package httpapi

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
)

// Words puts causes into a vendor's words: the one place of a face, or of a family of
// its routes, where a status is chosen for an error. A row W is whatever the vendor
// needs: status, code, sentence. A status of 200, 203 or 500 does not make a refusal
// something else: the outcome of the call is said beside it.
type Words[W any] struct {
	Of          map[cause.Cause]W
	Other       W // a cause that is not in Of
	Unavailable W // the store cannot decide: state.ErrUnavailable
	Internal    W // a foreign error, which is the server's own failure
	// Outcomes are those of causes that are more than denied (or failed, for
	// cause.BadInput): Challenge for a poll that is to come again, whatever status it
	// has. Nothing overrides Unplayed and Unimplemented.
	Outcomes map[cause.Cause]dialect.Outcome
	// Write answers: status, headers and body. err is what is worded, for rows that
	// show a part of it.
	Write func(c echo.Context, w W, err error)
}

// Find is the row of an error.
func (t *Words[W]) Find(err error) W {
	reason, known := cause.Of(err)
	row, worded := t.Of[reason]
	switch {
	case worded:
		return row
	case errors.Is(err, state.ErrUnavailable):
		return t.Unavailable
	case known:
		return t.Other
	}
	return t.Internal
}

// Answer words err; it is a dialect.HTTP.Error.
func (t *Words[W]) Answer(err error, c echo.Context) {
	if reason, known := cause.Of(err); known && len(t.Outcomes) > 0 {
		call := dialect.CallFrom(c.Request().Context())
		if o, said := t.Outcomes[reason]; said && call.Outcome != dialect.Unplayed && call.Outcome != dialect.Unimplemented {
			call.Outcome = o
		}
	}
	t.Write(c, t.Find(err), err)
}

// Family is the words of some routes of a face: one API has other refusals than
// another on the same port.
type Family struct {
	Has    func(path string) bool // of the URL, decoded
	Answer func(error, echo.Context)
}

// Under are the paths that begin with prefix, in any case where fold is set.
func Under(prefix string, fold bool) func(path string) bool {
	return func(path string) bool {
		return strings.HasPrefix(path, prefix) || fold && len(path) >= len(prefix) && strings.EqualFold(path[:len(prefix)], prefix)
	}
}

// Families is a dialect.HTTP.Error that chooses by path: the first family that fits,
// otherwise the rest's words.
func Families(rest func(error, echo.Context), families ...Family) func(error, echo.Context) {
	return func(err error, c echo.Context) {
		for _, f := range families {
			if f.Has(c.Request().URL.Path) {
				f.Answer(err, c)
				return
			}
		}
		rest(err, c)
	}
}

// MethodNotAllowed refuses a method that a path does not take, with the header Allow set
// to those that it does (RFC 9110 section 15.5.6). It is nil when no route has the path.
func MethodNotAllowed(c echo.Context, routes []dialect.Route) error {
	allowed := dialect.Methods(routes, c.Request().URL.EscapedPath())
	if len(allowed) == 0 {
		return nil
	}
	list := strings.Join(allowed, ", ")
	c.Response().Header().Set(echo.HeaderAllow, list)
	return cause.Because(WrongMethod, "%s takes %s", c.Request().URL.Path, list)
}
