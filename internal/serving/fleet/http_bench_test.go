package fleet_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
)

// trivial is a server with one route, so that all that is measured beside it is
// the fleet's.
type trivial struct{}

const (
	benchPath   = "/vault/v1/accounts/:account/password"
	benchTarget = "/vault/v1/accounts/postgres@db01/password"
	benchAnswer = `{"account":"postgres@db01","value":"Db01-Postgres-Pass-1","version":1,"current":true,"since":"2026-01-01T12:00:00.000000000Z"}`
)

func constant(c echo.Context) error { return c.JSONBlob(http.StatusOK, []byte(benchAnswer)) }

func (trivial) Faults() []string { return nil }

func (trivial) Ports() []dialect.Port {
	return []dialect.Port{{Name: "http", Listen: ":0", HTTP: &dialect.HTTP{
		Routes:   []dialect.Route{{Method: "GET", Path: benchPath, Do: constant}},
		NotFound: func(c echo.Context) error { return c.NoContent(http.StatusNotFound) },
		Error:    func(_ error, c echo.Context) { c.NoContent(http.StatusInternalServerError) },
	}}}
}

// bareEcho is what the fleet is held against.
func bareEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET(benchPath, constant)
	return e
}

// served is a fleet of one server with its journal on.
func served(b testing.TB, s dialect.Server) *fleet.Fleet {
	b.Helper()
	c := clock.New()
	ca, err := pki.New(pki.Config{Clock: c})
	if err != nil {
		b.Fatal(err)
	}
	f, err := fleet.Bind(fleet.Config{Host: "127.0.0.1", Servers: []fleet.Instance{{Name: "t", Kind: "trivial", Server: s}}, Faults: fault.New(1),
		Journal: journal.New(journal.Limits{}, nil), Meter: &journal.Metrics{}, PKI: ca, Clock: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// sink is a ResponseWriter that a benchmark uses again and again.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) WriteHeader(int)                  {}
func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkHandler is what a request costs above net/http: the difference of the
// two is the fleet's share.
func BenchmarkHandler(b *testing.B) {
	f := served(b, trivial{})
	defer f.Close()
	for name, h := range map[string]http.Handler{"echo": bareEcho(), "fleet": f.Handler("http")} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(dialect.NewConnection(b.Context()), "GET", benchTarget, nil)
			r.Header.Set("Authorization", "Bearer sps-secret")
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkLoopback asks both over 16 real connections at once.
func BenchmarkLoopback(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bare := &http.Server{Handler: bareEcho()}
	go bare.Serve(l)
	defer bare.Close()
	f := served(b, trivial{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx) }()
	defer func() { cancel(); <-done }()
	for _, x := range []struct{ name, addr string }{{"echo", l.Addr().String()}, {"fleet", f.Endpoints()[0].Addr}} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() { ask(b, x.addr, (b.N+i)/16) })
			}
			all.Wait()
		})
	}
}

// ask sends n requests over one connection, one after the other.
func ask(b *testing.B, addr string, n int) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	request := []byte("GET " + benchTarget + " HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer sps-secret\r\nX-On-Behalf-Of: alice\r\nUser-Agent: bench\r\n\r\n")
	r := bufio.NewReader(c)
	for range n {
		if _, err := c.Write(request); err != nil {
			b.Error(err)
			return
		}
		if err := readAnswer(r); err != nil {
			b.Error(err)
			return
		}
	}
}

// readAnswer reads one answer with a Content-Length, without allocating.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.Contains(line, []byte(" 200 ")) {
			return fmt.Errorf("answered %s", line)
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(textproto.TrimBytes(value))); err != nil {
				return err
			}
		}
	}
	_, err := r.Discard(length)
	if length < 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}
