//go:build oracles

package vault_test

import (
	"fmt"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestOracleBodies compares bodies at and beyond the bounds of the reader, which are
// too long for a script.
func TestOracleBodies(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), oracleSeed)
	addr, _ := realServer(t, "vault")
	ours, theirs := newPeer("http://"+f.Addr("vault/http")), newPeer("http://"+addr)
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	list := func(n int) string { return "[1" + strings.Repeat(",1", n-1) + "]" }
	lists := func(n int) string { return `{"a":[` + list(9000) + strings.Repeat(","+list(9000), n-1) + "]}" }
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":1`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	for name, body := range map[string]string{
		"300 deep": nested(300), "301 deep": nested(301), "10000 members": members(10000), "10001 members": members(10001),
		"10000 elements": `{"a":` + list(10000) + "}", "10001 elements": `{"a":` + list(10001) + "}",
		"27 lists": lists(27), "28 lists": lists(28), "a long text": `{"a":` + text(1<<20) + "}", "too long a text": `{"a":` + text(1<<20+1) + "}",
		"too long a key": "{" + text(1<<20+1) + ":1}", "too much": `{"a":[` + text(1<<20) + strings.Repeat(","+text(1<<20), 32) + "]}",
		"no UTF-8": "{\"a\":\"\xff\"}", "a mark": "\xef\xbb\xbf{\"a\":1}", "a line": "{\"a\":\"x\ny\"}", "no key": `{"":1}`, "zero": `{"a":"\u0000"}`,
	} {
		if got, want := ours.stores(t, body), theirs.stores(t, body); got != want {
			t.Errorf("%s:\n ours: %s\n real: %s", name, got, want)
		}
	}
}

// stores writes a body and reads it back.
func (p *peer) stores(t *testing.T, body string) string {
	out := p.ask(t, "POST cubbyhole/x "+body) + p.ask(t, "GET cubbyhole/x")
	p.ask(t, "DELETE cubbyhole/x")
	if len(out) > 800 { // of long ones the ends will do
		out = out[:400] + "…" + out[len(out)-400:]
	}
	return out
}
