package ldap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/dialect"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// This file alone starts goroutines: one per running operation and one watchdog
// per connection. serve awaits them all before it returns.

const (
	maxRunning   = 32        // operations of one connection at once; then it is not read any further
	maxAnonymous = 262143    // octets of a message before a bind (slapd's sockbuf_max_incoming)
	maxBound     = 16777215  // and after one
	maxAD        = 10 << 20  // MaxReceiveBuffer
	readStep     = 64 * 1024 // a message's buffer grows by what has arrived, not by what is claimed
)

// client is one connection.
type client struct {
	s     *server
	port  port
	raw   net.Conn
	ctx   context.Context
	in    *bufio.Reader
	idle  atomic.Int64 // when the last request came, by the fleet's clock
	run   sync.WaitGroup
	slots chan struct{}

	jobs    chan func() // to the goroutine that waits for the next operation
	waiting atomic.Bool // there is one

	wmu     sync.Mutex   // one writer; guards conn while it is replaced
	conn    net.Conn     // what is written to: raw, or TLS over it
	writing atomic.Int64 // number of the write in progress, 0: none
	writes  int64
	closed  atomic.Bool
	leaving atomic.Bool // the server shuts down

	mu     sync.Mutex
	ops    map[*operation]struct{}
	who    identity
	secure bool
	pages  pages
}

// operation is one request in flight.
type operation struct {
	c        *client
	msg      proto.Message
	who      identity
	cancel   context.CancelFunc
	silent   atomic.Bool // abandoned: nothing more is sent
	canceled atomic.Bool // by a Cancel: answered with canceled
	pooled   *[]byte     // where pending comes from
	pending  []byte      // messages that the result follows
	upgraded bool        // StartTLS was granted
	done     chan struct{}
}

// serve answers one connection until it ends or ctx does.
func (s *server) serve(ctx context.Context, conn net.Conn, p port) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &client{s: s, port: p, ctx: inner, raw: conn, conn: conn, in: bufio.NewReaderSize(conn, 4096), secure: p.tls,
		slots: make(chan struct{}, maxRunning), jobs: make(chan func()), ops: map[*operation]struct{}{}}
	c.idle.Store(s.env.Clock.Now().UnixNano())
	stop := context.AfterFunc(ctx, c.shutdown)
	c.run.Add(1)
	go c.watch()
	c.read()
	stop()
	c.close()
	c.cancelAll()
	cancel()
	c.run.Wait()
}

// shutdown tells the client that the server goes away (RFC 4511 section 4.4.1).
// While something is being written, whoever writes says it afterwards.
func (c *client) shutdown() {
	c.leaving.Store(true)
	c.silence()
	c.goodbye()
}

func (c *client) goodbye() {
	if !c.wmu.TryLock() {
		return
	}
	if !c.closed.Load() {
		c.put(notice(goldap.LDAPResultUnavailable, "server shutting down"))
	}
	c.wmu.Unlock()
	c.close()
}

// unlock lets the next one write.
func (c *client) unlock() {
	c.wmu.Unlock()
	if c.leaving.Load() {
		c.goodbye()
	}
}

// notice is the Notice of Disconnection.
func notice(code uint16, text string) []byte {
	return proto.AppendResult(nil, 0, proto.ExtendedResponse, proto.Result{Code: code, Text: text, Name: "1.3.6.1.4.1.1466.20036"})
}

func (c *client) disconnect(code uint16, text string) {
	c.cancelAll()
	c.send(notice(code, text))
	c.close()
}

func (c *client) close() {
	if !c.closed.Swap(true) {
		c.raw.Close()
	}
}

// watch closes the connection when it is idle for too long or when one write
// makes no progress. Both are measured by the fleet's clock, twice in a row for
// writes, so that a jump of the clock does not cut a transfer that moves.
func (c *client) watch() {
	defer c.run.Done()
	clock, stuck := c.s.env.Clock, int64(0)
	for {
		now := clock.Now()
		wait := c.s.set.Stall
		if limit := *c.s.set.Idle; limit > 0 {
			left := limit - now.Sub(time.Unix(0, c.idle.Load()))
			if left <= 0 && c.running() == 0 {
				c.close()
				return
			}
			wait = min(wait, max(left, time.Second))
		}
		w := c.writing.Load()
		if w != 0 && w == stuck {
			c.close()
			return
		}
		stuck = w
		if clock.Wait(c.ctx, now.Add(wait)) != nil {
			return
		}
	}
}

