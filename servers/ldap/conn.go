package ldap

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/proto"
)

// This file alone starts goroutines: one per running operation and one watchdog
// per connection. serve awaits them all before it returns.

// maxRunning is how many operations of one connection run at once; then it is not
// read any further.
const maxRunning = 32

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
	call     *dialect.Call
	cancel   context.CancelFunc // of one that runs beside others, as done
	silent   atomic.Bool        // abandoned: nothing more is sent
	canceled atomic.Bool        // by a Cancel: answered with canceled
	pooled   *[]byte            // where pending comes from
	pending  []byte             // messages that the result follows
	upgraded bool               // StartTLS was granted
	done     chan struct{}
}

// serve answers one connection until it ends or ctx does.
func (s *server) serve(ctx context.Context, conn net.Conn, p port) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &client{s: s, port: p, ctx: inner, raw: conn, conn: conn, in: bufio.NewReaderSize(conn, 4096), secure: p.tls,
		slots: make(chan struct{}, maxRunning), jobs: make(chan func()), ops: map[*operation]struct{}{}}
	c.idle.Store(s.env.Clock.Now().UnixNano())
	stop := context.AfterFunc(ctx, c.shutdown)
	if watch := s.watch.join(c); watch != nil {
		go watch()
	}
	c.read()
	s.watch.leave(c)
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

func (c *client) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ops)
}

func (c *client) identity() identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

type handler func(*operation, context.Context, *dialect.Call) (proto.Result, error)

// alone runs an operation in the reader's goroutine; false ends the connection.
func (op *operation) alone(name string, tag byte, run handler) bool {
	op.who = op.c.identity()
	return op.answer(op.c.ctx, name, tag, run)
}

// beside runs an operation in a goroutine of its own. At the limit the
// connection is not read any further, which TCP passes on to the client.
func (op *operation) beside(name string, tag byte, run handler) bool {
	c := op.c
	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(c.ctx)
	op.cancel, op.who, op.done = cancel, c.identity(), make(chan struct{})
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
