package duo_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"counterpart/servers/duo/internal/sign"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt")

// drawn are identifiers that are drawn for each answer.
var drawn = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|code=[A-Za-z0-9]{20}|17672688[0-9]{2}`)

// TestGoldenExchanges holds whole answers, octet by octet, against testdata:
// status, type and body.
func TestGoldenExchanges(t *testing.T) {
	old := newCall("POST", "/rest/v1/preauth.json", "user", "alice")
	old.version, old.digest, old.dateHeader = sign.V1, sha1New, ""
	for name, c := range map[string]call{
		"ping":           newCall("GET", "/auth/v2/ping"),
		"preauth-auth":   newCall("POST", "/auth/v2/preauth", "username", "alice", "text_prompt", "1"),
		"preauth-enroll": newCall("POST", "/auth/v2/preauth", "username", "nobody"),
		"preauth-deny":   newCall("POST", "/auth/v2/preauth", "username", "dave"),
		"auth-allow":     newCall("POST", "/auth/v2/auth", "username", "alice", "factor", "passcode", "passcode", "123456789"),
		"auth-async":     newCall("POST", "/auth/v2/auth", "username", "alice", "factor", "push", "device", "auto", "async", "1"),
		"auth-missing":   newCall("POST", "/auth/v2/auth", "username", "alice"),
		"rest-preauth":   old,
		"not-found":      newCall("GET", "/auth/v2/nothing"),
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t).send(c)
			running := startWith(t, true)
			if b := running.send(c); drawn.ReplaceAllString(b.body, "…") != drawn.ReplaceAllString(a.body, "…") || b.status != a.status {
				t.Errorf("on a running clock: %s", b.body)
			}
			got := drawn.ReplaceAllString(a.header.Get("Content-Type")+"\n"+a.body, "…")
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || got != drawn.ReplaceAllString(string(want), "…") {
				t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
			}
		})
	}
}
