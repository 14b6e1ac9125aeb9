package wire

import (
	"bufio"
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"counterpart/internal/plugins/load/step"
)

// conn is a connection over which requests go one after the other.
type conn struct {
	net.Conn
	in   *bufio.Reader
	out  []byte // of the request, its memory serves the next one
	body []byte
	used bool

	id    int  // of the last message of LDAP
	bound bool // as somebody, over LDAP
}

// pool is the connections to one address.
type pool struct {
	addr string
	tls  *tls.Config

	mu     sync.Mutex
	idle   []*conn
	all    map[*conn]bool
	closed bool
}

// pool is that of a target's address.
func (c *Client) pool(t *step.Target, addr string) *pool {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := t.Name + " " + t.Proto + " " + addr
	p := c.pools[key]
	if p == nil {
		p = &pool{addr: addr, tls: t.TLS, all: map[*conn]bool{}}
		c.pools[key] = p
		c.ends = append(c.ends, p.close)
	}
	return p
}

// take is an idle connection, or a new one.
func (p *pool) take(deadline time.Time, fresh bool) (*conn, error) {
	if fresh {
		return p.takeThat(deadline, nil)
	}
	return p.takeThat(deadline, func(*conn) bool { return true })
}

// takeThat is an idle connection that fits, the one that was used last; or a new one. nil:
// none fits.
func (p *pool) takeThat(deadline time.Time, fits func(*conn) bool) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, net.ErrClosed
	}
	for i := len(p.idle) - 1; i >= 0 && fits != nil; i-- {
		if c := p.idle[i]; fits(c) {
			p.idle = slices.Delete(p.idle, i, i+1)
			p.mu.Unlock()
			return c, nil
		}
	}
	p.mu.Unlock()
	d := net.Dialer{Deadline: deadline}
	raw, err := d.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	if p.tls != nil {
		secure := tls.Client(raw, p.tls)
		raw.SetDeadline(deadline)
		if err := secure.Handshake(); err != nil {
			raw.Close()
			return nil, err
		}
		raw = secure
	}
	c := &conn{Conn: raw, in: bufio.NewReaderSize(raw, 4096)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		raw.Close()
		return nil, net.ErrClosed
	}
	p.all[c] = true
	return c, nil
}

// put gives a connection back; one that cannot be used again is closed.
func (p *pool) put(c *conn, again bool) {
	c.used = true
	p.mu.Lock()
	if again = again && !p.closed && c.in.Buffered() == 0; again {
		p.idle = append(p.idle, c)
	} else {
		delete(p.all, c)
	}
	p.mu.Unlock()
	if !again {
		c.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.idle = true, nil
	for c := range p.all {
		c.Close()
	}
}

// Bounds of answers.
const (
	mostHeaders = 200
	mostBody    = 16 << 20
	keptBody    = 64 << 10 // of the memory for bodies that a connection keeps
)

// head is the beginning of an answer.
type head struct {
	status  int
	length  int64 // -1: not known
	chunked bool
	last    bool // the connection ends with it
	headers []header
}

type header struct{ name, value string }

// readHead reads it; the headers are kept if they are wanted.
func (c *conn) readHead(keep bool) (h head, err error) {
	for {
		if h, err = c.readOne(keep); err != nil || h.status >= 200 || h.status == 101 {
			return h, err
		}
	}
}

func (c *conn) readOne(keep bool) (h head, err error) {
	line, err := c.line()
	if err != nil {
		return h, err
	}
	// HTTP/1.1 200 OK (RFC 9112 section 4)
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return h, errMalformed
	}
	h.length, h.last = -1, line[7] == '0'
	for _, d := range line[9:12] {
		if d < '0' || d > '9' {
			return h, errMalformed
		}
		h.status = 10*h.status + int(d-'0')
	}
	for n := 0; ; n++ {
		if line, err = c.line(); err != nil || n > mostHeaders {
			return h, orMalformed(err)
		}
		if len(line) == 0 {
			return h, nil
		}
		colon := -1
		for i, b := range line {
			if b == ':' {
				colon = i
				break
			}
		}
		if colon < 1 {
			return h, errMalformed
		}
		name, value := line[:colon], trim(line[colon+1:])
		switch {
		case is(name, "content-length"):
			if h.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || h.length < 0 {
				return h, errMalformed
			}
		case is(name, "transfer-encoding"):
			if h.chunked = is(value, "chunked"); !h.chunked { // no other was offered
				return h, errMalformed
			}
		case is(name, "connection"):
			h.last = is(value, "close") || h.last && !is(value, "keep-alive")
		}
		if keep {
			h.headers = append(h.headers, header{string(name), string(value)})
		}
	}
}

func orMalformed(err error) error {
	if err == nil {
		return errMalformed
	}
	return err
}

// is compares with a word in small letters, whatever the case of the letters.
func is(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// line is the next line without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return nil, errMalformed
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// readBody reads what follows the head into the connection's memory.
func (c *conn) readBody(h *head, none bool) ([]byte, error) {
	c.body = c.body[:0]
	switch {
	case none || h.status == 204 || h.status == 304 || h.length == 0 && !h.chunked:
		return nil, nil
	case h.chunked:
		return c.chunks()
	case h.length < 0:
		h.last = true
		return c.rest()
	case h.length > mostBody:
		return nil, errMalformed
	}
	return c.take(int(h.length))
}

// take reads n octets more into the memory.
func (c *conn) take(n int) ([]byte, error) {
	at := len(c.body)
	if at+n > mostBody {
		return nil, errMalformed
	}
	c.body = grow(c.body, n)
	_, err := readFull(c.in, c.body[at:])
	return c.body, err
}

func (c *conn) rest() ([]byte, error) {
	for {
		c.body = grow(c.body, 4096)
		n, err := c.in.Read(c.body[len(c.body)-4096:])
		c.body = c.body[:len(c.body)-4096+n]
		if err != nil || len(c.body) > mostBody {
			return c.body, errEOF(err)
		}
	}
}

// chunks reads a body in chunks (RFC 9112 section 7.1).
func (c *conn) chunks() ([]byte, error) {
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		size, digits := 0, 0
		for _, b := range line {
			d := hexDigit(b)
			if d < 0 {
				break
			}
			if size, digits = size<<4|d, digits+1; size > mostBody {
				return nil, errMalformed
			}
		}
		if digits == 0 {
			return nil, errMalformed
		}
		if size == 0 {
			for { // trailers
				if line, err = c.line(); err != nil || len(line) == 0 {
					return c.body, err
				}
			}
		}
		if _, err := c.take(size); err != nil {
			return nil, err
		}
		if line, err = c.line(); err != nil || len(line) > 0 {
			return nil, orMalformed(err)
		}
	}
}

func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}
