package fleet

import (
	"bytes"
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
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/netutil"

	"counterpart/internal/dialect"
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
	l := netutil.LimitListener(p.listener, cap(p.slots))
	if p.TLS {
		c := f.tlsConfig(p)
		c.NextProtos = []string{"http/1.1"}
		l = tls.NewListener(l, c)
	}
	idle := p.Limits.Idle
	if idle == 0 {
		idle = 2 * time.Minute
	}
	srv := &http.Server{
		Handler: f.handler(p), ReadHeaderTimeout: headerTimeout, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
		ErrorLog:    slog.NewLogLogger(f.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return f.hard },
	}
	srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, taken{}, new(time.Time))
	}
	silent := &silent{conns: map[net.Conn]bool{}}
	srv.ConnState = silent.note
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
		defer context.AfterFunc(f.hard, func() { time.AfterFunc(f.Grace, cancel) })()
		silent.close()
		srv.Shutdown(last)
		srv.Close()
	}
}

// silent are the connections that have not sent a whole request yet. To
// http.Server.Shutdown they are busy for their first five seconds.
type silent struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

// note follows a connection; it is a http.Server's ConnState.
func (s *silent) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.conns, c)
	case s.closed:
		c.Close()
	default:
		s.conns[c] = true
	}
}

func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
}

// handler opens a call for each request, routes it and closes the call.
func (f *Fleet) handler(p *port) http.Handler {
	e := f.router(p)
	limit := p.Limits.Body
	if limit == 0 {
		limit = 1 << 20
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := p.line
		line.Peer = r.RemoteAddr
		ctx, call := dialect.Begin(dialect.WithLine(r.Context(), &line), r.Method+" "+r.URL.Path)
		call.Unnamed = true // until a route is found
		wire := http.NewResponseController(w)
		out := &recorder{ResponseWriter: w, call: call, keep: f.Journal != nil && !p.Quiet, wire: wire}
		out.until, _ = r.Context().Value(taken{}).(*time.Time)
		out.held = !p.Quiet && !f.Faults.Idle() && f.Faults.Later(subject(call))
		body := &tap{ReadCloser: http.MaxBytesReader(w, r.Body, limit), keep: out.keep, wire: wire}
		defer func() { f.finish(ctx, call, &exchange{r, body, out, recover()}) }()
		if r.ContentLength != 0 { // also for a body that nobody reads
			body.wire.SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		r = r.WithContext(ctx)
		r.Body = body
		e.ServeHTTP(out, r)
	})
}

// router is the echo instance of a port: its routes, the fleet's middleware.
func (f *Fleet) router(p *port) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	e.IPExtractor = echo.ExtractIPDirect()
	e.Use(unescape)
	if !p.Quiet {
		e.Use(f.gate)
	}
	for _, r := range p.HTTP.Routes {
		e.Add(r.Method, r.Path, r.Do)
	}
	unknown := func(c echo.Context) error {
		dialect.CallFrom(c.Request().Context()).Outcome = dialect.Unimplemented
		return p.HTTP.NotFound(c)
	}
	e.RouteNotFound("/*", unknown)
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed || played(err, c) {
			return
		}
		if errors.Is(err, echo.ErrMethodNotAllowed) || errors.Is(err, echo.ErrNotFound) {
			if err = unknown(c); err == nil {
				return
			}
		}
		dialect.CallFrom(c.Request().Context()).Refuse(err)
		p.HTTP.Error(err, c)
	}
	return e
}

// unescape hands path parameters to handlers as what they mean: echo routes an
// escaped path as it was sent and leaves its parts escaped.
func unescape(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := slices.Clone(c.ParamValues())
		for i, v := range values {
			if plain, err := url.PathUnescape(v); err == nil {
				values[i] = plain
			}
		}
		c.SetParamValues(values...)
		return next(c)
	}
}

// gate names the operation and plays the faults that come before it.
func (f *Fleet) gate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		call := dialect.CallFrom(ctx)
		if path := c.Path(); path != "" && path != "/*" {
			call.Op, call.Unnamed = c.Request().Method+" "+path, false
		}
		if err := call.Admit(ctx); err != nil {
			return err
		}
		return next(c)
	}
}

// cut ends a connection with a reset and no answer.
func cut(w http.ResponseWriter) {
	for inner := w; inner != nil; {
		if rec, ok := inner.(*recorder); ok {
			rec.gone = true
		}
		u, ok := inner.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		inner = u.Unwrap()
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
}

// reset closes a connection with RST rather than FIN where it can.
func reset(conn net.Conn) {
	inner := conn
	if t, ok := conn.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	inner.Close()
}

// exchange is a request with what became of it.
type exchange struct {
	*http.Request
	body     *tap
	out      *recorder
	panicked any
}

// finish closes the call of a request, also one whose handler panicked.
func (f *Fleet) finish(ctx context.Context, call *dialect.Call, x *exchange) {
	out := x.out
	if x.panicked != nil && x.panicked != http.ErrAbortHandler {
		f.recovered(call, x.panicked)
		if out.status == 0 {
			http.Error(out, "internal server error", http.StatusInternalServerError)
		}
	}
	if out.status == 0 && !out.gone {
		out.hurry() // net/http answers by itself
	}
	if call.Status == "" && out.status != 0 {
		call.Status = strconv.Itoa(out.status)
	}
	if call.Outcome == "" {
		call.Outcome = outcome(out.status)
	}
	if out.keep {
		if call.Request == "" {
			call.Request = x.Method + " " + x.URL.RequestURI()
			if len(x.body.head) > 0 {
				call.Request += "\n" + string(x.body.head)
			}
		}
		if call.Response == "" {
			call.Response = string(out.head)
		}
	}
	abort := x.panicked == http.ErrAbortHandler
	if !abort {
		abort = f.late(ctx, call, out)
	}
	call.End(ctx)
	if abort {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
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

// tap keeps the head of a request body for the journal. The time-out of the body
// runs from the first read, not while a fault delays the operation before it;
// net/http lifts it when the body has ended.
type tap struct {
	io.ReadCloser
	keep bool
	head []byte
	wire *http.ResponseController
	read bool
}

func (t *tap) Read(p []byte) (int, error) {
	if !t.read {
		t.read = true
		t.wire.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	n, err := t.ReadCloser.Read(p)
	if room := Shown - len(t.head); t.keep && room > 0 {
		t.head = append(t.head, p[:min(n, room)]...)
	}
	return n, err
}

// recorder keeps the status and the head of an answer.
type recorder struct {
	http.ResponseWriter
	call   *dialect.Call
	keep   bool
	status int
	head   []byte
	held   bool // nothing leaves before the faults that come after the operation
	gone   bool // the connection was cut
	buf    bytes.Buffer
	wire   *http.ResponseController
	until  *time.Time // the connection's: when the client must have taken what was written
}

// taken is the key of a connection's *time.Time, which its requests, one after
// the other, keep.
type taken struct{}

// hurry gives the client time to take what is written next: one that asks and
// does not read would hold the answer for ever.
func (w *recorder) hurry() {
	if now := time.Now(); w.until.Sub(now) < answerTimeout/2 {
		*w.until = now.Add(answerTimeout)
		w.wire.SetWriteDeadline(*w.until)
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	if !w.held {
		w.hurry()
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if room := Shown - len(w.head); w.keep && room > 0 {
		w.head = append(w.head, p[:min(len(p), room)]...)
	}
	if w.held {
		return w.buf.Write(p)
	}
	w.hurry()
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for handlers that stream.
func (w *recorder) Flush() {
	if w.held {
		return
	}
	http.NewResponseController(w.ResponseWriter).Flush()
}
