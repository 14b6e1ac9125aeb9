//go:build compose

package compose_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// engine is a Docker daemon of the test's own: its socket, its data and its networks go
// with it.
type engine struct {
	host string   // where its socket is
	env  []string // of every command
	log  string   // file
}

// start runs a daemon until the test ends.
func start(t *testing.T) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "cp-docker") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{host: "unix://" + dir + "/sock", log: dir + "/log"}
	e.env = append(os.Environ(), "PATH=/usr/bin:"+os.Getenv("PATH"), "DOCKER_HOST="+e.host, "DOCKER_BUILDKIT=1", "COMPOSE_DOCKER_CLI_BUILD=1", "BINARY=built", "LISTEN="+address,
		"STORE_IMAGE=local/store", "BALANCER_IMAGE=local/balancer", "PYTHON_IMAGE=local/python", "PIP_OPTIONS=--break-system-packages --no-index --find-links /wheels",
		"DOCKER_CONFIG="+dir+"/config")
	log, err := os.Create(e.log)
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command("dockerd", "--host", e.host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid")
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatalf("dockerd is missing; make compose installs it: %v", err)
	}
	over := make(chan error, 1)
	go func() { over <- daemon.Wait() }()
	t.Cleanup(func() {
		daemon.Process.Signal(os.Interrupt)
		select {
		case <-over:
		case <-time.After(time.Minute):
			daemon.Process.Kill()
			<-over
		}
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(e.log)
			t.Logf("dockerd said:\n%s", text[max(0, len(text)-4000):])
		}
		os.RemoveAll(dir)
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if exec.Command(docker, "--host", e.host, "version").Run() == nil {
			return e
		}
		select {
		case err := <-over:
			over <- err
			t.Fatalf("dockerd ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("dockerd does not answer")
		}
	}
}

// address is what everything is published on: of the loopback, and not the usual one, so
// that a fleet may run beside the test.
const address = "127.0.0.53"

// docker is Debian's client, which builds without a plugin.
const docker = "/usr/bin/docker"

// try runs a command at the root of the checkout and returns all that it said.
func (e *engine) try(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = "..", e.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for what has to go well.
func (e *engine) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := e.try(ctx, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// base makes an image of Debian packages that are installed on this machine, under a name
// that a compose file asks for.
func (e *engine) base(t *testing.T, name, change string, packages ...string) {
	t.Helper()
	tar := filepath.Join(t.TempDir(), "root.tar")
	e.run(t, ".ci/rootfs", append([]string{tar}, packages...)...)
	args := []string{"import"}
	if change != "" {
		args = append(args, "--change", change)
	}
	e.run(t, docker, append(args, tar, name)...)
}

// dockerfile builds an image of a few lines.
func (e *engine) dockerfile(t *testing.T, name, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e.run(t, docker, "build", "--quiet", "--tag", name, dir)
}

// stack is a compose file that is up.
type stack struct {
	*engine
	file string
}

// up starts a compose file and waits until all that it has are as healthy as they say they
// get.
func (e *engine) up(t *testing.T, file string) *stack {
	t.Helper()
	s := &stack{e, file}
	s.compose(t, "build")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if t.Failed() {
			out, _ := e.try(ctx, "docker-compose", "-f", "compose/"+file, "logs", "--no-color", "--tail", "60")
			t.Logf("the containers said:\n%s", out)
		}
		e.down(t, file)
	})
	s.compose(t, "up", "--detach", "--no-build")
	return s
}

// down ends what a compose file has started, after a test, too.
func (e *engine) down(t *testing.T, file string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if out, err := e.try(ctx, "docker-compose", "-f", "compose/"+file, "down", "--volumes", "--timeout", "5"); err != nil {
		t.Errorf("down: %v\n%s", err, out)
	}
}

func (s *stack) compose(t *testing.T, args ...string) string {
	t.Helper()
	return s.run(t, "docker-compose", append([]string{"-f", "compose/" + s.file}, args...)...)
}

// healthy waits until Docker itself says so of a service.
func (s *stack) healthy(t *testing.T, service string) {
	t.Helper()
	id := strings.TrimSpace(s.compose(t, "ps", "-q", service))
	state := ""
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if state = strings.TrimSpace(s.run(t, docker, "inspect", "--format", "{{.State.Health.Status}}", id)); state == "healthy" {
			return
		}
	}
	t.Fatalf("%s is %s\n%s", service, state, s.run(t, docker, "inspect", "--format", "{{json .State}}", id))
}

// at is where a port is published.
func at(port int) string { return net.JoinHostPort(address, fmt.Sprint(port)) }

// tool runs one of our commands on this machine against what is published.
func (e *engine) tool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../bin/counterpart", args...)
	cmd.Env = append(os.Environ(), "COUNTERPART_CONTROL_TOKEN=demo-control", "COUNTERPART_CONTROL_URL=http://"+at(8099))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
