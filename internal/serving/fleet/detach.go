package fleet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// errNoConnection means that a request came over none, as in a test of a handler.
var errNoConnection = errors.New("fleet: the request has no connection of its own")

// Detached is a connection that was taken out of net/http's hands.
type Detached struct {
	net.Conn
	Context context.Context // ends with the client, or when the fleet stops
}

// Detach takes the connection of a request out of net/http's hands, for an answer
// without an end to one of many clients: what net/http and echo keep for a request, a
// second goroutine and buffers, goes when the handler returns. run writes the answer,
// head and all, after that; the connection is closed when it returns.
func Detach(c echo.Context, run func(*Detached)) error {
	l := linkFrom(c.Request().Context())
	if l == nil {
		return errNoConnection
	}
	conn, _, err := http.NewResponseController(c.Response().Writer).Hijack()
	if err != nil {
		return err
	}
	c.Response().Committed = true
	ctx, cancel := context.WithCancel(context.Background())
	stop := l.whenGone(func() {
		cancel()
		conn.Close() // whoever writes does not go on
	})
	d := &Detached{Conn: conn, Context: ctx}
	go func() {
		defer conn.Close()
		defer cancel()
		defer stop()
		defer func() {
			if what := recover(); what != nil {
				l.connections.log.Error("an answer without an end panicked; it is cut off, the fleet goes on", "panic", what, "stack", string(debug.Stack()))
			}
		}()
		run(d)
	}()
	return nil
}
