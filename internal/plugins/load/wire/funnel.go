package wire

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// errLate means that no answer came in time.
var errLate = os.ErrDeadlineExceeded

// funnel is the sockets of requests to one RADIUS server. A request is known by the source
// port and one of 256 identifiers (RFC 2865 section 3): when those of all sockets are on
// their way, another one is opened.
type funnel struct {
	addr string

	mu      sync.Mutex
	free    []*slot
	sockets []*net.UDPConn
	closed  bool
	reading sync.WaitGroup
}

// slot is an identifier of a socket.
type slot struct {
	id     byte
	socket *net.UDPConn
	out    []byte
	in     []byte
	room   []byte             // to look at an answer in
	before [headerLength]byte // head of the request that had it before
	timer  *time.Timer

	mu      sync.Mutex
	arrived chan struct{} // of capacity 1
	packet  []byte        // that arrived last
	waits   bool
	gone    error
}

func (c *Client) funnel(addr string) (*funnel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.sockets[addr]
	if f == nil {
		f = &funnel{addr: addr}
		c.sockets[addr] = f
		c.ends = append(c.ends, f.close)
	}
	return f, nil
}

// take is a free identifier. The one that was freed first comes first, so that a late answer
// to its last request has had time to come.
func (f *funnel) take() (*slot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, net.ErrClosed
	}
	if len(f.free) == 0 {
		if err := f.open(); err != nil {
			return nil, err
		}
	}
	s := f.free[0]
	f.free = f.free[1:]
	s.mu.Lock()
	s.waits = true
	s.mu.Unlock()
	return s, nil
}

func (f *funnel) put(s *slot) {
	s.mu.Lock()
	s.waits = false
	select {
	case <-s.arrived:
	default:
	}
	s.mu.Unlock()
	f.mu.Lock()
	f.free = append(f.free, s)
	f.mu.Unlock()
}

// open opens a socket, with 256 identifiers. The lock is held.
func (f *funnel) open() error {
	conn, err := net.Dial("udp", f.addr)
	if err != nil {
		return err
	}
	socket := conn.(*net.UDPConn)
	socket.SetReadBuffer(1 << 20)
	slots := make([]*slot, 256)
	for i := range slots {
		slots[i] = &slot{id: byte(i), socket: socket, arrived: make(chan struct{}, 1)}
	}
	f.sockets, f.free = append(f.sockets, socket), append(f.free, slots...)
	f.reading.Go(func() { read(socket, slots) })
	return nil
}

// read hands answers to those who wait for them, until the socket is closed.
func read(socket *net.UDPConn, slots []*slot) {
	in := make([]byte, longestPacket)
	for {
		n, err := socket.Read(in)
		if err != nil {
			for _, s := range slots { // an ICMP message does not say for whom it is
				s.hear(nil, err)
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if n < headerLength || int(binary.BigEndian.Uint16(in[2:])) < headerLength || int(binary.BigEndian.Uint16(in[2:])) > n {
			continue // RFC 2865 section 3: discarded
		}
		slots[in[1]].hear(in[:binary.BigEndian.Uint16(in[2:])], nil)
	}
}

// hear takes an answer, if it is waited for.
func (s *slot) hear(packet []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waits {
		return
	}
	s.packet, s.gone = append(s.packet[:0], packet...), err
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

func (s *slot) send(request []byte) error {
	_, err := s.socket.Write(request)
	return err
}

// wait puts the next answer into s.in. After so long it is errLate.
func (s *slot) wait(most time.Duration) error {
	if s.timer == nil {
		s.timer = time.NewTimer(most)
	} else {
		s.timer.Reset(most)
	}
	select {
	case <-s.arrived:
		s.timer.Stop()
	case <-s.timer.C:
		return errLate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = append(s.in[:0], s.packet...)
	return s.gone
}

func (f *funnel) close() {
	f.mu.Lock()
	f.closed = true
	sockets := f.sockets
	f.mu.Unlock()
	for _, socket := range sockets {
		socket.Close()
	}
	f.reading.Wait()
}
