package dialecttest

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program starts another program and returns once it has said that it is ready,
// on either of its outputs. It ends with the test; what it said is shown when the
// test failed.
func Program(t testing.TB, cmd *exec.Cmd, ready string) {
	t.Helper()
	out := &output{word: ready, said: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s said\n%s", cmd.Path, out.tail())
		}
	})
	select {
	case <-out.said:
	case err := <-ended:
		ended <- err
		t.Fatalf("%s ended before it was ready: %v", cmd.Path, err)
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not say %q", cmd.Path, ready)
	}
}

// output keeps what a program says, and closes said at a word of it.
type output struct {
	word string
	said chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	seen bool
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if !o.seen && strings.Contains(o.text.String(), o.word) {
		o.seen = true
		close(o.said)
	}
	return len(p), nil
}

// tail is the end of what was said.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.text.Bytes()
	return string(b[max(0, len(b)-4000):])
}
