package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is something that this run started and ends.
type process struct {
	cmd *exec.Cmd
	log string
}

func launch(log string, name string, args ...string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return &process{cmd, log}, cmd.Start()
}

// stop ends the process by its ID and waits for it.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	p.cmd.Wait()
}

// failed is an error with the end of the process's own words.
func (p *process) failed(what string) error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s:\n%s", what, text[max(0, len(text)-2000):])
}

// rss is the memory in use, in MiB.
func (p *process) rss() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kb / 1024, err
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil // USER_HZ is 100 on Linux
}

// counterpart is a running fleet.
type counterpart struct {
	*process
	ports map[string]string
	took  time.Duration // from start to the ports file
}

func fleet(s settings, seed string, args ...string) (*counterpart, error) {
	file := filepath.Join(s.dir, "ports.json")
	os.Remove(file)
	began := time.Now()
	p, err := launch(filepath.Join(s.dir, "counterpart.log"), s.binary, append([]string{"serve", seed, "--ports", "auto", "--ports-file", file}, args...)...)
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
			p.stop()
			return nil, p.failed("counterpart does not start")
		}
		time.Sleep(200 * time.Microsecond)
	}
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
func await(p *process, addr string) error {
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return p.failed("nothing answers at " + addr)
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
		var took, mem []float64
		for range w.runs {
			c, err := fleet(s, w.seed)
			if err != nil {
				return nil, err
			}
			if err := settle(c); err != nil {
				c.stop()
				return nil, err
			}
			rss, err := c.rss()
			c.stop()
			if err != nil {
				return nil, err
			}
			took, mem = append(took, float64(c.took.Milliseconds())), append(mem, rss)
		}
		t, m := median(took), median(mem)
		rows = append(rows,
			row{w.serversOf + ": start to ready", fmt.Sprintf("%.0f ms", t), "", "", fmt.Sprintf("≤ %.0f ms", w.ms), verdict(t <= w.ms)},
			row{w.serversOf + ": memory after first use", fmt.Sprintf("%.0f MiB", m), "", "", fmt.Sprintf("≤ %.0f MiB", w.mib), verdict(m <= w.mib)})
	}
	return rows, nil
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
