package control

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
)

// What a listing, an export or an import takes grows with what the fleet stores,
// so that one runs at a time and the others wait their turn, for a while.
const (
	heavyAtOnce = 1
	heavyWait   = 20 * time.Second
)

// heavy is route for an operation whose cost grows with what is stored. It holds a
// turn until its answer has been taken; a client that does not read is cut off after
// a minute.
func (s *Server) heavy(method, path string, do echo.HandlerFunc) dialect.Route {
	return s.inTurn(s.turns, dialect.Route{Method: method, Path: path, Do: do})
}

// list answers a list of items under a name, one after the other: as one document
// it would be held in memory as a whole.
func list[T any](c echo.Context, name string, items []T) error {
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, `{"`+name+`":[`)
	for i := range items {
		text, err := json.Marshal(&items[i])
		if err != nil {
			return err
		}
		if i > 0 {
			io.WriteString(w, ",")
		}
		if _, err := w.Write(text); err != nil {
			return nil // whoever asked has gone
		}
	}
	_, err := io.WriteString(w, "]}\n")
	return err
}

// inTurn is a route whose requests wait for one of the turns.
func (s *Server) inTurn(turns chan struct{}, r dialect.Route) dialect.Route {
	return s.route(r.Method, r.Path, func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), heavyWait)
		defer cancel()
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return cause.Because(cause.Unavailable, "others are asking for as much; try again")
		}
		defer func() { <-turns }()
		return r.Do(c)
	})
}
