package fleet

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"
)

// errNoConnection means that a request came over none, as in a test of a handler.
var errNoConnection = errors.New("fleet: the request has no connection of its own")

// Detached is a connection that was taken out of net/http's hands.
type Detached struct {
	net.Conn
	Context context.Context // ends with the client, or when the fleet stops
	stop    func()
}

// Detach takes the connection of a request out of net/http's hands, for an answer
// without an end to one of many clients: a connection that net/http keeps has a second
// goroutine and four buffers. The caller writes the answer, head and all, and calls
// Release.
func Detach(c echo.Context) (*Detached, error) {
	l := linkFrom(c.Request().Context())
	if l == nil {
		return nil, errNoConnection
	}
	conn, _, err := http.NewResponseController(c.Response().Writer).Hijack()
	if err != nil {
		return nil, err
	}
	c.Response().Committed = true
	ctx, cancel := context.WithCancel(context.Background())
	stop := l.whenGone(func() {
		cancel()
		conn.Close() // whoever writes does not go on
	})
	return &Detached{Conn: conn, Context: ctx, stop: func() { stop(); cancel() }}, nil
}

// Release closes the connection.
func (d *Detached) Release() {
	d.stop()
	d.Close()
}