func (c *client) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ops)
}

// Errors of frame: what slapd answers by closing without a word.
var errGarbage = errors.New("ldap: not an LDAP message")

// limit is the longest message taken now.
func (c *client) limit() int {
	switch {
	case c.s.set.ad():
		return maxAD
	case c.identity().bound():
		return maxBound
	}
	return maxAnonymous
}

func (c *client) identity() identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// frame reads one message's content.
func (c *client) frame() ([]byte, error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0] != ber.Sequence {
		return nil, errGarbage
	}
	need := 2
	if head[1] > 0x80 {
		need += int(head[1] & 0x7f)
	}
	if head[1] == 0x80 || need > 6 {
		return nil, errGarbage
	}
	if head, err = c.in.Peek(need); err != nil {
		return nil, err
	}
	n, octets, err := ber.Length(head[1:])
	if err != nil || n > c.limit() {
		return nil, errGarbage
	}
	c.in.Discard(1 + octets)
	body := make([]byte, min(n, readStep))
	for at := 0; ; {
		m, err := io.ReadFull(c.in, body[at:])
		if err != nil {
			return nil, err
		}
		if at += m; at == n {
			return body, nil
		}
		body = append(body, make([]byte, min(n-at, readStep))...)
	}
}

// read takes requests off the wire until the connection ends.
func (c *client) read() {
	for !c.closed.Load() {
		body, err := c.frame()
		if err != nil {
			if errors.Is(err, errGarbage) {
				c.failed(err.Error())
			}
			return
		}
		c.idle.Store(c.s.env.Clock.Now().UnixNano())
		msg, err := proto.ParseMessage(body)
		if err != nil {
			c.failed("the message cannot be decoded")
			c.disconnect(goldap.LDAPResultProtocolError, "decoding error")
			return
		}
		if !c.dispatch(msg) {
			return
		}
	}
}

// handlers are the operations that run beside others.
var handlers = map[byte]struct {
	name string
	tag  byte
	run  func(*operation, context.Context, *dialect.Call) (proto.Result, error)
}{
	proto.SearchRequest:   {"search", proto.SearchDone, (*operation).search},
	proto.CompareRequest:  {"compare", proto.CompareResponse, (*operation).compare},
	proto.ModifyRequest:   {"modify", proto.ModifyResponse, (*operation).modify},
	proto.AddRequest:      {"add", proto.AddResponse, (*operation).add},
	proto.DeleteRequest:   {"delete", proto.DeleteResponse, (*operation).remove},
	proto.ModifyDNRequest: {"modifydn", proto.ModifyDNResponse, (*operation).rename},
}

// dispatch starts one request; false ends the connection.
func (c *client) dispatch(msg proto.Message) bool {
	op := &operation{c: c, msg: msg, done: make(chan struct{})}
	switch msg.Op {
	case proto.UnbindRequest:
		c.quiet("unbind", "")
		return false
	case proto.BindRequest: // abandons everything and runs alone (RFC 4511 section 4.2.1)
		c.cancelAll()
		return op.alone("bind", proto.BindResponse, (*operation).bind)
	case proto.AbandonRequest:
		c.abandon(msg)
		return true
	case proto.ExtendedRequest:
		return c.extended(op)
	}
	h, known := handlers[msg.Op]
	if !known {
		c.failed(fmt.Sprintf("no request has the tag %#x", msg.Op))
		c.disconnect(goldap.LDAPResultProtocolError, "unknown LDAP request")
		return false
	}
	return op.beside(h.name, h.tag, h.run)
}

// extended starts an extended request: StartTLS and Cancel concern the
// connection and run alone.
func (c *client) extended(op *operation) bool {
	x, err := proto.ParseExtended(op.msg.Body)
	if err != nil {
		c.disconnect(goldap.LDAPResultProtocolError, "decoding error")
		return false
	}
	h, known := extendedOperations[x.OID]
	if !known || h.openldap && c.s.set.ad() {
		return op.beside("extended "+x.OID, proto.ExtendedResponse, (*operation).unsupported)
	}
	run := func(op *operation, ctx context.Context, call *dialect.Call) (proto.Result, error) {
		return h.run(op, ctx, call, x)
	}
	switch x.OID {
	case oidStartTLS:
		return op.alone(h.name, proto.ExtendedResponse, run) && c.upgrade(op)
	case oidCancel:
		return op.alone(h.name, proto.ExtendedResponse, run)
	}
	return op.beside(h.name, proto.ExtendedResponse, run)
}

