//go:build real

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	ctx, cancel := context.WithTimeout(tab, 2*time.Minute)
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
	ctx, cancel := context.WithTimeout(c.ctx, 15*time.Second)
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
	ctx, cancel := context.WithTimeout(c.ctx, 15*time.Second)
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
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.ports["native/http"]+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(who, strings.ToUpper(who[:1])+who[1:]+"-Pass-1")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer got.Body.Close()
	text, _ := io.ReadAll(got.Body)
	return got.StatusCode, string(text)
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

// TestRealConsoleFirstMinute: an empty timeline says what to type, and the first entry
// lights up with its explanation.
func TestRealConsoleFirstMinute(t *testing.T) {
	c := openConsole(t)
	c.goTo("/")
	c.has("h1", "Nothing has asked for anything yet.")
	c.has("code", "curl -u alice:Alice-Pass-1 http://"+c.ports["native/http"]+"/vault/v1/accounts")
	c.ask("dave", "GET", "/vault/v1/accounts", "")
	c.has(".t.denied", "dave is disabled")
	c.has(".pane .say", "dave")
	c.has(".pane dl", "demo.yaml:")
}

// TestRealConsoleTimeline goes through sessions with the mouse and with keys alone.
func TestRealConsoleTimeline(t *testing.T) {
	c := openConsole(t)
	c.somethingHappens()
	c.goTo("/console")
	c.has(".g", "trent → root@db01")
	c.has("nav", "Phones")
	c.has("nav .hot", "2")
	c.keys("n")
	c.has(".pane .lead", "Broken")
	c.keys("n")
	c.has(".pane .lead", "Malformed")
	c.keys("n")
	c.has(".pane", "dave is disabled")
	c.keys("n")
	c.has(".pane .say", "holds root@db01 until")
	c.has(".pane dl", "checkout.exclusive: true")
	c.has(".pane button", "Force back lease-1")
	c.keys("x")
	c.has(".pane pre", `match: {server: native, op: "POST /vault/v1/accounts/:account/checkout", actor: trent, object: root@db01, outcome: denied, status: "409"}`)
	c.keys("m")
	c.has(".say", "They part at step 2.")
	c.has("table", "answer.code")
	c.keys("f")
	c.is(`document.querySelectorAll(".cmp .dup").length === 0`)
	c.do(chromedp.NavigateBack())
	c.has(".pane .say", "holds root@db01 until")
	c.press(".pane button", "Force back lease-1")
	c.has("nav a[data-page=vaults]", "1")
	c.is(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true})) || document.activeElement.matches("input[aria-label=Filter]")`)
	c.keys("person:dave\r")
	c.has(".stat", "1 entry in 1 session")
	c.is(`new URL(location.href).searchParams.get("q") === "person:dave"`)
	c.press(".stat button", "Clear filter")
	c.has(".stat", "10 entries")
}

// TestRealConsolePages goes through all other pages.
func TestRealConsolePages(t *testing.T) {
	c := openConsole(t)
	c.somethingHappens()

	c.goTo("/console/vaults")
	c.has(".ax", "alice · lease-1 · v1")
	c.has(".note", "bob asks for root@web01")
	c.has(".note", "needs 1 of: trent")
	c.press(".note button", "Approve")
	c.until(`![...document.querySelectorAll(".note")].some(e => e.innerText.includes("bob asks"))`)
	if status, answer := c.ask("bob", "POST", "/vault/v1/accounts/root@web01/checkout", `{"reason":"patch nginx"}`); status != 201 {
		t.Fatal(status, answer)
	}
	c.has("h1 + p", "2 accounts are out")
	c.press(".act button", "Force back")
	c.has("h1 + p", "1 account is out")
	c.press(".act button", "Force back")
	c.has("h1 + p", "0 accounts are out")

	c.goTo("/console/people")
	c.has("tr[data-id=eve]", "Locked")
	c.has("tr[data-id=bob]", "1 push waits")
	c.press("tr[data-id=eve] a", "eve")
	c.has(".pane", "demo.yaml:")
	c.press(".pane button", "Unlock")
	c.goTo("/console/people?q=Maker")
	c.has("td", "Nobody has")

	c.goTo("/console/tickets/CHG0000038")
	c.has(".pane", "Replace the disk of db01")
	c.has("tr[data-id=CHG0000040]", "outside its window")

	c.goTo("/console/clock")
	c.has("h2", "What comes next")
	c.press(".bar button", "Freeze")
	c.has(".bar", "FROZEN")
	c.is(`document.title.startsWith("Frozen:")`)
	c.press(".bar button", "+1 h")
	c.press(".bar button", "Let it run")
	c.has(".bar", "running")

	c.goTo("/console/audit")
	c.has("h1 + span", "Clean")
	c.goTo("/console/endpoints")
	c.has("td", "http://"+c.ports["native/http"])
	c.goTo("/console/nowhere")
	c.has("h1", "There is no such page.")
}

// TestRealConsoleBreaksAgain: an entry becomes a rule, a preset an order.
func TestRealConsoleBreaksAgain(t *testing.T) {
	c := openConsole(t)
	c.ask("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "")
	c.goTo("/console/timeline?entry=1")
	c.has(".pane .lead", "OK")
	c.keys("b")
	c.has("h2", "Break this next time")
	c.has(".breaks", "1 of the last 1 operations would have been struck.")
	c.press("button", "Put in force")
	c.has(".fx", "reset after POST *checkout of native about root@db01")
	c.has(".bar", "1 fault")
	c.press(".fx button", "Remove")
	c.has(".force", "Nothing is broken")
	c.press("button.pre", "Next push: fraud")
	c.press("button", "Decide")
	c.has(".answer", "say whom or what it is about")
	c.keys("alice")
	c.press("button", "Decide")
	c.has(".fx", "alice: the next push: fraud")
}

// TestRealConsolePhone: bob decides on his phone, mallory's is on the same screen.
func TestRealConsolePhone(t *testing.T) {
	c := openConsole(t)
	_, answer := c.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push","message":"Is it you?"}`)
	var push struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(answer), &push); err != nil {
		t.Fatal(err)
	}
	c.goTo("/phone/bob")
	c.has("h1", "Bob Baker’s phone")
	c.has(".asks", "Is it you?")
	c.has(".asks", "Left alone, it runs out")
	c.press(".asks button", "Approve")
	c.has(".note", "approved")
	if _, answer := c.ask("bob", "GET", "/otp/v1/transactions/"+push.ID, ""); !strings.Contains(answer, `"state":"approved"`) {
		t.Error(answer)
	}
	c.goTo("/console/phones?show=alice,bob")
	c.has(".column h1", "Alice Adams’s phone")
	c.has(".column .code", " ")
	c.press(".column button", "Press")
	c.has(".column .m", "vvcccccccccb")
	c.press(".column button", "Show QR")
	c.until(`document.querySelector(".column .qr")?.naturalWidth > 0`)
	c.press(".column button", "Pair a real phone")
	c.has(".column", "This fleet listens on this machine alone.")
}

