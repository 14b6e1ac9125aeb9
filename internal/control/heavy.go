package control

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/cause"
	"counterpart/internal/dialect"
)

// What a listing, an export or an import takes grows with what the fleet stores,
// so that few run at once and the others wait their turn, for a while.
const (
	heavyAtOnce = 2
	heavyWait   = 20 * time.Second
)

// heavy is route for an operation whose cost grows with what is stored. It holds a
// turn until its answer has been taken; a client that does not read is cut off after
// a minute.
func (s *Server) heavy(method, path string, do echo.HandlerFunc) dialect.Route {
	return s.inTurn(s.turns, dialect.Route{Method: method, Path: path, Do: do})
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
