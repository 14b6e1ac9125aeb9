package duo_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/duo/internal/sign"
)

// drawn are identifiers that are drawn for each answer.
var drawn = []dialecttest.Mask{{Like: regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|code=[A-Za-z0-9]{20}|17672688[0-9]{2}`), As: "…"}}

// TestGoldenExchanges holds whole answers, octet by octet, against testdata: status,
// type and body.
func TestGoldenExchanges(t *testing.T) {
	dialecttest.Exchanges{
		Setup:  setup(),
		Client: func(f *dialecttest.Fleet) *dialecttest.Client { return signing(t, f) },
		Show: func(a dialecttest.Answer) string {
			return dialecttest.Masked(a.Head("Content-Type")+" "+strings.TrimSuffix(string(a.Body), "\n"), drawn)
		},
	}.HoldFile(t, "testdata/exchanges")
}

// signing is a client that signs as the integration sps; as "old" by version 1, as "none"
// not at all.
func signing(t *testing.T, f *dialecttest.Fleet) *dialecttest.Client {
	by := &fleet{Fleet: f, t: t, key: [2]string{ikey, skey}}
	c := f.Client("duo/https")
	c.Login = func(r *http.Request, actor string, body []byte) {
		r.Host = host
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if actor == "none" {
			return
		}
		s := newCall(r.Method, r.URL.Path)
		s.query, s.body, s.contentType = r.URL.RawQuery, string(body), r.Header.Get("Content-Type")
		if actor == "old" {
			s.version, s.digest = sign.V1, sha1New
		} else {
			s.date = f.Clock.Now().Format("Mon, 02 Jan 2006 15:04:05 -0000")
			r.Header.Set("Date", s.date)
		}
		r.Header.Set("Authorization", "Basic "+basic(by.key[0]+":"+by.signature(s)))
	}
	return c
}
