//go:build real

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

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
			if paint, err := chromedp.Run(c.ctx, chromedp.Evaluate[float64](`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0`)); err == nil && paint > 0 {
				t.Logf("%s at %d: first paint after %.0f ms", p.name, size.width, paint)
			}
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

// TestRealConsoleScrolls: a full journal, from end to end. Only what is on the screen is in the
// page, no frame shows a hole, and what a frame takes is told.
func TestRealConsoleScrolls(t *testing.T) {
	c := openConsole(t)
	const all, workers = 10_000, 8
	var asking sync.WaitGroup
	for range workers {
		asking.Go(func() {
			for range all / workers {
				if got, err := c.try("alice", "GET", "/vault/v1/accounts?limit=1", ""); err == nil {
					_, _ = io.Copy(io.Discard, got.Body)
					got.Body.Close()
				}
			}
		})
	}
	asking.Wait()
	c.goTo("/console/timeline?group=nothing")
	c.until(`Number(document.querySelector(".stat b")?.textContent.replace(",", "")) > 5000`) // as many as the journal holds
	told, err := chromedp.Run(c.ctx, chromedp.Evaluate[string](`(async () => {
		const box = document.querySelector("main section"), list = document.querySelector(".live");
		const frame = () => new Promise(requestAnimationFrame);
		let most = 0, holes = 0, slow = 0, last = performance.now();
		const steps = 200, step = (box.scrollHeight - box.clientHeight) / steps;
		for (let i = 0; i <= steps; i++) {
			box.scrollTop = i * step;
			await frame();
			await frame();
			const now = performance.now();
			slow = Math.max(slow, (now - last) / 2);
			last = now;
			most = Math.max(most, list.childElementCount);
			const at = box.getBoundingClientRect(), lines = [...list.children].map((e) => e.getBoundingClientRect());
			if (Math.min(...lines.map((l) => l.top)) > Math.max(at.top, list.getBoundingClientRect().top) + 1 || Math.max(...lines.map((l) => l.bottom)) < at.bottom - 1 && i < steps) holes++;
		}
		return most + " lines at most, " + holes + " holes, longest frame " + Math.round(slow) + " ms";
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(told)
	var most, holes int
	if _, err := fmt.Sscanf(told, "%d lines at most, %d holes", &most, &holes); err != nil || most > 120 || holes > 0 {
		t.Errorf("%s (%v)", told, err)
	}
}
