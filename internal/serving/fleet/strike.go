package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
)

// subject is what fault rules see of a call.
func subject(c *dialect.Call) fault.Subject {
	return fault.Subject{Server: c.Server, Port: c.Port, Op: c.Op, Actor: c.Actor, Object: c.Object, Started: c.Started}
}

// struck is a rule that answers in place of the server.
type struck struct{ fault.Rule }

// Error implements error.
func (s *struck) Error() string { return "fleet: fault " + s.ID + " answers" }

// admit plays the faults that come before an operation of a connection.
func (f *Fleet) admit(ctx context.Context, c *dialect.Call) error {
	return f.strike(ctx, c, soonest(c), fault.Hang, fault.Reset, fault.Drop)
}

// admitHTTP is admit for HTTP, where a rule can also answer.
func (f *Fleet) admitHTTP(ctx context.Context, c *dialect.Call) error {
	return f.strike(ctx, c, soonest(c), fault.Hang, fault.Reset, fault.Drop, fault.Status)
}

// soonest is Before, unless the operation has run: some servers can only ask
// then.
func soonest(c *dialect.Call) fault.Moment {
	if c.Outcome != "" || c.Status != "" {
		return fault.After
	}
	return fault.Before
}

// endConn closes a call of a connection. Its answer has not left yet.
func (f *Fleet) endConn(ctx context.Context, c *dialect.Call) error {
	var err error
	if c.Outcome != dialect.Broken {
		err = f.strike(ctx, c, fault.After, fault.Hang, fault.Reset, fault.Drop)
	}
	f.end(ctx, c)
	return err
}

// strike plays a delay, and then the first other rule that fires.
func (f *Fleet) strike(ctx context.Context, c *dialect.Call, m fault.Moment, kinds ...string) error {
	if f.Faults.Idle() {
		return nil
	}
	if r, hit := f.Faults.Judge(&c.Look, subject(c), m, fault.Delay); hit {
		c.Fired = append(c.Fired, r.ID)
		if c.Packet {
			if !f.queue() {
				broke(c, r, m)
				c.Why += "; as many as can be are delayed already, and this one is lost"
				return dialect.ErrDrop
			}
			defer f.queued.Add(-1)
		}
		wait := func(ctx context.Context) { f.Clock.Wait(ctx, f.Clock.Now().Add(r.Wait())) }
		if !hold(ctx, r, wait) {
			if c.Outcome, c.Broken = dialect.Broken, m; m == fault.Before {
				c.Why = fmt.Sprintf("fault %s: the client left while the operation was delayed; nothing was changed", r.ID)
			} else {
				c.Why = fmt.Sprintf("fault %s: the client left while the answer was delayed; the operation stands", r.ID) + behind(c.Why)
			}
			return dialect.ErrReset
		}
	}
	r, hit := f.Faults.Judge(&c.Look, subject(c), m, kinds...)
	if !hit {
		return nil
	}
	broke(c, r, m)
	switch r.Kind {
	case fault.Status:
		return &struck{r}
	case fault.Hang:
		if c.Packet { // nobody waits for a datagram: silence is all that a hang is
			return dialect.ErrDrop
		}
		drain(ctx)
		hold(ctx, r, func(ctx context.Context) { <-ctx.Done() })
	case fault.Drop:
		return dialect.ErrDrop
	}
	return dialect.ErrReset
}

// mostQueued is how many datagrams can be delayed at once; like a queue of a network
// (1000 in Linux's netem), it loses what does not fit in.
const mostQueued = 1000

// queue takes a place for a datagram that is delayed.
func (f *Fleet) queue() bool {
	if f.queued.Add(1) > mostQueued {
		f.queued.Add(-1)
		return false
	}
	return true
}

// hold lets an operation wait, for as long as the rule stands and the client is
// there. False: whoever asked has gone, or the fleet stops.
func hold(ctx context.Context, r fault.Rule, wait func(context.Context)) bool {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.Lifted(), cancel)()
	l := linkFrom(ctx)
	if l != nil {
		defer l.whenGone(cancel)()
	}
	wait(inner)
	return ctx.Err() == nil && (l == nil || !l.gone.Load() && !l.closed.Load())
}

// drain reads what is left of a request's body: behind it net/http notices that
// the client hangs up.
func drain(ctx context.Context) {
	if s := dialect.ConnectionFrom(ctx); s != nil {
		if w, ok := s.Conn.(*wire); ok && w.x != nil && w.x.body != nil {
			io.Copy(io.Discard, w.x.body)
		}
	}
}

