package fleet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAHeadIsSortedAndBounded(t *testing.T) {
	h := http.Header{"X-B": {"2", "3"}, "Accept": {"*/*"}, "Authorization": {"Bearer t"}}
	if got := string(appendHead([]byte("Host: x\n"), h)); got != "Host: x\nAccept: */*\nAuthorization: Bearer t\nX-B: 2\nX-B: 3\n" {
		t.Errorf("%q", got)
	}
	h.Set("A-Long", strings.Repeat("x", 2*mostHead))
	for i := range 500 {
		h.Set(fmt.Sprint("X-Many-", i), strings.Repeat("y", 20))
	}
	got := string(appendHead(nil, h))
	if len(got) > mostHead || strings.Contains(got, "A-Long") || strings.Count(got, "\n") > mostFields || !strings.HasSuffix(got, "\n") {
		t.Errorf("%d octets: %q", len(got), got)
	}
	for range 20 { // a map has no order, and a head has the same each time
		if again := string(appendHead(nil, h)); again != got || !strings.HasPrefix(got, "Accept: */*\nAuthorization: Bearer t\nX-B: 2\nX-B: 3\nX-Many-0: ") {
			t.Fatalf("%q and %q", got, again)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	h := http.Header{"User-Agent": {"Go-http-client/1.1"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Basic YWxpY2U6QWxpY2UtUGFzcy0x"}, "Content-Type": {"application/json"}, "Accept": {"*/*"}}
	room := make([]byte, 0, 4096)
	for b.Loop() {
		room = appendHead(room[:0], h)
	}
}
