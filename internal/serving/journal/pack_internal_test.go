package journal

import (
	"strings"
	"testing"
	"time"
)

// TestAnEntryTakesWhatItIsGiven: the room that is made for an entry is exactly what
// it takes, or the next one would be written over it.
func TestAnEntryTakesWhatItIsGiven(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 300, 16383, 16384, 1 << 21} {
		text := strings.Repeat("x", n)
		e := Entry{Seq: 7, At: time.Unix(1, 2).UTC(), Took: 3, Server: "s", Port: text, Peer: "p", Op: text, Actor: "a", Object: "o", Outcome: "ok",
			Status: "200", Why: text, Faults: []string{"f1", text}, Broken: "after", Request: text, Response: "r"}
		for _, raw := range []string{"", text} {
			more := Raw{[]byte(raw), []byte(raw), []byte(raw), []byte(raw)}
			b := pack(nil, &e, &more)
			if want := packed(&e, &more); len(b) != want {
				t.Errorf("%d octets, %d more: packed into %d, room for %d", n, len(raw), len(b), want)
			}
			want := e
			want.Request, want.Response = e.Request+raw, e.Response+raw
			got := unpack(string(b), 7)
			if got.Faults[1] != want.Faults[1] || got.Request != want.Request || got.RequestHead != raw || got.ResponseHead != raw || got.Response != want.Response || got.Why != want.Why || !got.At.Equal(want.At) {
				t.Errorf("%d octets, %d more: it came back another", n, len(raw))
			}
		}
	}
}
