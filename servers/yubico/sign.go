package yubico

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// member is one line of an answer, or one parameter of a request.
type member struct{ name, value string }

// signature is HMAC-SHA1 over the members sorted by their names (Validation Protocol
// 2.0, "Generating signatures"), in base64.
func signature(key []byte, members []member) string {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	text := make([]byte, 0, 256)
	for i, m := range members {
		if i > 0 {
			text = append(text, '&')
		}
		text = latin1(text, m.name)
		text = latin1(append(text, '='), m.value)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// latin1 appends what ykval signs of a text: its octets taken for Latin-1 and written in
// UTF-8.
func latin1(to []byte, text string) []byte {
	for i := range len(text) {
		if b := text[i]; b < 0x80 {
			to = append(to, b)
		} else {
			to = append(to, 0xc0|b>>6, 0x80|b&0x3f)
		}
	}
	return to
}

// answer is what a request of the protocol is told.
type answer struct {
	status  string
	key     []byte   // of the client, once it is known
	members []member // after t, before status
}

// plainText is what PHP makes of the Content-Type that the scripts set.
const plainText = "text/plain;charset=UTF-8"

// stamp is t: seconds, "Z0" and three digits of milliseconds.
func stamp(now time.Time) string {
	now = now.UTC()
	return now.Format("2006-01-02T15:04:05") + fmt.Sprintf("Z0%03d", now.Nanosecond()/1_000_000)
}

// body is the signed answer: lines that end with CR LF, and an empty one.
func (a answer) body(now time.Time) string {
	t := stamp(now)
	all := append(make([]member, 0, len(a.members)+2), a.members...)
	h := signature(a.key, append(all, member{"t", t}, member{"status", a.status}))
	var b strings.Builder
	b.Grow(256)
	line := func(name, value string) {
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(value)
		b.WriteString("\r\n")
	}
	line("h", h)
	line("t", t)
	for _, m := range a.members {
		line(m.name, m.value)
	}
	line("status", a.status)
	b.WriteString("\r\n")
	return b.String()
}

// send answers with status 200, whatever it says.
func (s *Server) send(c echo.Context, a answer) error {
	body := spoilt(c, a, s.Clock.Now())
	return c.Blob(http.StatusOK, plainText, []byte(body))
}
