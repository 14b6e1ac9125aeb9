package duo_test

import (
	"strings"
	"testing"

	"counterpart/servers/duo"
)

// TestEveryOperationRefusesWhoMayNot: whatever is wrong with a request's credentials is
// wrong everywhere.
func TestEveryOperationRefusesWhoMayNot(t *testing.T) {
	f := start(t)
	for _, op := range duo.Scope().Plays {
		method, path, _ := strings.Cut(op, " ")
		if strings.Contains(path, "/ping") {
			continue // it asks for no key
		}
		ask := func(change func(c *call)) int {
			c := newCall(method, path, "username", "alice", "user", "alice")
			change(&c)
			return f.send(c).status
		}
		for what, tt := range map[string]struct {
			change func(c *call)
			status int
		}{
			"none":      {func(c *call) { c.auth = "none" }, 401},
			"signature": {func(c *call) { c.auth = "Basic " + basic(ikey+":"+strings.Repeat("0", 128)) }, 401},
			"key":       {func(c *call) { c.auth = "Basic " + basic("DIAAAAAAAAAAAAAAAAAA:"+strings.Repeat("0", 128)) }, 401},
			"no date":   {func(c *call) { c.dateHeader = "" }, 401},
			"old date":  {func(c *call) { c.date = "Mon, 01 Jan 2024 00:00:00 -0000" }, 401},
		} {
			if got := ask(tt.change); got != tt.status {
				t.Errorf("%s, %s: %d, want %d", op, what, got, tt.status)
			}
		}
		if got := f.as("DIZZZZZZZZZZZZZZZZZZ").send(newCall(method, path, "username", "alice", "user", "alice")).status; got != 403 {
			t.Errorf("%s, an integration of another API: %d", op, got)
		}
	}
}
