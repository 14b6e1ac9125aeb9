package fleet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
)

// readers per socket: enough to keep the kernel's buffer short while handlers
// run elsewhere. parked handlers per reader wait for the next datagram with the
// stack they have grown, which a new goroutine would have to grow again.
const (
	readers = 2
	parked  = 64
)

// datagram is one read from a socket, in a buffer of a pool.
type datagram struct {
	buf  *[]byte
	n    int
	from netip.AddrPort
	home *sync.Pool // where buf belongs
}

// usual is the length up to which datagrams share small buffers: nearly all are
// short, and thousands of them may wait.
const usual = 512

// buffers are where datagrams stand while they are handled.
type buffers struct {
	small, large sync.Pool
}

func newBuffers(size int) *buffers {
	pool := func(n int) sync.Pool { return sync.Pool{New: func() any { b := make([]byte, n); return &b }} }
	return &buffers{small: pool(usual), large: pool(size)}
}

// keep copies what was read.
func (b *buffers) keep(read []byte, from netip.AddrPort) datagram {
	home := &b.small
	if len(read) > usual {
		home = &b.large
	}
	d := datagram{buf: home.Get().(*[]byte), n: len(read), from: from, home: home}
	copy(*d.buf, read)
	return d
}

// servePackets starts a UDP port and returns what stops it. Answers of running
// handlers still leave during the grace; the socket is closed last.
func (f *Fleet) servePackets(p *port) (stop func()) {
	size := orElse(p.Limits.Datagram, 4096) + 1 // one more shows that it was longer
	pool := newBuffers(size)
	var handlers, reading sync.WaitGroup
	for range readers {
		reading.Add(1)
		f.running.Go(func() {
			defer reading.Done()
			f.readPackets(p, inbox{make([]byte, size), pool}, &handlers)
		})
	}
	return func() {
		p.packets.SetReadDeadline(time.Now())
		reading.Wait()
		handlers.Wait()
		p.packets.Close()
	}
}

// inbox is what a reader reads into, and where it puts what it has read.
type inbox struct {
	buf  []byte
	pool *buffers
}

func (f *Fleet) readPackets(p *port, in inbox, handlers *sync.WaitGroup) {
	work := make(chan datagram)
	defer close(work)
	var waiting atomic.Int32
	for {
		n, from, err := p.packets.ReadFromUDPAddrPort(in.buf)
		if err != nil {
			if f.soft.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer; the socket lives
		}
		select {
		case p.connections.slots <- struct{}{}:
		default: // as a full kernel buffer would: silence
			p.connections.dropped.Add(1)
			continue
		}
		d := in.pool.keep(in.buf[:n], from)
		select {
		case work <- d:
		default:
			handlers.Go(func() { f.handlePackets(p, d, &parking{work, &waiting}) })
			runtime.Gosched() // it comes first: reading faster than answering would only pile up
		}
	}
}

// parking is where handlers wait for more work.
type parking struct {
	work    <-chan datagram
	waiting *atomic.Int32
}

// handlePackets handles a datagram, and then those that come while it waits.
func (f *Fleet) handlePackets(p *port, d datagram, park *parking) {
	for ok := true; ok; {
		f.packet(p, (*d.buf)[:d.n], net.UDPAddrFromAddrPort(d.from))
		d.home.Put(d.buf)
		<-p.connections.slots
		if park.waiting.Add(1) > parked { // a burst is over: let its stacks go
			park.waiting.Add(-1)
			return
		}
		d, ok = <-park.work
		park.waiting.Add(-1)
	}
}

// packet handles one datagram and sends the answer.
func (f *Fleet) packet(p *port, req []byte, from *net.UDPAddr) {
	ctx, call := dialect.Open(f.hard, &p.line, from.String())
	call.Op, call.Packet = "datagram", true
	resp, times := f.answer(ctx, p, call, req, from)
	call.End(ctx)
	for range times {
		p.packets.WriteToUDP(resp, from)
	}
	if times > 0 {
		p.overtake()
	}
}

// answer is what a datagram gets, and how many times.
func (f *Fleet) answer(ctx context.Context, p *port, call *dialect.Call, req []byte, from net.Addr) (resp []byte, times int) {
	defer func() {
		if what := recover(); what != nil {
			f.recovered(call, what)
			resp, times = nil, 0
		}
	}()
	resp = p.Packet(ctx, req, from)
	if resp == nil {
		return nil, 0
	}
	if f.Faults.Idle() {
		return resp, 1
	}
	// Whatever the server admitted early does not strike again. What it decided stands.
	if f.strike(ctx, call, fault.After, fault.Hang, fault.Reset, fault.Drop) != nil {
		return nil, 0
	}
	if r, hit := f.Faults.Judge(&call.Look, subject(call), fault.After, fault.Reorder); hit {
		call.Fired = append(call.Fired, r.ID)
		hold(ctx, r, func(ctx context.Context) { p.await(ctx, f.Clock, r.Held()) })
	}
	if r, hit := f.Faults.Judge(&call.Look, subject(call), fault.After, fault.Duplicate); hit {
		call.Fired = append(call.Fired, r.ID)
		return resp, 2
	}
	return resp, 1
}

// overtake wakes the answers that wait for another one to leave first.
func (p *port) overtake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left != nil {
		close(p.left)
		p.left = nil
	}
}

// await returns when another answer has left the port, or d has passed by the
// fleet's clock.
func (p *port) await(ctx context.Context, c clock.Clock, d time.Duration) {
	p.mu.Lock()
	if p.left == nil {
		p.left = make(chan struct{})
	}
	left := p.left
	p.mu.Unlock()
	c.WaitFor(ctx, c.Now().Add(d), left)
}
