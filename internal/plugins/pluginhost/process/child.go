package process

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// child is one running interpreter. The host keeps a writing end of its own of
// each pipe on which it listens: what it writes there itself comes after all
// that the plugin wrote before, whoever else still holds the pipe open. So no
// end of file is waited for, and a grandchild that lives on holds up nobody.
type child struct {
	proc
	limits Limits
	stdin  *os.File
	log    *pump
	logW   *os.File
	resR   *os.File
	resW   *os.File
	nonce  string
	exited chan struct{} // closed when the interpreter is gone
	status string        // how it ended, once it has
	items  chan item
	over   chan struct{} // closed when nobody reads items any more
	wg     sync.WaitGroup

	calls   atomic.Int64 // so many have begun
	working atomic.Bool  // one is under way
	why     atomic.Pointer[string]
}

// proc is a process that stands guard over an interpreter, started or forked off.
type proc struct {
	pid   int
	fence fenced
	end   func()        // with all that is below it
	wait  func() string // until it has ended, and how
}

// item is one line on the result channel.
type item struct {
	line    []byte
	tooLong bool
	end     bool // the host's own mark: nothing of the interpreter follows
}

// files are the ends of a child's pipes.
type files struct{ inR, inW, logR, logW, resR, resW *os.File }

func openFiles() (f files, err error) {
	for _, p := range []struct{ r, w **os.File }{{&f.inR, &f.inW}, {&f.logR, &f.logW}, {&f.resR, &f.resW}} {
		if *p.r, *p.w, err = os.Pipe(); err != nil {
			f.close()
			return f, err
		}
	}
	return f, nil
}

func (f files) close() {
	for _, e := range []*os.File{f.inR, f.inW, f.logR, f.logW, f.resR, f.resW} {
		if e != nil {
			_ = e.Close()
		}
	}
}

// start runs an interpreter that waits for requests.
func (r *Runner) start(mode string, s scratch, code Code) (*child, error) {
	f, err := openFiles()
	if err != nil {
		return nil, err
	}
	// -u: what was printed before a crash must not be lost in a buffer.
	cmd, g, err := r.launch(func(g guard) *exec.Cmd {
		cmd := exec.Command(r.Python, "-u", "-s", filepath.Join(r.Dir, runnerFile), mode, boxFile, string(g), r.Limits.encode(g))
		cmd.Dir = s.home
		cmd.Env = s.env(code)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f.inR, f.logW, f.logW
		cmd.ExtraFiles = []*os.File{f.resW}
		return cmd
	})
	if err != nil {
		f.close()
		return nil, err
	}
	return r.attend(f, proc{pid: cmd.Process.Pid, fence: g, end: func() { g.kill(cmd.Process) }, wait: func() string {
		_ = cmd.Wait() // its state says more than its error
		return g.status(cmd.ProcessState)
	}}), nil
}

// attend listens to an interpreter that runs.
func (r *Runner) attend(f files, p proc) *child {
	_ = f.inR.Close()
	nonce := rand.Text()
	c := &child{
		proc: p, limits: r.Limits, stdin: f.inW, logW: f.logW, resR: f.resR, resW: f.resW, nonce: nonce,
		log: newPump(f.logR, nonce), exited: make(chan struct{}), items: make(chan item), over: make(chan struct{}),
	}
	c.wg.Go(func() {
		c.status = c.wait()
		close(c.exited)
	})
	c.wg.Go(c.log.run)
	c.wg.Go(c.watch)
	c.wg.Go(c.readResults)
	return c
}

// watch looks at what an interpreter uses with all that it started, during calls
// and, less often, between them, and ends it when that is beyond a limit.
func (c *child) watch() {
	const rarely = 10
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var u usage
	for n := 0; ; n++ {
		select {
		case <-c.exited:
			return
		case <-look.C:
		}
		if !c.working.Load() && n%rarely != 0 {
			continue
		}
		if why := c.beyond(&u); why != "" {
			c.why.Store(&why)
			c.kill()
			return
		}
	}
}

