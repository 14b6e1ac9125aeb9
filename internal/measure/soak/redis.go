package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/measure/process"
)

// database is a Redis of the run's own, which keeps whatever it has answered.
type database struct {
	*process.Process
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
	d.Process, err = process.Start(filepath.Join(d.dir, "log"), "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", d.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always")
	if err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-d.Ended():
			return d.Failed("redis-server does not start")
		default:
		}
		if d.loaded() {
			return nil
		}
	}
	return d.Failed("redis-server does not answer")
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