type handler func(*operation, context.Context, *dialect.Call) (proto.Result, error)

// alone runs an operation in the reader's goroutine; false ends the connection.
func (op *operation) alone(name string, tag byte, run handler) bool {
	ctx, cancel := context.WithCancel(op.c.ctx)
	defer cancel()
	op.cancel, op.who = cancel, op.c.identity()
	return op.answer(ctx, name, tag, run)
}

// beside runs an operation in a goroutine of its own. At the limit the
// connection is not read any further, which TCP passes on to the client.
func (op *operation) beside(name string, tag byte, run handler) bool {
	c := op.c
	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(c.ctx)
	op.cancel, op.who = cancel, c.identity()
	c.mu.Lock()
	c.ops[op] = struct{}{}
	c.mu.Unlock()
	job := func() {
		c.s.slots <- struct{}{}
		if !op.answer(ctx, name, tag, run) {
			c.close()
		}
		<-c.s.slots
		c.mu.Lock()
		delete(c.ops, op)
		c.mu.Unlock()
		cancel()
		close(op.done)
		<-c.slots
	}
	select {
	case c.jobs <- job:
	default:
		c.run.Add(1)
		go c.work(job)
	}
	if len(op.msg.Body) > maxAnonymous { // one at a time of those that hold much memory
		<-op.done
	}
	return true
}

// work runs an operation and then those that come while it waits: most clients
// send one after the other, and a new goroutine would have to grow its stack
// each time. One waits per connection; others end with their operation.
func (c *client) work(job func()) {
	defer c.run.Done()
	for {
		job()
		if !c.waiting.CompareAndSwap(false, true) {
			return
		}
		select {
		case job = <-c.jobs:
			c.waiting.Store(false)
		case <-c.ctx.Done():
			return
		}
	}
}

// silence abandons all running operations.
func (c *client) silence() (all []*operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op := range c.ops {
		all = append(all, op)
		op.silent.Store(true)
		op.cancel()
	}
	return all
}

// cancelAll abandons all running operations and waits for them.
func (c *client) cancelAll() {
	for _, op := range c.silence() {
		<-op.done
	}
}

// send writes whole messages. It blocks while the client does not read, which
// is what limits the memory that a stalled client costs.
func (c *client) send(b []byte) error {
	c.wmu.Lock()
	defer c.unlock()
	return c.put(b)
}

func (c *client) put(b []byte) error {
	c.writes++
	c.writing.Store(c.writes)
	_, err := c.conn.Write(b)
	c.writing.Store(0)
	return err
}

// send writes for an operation, unless it was abandoned.
func (op *operation) send(b []byte) error {
	c := op.c
	c.wmu.Lock()
	defer c.unlock()
	if op.silent.Load() {
		return context.Canceled
	}
	return c.put(b)
}

// upgrade switches to TLS after a StartTLS was answered with success (RFC 4511
// section 4.14). Plaintext that was sent behind the request is an attack or a
// mistake, and ends the connection.
func (c *client) upgrade(op *operation) bool {
	if !op.upgraded {
		return true
	}
	if c.in.Buffered() > 0 {
		return false
	}
	t := tls.Server(c.conn, c.s.env.TLS)
	if err := t.HandshakeContext(c.ctx); err != nil {
		return false
	}
	c.wmu.Lock()
	c.conn = t
	c.wmu.Unlock()
	c.mu.Lock()
	c.secure, c.who = true, identity{}
	c.mu.Unlock()
	c.in.Reset(t)
	return true
}

// abandon silences a running operation; nothing is answered, ever (RFC 4511
// section 4.11).
func (c *client) abandon(msg proto.Message) {
	id, err := ber.ParseInt(msg.Body)
	c.quiet("abandon", "")
	if err != nil {
		return
	}
	if op := c.find(id); op != nil {
		op.silent.Store(true)
		op.cancel()
	}
}

// find is a running operation by its message ID.
func (c *client) find(id int64) *operation {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op := range c.ops {
		if op.msg.ID == id {
			return op
		}
	}
	return nil
}
