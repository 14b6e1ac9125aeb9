package fleet

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"counterpart/internal/serving/dialect"
)

// exchange is a request with what became of it.
type exchange struct {
	recorder
	asked *http.Request
	conn  *dialect.Connection
	wire  *wire        // nil in a test without a connection
	made  dialect.Call // what call points to
	body  *tap         // nil: the request has none
	shown []byte       // of the request, for the journal
	heads []byte       // of the request, then of the answer
}

// exchanges are used again: their buffers are what a request costs most.
var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// free gives an exchange back once nobody uses it any more.
func (x *exchange) free() {
	x.leave()
	x.conn.Leave()
	if x.buf.Cap() > mostKept {
		return
	}
	x.buf.Reset()
	*x = exchange{recorder: recorder{head: x.head[:0], buf: x.buf}, shown: x.shown[:0], heads: x.heads[:0]}
	exchanges.Put(x)
}

// leave tells the connection that the exchange is over.
func (x *exchange) leave() {
	if x.wire != nil {
		x.wire.x = nil
		x.wire.busy.Store(0)
	}
}

// mostKept bounds the buffers that wait to be used again.
const mostKept = 64 << 10

// request is the request as the journal shows it.
func (x *exchange) request() []byte {
	target := x.asked.RequestURI
	if !strings.HasPrefix(target, "/") { // "http://host/path", as to a proxy
		target = x.asked.URL.RequestURI()
	}
	x.shown = append(append(append(x.shown[:0], x.asked.Method...), ' '), target...)
	if x.body != nil && len(x.body.head) > 0 {
		x.shown = append(append(x.shown, '\n'), x.body.head...)
	}
	return x.shown
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

// open bounds a request's body in size and time, also one that nobody reads.
func open(w http.ResponseWriter, r *http.Request, limit int64) *tap {
	t := &tap{ReadCloser: http.MaxBytesReader(w, r.Body, limit), wire: http.NewResponseController(w)}
	t.wire.SetReadDeadline(time.Now().Add(bodyTimeout))
	return t
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
	gone   bool // the connection is cut once the call is on record
	buf    bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	if !w.held {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	record(w, p)
	if w.held {
		return w.buf.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// WriteString implements io.StringWriter: no text is copied to be written, which a client
// that does not read would have held.
func (w *recorder) WriteString(s string) (int, error) {
	record(w, s)
	if w.held {
		return w.buf.WriteString(s)
	}
	return io.WriteString(w.ResponseWriter, s)
}

// record keeps the head of what is written.
func record[T string | []byte](w *recorder, p T) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if room := Shown - len(w.head); w.keep && room > 0 {
		w.head = append(w.head, p[:min(len(p), room)]...)
	}
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
