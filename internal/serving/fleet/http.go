package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
)

// Time-outs of HTTP connections, against clients that send or read a byte now
// and then. A handler that answers late (a long poll) is not bounded by them.
const (
	headerTimeout = 10 * time.Second
	maxHeader     = 64 << 10
)

var ( // variables for tests
	bodyTimeout   = 60 * time.Second
	answerTimeout = 60 * time.Second // for a client to take what was written; half of it at least
)

// Shown is how many octets of a body the journal keeps.
const Shown = 4 << 10

// serveHTTP starts a port and returns what stops it.
func (f *Fleet) serveHTTP(p *port) (stop func()) {
	var l net.Listener = &gatekeeper{Listener: p.listener, connections: p.connections, relief: f.relieve, done: make(chan struct{})}
	if p.TLS {
		l = tls.NewListener(l, f.tlsConfig(p))
	}
	idle := p.Limits.Idle
	if idle == 0 {
		idle = 2 * time.Minute
	}
	srv := &http.Server{
		Handler: f.handler(p), ReadHeaderTimeout: headerTimeout, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
		ErrorLog:    slog.NewLogLogger(f.Log.Handler(), slog.LevelDebug),
		ConnContext: seated, ConnState: p.connections.note,
	}
	f.running.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.Log.Error("a port stopped serving", "port", p.ID(), "error", err)
		}
	})
	return func() {
		// The end of the grace cancels what still runs; as long again is left to
		// answer that.
		last, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer context.AfterFunc(f.hard, func() {
			p.connections.cancelAll()
			time.AfterFunc(f.Grace, cancel)
		})()
		p.connections.endSilent()
		srv.Shutdown(last)
		srv.Close()
	}
}

// seated is the context of a connection, which ends with it: when it is closed, when
// the client is gone, at the end of the grace.
func seated(ctx context.Context, c net.Conn) context.Context {
	w := under(c)
	ctx, cancel := context.WithCancel(ctx)
	w.ends(cancel)
	s := dialect.NewConnection(ctx)
	s.Conn = w
	return s
}

// handler opens a call for each request, routes it and closes the call.
func (f *Fleet) handler(p *port) http.Handler {
	e := f.router(p)
	keep := f.Journal != nil && !p.Quiet
	limit := p.Limits.Body
	if limit == 0 {
		limit = 1 << 20
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		evenPath(r.URL)
		x := exchanges.Get().(*exchange)
		x.asked, x.ResponseWriter, x.call, x.keep, x.conn = r, w, &x.made, keep, dialect.ConnectionFrom(ctx)
		x.conn.Take(x.call, &p.line, r.RemoteAddr)
		x.call.Unnamed = true // until a route is found
		if x.wire, _ = x.conn.Conn.(*wire); x.wire != nil {
			x.wire.x = x
			x.wire.busy.Store(x.wire.connections.tick.Load())
		}
		x.held = !p.Quiet && !f.Faults.Idle() && f.Faults.Later(subject(x.call))
		if r.Body != http.NoBody {
			x.body = open(w, r, limit)
			x.body.keep = keep
			x.asked = r.WithContext(ctx) // net/http looks at its own, to know what was read
			x.asked.Body = x.body
		}
		defer func() { f.finish(ctx, x, recover()) }()
		e.ServeHTTP(&x.recorder, x.asked)
	})
}

