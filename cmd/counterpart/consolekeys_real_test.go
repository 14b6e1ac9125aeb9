//go:build real

package main

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	duoapi "github.com/duosecurity/duo_api_golang"
)

// tabTo goes from one thing to the next until what has the focus shows a text, which it does
// with an outline.
func (c *console) tabTo(text string) {
	c.t.Helper()
	c.has("body", text)
	for range 150 {
		c.keys(kb.Tab)
		now, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](`(() => { const e = document.activeElement; return e.matches("body, main") ? "" : (e.innerText || e.getAttribute("aria-label") || "") + (e.matches(":focus-visible") ? "" : " (not to be seen)") })()`))
		if err != nil {
			c.t.Fatal(err)
		}
		if strings.Contains(now, text) {
			if strings.Contains(now, "(not to be seen)") {
				c.t.Errorf("%q has the focus, and nobody sees it", text)
			}
			return
		}
	}
	c.t.Fatalf("Tab never leads to %q", text)
}

// TestRealConsoleByKeyboard: the main flow of every page with no hand at a mouse.
func TestRealConsoleByKeyboard(t *testing.T) {
	c := openConsole(t)
	c.somethingHappens()
	c.goTo("/console")
	c.has(".g", "trent → root@db01")
	c.keys("n")
	c.has(".pane .lead", "Broken")
	c.keys(kb.Escape)
	c.is(`document.querySelector(".pane").hidden`)

	c.keys("gv")
	c.has(".note", "bob asks for root@web01")
	c.tabTo("Approve")
	c.keys(kb.Enter)
	c.until(`![...document.querySelectorAll(".note")].some(e => e.innerText.includes("bob asks"))`)

	c.keys("gu")
	c.has("tr[data-id=eve]", "Locked")
	c.tabTo("eve")
	c.keys(kb.Enter)
	c.has(".pane", "demo.yaml:")
	c.tabTo("Unlock")
	c.keys(kb.Enter)
	c.until(`!document.querySelector("tr[data-id=eve]").innerText.includes("Locked")`)

	c.keys("gi")
	c.has("h1", "Tickets")
	c.tabTo("CHG0000038")
	c.keys(kb.Enter)
	c.has(".pane", "Replace the disk of db01")

	c.keys("gf")
	c.has("h2", "Break something")
	c.tabTo("Silent RADIUS")
	c.keys(kb.Enter)
	c.tabTo("Put in force")
	c.keys(kb.Enter)
	c.has(".fx", "drop")

	c.keys("gc")
	c.has("h2", "What comes next")
	c.tabTo("Freeze, or let it run")
	c.keys(kb.Enter)
	c.has(".bar", "FROZEN")
	c.keys(".")
	c.has(".bar", "running")

	c.keys("ga")
	c.tabTo("Look again")
	c.keys(kb.Enter)
	c.has("h1 + span", "Not clean")

	c.keys("ge")
	c.has("h1", "Endpoints")
	c.tabTo("Copy")

	c.keys("gp")
	c.has("h1", "Bob Baker’s phone")
	c.tabTo("Deny")
	c.keys(kb.Enter)
	c.has(".note", "Denied.")

	c.keys("gs")
	c.has("h1", "Session")
	c.keys("gt")
	c.has(".g", "trent → root@db01")
}

