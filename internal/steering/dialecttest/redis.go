package dialecttest

import (
	"bytes"
	"net"
	"os/exec"
	"syscall"
	"testing"
)

// RedisServer is a Redis of the test's own, on a free port of loopback, that can be
// stopped, killed and started again. It ends with the test.
type RedisServer struct {
	Addr string // host:port
	Dir  string // what it writes is there
	Args []string
	Cmd  *exec.Cmd
	t    testing.TB
}

// Redis starts one that keeps nothing on disk unless its arguments say otherwise.
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing; make tools installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &RedisServer{Addr: l.Addr().String(), Dir: t.TempDir(), Args: args, t: t}
	l.Close()
	r.Start()
	return r
}

// Port is the number alone.
func (r *RedisServer) Port() string {
	_, port, _ := net.SplitHostPort(r.Addr)
	return port
}

// URL is what a store opens.
func (r *RedisServer) URL() string { return "redis://" + r.Addr }

// Start returns when it takes commands.
func (r *RedisServer) Start() {
	r.t.Helper()
	r.Cmd = exec.Command("redis-server", append([]string{"--bind", "127.0.0.1", "--port", r.Port(), "--dir", r.Dir, "--save", ""}, r.Args...)...)
	Program(r.t, r.Cmd, "Ready to accept connections")
	p := r.Cmd.Process
	r.t.Cleanup(func() { p.Signal(syscall.SIGCONT) }) // one that stands would not end
}

// Kill ends it at once, and returns when nothing listens any more.
func (r *RedisServer) Kill() {
	r.Cmd.Process.Kill()
	for {
		c, err := net.Dial("tcp", r.Addr)
		if err != nil {
			return
		}
		c.Close()
	}
}

// Signal sends a signal.
func (r *RedisServer) Signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.Cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// CLI asks it something by Debian's own client.
func (r *RedisServer) CLI(args ...string) string {
	r.t.Helper()
	return RedisCLI(r.t, r.Addr, args...)
}

// RedisCLI asks what listens at an address.
func RedisCLI(t testing.TB, addr string, args ...string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	out, err := exec.Command("redis-cli", append([]string{"-h", "127.0.0.1", "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %q: %v: %s", args, err, out)
	}
	return string(bytes.TrimSpace(out))
}