// router is the echo instance of a port: its routes, and the fleet's part in
// each.
func (f *Fleet) router(p *port) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	e.IPExtractor = echo.ExtractIPDirect()
	for _, r := range p.HTTP.Routes {
		name := r.Name()
		if r.Path == "/*" { // whatever comes
			name = ""
		}
		e.Add(r.Method, r.Path, func(c echo.Context) error {
			if err := enter(c, name); err != nil {
				return err
			}
			return r.Do(c)
		})
	}
	unknown := func(c echo.Context) error {
		dialect.CallFrom(c.Request().Context()).Outcome = dialect.Unimplemented
		return p.HTTP.NotFound(c)
	}
	e.RouteNotFound("/*", func(c echo.Context) error {
		if err := enter(c, ""); err != nil {
			return err
		}
		return unknown(c)
	})
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed || played(err, c) {
			return
		}
		if errors.Is(err, echo.ErrMethodNotAllowed) || errors.Is(err, echo.ErrNotFound) {
			if err = unknown(c); err == nil {
				return
			}
		}
		call := dialect.CallFrom(c.Request().Context())
		if _, refused := cause.Of(err); !refused || call.Outcome == "" {
			call.Refuse(err)
		} else if call.Why == "" { // the server has said how it ends: a question may be worded as an error
			call.Because(err)
		}
		p.HTTP.Error(err, c)
	}
	return e
}

// enter names an operation, after its path if it has no name of the server's, and
// plays the faults that come before it.
func enter(c echo.Context, name string) error {
	r := c.Request()
	ctx := r.Context()
	call := c.Response().Writer.(*recorder).call
	if call.Op, call.Unnamed = name, name == ""; call.Unnamed {
		call.Op = r.Method + " " + r.URL.Path
	}
	if r.URL.RawPath != "" {
		unescape(c)
	}
	return call.Admit(ctx)
}

// unescape hands path parameters to handlers as what they mean: echo routes an
// escaped path as it was sent and leaves its parts escaped.
func unescape(c echo.Context) {
	values := slices.Clone(c.ParamValues())
	for i, v := range values {
		if plain, err := url.PathUnescape(v); err == nil {
			values[i] = plain
		}
	}
	c.SetParamValues(values...)
}

// cut lets a connection end with a reset and no answer, once the call is on record: who sees
// it end and looks finds why.
func cut(w http.ResponseWriter) {
	for inner := w; inner != nil; {
		if rec, ok := inner.(*recorder); ok {
			rec.gone = true
			return
		}
		u, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		inner = u.Unwrap()
	}
	hangUp(w)
}

// hangUp resets the connection of a request.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
}

// finish closes the call of a request, also one whose handler panicked.
func (f *Fleet) finish(ctx context.Context, x *exchange, panicked any) {
	call := x.call
	if panicked != nil && panicked != http.ErrAbortHandler {
		f.recovered(call, panicked)
		if x.status == 0 {
			http.Error(&x.recorder, "internal server error", http.StatusInternalServerError)
		}
	}
	if call.Status == "" && x.status != 0 {
		call.Status = number(x.status)
	}
	if call.Outcome == "" {
		call.Outcome = outcome(x.status)
	}
	abort := panicked == http.ErrAbortHandler
	if !abort {
		abort = f.late(ctx, x)
	}
	if x.keep && call.Request == "" {
		call.Wire.Request = x.request()
	}
	if x.keep && call.Response == "" {
		call.Wire.Response = x.head
	}
	if x.keep {
		x.addHeads()
	}
	call.End(ctx)
	call.Wire.Request, call.Wire.Response, call.Wire.RequestHead, call.Wire.ResponseHead = nil, nil, nil, nil
	if x.gone {
		hangUp(x.ResponseWriter)
	}
	if abort {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	if panicked == nil {
		x.free()
	}
}

// number is strconv.Itoa, which allocates, for the statuses of every day.
func number(status int) string {
	switch status {
	case 200:
		return "200"
	case 201:
		return "201"
	case 204:
		return "204"
	case 400:
		return "400"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	}
	return strconv.Itoa(status)
}

// outcome is what a status says when the handler did not.
func outcome(status int) dialect.Outcome {
	switch {
	case status == 401 || status == 403 || status == 409 || status == 423 || status == 429:
		return dialect.DeniedOutcome
	case status >= 500:
		return dialect.Internal
	case status >= 400:
		return dialect.Failed
	}
	return dialect.OK
}
