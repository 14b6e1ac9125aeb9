package main

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/measure/process"
)

// crowd is a number of generated people.
type crowd int

// people of the load world, and its RADIUS secret.
const (
	people crowd = 100_000
	secret       = "testing123"
)

// person is the name and password of the n-th one.
func (c crowd) person(n int) (name, password string) {
	name = fmt.Sprintf("user%06d", n%int(c)+1)
	return name, "Pass-" + name
}

// radius measures PAP over 100,000 people against FreeRADIUS.
func radius(s settings) ([]row, error) {
	peer, addr, err := freeRADIUS(s)
	if err != nil {
		return nil, err
	}
	defer peer.Stop()
	on, err := fleet(s, "load")
	if err != nil {
		return nil, err
	}
	defer on.Stop()
	off, err := fleet(s, "load", "--no-journal")
	if err != nil {
		return nil, err
	}
	defer off.Stop()
	pap := func(p *process.Process, addr string) side {
		return side{p, func(lasts time.Duration) (float64, error) { return hammerPAP(s.conns, lasts, addr, people) }}
	}
	first, err := versus(s, contest{"radius: PAP, 100,000 people, against FreeRADIUS", 1.0, pap(on.Process, on.ports["radius/auth"]), pap(peer, addr)})
	if err != nil {
		return nil, err
	}
	second, err := versus(s, contest{"radius: journal on, against off", 0.9, pap(on.Process, on.ports["radius/auth"]), pap(off.Process, off.ports["radius/auth"])})
	return []row{first, second}, err
}

// hammerPAP sends Access-Requests from sockets of their own, one at a time
// each, and demands Access-Accept.
func hammerPAP(sockets int, lasts time.Duration, addr string, who crowd) (float64, error) {
	return hammer(sockets, lasts, func(i int, stop <-chan struct{}) (int, error) {
		c, err := net.Dial("udp", addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		in := make([]byte, 4096)
		for n := 0; ; n++ {
			if over(stop) {
				return n, nil
			}
			out := accessRequest(who, i, n)
			if _, err := c.Write(out); err != nil {
				return n, err
			}
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			got, err := c.Read(in)
			if err != nil {
				return n, fmt.Errorf("request %d of socket %d: %w", n, i, err)
			}
			if got < 20 || in[0] != 2 || in[1] != out[1] {
				return n, fmt.Errorf("request %d of socket %d: code %d", n, i, in[0])
			}
		}
	})
}

// accessRequest is the n-th PAP request of a socket (RFC 2865 section 5.2).
func accessRequest(who crowd, socket, n int) []byte {
	name, password := who.person(socket*7919 + n*31)
	p := make([]byte, 20, 80)
	p[0], p[1] = 1, byte(n)
	binary.BigEndian.PutUint64(p[4:], uint64(socket)<<32|uint64(n))
	binary.BigEndian.PutUint64(p[12:], uint64(time.Now().UnixNano()))
	p = append(p, 1, byte(2+len(name)))
	p = append(p, name...)
	hidden := make([]byte, 16)
	copy(hidden, password)
	pad := md5.Sum(append([]byte(secret), p[4:20]...))
	for i := range hidden {
		hidden[i] ^= pad[i]
	}
	p = append(append(p, 2, 18), hidden...)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	return p
}

// freeRADIUS starts FreeRADIUS with the same people in its files module.
func freeRADIUS(s settings) (*process.Process, string, error) {
	addr, err := freePort("udp")
	if err != nil {
		return nil, "", err
	}
	dir := filepath.Join(s.dir, "freeradius")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, "", err
	}
	var users strings.Builder
	for n := range int(people) {
		name, password := people.person(n)
		fmt.Fprintf(&users, "%s Cleartext-Password := %q\n", name, password)
	}
	_, port, _ := net.SplitHostPort(addr)
	config := strings.NewReplacer("DIR", dir, "PORT", port, "SECRET", secret).Replace(freeRADIUSConfig)
	for name, text := range map[string]string{"radiusd.conf": config, "users": users.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, "", err
		}
	}
	p, err := process.Start(filepath.Join(s.dir, "freeradius.log"), "freeradius", "-f", "-d", dir, "-l", "stdout")
	if err != nil {
		return nil, "", err
	}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if rate, err := hammerPAP(1, 20*time.Millisecond, addr, people); err == nil && rate > 0 {
			return p, addr, nil
		}
	}
	p.Stop()
	return nil, "", p.Failed("FreeRADIUS does not answer")
}

const freeRADIUSConfig = `
prefix = /usr
exec_prefix = /usr
libdir = /usr/lib/freeradius
logdir = DIR
raddbdir = DIR
run_dir = DIR
db_dir = DIR
pidfile = DIR/radiusd.pid
max_request_time = 30
cleanup_delay = 2
max_requests = 65536
hostname_lookups = no
log {
	destination = stdout
	auth = no
}
security {
	max_attributes = 200
	reject_delay = 0
	status_server = no
}
proxy_requests = no
thread pool {
	start_servers = 5
	max_servers = 32
	min_spare_servers = 3
	max_spare_servers = 10
	max_requests_per_server = 0
}
modules {
	pap {
	}
	files {
		usersfile = DIR/users
	}
}
client local {
	ipaddr = 127.0.0.1
	secret = SECRET
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = PORT
	}
	authorize {
		files
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
	}
}
`