// TestRealConsoleNumberMatching: the phone wants the number that the login shows, and says so
// when somebody asks again and again.
func TestRealConsoleNumberMatching(t *testing.T) {
	dir := t.TempDir()
	seed := filepath.Join(dir, "company.yaml")
	const ikey, skey = "DIWJ8X6AEYOR5OMC6TQ1", "Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK"
	if err := os.WriteFile(seed, []byte(`
organization: {domain: acme.test}
users: [{name: vera, password: Vera-Pass-1, devices: [{id: vera-phone, kind: push}]}]
servers:
  - {kind: duo, listen: ":0", integrations: [{name: sps, ikey: `+ikey+`, skey: `+skey+`}], users: [{name: vera, verified_push: true}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := inBrowser(t, startServing(t, dir, seed))
	api := duoapi.NewDuoApi(ikey, skey, c.ports["duo/https"], "counterpart", duoapi.SetTimeout(10*time.Second), duoapi.SetInsecure())
	call := func(method, path string, params url.Values) (got struct {
		Response struct{ TxID, Result, Status_Msg string }
	}) {
		t.Helper()
		_, body, err := api.SignedCall(method, path, params)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return got
	}
	login := func() (txid, number string) {
		t.Helper()
		who := url.Values{"username": {"vera"}, "text_prompt": {"1"}, "client_supports_verified_push": {"1"}}
		promised := call("POST", "/auth/v2/preauth", who).Response.TxID
		txid = call("POST", "/auth/v2/auth", url.Values{"username": {"vera"}, "factor": {"prompt"}, "prompt": {"verified_push1"}, "txid": {promised}, "async": {"1"}}).Response.TxID
		said := call("GET", "/auth/v2/auth_status", url.Values{"txid": {txid}}).Response.Status_Msg
		return txid, regexp.MustCompile(`\d+`).FindString(said)
	}
	txid, number := login()
	c.goTo("/phone/vera")
	c.has(".asks", "Type the number that your login shows")
	c.is(`document.querySelector(".asks button.pri").disabled`)
	wrong := "0" + number[1:]
	if wrong == number {
		wrong = "1" + number[1:]
	}
	enter := func(number string) {
		c.is(`(document.querySelector("input.num").select(), true)`)
		c.keys(number)
		c.until(`!document.querySelector(".asks button.pri").disabled`)
		c.press(".asks button", "Approve")
	}
	enter(wrong)
	c.has(".asks [role=alert]", "number")
	enter(number)
	c.has(".note", "You are let in")
	if got := call("GET", "/auth/v2/auth_status", url.Values{"txid": {txid}}).Response.Result; got != "allow" {
		t.Errorf("the login is %q", got)
	}
	for range 3 {
		login()
	}
	c.has(".bomb", "4 requests lately.")
	c.press(".asks button", "Not me: report fraud")
	c.has(".note", "You reported it as fraud.")
}

// TestRealConsoleOfReplicas: a page of one process shows, and decides, what happens in the other.
func TestRealConsoleOfReplicas(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is missing; make tools installs it")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "redis.sock")
	dialecttest.Program(t, exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""), "eady to accept connections")
	here := startServe(t, "serve", "demo", "--ports", "auto", "--state", "unix://"+socket)
	there := startServe(t, "serve", "demo", "--ports", "auto", "--state", "unix://"+socket)
	c := inBrowser(t, here)
	elsewhere := &console{t: t, ports: there} // asks, and has no browser
	c.goTo("/console/timeline")
	c.has(".first", "A push")
	elsewhere.ask("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "")
	c.has(".t", "POST /vault/v1/accounts/:account/checkout")
	c.goTo("/console/vaults")
	c.has(".ax", "alice · lease-1 · v1")
	c.press(".act button", "Force back")
	c.has("h1 + p", "0 accounts are out")
	if status, answer := elsewhere.ask("trent", "POST", "/vault/v1/accounts/root@db01/checkout", ""); status != 201 {
		t.Errorf("what was forced back here is still out there: %d %s", status, answer)
	}
	elsewhere.ask("bob", "POST", "/otp/v1/transactions", `{"user":"bob","method":"push","message":"Is it you?"}`)
	c.goTo("/phone/bob")
	c.has(".asks", "Is it you?")
	c.press(".asks button", "Approve")
	c.has(".note", "approved")
	if _, answer := elsewhere.ask("bob", "GET", "/otp/v1/transactions", ""); strings.Contains(answer, `"pending"`) {
		t.Errorf("the push still waits there: %s", answer)
	}
	c.goTo("/console/endpoints")
	c.has("h2", "Processes of the fleet")
	c.goTo("/console/clock")
	c.press(".bar button", "Freeze")
	c.has(".bar", "FROZEN")
	elsewhere.steer("POST", "/clock", map[string]any{"frozen": false})
	c.has(".bar", "running")
}
