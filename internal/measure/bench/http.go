package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/measure/process"

	"github.com/labstack/echo/v4"
)

// answer is what the measured route says; the bare route says the same.
const answer = `{"account":"postgres@db01","value":"Db01-Postgres-Pass-1","version":1,"current":true,"since":"2026-01-01T12:00:00.000000000Z"}`

// bareRoute is the baseline: echo, one route, constant JSON.
type bareRoute struct {
	addr  string
	route string // "GET /v1/secret/data/bench"
	file  string // holds the answer
}

func (b bareRoute) serve() {
	body, err := os.ReadFile(b.file)
	if err != nil {
		panic(err)
	}
	method, path, _ := strings.Cut(b.route, " ")
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Add(method, path, func(c echo.Context) error { return c.JSONBlob(http.StatusOK, body) })
	e.Start(b.addr)
}

// bare starts the baseline for a route and an answer.
func bare(s settings, route, answer string) (*process.Process, string, error) {
	addr, err := freePort("tcp")
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(s.dir, "answer.json")
	if err := os.WriteFile(file, []byte(answer), 0o600); err != nil {
		return nil, "", err
	}
	p, err := process.Start(filepath.Join(s.dir, "echo.log"), self, "-serve-echo", addr, "-echo-route", route, "-echo-answer", file)
	if err != nil {
		return nil, "", err
	}
	if err := await(p, addr); err != nil {
		p.Stop()
		return nil, "", err
	}
	return p, addr, nil
}

// native measures REST against a bare echo route, with the journal and without.
func native(s settings) ([]row, error) {
	bare, addr, err := bare(s, "GET /vault/v1/accounts/:account/password", answer)
	if err != nil {
		return nil, err
	}
	defer bare.Stop()
	on, err := fleet(s, "demo")
	if err != nil {
		return nil, err
	}
	defer on.Stop()
	off, err := fleet(s, "demo", "--no-journal")
	if err != nil {
		return nil, err
	}
	defer off.Stop()
	get := func(p *process.Process, addr string) side {
		return side{p, func(lasts time.Duration) (float64, error) { return hammerHTTP(s.conns, lasts, addr) }}
	}
	first, err := versus(s, contest{"native: password of a shared account, against a bare echo route", 0, get(on.Process, on.ports["native/http"]), get(bare, addr)})
	if err != nil {
		return nil, err
	}
	second, err := versus(s, contest{"native: journal on, against off", 0.9, get(on.Process, on.ports["native/http"]), get(off.Process, off.ports["native/http"])})
	if err != nil {
		return nil, err
	}
	third, err := faulty(s, on, get)
	return []row{first, second, third}, err
}

// faulty compares a fleet that has a fault rule, for a server that is not asked,
// with one that has none.
func faulty(s settings, idle *counterpart, get func(*process.Process, string) side) (row, error) {
	armed, err := fleet(s, "demo")
	if err != nil {
		return row{}, err
	}
	defer armed.Stop()
	rule := strings.NewReader(`{"rules":[{"kind":"drop","server":"radius"}]}`)
	resp, err := http.Post("http://"+armed.ports["control/http"]+"/faults", "application/json", rule)
	if err != nil {
		return row{}, err
	}
	resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		return row{}, fmt.Errorf("the rule was refused: %s", resp.Status)
	}
	return versus(s, contest{"native: a fault rule for another server, against none", 0.95,
		get(armed.Process, armed.ports["native/http"]), get(idle.Process, idle.ports["native/http"])})
}

func hammerHTTP(conns int, lasts time.Duration, addr string) (float64, error) {
	return hammerRaw(conns, lasts, addr, "GET /vault/v1/accounts/postgres@db01/password HTTP/1.1\r\nHost: "+addr+
		"\r\nAuthorization: Bearer sps-secret\r\nX-On-Behalf-Of: alice\r\nUser-Agent: bench\r\n\r\n")
}

// hammerRaw sends one request over and over on each of several connections.
func hammerRaw(conns int, lasts time.Duration, addr, text string) (float64, error) {
	request := []byte(text)
	return hammerEach(conns, lasts, addr, func(_, _ int) []byte { return request })
}

// hammerEach sends the n-th request of each of several connections.
func hammerEach(conns int, lasts time.Duration, addr string, request func(conn, n int) []byte) (float64, error) {
	return hammer(conns, lasts, func(i int, stop <-chan struct{}) (int, error) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for n := 0; ; n++ {
			if over(stop) {
				return n, nil
			}
			if _, err := c.Write(request(i, n)); err != nil {
				return n, err
			}
			if err := readHTTP(r); err != nil {
				return n, err
			}
		}
	})
}

// readHTTP reads one answer with a Content-Length and demands 200. It allocates
// nothing: on two processors, what it takes is missing to the server.
func readHTTP(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return fmt.Errorf("answered %s", status)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("no Content-Length")
	}
	_, err = r.Discard(length)
	return err
}

var contentLength = []byte("content-length:")
