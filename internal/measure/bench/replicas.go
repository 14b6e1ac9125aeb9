package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"counterpart/internal/measure/process"
)

// fifth is the part of a core that each replica may use, in microseconds of each period.
const (
	fifth  = 20_000
	period = 100_000
)

// held limits a process to a fifth of a core, and returns what lifts that. It needs a
// control group of its own (cgroups(7), either version) and so root.
func held(p *process.Process) (lift func(), err error) {
	name := fmt.Sprintf("counterpart-bench-%d", p.PID())
	dir, files := filepath.Join("/sys/fs/cgroup/cpu", name), map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": strconv.Itoa(fifth)}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		dir, files = filepath.Join("/sys/fs/cgroup", name), map[string]string{"cpu.max": fmt.Sprintf("%d %d", fifth, period)}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("a process cannot be held to a fifth of a core: %w", err)
	}
	files["cgroup.procs"] = strconv.Itoa(p.PID())
	for _, file := range []string{"cpu.max", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cgroup.procs"} { // the process last
		if value, ok := files[file]; ok {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
				os.Remove(dir)
				return nil, fmt.Errorf("a process cannot be held to a fifth of a core: %w", err)
			}
		}
	}
	return func() { os.Remove(dir) }, nil // when the process is gone
}

// flock is several replicas of one fleet, each held to a fifth of a core.
type flock struct {
	members []*counterpart
	lift    []func()
}

func (f *flock) stop() {
	for _, m := range f.members {
		m.Stop()
	}
	for _, lift := range f.lift {
		lift()
	}
}

// replicas measures what one, two and four of them do together, each held to a fifth of a
// core, so that this machine has room for all of them, for Redis and for their clients.
func replicas(s settings) ([]row, error) {
	socket := filepath.Join(s.dir, "replicas.sock")
	db, err := process.Start(filepath.Join(s.dir, "replicas.log"), "redis-server", "--port", "0", "--unixsocket", socket, "--dir", s.dir, "--save", "")
	if err != nil {
		return nil, fmt.Errorf("redis-server is missing; make tools installs it: %w", err)
	}
	defer db.Stop()
	if err := awaitSocket(db, socket); err != nil {
		return nil, err
	}
	var rows []row
	for _, w := range []struct {
		work string
		seed string
		load func(conns int, lasts time.Duration, c *counterpart) (float64, error)
	}{
		{"native read", takers(s.conns), func(conns int, lasts time.Duration, c *counterpart) (float64, error) {
			return hammerRaw(conns, lasts, c.ports["native/http"], "GET /vault/v1/accounts/root@db0/password HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer sps-secret\r\nX-On-Behalf-Of: alice\r\n\r\n")
		}},
		{"Vault KV v2 read", vaultSeed, func(conns int, lasts time.Duration, c *counterpart) (float64, error) {
			token, err := furnish(c.ports["vault/http"])
			if err != nil {
				return 0, err
			}
			return hammerRaw(conns, lasts, c.ports["vault/http"], vaultCases[1].text(c.ports["vault/http"], token))
		}},
	} {
		seed := filepath.Join(s.dir, "replicas.yaml")
		if err := os.WriteFile(seed, []byte(w.seed), 0o600); err != nil {
			return rows, err
		}
		rates := map[int]float64{}
		for _, n := range []int{1, 2, 4} {
			rate, err := together(s, n, func() (*counterpart, error) {
				return fleet(s, seed, "--state", fmt.Sprintf("unix://%s?prefix=%s-%d", socket, w.work[:3], n))
			}, w.load)
			if err != nil {
				return rows, err
			}
			rates[n] = rate
		}
		rows = append(rows, row{"replicas: " + w.work + ", four against one, each with a fifth of a core",
			fmt.Sprintf("%.0f/s", rates[4]), fmt.Sprintf("%.0f/s (two: %.0f/s)", rates[1], rates[2]), fmt.Sprintf("%.2f", rates[4]/rates[1]), "≥ 3.20", verdict(rates[4] >= 3.2*rates[1])})
	}
	return rows, nil
}

// together is the median rate of n replicas over the rounds.
func together(s settings, n int, start func() (*counterpart, error), load func(int, time.Duration, *counterpart) (float64, error)) (float64, error) {
	var f flock
	defer f.stop()
	for range n {
		m, err := start()
		if err != nil {
			return 0, err
		}
		f.members = append(f.members, m)
		lift, err := held(m.Process)
		if err != nil {
			return 0, err
		}
		f.lift = append(f.lift, lift)
	}
	var rates []float64
	for range s.rounds {
		var all sync.WaitGroup
		sums, wrong := make([]float64, n), make([]error, n)
		for i, m := range f.members {
			all.Go(func() { sums[i], wrong[i] = load(4, s.each, m) })
		}
		all.Wait()
		total := 0.0
		for i := range sums {
			if wrong[i] != nil {
				return 0, wrong[i]
			}
			total += sums[i]
		}
		rates = append(rates, total)
	}
	return median(rates), nil
}
