package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is something that this run started and ends.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func launch(log string, name string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// signal sends one and, when it ends the process, waits for that.
func (p *process) signal(s syscall.Signal) {
	p.cmd.Process.Signal(s)
	switch s {
	case syscall.SIGKILL:
		<-p.ended
	case syscall.SIGTERM:
		p.cmd.Process.Signal(syscall.SIGCONT) // one that stands would not end
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.signal(syscall.SIGKILL)
		}
	}
}

// failed is an error with the end of the process's own words.
func (p *process) failed(what string) error {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return errors.New(what + "\n" + strings.Join(lines[max(0, len(lines)-12):], "\n"))
}

// database is a Redis of the run's own, which keeps whatever it has answered.
type database struct {
	*process
	dir  string
	addr string
}

func startRedis(dir string) (*database, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errors.New("redis-server is missing; make tools installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &database{dir: filepath.Join(dir, "redis"), addr: l.Addr().String()}
	l.Close()
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, err
	}
	return d, d.start()
}

// start returns when it answers.
func (d *database) start() (err error) {
	_, port, _ := net.SplitHostPort(d.addr)
	d.process, err = launch(filepath.Join(d.dir, "log"), "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", d.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-d.ended:
			return d.failed("redis-server does not start")
		default:
		}
		if d.loaded() {
			return nil
		}
	}
	return d.failed("redis-server does not answer")
}

func (d *database) loaded() bool {
	c, err := net.DialTimeout("tcp", d.addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "PING\r\n")
	b := make([]byte, 64)
	n, _ := c.Read(b)
	return strings.HasPrefix(string(b[:n]), "+PONG")
}
