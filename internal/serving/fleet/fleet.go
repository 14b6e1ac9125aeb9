// Package fleet binds the ports of all servers, serves them, and stops them:
// accept loops, TLS, limits, time-outs, faults, the journal and shutdown exist
// here and nowhere else.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
)

// Config is what a fleet is made of.
type Config struct {
	Host    string            // where ports without a host of their own listen: "127.0.0.1"
	Auto    bool              // give every port a free number instead of its own
	Fixed   map[string]string // with Auto: where ports by their IDs listen that had a number before
	Servers []Instance
	Faults  *fault.Table
	Journal *journal.Journal // nil: remember nothing
	Meter   *journal.Metrics // nil: count nothing
	PKI     *pki.Authority
	Clock   clock.Clock
	Log     *slog.Logger
	Grace   time.Duration // how long running requests may go on after a stop; default 1 s
	// Unplayed hears of each feature once that a client asked for and that the server
	// does not play; may be nil.
	Unplayed func(server, feature string)
}

// Instance is one server of the seed.
type Instance struct {
	Name, Kind string
	Server     dialect.Server
	Facts      []dialect.Fact // for its clients
}

// Endpoint is one bound port.
type Endpoint struct {
	Server string   `json:"server"`
	Kind   string   `json:"kind"`
	Port   string   `json:"port"`
	Proto  string   `json:"protocol"` // http, https, tcp, tls, udp
	Addr   string   `json:"address"`  // 127.0.0.1:8080
	Hosts  []string `json:"hosts,omitempty"`
	Try    string   `json:"try,omitempty"`
}

// ID is the endpoint's key in the ports file: "native/http".
func (e Endpoint) ID() string { return e.Server + "/" + e.Port }

// URL is the endpoint's base URL for HTTP, its address otherwise.
func (e Endpoint) URL() string {
	if e.Proto == "http" || e.Proto == "https" {
		return e.Proto + "://" + e.Addr
	}
	return e.Addr
}

// Fleet is a set of bound ports.
type Fleet struct {
	Config
	ports   []*port
	running sync.WaitGroup // loops and everything they started
	serving atomic.Bool
	up      chan struct{} // closed once every port is served
	queued  atomic.Int64  // datagrams that a fault delays
	// soft ends at once on a stop: idle connections go. hard ends after the
	// grace: running requests are cancelled.
	soft, hard         context.Context
	softStop, hardStop context.CancelFunc
}

// port is one bound listener.
type port struct {
	dialect.Port
	Endpoint
	listener    net.Listener // HTTP and Conn
	packets     *net.UDPConn
	line        dialect.Line
	connections *connections

	mu   sync.Mutex
	left chan struct{} // closed when the next answer leaves; nil: nobody waits for it
}

// Bind opens every port. When one cannot be opened none stays open, and the
// error names all of them.
func Bind(c Config) (*Fleet, error) {
	if c.Grace == 0 {
		c.Grace = time.Second
	}
	f := &Fleet{Config: c, up: make(chan struct{})}
	f.soft, f.softStop = context.WithCancel(context.Background())
	f.hard, f.hardStop = context.WithCancel(context.Background())
	var wrong []error
	for _, in := range c.Servers {
		bound, problems := f.bindServer(in)
		f.ports = append(f.ports, bound...)
		wrong = append(wrong, problems...)
	}
	if len(wrong) > 0 {
		f.close()
		return nil, errors.Join(wrong...)
	}
	return f, nil
}

// bind opens one port; number is what it gets where any would do.
func (f *Fleet) bind(in Instance, p dialect.Port, number int) (*port, error) {
	b := &port{Port: p, Endpoint: Endpoint{Server: in.Name, Kind: in.Kind, Port: p.Name, Hosts: p.Hosts}}
	for host := range p.Certs {
		if !p.HasHost(host) {
			return nil, fmt.Errorf("%s: a certificate is wanted for %s, which is none of its hosts", b.ID(), host)
		}
	}
	b.connections = newConnections(orElse(p.Limits.Conns, 16384), f.Log)
	addr, err := f.address(b.ID(), p.Listen, number)
	if err != nil {
		return nil, fmt.Errorf("%s: listen %q: %w", b.ID(), p.Listen, err)
	}
	network := "tcp"
	switch {
	case p.Packet != nil:
		network, b.Proto = "udp", "udp"
		var pc net.PacketConn
		if pc, err = net.ListenPacket(network+family(addr), addr); err == nil {
			b.packets = pc.(*net.UDPConn)
			b.packets.SetReadBuffer(4 << 20) // bursts wait in the kernel; refusal by a small limit is no error
			b.Addr = pc.LocalAddr().String()
		}
	default:
		b.Proto = protocol(p)
		if b.listener, err = net.Listen(network+family(addr), addr); err == nil {
			b.Addr = b.listener.Addr().String()
		}
	}
	if err != nil {
		return nil, explain(b.ID(), network, addr, err)
	}
	b.Endpoint.Try = f.try(p.Try, b.Addr)
	b.line = dialect.Line{Server: in.Name, Port: p.Name, Clock: f.Clock, Admit: f.admit, Fault: f.fault, NoFaults: f.Faults.Idle, Edit: f.edit, End: f.end}
	switch {
	case p.HTTP != nil:
		b.line.Admit = f.admitHTTP
	case p.Conn != nil:
		b.line.End, b.line.Final = f.endConn, true
	}
	if p.Quiet {
		b.line.Admit, b.line.Fault, b.line.Edit, b.line.End = nil, nil, nil, nil
	}
	return b, nil
}

