//go:build real

package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

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
	c.has("nav a[data-page=phones] .hot", "1") // bob's; mallory's phone has reported a fraud, or is about to
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
	c.showsWhatIsOut()
	c.goTo("/console/endpoints")
	c.has("td", "http://"+c.ports["native/http"])
	c.has("dl .mask", "") // what a fleet's clients must know and nobody else: behind a button that copies it
	c.is(`!document.body.innerText.includes("testing123") && !document.body.innerText.includes("sps-secret")`)
	c.goTo("/console/nowhere")
	c.has("h1", "There is no such page.")
}

// showsWhatIsOut: a lease, a token, and a password in a path, each on the page of the audit.
func (c *console) showsWhatIsOut() {
	c.t.Helper()
	_, answer := c.ask("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "")
	var lent struct{ Password struct{ Value string } }
	if err := json.Unmarshal([]byte(answer), &lent); err != nil || lent.Password.Value == "" {
		c.t.Fatal(err, answer)
	}
	c.ask("alice", "GET", "/vault/v1/accounts/"+url.PathEscape(lent.Password.Value), "")
	got, err := http.Post("http://"+c.ports["vault/http"]+"/v1/auth/userpass/login/alice", "application/json", strings.NewReader(`{"password":"Alice-Pass-1"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	got.Body.Close()
	c.press("button", "Look again")
	c.has("h1 + span", "Not clean")
	c.has("section td", "root@db01")
	c.has("section td", "alice")
	c.has("section td", "vault")
	c.has("section td a[href^='/console/timeline?entry=']", "#")
	c.is(`!document.body.innerText.includes(` + strconv.Quote(lent.Password.Value) + `)`)
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
	c.has(".fx", "0 of 0")
	c.has(".bar", "1 fault")
	if _, err := c.try("trent", "POST", "/vault/v1/accounts/root@db01/checkout", ""); err == nil {
		t.Error("the answer arrived")
	}
	c.has(".fx", "1 of 1")
	c.press(".fx button", "Remove")
	c.has(".force", "Nothing is broken")
	c.press("button.pre", "Lock for 3 attempts")
	c.has(".sent + p", "say whom or what it is about")
	c.press("button.pre", "Next push: fraud")
	c.press("button", "Decide")
	c.has(".answer", "say whom or what it is about")
	c.keys("alice")
	c.press("button", "Decide")
	c.has(".fx", "alice: the next push: fraud")
	c.press("button.pre", "Lock for 3 attempts")
	c.has(".sent + p", "It would have decided 1 of the last")
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
	c.goTo("/console/phones?show=alice,bob,carol,mallory,trent,victor") // more than a browser has connections
	c.has(".column h1", "Victor Vance’s phone")
	c.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push","message":"And now?"}`)
	c.has(".column .asks", "And now?")
	c.press(".column .asks button", "Deny")
	c.has(".column .note", "Denied.")
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
	c.press("summary", "Configuration")
	c.is(`(document.querySelector("textarea").value = "[counterpart]\\naddress = {{ nobody.url }}\\n", true)`)
	c.press("button", "Run")
	c.has("main", "nobody")
	c.goTo("/console")
	c.has(".g", "alice")
}

// TestRealConsoleWantsTheToken once, and a phone is opened by its own.
func TestRealConsoleWantsTheToken(t *testing.T) {
	c := inBrowser(t, startServing(t, t.TempDir(), "--control-token", "right-token"))
	c.goTo("/console/people")
	c.has("dialog h1", "This port wants its token.")
	c.keys("wrong-token\r")
	c.has("dialog .answer", "that is not the token of this port")
	c.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("dialog input").select(); undefined`))
	c.keys("right-token\r")
	c.has("tr[data-id=alice]", "Alice Adams")
	c.has(".bar", "Live")
	c.is(`!document.cookie.includes("token") && !localStorage.length`)
	c.goTo("/console/phones?show=bob")
	c.press(".column button", "Pair a real phone")
	c.until(`document.querySelector(".column .card .qr")?.naturalWidth > 0`)

	pair, err := http.NewRequestWithContext(t.Context(), "POST", c.url("/phones/bob"), nil)
	if err != nil {
		t.Fatal(err)
	}
	pair.Header.Set("Authorization", "Bearer right-token")
	got, err := http.DefaultClient.Do(pair)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var paired struct{ URL string }
	if err := json.NewDecoder(got.Body).Decode(&paired); err != nil || got.StatusCode != 201 {
		t.Fatal(got.Status, err)
	}
	phone := inBrowser(t, c.ports) // another device, without the console's cookie
	phone.goTo("/phone/bob")
	phone.has("h1", "This phone is not paired.")
	phone.do(chromedp.Navigate("about:blank"), chromedp.Navigate(paired.URL))
	phone.has("h1", "Bob Baker’s phone")
	phone.is(`location.hash === ""`)
	phone.goTo("/phone/alice")
	phone.has("h1", "This phone is not paired.")
	phone.goTo("/console")
	phone.has("dialog h1", "This port wants its token.")
}

// TestRealConsoleLosesTheLink: what happened meanwhile is there when it is back.
func TestRealConsoleLosesTheLink(t *testing.T) {
	ports := startServing(t, t.TempDir())
	way := newWay(t, ports["control/http"])
	ports["control/http"] = way.addr()
	c := inBrowser(t, ports)
	c.ask("alice", "GET", "/vault/v1/accounts", "")
	c.goTo("/console")
	c.has(".g", "alice")
	c.has(".bar", "Live")
	way.cut(true)
	c.has(".bar", "Lost")
	c.has(".bar", "last known")
	c.is(`[...document.querySelectorAll(".bar .seg button")].every(b => b.disabled)`)
	c.ask("dave", "GET", "/vault/v1/accounts", "")
	way.cut(false)
	c.press(".bar button", "Try now")
	c.has(".bar", "Live")
	c.has(".g", "dave")
	c.has(".stat", "2 entries in 2 sessions")
}

// way leads to an address, until it is cut.
type way struct {
	l  net.Listener
	mu sync.Mutex
	no bool
	on map[net.Conn]bool
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{l: l, on: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); w.cut(true) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil || !w.keep(in, out) {
				in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }()
			go func() { _, _ = io.Copy(in, out); in.Close() }()
		}
	}()
	return w
}

func (w *way) addr() string { return w.l.Addr().String() }

// keep notes two connections to be cut; false: the way is cut already.
func (w *way) keep(in, out net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.no {
		out.Close()
		return false
	}
	w.on[in], w.on[out] = true, true
	return true
}

func (w *way) cut(no bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.no = no
	if no {
		for c := range w.on {
			c.Close()
		}
		clear(w.on)
	}
}
