package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/measure/process"
)

// victim is the fleet that is attacked: the demo company, on free ports, with 1 GiB
// of heap at most.
type victim struct {
	*process.Process
	dir      string
	short    bool
	profiles string
	ports    map[string]string
	http     *http.Client // of the others, who want to be served
}

// mostMemory is the limit of the server's address space in KiB. A runaway ends
// there, not with the machine.
const mostMemory = 4 << 20

func launch(s settings) (*victim, error) {
	v := &victim{dir: s.dir, short: s.short, profiles: s.profiles, ports: map[string]string{}, http: &http.Client{Timeout: 15 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	file := filepath.Join(s.dir, "ports.json")
	var err error
	v.Process, err = process.Start(filepath.Join(s.dir, "log"), "/bin/sh", "-c",
		fmt.Sprintf(`ulimit -v %d; exec "$0" serve demo --pprof --ports auto --ports-file "$1"`, mostMemory), s.binary, file)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			return v, json.Unmarshal(text, &v.ports)
		}
	}
	v.Stop()
	return nil, v.Failed("the fleet does not start")
}

// resident is the memory in use, in octets.
func (v *victim) resident() uint64 {
	octets, err := v.Resident()
	if err != nil { // it is gone, which others find out
		return 0
	}
	return octets
}

// tcp are the ports that take connections, by name.
func (v *victim) tcp() []string {
	var out []string
	for name := range v.ports {
		if name != "radius/auth" && name != "radius/acct" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// do sends one request as somebody who is not part of the storm.
func (v *victim) do(method, url, body string, header ...string) (int, []byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// control sends a request to the control port.
func (v *victim) control(method, path, body string) (int, []byte, error) {
	return v.do(method, "http://"+v.ports["control/http"]+path, body, "Content-Type", "application/json")
}

// watcher looks at memory and asks as somebody else would, until it is stopped.
type watcher struct {
	stop    chan struct{}
	all     sync.WaitGroup
	peak    uint64
	slowest time.Duration
	failed  int
}

// watch begins. Others read a secret of vault and ask native, five times a second.
func (v *victim) watch() *watcher {
	w := &watcher{stop: make(chan struct{})}
	w.all.Go(func() {
		for w.again(20 * time.Millisecond) {
			w.peak = max(w.peak, v.resident())
		}
	})
	w.all.Go(func() {
		for w.again(200 * time.Millisecond) {
			for _, ask := range []func() (int, []byte, error){
				func() (int, []byte, error) {
					return v.do("GET", "http://"+v.ports["vault/http"]+"/v1/sys/health", "")
				},
				func() (int, []byte, error) {
					return v.do("GET", "http://"+v.ports["native/http"]+"/openapi.yaml", "")
				},
			} {
				began := time.Now()
				status, _, err := ask()
				if w.slowest = max(w.slowest, time.Since(began)); err != nil || status != 200 {
					w.failed++
				}
			}
		}
	})
	return w
}

func (w *watcher) again(d time.Duration) bool {
	select {
	case <-w.stop:
		return false
	case <-time.After(d):
		return true
	}
}

func (w *watcher) end() {
	close(w.stop)
	w.all.Wait()
}

// play runs one attack and waits for the fleet to come to rest.
func (v *victim) play(a attack) outcome {
	o := outcome{name: a.name, clients: a.clients}
	if a.before != nil {
		if err := a.before(); err != nil {
			o.dead = err
			return o
		}
	}
	if a.stores {
		o.stored = v.stored()
	} else if v.short {
		v.settle() // or what the storm before has left would be counted as this one's
	}
	w := v.watch()
	left := a.run(a.clients)
	w.end()
	o.peak, o.slowest, o.failed = w.peak, w.slowest, w.failed
	o.allowed = base + o.stored*2 + each*uint64(a.held)
	if a.connected {
		o.allowed += each * uint64(a.clients)
	}
	if o.peak > o.allowed {
		v.profile(a.name + " while they are there")
	}
	left()
	if !v.short {
		v.rest(&o)
		if o.after > base+o.stored {
			v.profile(a.name)
		}
	}
	if a.after != nil {
		a.after()
	}
	if status, _, err := v.control("GET", "/healthz", ""); err != nil || status != 200 {
		o.dead = fmt.Errorf("the fleet is gone: %d, %v", status, err)
	}
	return o
}

// settle waits, for a while, until what an earlier storm has left has been given back.
func (v *victim) settle() {
	for end := time.Now().Add(30 * time.Second); v.resident() > settled && time.Now().Before(end); {
		time.Sleep(250 * time.Millisecond)
	}
}

// settled is what a fleet takes that has seen storms, at rest.
const settled = 52 << 20

// rest waits until the fleet is within its bound again, as long as the bound says.
func (v *victim) rest(o *outcome) {
	began := time.Now()
	for time.Since(began) < patient {
		if o.after = v.resident(); o.after <= base+o.stored {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	o.took = time.Since(began)
}

// profile keeps what the heap has and how the runtime's memory is divided, for whoever
// looks for what stays.
func (v *victim) profile(name string) {
	if v.profiles == "" {
		return
	}
	file := filepath.Join(v.profiles, strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == ',' || r == ':' {
			return '-'
		}
		return r
	}, name))
	for suffix, path := range map[string]string{".heap": "/debug/pprof/heap", ".goroutines": "/debug/pprof/goroutine?debug=1", ".metrics": "/metrics"} {
		status, text, err := v.control("GET", path, "")
		if err == nil && status == 200 {
			err = os.WriteFile(file+suffix, text, 0o600)
		}
		if err != nil || status != 200 {
			fmt.Fprintf(os.Stderr, "    no profile: %d, %v\n", status, err)
		}
	}
}

// stored is what the fleet keeps of what it was given: its heap when it rests, less
// what an idle one has.
func (v *victim) stored() uint64 {
	time.Sleep(30 * time.Second) // it has collected its garbage by then
	_, text, _ := v.control("GET", "/metrics", "")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "go_memstats_heap_live_bytes "); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return max(n, idleHeap) - idleHeap
		}
	}
	return 0
}

// idleHeap is the live heap of a fleet that has done nothing yet, with the journal's
// ring.
const idleHeap = 20 << 20