// family keeps 0.0.0.0 to IPv4, which net takes for every address of both.
func family(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Is4() {
		return "4"
	}
	return ""
}

func protocol(p dialect.Port) string {
	switch {
	case p.HTTP != nil && p.TLS:
		return "https"
	case p.HTTP != nil:
		return "http"
	case p.TLS:
		return "tls"
	}
	return "tcp"
}

// explain says what a person can do about a port that cannot be opened.
func explain(name, network, addr string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "address already in use"):
		return fmt.Errorf("%s: %s address %s is already in use; stop what listens there, give the server another `listen`, or use --ports auto", name, network, addr)
	case strings.Contains(text, "permission denied"):
		return fmt.Errorf("%s: no permission to listen on %s %s; ports below 1024 need privileges, give the server another `listen`", name, network, addr)
	case strings.Contains(text, "cannot assign requested address"):
		return fmt.Errorf("%s: this machine has no address %s; check --host and the server's `listen`", name, addr)
	}
	return fmt.Errorf("%s: cannot listen on %s %s: %w", name, network, addr, err)
}

// try fills an endpoint's address into its example command; one that means
// every address of this machine becomes one that can be dialled.
func (f *Fleet) try(command, addr string) string {
	host, number, _ := net.SplitHostPort(addr)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.Is4()]
		addr = net.JoinHostPort(host, number)
	}
	return strings.NewReplacer("{addr}", addr, "{host}", host, "{port}", number).Replace(command)
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Endpoints lists the bound ports in the seed's order.
func (f *Fleet) Endpoints() []Endpoint {
	out := make([]Endpoint, len(f.ports))
	for i, p := range f.ports {
		out[i] = p.Endpoint
	}
	return out
}

// Soft is a context that ends as soon as the fleet is told to stop, before the
// grace: what is held or streams without end goes first.
func (f *Fleet) Soft() context.Context { return f.soft }

// Ready reports whether every port is bound and served.
func (f *Fleet) Ready() bool { return f.serving.Load() }

// Up is closed once every port is bound and served.
func (f *Fleet) Up() <-chan struct{} { return f.up }

// Dropped counts the datagrams and connections that were turned away because a
// port had no slot left.
func (f *Fleet) Dropped() (n uint64) {
	for _, p := range f.ports {
		n += p.connections.dropped.Load()
	}
	return n
}

// Load is what a port carries.
type Load struct {
	Server, Port string
	Open         int    // connections, or datagrams being handled
	Evicted      uint64 // idle connections that made room for others
	Dropped      uint64 // connections and datagrams that found no room
}

// Loads are what the ports carry, in the order of Endpoints.
func (f *Fleet) Loads() []Load {
	out := make([]Load, len(f.ports))
	for i, p := range f.ports {
		out[i] = Load{p.Endpoint.Server, p.Endpoint.Port, len(p.connections.slots), p.connections.evicted.Load(), p.connections.dropped.Load()}
	}
	return out
}

// Rest has the servers let go what nobody needs any more.
func (f *Fleet) Rest() {
	for _, p := range f.ports {
		if p.Port.Rest != nil {
			p.Port.Rest()
		}
	}
}

// Serve answers on all ports until ctx ends, then stops: idle connections are
// closed at once, running requests have the grace to end and are then
// cancelled. It returns when nothing of the fleet runs any more.
func (f *Fleet) Serve(ctx context.Context) error {
	stops := make([]func(), 0, len(f.ports))
	for _, p := range f.ports {
		switch {
		case p.packets != nil:
			stops = append(stops, f.servePackets(p))
		case p.HTTP != nil:
			stops = append(stops, f.serveHTTP(p))
		default:
			stops = append(stops, f.serveConns(p))
		}
	}
	f.running.Go(f.sweeper)
	f.serving.Store(true)
	close(f.up)
	<-ctx.Done()
	f.serving.Store(false)
	f.softStop()
	for _, p := range f.ports {
		p.connections.letGo()
	}
	late := time.AfterFunc(f.Grace, f.hardStop)
	defer late.Stop()
	var stopping sync.WaitGroup
	for _, stop := range slices.Backward(stops) {
		stopping.Go(stop)
	}
	stopping.Wait()
	f.hardStop() // nobody is left but the sweeper
	f.running.Wait()
	return nil
}

// close gives up ports that were bound but never served.
func (f *Fleet) close() {
	closeAll(f.ports)
	f.softStop()
	f.hardStop()
}

// Close gives up a fleet that was bound but will not be served.
func (f *Fleet) Close() { f.close() }