// broke notes on a call what a rule did to it, and what became of the change.
func broke(c *dialect.Call, r fault.Rule, m fault.Moment) {
	c.Fired = append(c.Fired, r.ID)
	if m == fault.Before {
		c.Why = fmt.Sprintf("fault %s: %s before the operation, so that nothing was changed", r.ID, r.Kind)
	} else {
		was := c.Outcome
		if was == "" {
			was = dialect.OK
		}
		if c.Broken == fault.After { // the second rule for one answer
			c.Why = fmt.Sprintf("fault %s: %s; %s", r.ID, r.Kind, c.Why)
		} else {
			c.Why = fmt.Sprintf("fault %s: %s after the operation, which stands as %s", r.ID, r.Kind, was) + behind(c.Why)
		}
	}
	c.Outcome, c.Broken = dialect.Broken, m
}

func behind(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// played answers an HTTP operation that a rule broke; false means that err is
// something else.
func played(err error, c echo.Context) bool {
	var s *struck
	switch {
	case errors.As(err, &s):
		c.Blob(s.Code(), contentType(s.Rule), []byte(s.Args["body"]))
	case errors.Is(err, dialect.ErrReset), errors.Is(err, dialect.ErrDrop):
		cut(c.Response())
	default:
		return false
	}
	return true
}

func contentType(r fault.Rule) string {
	if t := r.Args["type"]; t != "" {
		return t
	}
	return "text/plain; charset=utf-8"
}

// late plays the faults that come after an HTTP operation, on its held answer,
// and lets the rest of it go. abort means that the connection must not go on.
func (f *Fleet) late(ctx context.Context, x *exchange) (abort bool) {
	call, out := x.call, &x.recorder
	if !out.held || out.gone {
		return false
	}
	var s *struck
	if call.Outcome != dialect.Broken {
		if err := f.strike(ctx, call, fault.After, fault.Hang, fault.Reset, fault.Drop, fault.Status); errors.As(err, &s) {
			out.replace(s.Rule)
		} else if err != nil {
			out.gone = true
			return false
		}
	}
	if s == nil && out.status != 0 {
		abort = f.editHTTP(x)
	}
	whole := out.buf.Len()
	if r, hit := f.Faults.Judge(&call.Look, subject(call), fault.After, fault.Body); hit && s == nil && out.spoil(call, r) {
		abort = true
		out.Header().Set("Content-Length", fmt.Sprint(whole))
	}
	rate := 0
	if r, hit := f.Faults.Judge(&call.Look, subject(call), fault.After, fault.Slow); hit {
		call.Fired = append(call.Fired, r.ID)
		rate = r.Rate()
	}
	if out.release(ctx, f.Clock, rate) != nil {
		return true
	}
	if abort { // or net/http would throw away what it has not sent yet
		http.NewResponseController(out.ResponseWriter).Flush()
	}
	return abort
}

// editHTTP plays the edit rules on a held answer; abort says that the connection is to end
// behind what is left of it.
func (f *Fleet) editHTTP(x *exchange) (abort bool) {
	had := x.call.Request
	if x.call.Request == "" && f.Faults.Watched() {
		x.call.Request = string(x.request())
	}
	a := answerOf(&x.recorder)
	f.edit(x.call, a)
	x.call.Request = had
	return a.Ending
}

// replace lets a status rule speak in place of the server, whose headers go.
func (w *recorder) replace(r fault.Rule) {
	clear(w.Header())
	w.Header().Set("Content-Type", contentType(r))
	w.status = r.Code()
	w.buf.Reset()
	w.buf.WriteString(r.Args["body"])
}

// spoil lets a body rule change the held answer.
func (w *recorder) spoil(call *dialect.Call, r fault.Rule) (cut bool) {
	body, cut, done := r.Spoil(w.buf.Bytes())
	if !done || w.buf.Len() == 0 {
		call.Fired = append(call.Fired, r.ID)
		call.Why = fmt.Sprintf("fault %s found nothing to spoil", r.ID) + behind(call.Why)
		return false
	}
	broke(call, r, fault.After)
	w.Header().Del("Content-Length")
	if r.Args["as"] == "html" {
		w.Header().Set("Content-Type", "text/html")
	}
	w.buf.Reset()
	w.buf.Write(body)
	return cut
}

// steps per second in which a slow answer leaves.
const steps = 10

// release sends what was held, rate octets per second of the fleet's time (0: at
// once).
func (w *recorder) release(ctx context.Context, c clock.Clock, rate int) error {
	if w.status == 0 && w.buf.Len() == 0 {
		return nil // the server sends its own empty 200
	}
	w.held = false
	w.ResponseWriter.WriteHeader(max(w.status, http.StatusOK))
	if rate == 0 {
		_, err := w.ResponseWriter.Write(w.buf.Bytes())
		return err
	}
	chunk := max(rate/steps, 1)
	for w.buf.Len() > 0 {
		n := min(chunk, w.buf.Len())
		if err := c.Wait(ctx, c.Now().Add(time.Duration(n)*time.Second/time.Duration(rate))); err != nil {
			return err
		}
		if _, err := w.ResponseWriter.Write(w.buf.Next(n)); err != nil {
			return err
		}
		http.NewResponseController(w.ResponseWriter).Flush()
	}
	return nil
}
