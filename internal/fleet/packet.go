package fleet

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"counterpart/internal/dialect"
	"counterpart/internal/fault"
)

// readers per socket: enough to keep the kernel's buffer short while handlers
// run elsewhere.
const readers = 2

// servePackets starts a UDP port and returns what stops it. Answers of running
// handlers still leave during the grace; the socket is closed last.
func (f *Fleet) servePackets(p *port) (stop func()) {
	size := orElse(p.Limits.Datagram, 4096) + 1 // one more shows that it was longer
	pool := &sync.Pool{New: func() any { b := make([]byte, size); return &b }}
	var handlers, reading sync.WaitGroup
	for range readers {
		reading.Add(1)
		f.running.Go(func() {
			defer reading.Done()
			f.readPackets(p, pool, &handlers)
		})
	}
	return func() {
		p.packets.SetReadDeadline(time.Now())
		reading.Wait()
		handlers.Wait()
		p.packets.Close()
	}
}

func (f *Fleet) readPackets(p *port, pool *sync.Pool, handlers *sync.WaitGroup) {
	for {
		buf := pool.Get().(*[]byte)
		n, from, err := p.packets.ReadFromUDPAddrPort(*buf)
		if err != nil {
			if f.soft.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer; the socket lives
		}
		select {
		case p.slots <- struct{}{}:
		default: // as a full kernel buffer would: silence
			p.dropped.Add(1)
			pool.Put(buf)
			continue
		}
		handlers.Go(func() {
			f.packet(p, (*buf)[:n], net.UDPAddrFromAddrPort(from))
			pool.Put(buf)
			<-p.slots
		})
	}
}

// packet handles one datagram and sends the answer.
func (f *Fleet) packet(p *port, req []byte, from *net.UDPAddr) {
	line := p.line
	line.Peer = from.String()
	ctx, call := dialect.Begin(dialect.WithLine(f.hard, &line), "datagram")
	resp, twice := f.answer(ctx, p, call, req, from)
	call.End(ctx)
	if resp == nil {
		return
	}
	p.packets.WriteToUDP(resp, from)
	if twice {
		p.packets.WriteToUDP(resp, from)
	}
}

func (f *Fleet) answer(ctx context.Context, p *port, call *dialect.Call, req []byte, from net.Addr) (resp []byte, twice bool) {
	defer func() {
		if what := recover(); what != nil {
			f.recovered(call, what)
			resp = nil
		}
	}()
	resp = p.Packet(ctx, req, from)
	if resp == nil || f.Faults.Idle() {
		return resp, false
	}
	if call.Admit(ctx) != nil { // the operation is known only now; what it decided stands
		return nil, false
	}
	r, twice := f.Faults.Hit(subject(call), fault.Duplicate)
	if twice {
		call.Fired = append(call.Fired, r.ID)
	}
	return resp, twice
}
