package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"counterpart": main})
}

// TestStories runs the user stories of testdata/script.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor": waitFor, "http": request, "occupy": occupy, "shout": shout, "mode": mode, "control": controlURL,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[occupied{}] = &[]net.Listener{}
			e.Defer(func() {
				for _, l := range *e.Values[occupied{}].(*[]net.Listener) {
					l.Close()
				}
			})
			return nil
		},
	})
}

// waitfor FILE: until it is there, which `serve` makes so once all is bound.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

// control FILE VAR: puts the URL of the control port of a ports file into $VAR.
func controlURL(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[1], "http://"+port(ts, args[0], "control/http"))
}

// port looks an address up in a ports file.
func port(ts *testscript.TestScript, file, id string) string {
	for _, line := range strings.Split(ts.ReadFile(file), "\n") {
		if name, addr, ok := strings.Cut(strings.Trim(strings.TrimSpace(line), ","), `": "`); ok && strings.Trim(name, `"`) == id {
			return strings.Trim(addr, `"`)
		}
	}
	ts.Fatalf("%s has no port %s", file, id)
	return ""
}

// http [user:password] PORTSFILE ID PATH: prints status and body to stdout.
func request(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest("GET", "", nil)
	ts.Check(err)
	if name, password, ok := strings.Cut(args[0], ":"); ok {
		req.SetBasicAuth(name, password)
		args = args[1:]
	}
	req.URL.Scheme, req.URL.Host = "http", port(ts, args[0], args[1])
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(args[2], "?")
	resp, err := http.DefaultClient.Do(req)
	if neg {
		if err == nil {
			ts.Fatalf("somebody answers at %s", req.URL)
		}
		return
	}
	ts.Check(err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, body)
}

// mode BITS FILE…: who may read and write them.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, not %s", name, got, args[0])
		}
	}
}

type occupied struct{}

// occupy VAR: listens on a free port and puts its number into $VAR.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	list := ts.Value(occupied{}).(*[]net.Listener)
	*list = append(*list, l)
	_, number, _ := net.SplitHostPort(l.Addr().String())
	ts.Setenv(args[0], number)
}

// shout PORTSFILE: opens an idle connection to every TCP port, for as long as
// the script runs.
func shout(ts *testscript.TestScript, _ bool, args []string) {
	for _, id := range []string{"native/http", "ad/ldap", "control/http"} {
		c, err := net.Dial("tcp", port(ts, args[0], id))
		ts.Check(err)
		ts.Defer(func() { c.Close() })
	}
}

// TestStopsWhenTold is Ctrl-C as main sees it: the context that signals end.
func TestStopsWhenTold(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer stop()
	file := filepath.Join(t.TempDir(), "ports.json")
	done := make(chan int, 1)
	var out, errs strings.Builder
	go func() {
		done <- run(ctx, []string{"serve", "--ports", "auto", "--ports-file", file}, strings.NewReader(""), &out, &errs)
	}()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not start")
		}
	}
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	select {
	case code := <-done:
		if code != exitOK {
			t.Errorf("exit code %d\n%s", code, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not stop")
	}
}

// TestServeEndsWithItsInput: whoever holds it open may be killed.
func TestServeEndsWithItsInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports.json")
	in, hold := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), []string{"serve", "minimal", "--ports", "auto", "--ports-file", file, "--with-stdin"}, in, io.Discard, io.Discard)
	}()
	for !exists(file) {
		select {
		case code := <-done:
			t.Fatalf("it ended with %d", code)
		case <-time.After(5 * time.Millisecond):
		}
	}
	io.WriteString(hold, "what is typed does not matter\n")
	hold.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	var out strings.Builder
	if code := run(t.Context(), []string{"serve", "-", "--with-stdin"}, strings.NewReader(""), io.Discard, &out); code != exitUse || !strings.Contains(out.String(), "into a file") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}
