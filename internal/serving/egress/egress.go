// Package egress is the fleet's forward proxy: clients whose vendor's host name
// and port are fixed reach the fleet through it, as SPS lets plugins out through
// the proxy of its own settings. It knows HTTP CONNECT (RFC 9110 section 9.3.6)
// to the hosts of the fleet's ports and nothing else: it is no way out.
package egress

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fleet"
)

// Config is what the proxy stands on.
type Config struct {
	Listen             string // "[host]:port"
	Username, Password string // both empty: everybody may
	// Endpoints are the fleet's ports; their Hosts lead to them.
	Endpoints func() []fleet.Endpoint
}

// Server is the proxy as a server of the fleet.
type Server struct{ Config }

// New returns the proxy.
func New(c Config) *Server { return &Server{c} }

// The proxy's own faults: it asks for other credentials, or reaches nobody.
const (
	wantsAuth = "proxy-auth"
	isDown    = "bad-gateway"
)

// Faults implements dialect.Server.
func (s *Server) Faults() []string { return []string{wantsAuth, isDown} }

// Ports implements dialect.Server.
func (s *Server) Ports() []dialect.Port {
	return []dialect.Port{{Name: "proxy", Listen: s.Listen, Limits: dialect.Limits{Conns: 1024}, Conn: s.serve}}
}

const (
	headTimeout = 10 * time.Second // for the whole CONNECT request
	dialTimeout = 5 * time.Second
	takeTimeout = 60 * time.Second // for a client to read
	maxHead     = 16 << 10
)

// serve answers one CONNECT and becomes the tunnel. Everything but a tunnel
// closes the connection.
func (s *Server) serve(ctx context.Context, c net.Conn) {
	c.SetReadDeadline(time.Now().Add(headTimeout))
	in := bufio.NewReader(io.LimitReader(c, maxHead))
	req, err := http.ReadRequest(in)
	if err == io.EOF {
		return // nothing was sent
	}
	ctx, call := dialect.Begin(ctx, "CONNECT")
	backend, err := s.open(ctx, call, req, err)
	if err != nil {
		call.End(ctx)
		return
	}
	if backend == nil {
		answer(patient{c}, call)
		call.End(ctx)
		return
	}
	defer backend.Close()
	call.Status = "200"
	if call.End(ctx) != nil {
		return
	}
	if _, err := io.WriteString(patient{c}, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	c.SetDeadline(time.Time{})
	early, _ := in.Peek(in.Buffered()) // sent before the answer came
	tunnel(c, backend, early)
}

// open judges a request. Without a tunnel the call has the status to answer; an
// error means that a fault wants no answer at all.
func (s *Server) open(ctx context.Context, call *dialect.Call, req *http.Request, broken error) (net.Conn, error) {
	refuse := func(outcome dialect.Outcome, status int, why string) (net.Conn, error) {
		call.Outcome, call.Status, call.Why = outcome, strconv.Itoa(status), why
		return nil, nil
	}
	if broken != nil {
		return refuse(dialect.Failed, http.StatusBadRequest, broken.Error())
	}
	call.Request = req.Method + " " + req.RequestURI
	if req.Method != http.MethodConnect {
		return refuse(dialect.Failed, http.StatusMethodNotAllowed, "only CONNECT is known here")
	}
	if req.RequestURI != req.URL.Host {
		return refuse(dialect.Failed, http.StatusBadRequest, "the target of a CONNECT is a host and a port")
	}
	call.Object = req.Host
	if err := call.Admit(ctx); err != nil {
		return nil, err
	}
	if _, hit := call.Fault(wantsAuth); hit || !s.authorized(req) {
		return refuse(dialect.DeniedOutcome, http.StatusProxyAuthRequired, "the proxy wants its user name and password")
	}
	addr, ok := Find(s.Endpoints(), req.Host)
	if _, hit := call.Fault(isDown); hit || !ok {
		return refuse(dialect.DeniedOutcome, http.StatusBadGateway, fmt.Sprintf("no port of the fleet is %.255s", req.Host))
	}
	d := net.Dialer{Timeout: dialTimeout}
	backend, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return refuse(dialect.Internal, http.StatusBadGateway, err.Error())
	}
	return backend, nil
}

// authorized reports whether the request has the proxy's credentials.
func (s *Server) authorized(req *http.Request) bool {
	if s.Username == "" && s.Password == "" {
		return true
	}
	scheme, given, _ := strings.Cut(req.Header.Get("Proxy-Authorization"), " ")
	want := base64.StdEncoding.EncodeToString([]byte(s.Username + ":" + s.Password))
	return strings.EqualFold(scheme, "Basic") && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

// answer refuses as a proxy does.
func answer(c net.Conn, call *dialect.Call) {
	status, _ := strconv.Atoi(call.Status)
	head := ""
	switch status {
	case http.StatusProxyAuthRequired:
		head = "Proxy-Authenticate: Basic realm=\"counterpart\"\r\n"
	case http.StatusMethodNotAllowed:
		head = "Allow: CONNECT\r\n"
	}
	text := http.StatusText(status)
	fmt.Fprintf(c, "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n", status, text, head, len(text)+1, text)
}

// tunnel joins two connections until the backend is done or the client is gone.
// The fleet bounds how long a backend keeps a silent client.
func tunnel(c, backend net.Conn, early []byte) {
	up := make(chan struct{})
	go func() {
		defer close(up)
		if _, err := backend.Write(early); err == nil {
			_, err = io.Copy(backend, c)
			if err == nil {
				backend.(*net.TCPConn).CloseWrite()
				return
			}
		}
		backend.Close()
	}()
	io.Copy(patient{c}, backend)
	c.Close()
	<-up
}

// patient gives a client time to take what is written to it, but not for ever.
type patient struct{ net.Conn }

// Write implements io.Writer.
func (p patient) Write(b []byte) (int, error) {
	p.SetWriteDeadline(time.Now().Add(takeTimeout))
	return p.Conn.Write(b)
}

// Find is the address behind a host name and port, as clients know them: the
// vendor's name at 443, or at 80 where the port speaks no TLS. A host "*.x" is
// every name below x; the longest that fits wins.
func Find(ports []fleet.Endpoint, target string) (addr string, ok bool) {
	host, port, err := net.SplitHostPort(target)
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if err != nil || port == "" || strings.HasPrefix(host, ".") {
		return "", false
	}
	best := -1
	for _, e := range ports {
		if port != map[string]string{"https": "443", "tls": "443", "http": "80"}[e.Proto] {
			continue
		}
		for _, h := range e.Hosts {
			h = strings.ToLower(h)
			below, wild := strings.CutPrefix(h, "*.")
			switch {
			case h == host:
				return reachable(e.Addr), true
			case wild && strings.HasSuffix(host, "."+below) && len(below) > best:
				best, addr, ok = len(below), reachable(e.Addr), true
			}
		}
	}
	return addr, ok
}

// reachable is an address that can be dialled, also of a port that listens
// everywhere.
func reachable(addr string) string {
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().IsUnspecified() {
		return addr
	}
	if at.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()).String()
}
