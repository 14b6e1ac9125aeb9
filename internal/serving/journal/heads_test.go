package journal_test

import (
	"strings"
	"testing"

	"counterpart/internal/serving/journal"
)

func TestHeadsAreShownWithoutSecrets(t *testing.T) {
	j := journal.New(journal.Limits{}, &journal.Mask{Secrets: secrets("Alice-Pass-1")})
	j.RecordRaw(&journal.Entry{Server: "native", Op: "GET /"}, journal.Raw{
		RequestHead: []byte("Host: 127.0.0.1:8080\nAccept: */*\nAuthorization: Basic YWxpY2U6cGFzcw==\nAuthorization: raw-credential\nCookie: sid=1; other=2\nReferer: http://x/?password=hunter22&q=1\n" +
			"X-Api-Key: 12345\nX-Note: it is Alice-Pass-1\nX-Vault-Token: s.abc\nidempotency-key: k-1\nclient-key: 12345\nSec-WebSocket-Key: ws-1\n"),
		ResponseHead: []byte("Content-Type: application/json\nLocation: /next?token=abcdefg\nSet-Cookie: sid=2; HttpOnly\nWww-Authenticate: Basic realm=\"vault\"\n")})
	e := j.Tail(1)[0]
	want := "Host: 127.0.0.1:8080\nAccept: */*\nAuthorization: Basic ***\nAuthorization: ***\nCookie: ***\nReferer: http://x/?password=***&q=1\n" +
		"X-Api-Key: ***\nX-Note: it is ***\nX-Vault-Token: ***\nidempotency-key: k-1\nclient-key: ***\nSec-WebSocket-Key: ws-1\n"
	if e.RequestHead != want {
		t.Errorf("shows\n%s\nwant\n%s", e.RequestHead, want)
	}
	if want := "Content-Type: application/json\nLocation: /next?token=***\nSet-Cookie: ***\nWww-Authenticate: Basic realm=\"vault\"\n"; e.ResponseHead != want {
		t.Errorf("shows\n%s\nwant\n%s", e.ResponseHead, want)
	}
	if l := j.Lines(0, journal.Match{}); strings.Contains(l.Texts[0], "hunter22") || strings.Contains(l.Texts[0], "s.abc") || !strings.Contains(l.Texts[0], `"request_head":"Host: 127.0.0.1:8080\n`) {
		t.Errorf("as a line %s", l.Texts[0])
	}
}

// FuzzHead: whatever stands in a head, what is at the place of a secret is not shown.
func FuzzHead(f *testing.F) {
	f.Add("Authorization: Bearer ", "s3cr3t-value")
	f.Add("X-Vault-Token: ", "x\ny")
	f.Add("Cookie: a=", "b; c")
	f.Fuzz(func(t *testing.T, before, value string) {
		j := journal.New(journal.Limits{}, &journal.Mask{})
		j.RecordRaw(&journal.Entry{}, journal.Raw{RequestHead: []byte(before + "\nX-Api-Key: <<<" + strings.ReplaceAll(value, "\n", "") + ">>>\n")})
		if got := j.Tail(1)[0].RequestHead; strings.Contains(got, ">>>\n") && !strings.Contains(before, "<<<") && !strings.Contains(before, ">>>") {
			t.Errorf("%q", got)
		}
	})
}