// TestRealConsoleSession: a plugin asks in the page for a code, and lets alice in.
func TestRealConsoleSession(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	dir := t.TempDir()
	config := "[counterpart]\naddress = {{ native.url }}\napi_key = {{ clients.sps.secret }}\n[tls]\nenabled = no\n"
	if err := errors.Join(os.CopyFS(filepath.Join(dir, "otp"), os.DirFS("../../plugins/otp")), os.WriteFile(filepath.Join(dir, "otp.cfg"), []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := inBrowser(t, startServing(t, t.TempDir(), "--plugins", dir, "--python", python))
	c.goTo("/console/session")
	c.has("select[aria-label=Plugin]", "Counterpart_OTP")
	c.press("button", "Run")
	c.has(".term", "type one-time password")
	c.has(".note", "The plugin waits for an answer.")
	c.until(`document.activeElement.matches(".term input")`)
	c.keys("000000\r")
	c.has(".note", "Ended: denied")
	c.has(".hk", "authenticate")
	c.has(".lately.denied, .lately", "/otp/v1/verify")
	c.press("button", "Run")
	c.until(`document.activeElement.matches(".term input")`)
	c.keys(c.code("alice") + "\r")
	c.has(".note", "Ended: connected")
	c.has("section", "nothing")
	c.is(`location.pathname.startsWith("/console/session/plugin-")`)
	c.goTo("/console")
	c.has(".g", "alice")
}

// hostile is markup that would run if it were ever taken for such.
const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>'\"&amp;`

// everyPage is a way to each page, with what it says once it is there.
var everyPage = []struct{ name, path, selector, text string }{
	{"timeline", "/console/timeline?entry=4", ".pane .say", "holds root@db01"},
	{"compare", "/console/compare?a=1&b=3", ".say", "They part"},
	{"vaults", "/console/vaults", ".ax", "alice"},
	{"people", "/console/people/eve", ".pane", "eve"},
	{"tickets", "/console/tickets/CHG0000038", ".pane", "CHG0000038"},
	{"faults", "/console/faults?from=4", ".breaks", "would have been struck"},
	{"clock", "/console/clock", "table", "lease-1"},
	{"audit", "/console/audit", "h2", "Accounts"},
	{"endpoints", "/console/endpoints", "td", "http"},
	{"phones", "/console/phones?show=alice,bob,mallory", ".column h1", "phone"},
	{"phone", "/phone/bob", "h1", "phone"},
	{"session", "/console/session", "h1", "Session"},
}

// TestRealConsoleMarkupIsText: names, titles and messages of the seed and of requests that
// look like markup are shown as they are written.
func TestRealConsoleMarkupIsText(t *testing.T) {
	text, err := os.ReadFile("../../seed/worlds/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	quoted, _ := json.Marshal(hostile) // as YAML has it, too
	replaced := 0
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		for _, key := range []string{"display_name:", "description:", "title:"} {
			if at := strings.Index(line, key); at >= 0 && strings.TrimSpace(line[:at]) == "" || at >= 0 && strings.TrimSpace(line[:at]) == "-" {
				lines[i] = line[:at] + key + " " + string(quoted)
				replaced++
			}
		}
	}
	if replaced < 15 {
		t.Fatalf("only %d places for markup", replaced)
	}
	all := strings.ReplaceAll(strings.Join(lines, "\n"), "label: Bob's phone", "label: "+string(quoted))
	dir := t.TempDir()
	file := filepath.Join(dir, "hostile.yaml")
	if err := errors.Join(os.WriteFile(file, []byte(all), 0o600), os.CopyFS(filepath.Join(dir, "keys"), os.DirFS("../../seed/worlds/keys"))); err != nil {
		t.Fatal(err)
	}
	c := inBrowser(t, startServing(t, t.TempDir(), file))
	c.somethingHappens()
	escaped, _ := json.Marshal(hostile)
	c.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push","message":`+string(escaped)+`}`)
	c.ask("alice", "POST", "/vault/v1/accounts/root@web01/requests", `{"reason":`+string(escaped)+`}`)
	for range 2 { // a fault strikes the first one
		c.ask("alice", "GET", "/vault/v1/accounts/%3Cimg%20src=x%20onerror=alert(1)%3E", "")
	}
	for _, p := range append(slices.Clone(everyPage),
		struct{ name, path, selector, text string }{"newest", "/console/timeline?q=img&group=nothing", ".t", "<img src=x"},
		struct{ name, path, selector, text string }{"alice", "/console/people/alice", ".pane", "<img src=x"}) {
		c.goTo(p.path)
		c.has(p.selector, p.text)
		c.is(`window.hacked === undefined && document.querySelectorAll("img:not(.qr), script:not([src]), [onerror]").length === 0`)
	}
	c.goTo("/phone/bob")
	c.has("h1", "<img src=x")
	c.has("body", "<script>window.hacked=1</script>")
	c.is(`window.hacked === undefined`)
}

// TestRealConsoleIsAccessible: axe-core finds nothing serious on any page, light and dark.
func TestRealConsoleIsAccessible(t *testing.T) {
	axe, err := os.ReadFile("../../.venv/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is missing; make tools installs it: %v", err)
	}
	c := openConsole(t)
	c.somethingHappens()
	for _, p := range everyPage {
		for _, dark := range []bool{false, true} {
			c.size(1440, 900, dark)
			c.goTo(p.path)
			c.has(p.selector, p.text)
			if _, err := chromedp.Run(c.ctx, chromedp.Evaluate[any](string(axe)+"; 0")); err != nil {
				t.Fatal(err)
			}
			found, err := chromedp.Run(c.ctx, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical").flatMap(v => v.nodes.map(n => v.id + " " + n.target.join(" ") + ": " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Errorf("%s, dark %v: %s", p.name, dark, f)
			}
		}
	}
}

// TestRealConsoleSizes: no page is wider than the window, down to 360 pixels, and pictures
// of all are kept where CONSOLE_SHOTS says.
func TestRealConsoleSizes(t *testing.T) {
	c := openConsole(t)
	c.somethingHappens()
	shots := os.Getenv("CONSOLE_SHOTS")
	for _, p := range everyPage {
		for _, size := range []struct {
			width, height int64
			dark          bool
		}{{1440, 900, false}, {1440, 900, true}, {360, 740, false}, {360, 740, true}} {
			c.size(size.width, size.height, size.dark)
			c.goTo(p.path)
			c.has(p.selector, p.text)
			c.is(`document.documentElement.scrollWidth <= innerWidth`)
			if shots != "" {
				c.shot(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", p.name, size.width, map[bool]string{true: "dark", false: "light"}[size.dark])))
			}
		}
	}
}

// TestRealConsoleHoldsMany: a hundred thousand people, and a thousand pages that are open
// elsewhere.
func TestRealConsoleHoldsMany(t *testing.T) {
	c := inBrowser(t, startServing(t, t.TempDir(), "load"))
	for range 1000 {
		conn, err := net.Dial("tcp", c.ports["control/http"])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET /journal/stream?fleet=true HTTP/1.1\r\nHost: %s\r\n\r\n", c.ports["control/http"]); err != nil {
			t.Fatal(err)
		}
	}
	c.goTo("/console/people")
	c.has("h1 + p", "100 of more")
	c.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("input[aria-label=Find]").focus(); undefined`))
	c.keys("user099999")
	c.has("tr[data-id=user099999]", "user099999")
	c.has("h1 + p", "1 person")
	for range 300 {
		c.ask("user000001", "GET", "/vault/v1/accounts?limit=1", "")
	}
	c.goTo("/console")
	c.has(".stat", "300 entries in 1 session")
	c.is(`document.querySelectorAll(".live > *").length < 120`)
	c.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("main section").scrollTop = 1e6; undefined`))
	c.until(`[...document.querySelectorAll(".t")].some(e => e.id === "e300")`)
}
