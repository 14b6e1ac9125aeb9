package wire

import (
	"context"
	"encoding/base64"
	"strconv"

	"counterpart/internal/plugins/load/step"
)

// Do implements step.Step.
func (r *request) Do(ctx context.Context, w *step.Walk) (step.Answer, error) {
	r.client.until(ctx)
	a := step.Answer{Operation: r.operation}
	address, err := addr(&r.target, w)
	if err != nil {
		return a, err
	}
	p := r.client.pool(&r.target, address)
	deadline := w.Now().Add(timeout(r.spec))
	for again := false; ; again = true {
		c, err := p.take(deadline, r.spec.HTTP.Fresh || again)
		if err != nil {
			a.Reason, a.Answered = why(err), w.Now()
			return a, nil
		}
		if c.out, err = r.write(c.out[:0], w, address); err != nil {
			p.put(c, false)
			return a, err
		}
		c.SetDeadline(deadline)
		if a.Sent.IsZero() {
			a.Sent = w.Now()
		}
		_, err = c.Write(c.out)
		var h head
		if err == nil {
			h, err = c.readHead(r.keep)
		}
		if err != nil && c.used && !again && h.status == 0 && why(err) != "timeout" {
			p.put(c, false) // the server had ended it meanwhile: it is no failure of this request
			continue
		}
		return r.finish(w, p, c, finished{a, h, err})
	}
}

// finished is a request whose answer has begun.
type finished struct {
	step.Answer
	head
	err error
}

// finish reads the rest of an answer and says what it means.
func (r *request) finish(w *step.Walk, p *pool, c *conn, f finished) (step.Answer, error) {
	a := f.Answer
	var body []byte
	if f.err == nil {
		body, f.err = c.readBody(&f.head, r.method == "HEAD")
	}
	a.Answered = w.Now()
	if f.err != nil {
		p.put(c, false)
		a.Verdict, a.Reason = step.Failed, why(f.err)
		return a, nil
	}
	a.Octets = len(body)
	var v any
	if r.json {
		v = document(body)
	}
	a.Verdict, a.Reason = r.verdict(f.status, body, v)
	err := r.keepValues(w, reply{&f.head, body, v, a.Verdict})
	if err == nil {
		a.Facts, err = r.means.facts(w, a.Verdict)
	}
	if cap(c.body) > keptBody {
		c.body = nil
	}
	p.put(c, !f.last && !r.spec.HTTP.Fresh)
	return a, err
}

// write makes the request.
func (r *request) write(b []byte, w *step.Walk, address string) (_ []byte, err error) {
	b = append(append(b, r.method...), ' ')
	from := len(b)
	if b, err = r.path.append(b, w); err != nil {
		return b, err
	}
	path := string(b[from:len(b):len(b)])
	if r.duo == nil {
		path = ""
	}
	host := r.host
	if host == "" {
		host = address
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	for i := range r.headers {
		if b, err = r.headers[i].append(b, w); err != nil {
			return b, err
		}
		b = append(b, "\r\n"...)
	}
	if r.basic != nil {
		var pair [256]byte
		plain, err := r.basic[0].Append(pair[:0], w, nil)
		if err == nil {
			plain, err = r.basic[1].Append(append(plain, ':'), w, nil)
		}
		if err != nil {
			return b, err
		}
		b = append(base64.StdEncoding.AppendEncode(append(b, "Authorization: Basic "...), plain), "\r\n"...)
	}
	var body []byte
	if r.body != nil {
		var room [512]byte
		if body, err = r.body.append(room[:0], w); err != nil {
			return b, err
		}
		if r.kind != "" {
			b = append(append(append(b, "Content-Type: "...), r.kind...), "\r\n"...)
		}
	}
	if r.duo != nil {
		if b, err = r.duo.sign(b, w, path, body); err != nil {
			return b, err
		}
	}
	if len(body) > 0 || r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	return append(append(b, "\r\n"...), body...), nil
}
