package yubico

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"hash"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// member is one line of an answer, or one parameter of a request.
type member struct{ name, value string }

// signer signs with one key. Its states are kept, as a fresh one takes two more rounds.
type signer struct{ macs sync.Pool }

func newSigner(key []byte) *signer {
	return &signer{macs: sync.Pool{New: func() any { return hmac.New(sha1.New, key) }}}
}

// sign is HMAC-SHA1 over the members sorted by their names (Validation Protocol 2.0,
// "Generating signatures"), in base64. It sorts them.
func (s *signer) sign(members []member) string {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	text := make([]byte, 0, 256)
	for i, m := range members {
		if i > 0 {
			text = append(text, '&')
		}
		text = latin1(text, m.name)
		text = latin1(append(text, '='), m.value)
	}
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.Write(text)
	var sum [sha1.Size]byte
	return base64.StdEncoding.EncodeToString(mac.Sum(sum[:0]))
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
	by      *signer  // the client's, once it is known
	members []member // after t, before status
}

// plainText is what PHP makes of the Content-Type that the scripts set.
const plainText = "text/plain;charset=UTF-8"

// stamp is t: seconds, "Z0" and three digits of milliseconds.
func stamp(now time.Time) string {
	var text [32]byte
	t := now.UTC().AppendFormat(text[:0], "2006-01-02T15:04:05.000")
	return string(t[:len(t)-4]) + "Z0" + string(t[len(t)-3:])
}

// body is the signed answer: lines that end with CR LF, and an empty one.
func (a answer) body(now time.Time) []byte {
	t := stamp(now)
	all := append(make([]member, 0, 16), a.members...)
	h := a.by.sign(append(all, member{"t", t}, member{"status", a.status}))
	out := make([]byte, 0, 256)
	line := func(name, value string) {
		out = append(append(append(append(out, name...), '='), value...), "\r\n"...)
	}
	line("h", h)
	line("t", t)
	for _, m := range a.members {
		line(m.name, m.value)
	}
	line("status", a.status)
	return append(out, "\r\n"...)
}

// send answers with status 200, whatever it says.
func (s *Server) send(c echo.Context, a answer) error {
	if a.by == nil {
		a.by = s.nobody
	}
	return c.Blob(http.StatusOK, plainText, s.spoilt(c, a))
}