// readResults hands on the lines of the result channel.
func (c *child) readResults() {
	end := []byte("end " + c.nonce)
	buf := make([]byte, 64<<10)
	var line []byte
	long := false
	for {
		n, err := c.resR.Read(buf)
		rest := buf[:n]
		for len(rest) > 0 {
			part, after, whole := bytes.Cut(rest, []byte("\n"))
			if len(line)+len(part) > maxReply {
				long, line = true, nil
			}
			if !long {
				line = append(line, part...)
			}
			rest = after
			if !whole {
				break
			}
			it := item{line: line, tooLong: long, end: bytes.Equal(line, end)}
			line, long = nil, false
			select {
			case c.items <- it:
			case <-c.over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// call sends a request and waits for its answer, the end of the interpreter,
// the time-out or the end of ctx, whichever comes first. Without an answer the
// interpreter is gone when it returns.
func (c *child) call(ctx context.Context, id int64, line []byte, j Job) Reply {
	c.log.to(j.Line)
	c.calls.Add(1)
	c.working.Store(true)
	defer c.working.Store(false)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = c.stdin.Write(line) // if nobody reads it, the rest tells why
	}()
	timer := time.NewTimer(j.Timeout - time.Since(j.began))
	defer timer.Stop()
	reply := c.await(ctx, id, timer.C, j.Kill)
	switch reply.Fault {
	case TimedOut:
		reply.Detail = fmt.Sprintf("no answer within %v", j.Timeout)
	case NoResult:
		if reply.Detail == "" {
			reply.Detail = c.describe()
		}
	}
	if reply.Fault != None {
		c.kill()
		<-c.exited
		_ = c.stdin.Close() // a request that was never read ends here
	}
	<-sent
	return reply
}

func (c *child) await(ctx context.Context, id int64, timeout <-chan time.Time, kill <-chan struct{}) Reply {
	exited := c.exited
	for {
		select {
		case it := <-c.items:
			switch reply, ok := parse(it, id); {
			case it.end:
				return Reply{Fault: NoResult}
			case ok:
				return reply
			}
		case <-exited:
			// An answer may have been written just before: it comes before the mark.
			exited = nil
			c.wg.Go(func() { _, _ = fmt.Fprintf(c.resW, "\nend %s\n", c.nonce) })
		case <-timeout:
			return Reply{Fault: TimedOut}
		case <-kill:
			return Reply{Fault: NoResult, Detail: "the process was killed"}
		case <-ctx.Done():
			return Reply{Fault: Cancelled, Detail: context.Cause(ctx).Error()}
		}
	}
}

// parse reads an answer. Anything else on the channel was written by the
// plugin and means nothing.
func parse(it item, id int64) (Reply, bool) {
	if it.tooLong {
		return Reply{Fault: TooLarge, Detail: fmt.Sprintf("the answer has more than %d bytes", maxReply)}, true
	}
	var r Reply
	err := json.Unmarshal(it.line, &r)
	if err != nil && bytes.HasPrefix(it.line, fmt.Appendf(nil, `{"id": %d,`, id)) {
		return Reply{Fault: TooLarge, Detail: "the answer cannot be read: " + err.Error()}, true
	}
	return r, err == nil && r.ID == id
}

// leave waits for an interpreter that has answered to end, as one per call must.
func (c *child) leave(ctx context.Context, r Reply, left time.Duration) Reply {
	timer := time.NewTimer(left)
	defer timer.Stop()
	_ = c.stdin.Close()
	select {
	case <-c.exited:
		if why := c.why.Load(); why != nil {
			r = Reply{Fault: NoResult, Detail: *why}
		}
	case <-timer.C:
		r = Reply{Fault: TimedOut, Detail: "the hook returned, but its process did not end"}
	case <-ctx.Done():
		r = Reply{Fault: Cancelled, Detail: context.Cause(ctx).Error()}
	}
	c.kill() // whatever it left running
	<-c.exited
	return r
}

// describe says how an interpreter ended.
func (c *child) describe() string {
	if why := c.why.Load(); why != nil {
		return *why
	}
	return "the process ended without an answer: " + c.status
}

// settle waits until all output so far was handed on, and lets go of who took it.
func (c *child) settle() { c.log.mark(c.logW) }

// kill ends the interpreter and all that it started.
func (c *child) kill() { c.end() }

// close ends everything and waits for it.
func (c *child) close() {
	c.kill()
	<-c.exited
	close(c.over)
	for _, f := range []*os.File{c.stdin, c.resR, c.resW, c.logW} {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			continue // nothing is left to be done with it
		}
	}
	c.log.close()
	c.wg.Wait()
}
