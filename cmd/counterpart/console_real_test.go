//go:build real

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long something may take to show on a page while everything else is tested
// beside it.
const patience = 45 * time.Second

// console is the console of a fleet in a real Chromium.
type console struct {
	t     *testing.T
	ports map[string]string
	ctx   context.Context

	mu    sync.Mutex
	wrong []string // what scripts complained of
}

// openConsole starts the demo company and a browser. What a page's scripts complain of
// fails the test.
func openConsole(t *testing.T) *console {
	t.Helper()
	return inBrowser(t, startServing(t, t.TempDir()))
}

func inBrowser(t *testing.T, ports map[string]string) *console {
	t.Helper()
	where, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; make tools installs it")
	}
	c := &console{t: t, ports: ports}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(where), chromedp.NoSandbox, chromedp.WindowSize(1440, 900))
	all, stopAll := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopAll)
	tab, stop := chromedp.NewContext(all)
	t.Cleanup(stop)
	if err := chromedp.Listen(tab, func(e any) {
		var text string
		switch e := e.(type) {
		case *cdpruntime.EventExceptionThrown:
			text = fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception)
		case *cdpruntime.EventConsoleAPICalled:
			if e.Type == "error" {
				text = fmt.Sprint(e.Args)
			}
		case *page.EventJavascriptDialogOpening:
			text = "a dialog: " + e.Message
		}
		if text != "" {
			c.mu.Lock()
			c.wrong = append(c.wrong, text)
			c.mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, 5*time.Minute)
	t.Cleanup(cancel)
	c.ctx = ctx
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, w := range c.wrong {
			t.Error(w)
		}
		if t.Failed() {
			c.shot(filepath.Join(os.TempDir(), strings.ReplaceAll(t.Name(), "/", "-")+".png"))
		}
	})
	return c
}

func (c *console) url(path string) string { return "http://" + c.ports["control/http"] + path }

// do runs actions in the page.
func (c *console) do(actions ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.ctx, actions...); err != nil {
		c.t.Fatal(err)
	}
}

// goTo opens an address.
func (c *console) goTo(path string) {
	c.t.Helper()
	c.do(chromedp.Navigate(c.url(path)))
}

// has waits until the page shows a text somewhere in what fits the selector.
func (c *console) has(selector, text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	script := fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))`, selector, text)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](script, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		now, _ := chromedp.Run(c.ctx, chromedp.Evaluate[string](fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n---\n")`, selector)))
		c.t.Fatalf("%s never says %q, but\n%s", selector, text, now)
	}
}

// press clicks on the first thing that fits the selector and shows the text.
func (c *console) press(selector, text string) {
	c.t.Helper()
	c.has(selector, text)
	ok, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(() => { const e = [...document.querySelectorAll(%q)].find(e => e.innerText.includes(%q)); e?.click(); return !!e })()`, selector, text)))
	if err != nil || !ok {
		c.t.Fatalf("there is no %s with %q", selector, text)
	}
}

// keys types.
func (c *console) keys(keys string) { c.t.Helper(); c.do(chromedp.KeyEvent(keys)) }

// is evaluates a script that must be true.
func (c *console) is(script string) {
	c.t.Helper()
	ok, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](script))
	if err != nil || !ok {
		c.t.Errorf("not true: %s (%v)", script, err)
	}
}

// until waits for a script to be true.
func (c *console) until(script string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](script, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		c.t.Fatalf("never true: %s (%v)", script, err)
	}
}

// shot keeps a picture of the page.
func (c *console) shot(file string) {
	if picture, err := chromedp.Run(c.ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = os.WriteFile(file, picture, 0o600)
	}
}

// size turns the window into another, and dark.
func (c *console) size(width, height int64, dark bool) {
	c.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	c.do(chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	})
}

// ask sends a request as somebody to the native server; body is JSON, if there is one.
func (c *console) ask(who, method, path, body string) (status int, answer string) {
	c.t.Helper()
	got, err := c.try(who, method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	text, _ := io.ReadAll(got.Body)
	return got.StatusCode, string(text)
}

// try is ask where no answer may come.
func (c *console) try(who, method, path, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.ports["native/http"]+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(who, strings.ToUpper(who[:1])+who[1:]+"-Pass-1")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return http.DefaultClient.Do(r)
}

// steer sends a request to the control port.
func (c *console) steer(method, path string, body any) {
	c.t.Helper()
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url(path), bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode >= 300 {
		said, _ := io.ReadAll(got.Body)
		c.t.Fatalf("%s %s: %d %s", method, path, got.StatusCode, said)
	}
}

// code is what somebody's authenticator shows now.
func (c *console) code(who string) string {
	c.t.Helper()
	got, err := http.Get(c.url("/users/" + who + "/otp"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	var shown struct {
		Devices []struct{ Kind, Code string }
	}
	if err := json.NewDecoder(got.Body).Decode(&shown); err != nil {
		c.t.Fatal(err)
	}
	for _, d := range shown.Devices {
		if d.Kind == "totp" {
			return d.Code
		}
	}
	c.t.Fatalf("%s has no authenticator", who)
	return ""
}

// somethingHappens is what a demo shows: a checkout, a refusal because of it, somebody who
// is disabled, a push that waits, and a fault.
func (c *console) somethingHappens() {
	c.t.Helper()
	c.ask("alice", "GET", "/vault/v1/accounts", "")
	c.ask("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "")
	c.ask("trent", "GET", "/vault/v1/accounts", "")
	c.ask("trent", "POST", "/vault/v1/accounts/root@db01/checkout", "")
	c.ask("dave", "GET", "/vault/v1/accounts", "")
	c.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push"}`)
	c.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","metod":"push"}`)
	c.ask("bob", "POST", "/vault/v1/accounts/root@web01/requests", `{"reason":"patch nginx"}`)
	c.ask("mallory", "POST", "/otp/v1/transactions", `{"user":"mallory","method":"push"}`)
	c.steer("POST", "/faults", map[string]any{"rules": []any{map[string]any{"id": "vault-503", "server": "native", "op": "GET /vault*", "kind": "status", "args": map[string]string{"code": "503"}, "times": 2}}})
	c.ask("alice", "GET", "/vault/v1/accounts", "")
}
