package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/measure/process"
)

// counterpart is a running fleet.
type counterpart struct {
	*process.Process
	ports map[string]string
	took  time.Duration // from start to the ports file
}

func fleet(s settings, seed string, args ...string) (*counterpart, error) {
	file := filepath.Join(s.dir, "ports.json")
	os.Remove(file)
	began := time.Now()
	p, err := process.Start(filepath.Join(s.dir, "counterpart.log"), s.binary, append([]string{"serve", seed, "--ports", "auto", "--ports-file", file}, args...)...)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(60 * time.Second); ; {
		text, err := os.ReadFile(file)
		if err == nil {
			c := &counterpart{p, map[string]string{}, time.Since(began)}
			return c, json.Unmarshal(text, &c.ports)
		}
		if time.Now().After(end) {
			p.Stop()
			return nil, p.Failed("counterpart does not start")
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// mebibytes is the memory that a process takes.
func mebibytes(p *process.Process) (float64, error) {
	octets, err := p.Resident()
	return float64(octets) / (1 << 20), err
}

// freePort is a port that nobody listens on now.
func freePort(network string) (string, error) {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer c.Close()
		return c.LocalAddr().String(), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await waits for a TCP port to answer.
func await(p *process.Process, addr string) error {
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return p.Failed("nothing answers at " + addr)
}

// starts measures the start and the size of the two ready-made worlds.
func starts(s settings) ([]row, error) {
	info, err := os.Stat(s.binary)
	if err != nil {
		return nil, err
	}
	mb := float64(info.Size()) / 1e6
	rows := []row{{"size of the binary", fmt.Sprintf("%.1f MB", mb), "", "", "≤ 40 MB", verdict(mb <= 40)}}
	for _, w := range []struct {
		seed      string
		ms, mib   float64
		runs      int
		serversOf string
	}{{"demo", 100, 50, 11, "demo company"}, {"load", 500, 160, 5, "100,000 people"}} {
		t, m, err := started(s, w.seed, w.runs, settle)
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			row{w.serversOf + ": start to ready", fmt.Sprintf("%.0f ms", t), "", "", fmt.Sprintf("≤ %.0f ms", w.ms), verdict(t <= w.ms)},
			row{w.serversOf + ": memory after first use", fmt.Sprintf("%.0f MiB", m), "", "", fmt.Sprintf("≤ %.0f MiB", w.mib), verdict(m <= w.mib)})
	}
	return rows, nil
}

// started is how long a seed takes from start to ready, in milliseconds, and its memory
// in MiB once it was used: medians of some runs.
func started(s settings, seed string, runs int, use func(*counterpart) error) (ms, mib float64, err error) {
	var took, mem []float64
	for range runs {
		c, err := fleet(s, seed)
		if err != nil {
			return 0, 0, err
		}
		rss := 0.0
		if err = use(c); err == nil {
			rss, err = mebibytes(c.Process)
		}
		c.Stop()
		if err != nil {
			return 0, 0, err
		}
		took, mem = append(took, float64(c.took.Milliseconds())), append(mem, rss)
	}
	return median(took), median(mem), nil
}

// settle uses each directory once, so that what is built on first use counts.
func settle(c *counterpart) error {
	for id, addr := range c.ports {
		if strings.HasSuffix(id, "/ldap") {
			l, err := dialLDAP(addr)
			if err != nil {
				return err
			}
			_, err = l.search("", 0, "objectClass")
			l.close()
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
	}
	return nil
}
