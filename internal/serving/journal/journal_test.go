package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

func TestTheTimelineIsBoundedAndSaysSo(t *testing.T) {
	for name, l := range map[string]journal.Limits{"by count": {Entries: 10}, "by octets": {Bytes: 10 * 260}} {
		j := journal.New(l, nil)
		for i := range 100 {
			j.Record(journal.Entry{Op: fmt.Sprint("op ", i), Request: strings.Repeat("x", 50)})
		}
		p := j.Since(0, journal.Match{}, 0)
		if n := len(p.Entries); n < 9 || n > 10 || p.Last != 100 || p.Dropped != 100-uint64(n) || !p.Missed {
			t.Errorf("%s: %d entries, last %d, dropped %d, missed %v", name, n, p.Last, p.Dropped, p.Missed)
		}
		if e := p.Entries[len(p.Entries)-1]; e.Seq != 100 || e.Op != "op 99" {
			t.Errorf("%s: newest is %+v", name, e)
		}
		if p := j.Since(95, journal.Match{}, 0); p.Missed || len(p.Entries) != 5 {
			t.Errorf("%s: since 95: %d entries, missed %v", name, len(p.Entries), p.Missed)
		}
		if tail := j.Tail(3); len(tail) != 3 || tail[0].Seq != 98 {
			t.Errorf("%s: tail %v", name, tail)
		}
	}
}

func TestAHugeEntryDoesNotStay(t *testing.T) {
	j := journal.New(journal.Limits{Bytes: 1000}, nil)
	j.Record(journal.Entry{Request: strings.Repeat("x", 5000)})
	j.Record(journal.Entry{Op: "next"})
	if p := j.Since(0, journal.Match{}, 0); len(p.Entries) != 1 || p.Entries[0].Op != "next" {
		t.Errorf("%d entries", len(p.Entries))
	}
}

// TestEntriesSurviveTheRing holds a journal that comes round again and again
// against a plain list: what is kept is the end of it, as much as the limits
// allow, every field as it was.
func TestEntriesSurviveTheRing(t *testing.T) {
	for name, tt := range map[string]struct {
		limits       journal.Limits
		look, fewest int
	}{
		"small":           {journal.Limits{Entries: 40, Bytes: 16_000}, 1, 2},
		"bound by octets": {journal.Limits{Bytes: 1 << 20}, 97, 250},
		"bound by count":  {journal.Limits{Entries: 600, Bytes: 4 << 20}, 97, 600},
	} {
		draw := rand.New(rand.NewPCG(1, 2))
		text := func(most int) string { return strings.Repeat(string(rune('a'+draw.IntN(26))), draw.IntN(most)) }
		j := journal.New(tt.limits, nil)
		var all []journal.Entry
		for i := range 3000 {
			most := 100 + i // so that more and more memory is needed while it comes round
			e := journal.Entry{Seq: uint64(i + 1), At: time.Unix(int64(i), int64(i)).UTC(), Took: time.Duration(i), Server: text(9), Port: text(9), Peer: text(20),
				Op: text(200), Actor: text(9), Object: text(9), Outcome: text(9), Status: text(9), Why: text(90), Broken: text(7), Feature: text(9), Session: "s" + text(9), Person: text(9)}
			for range draw.IntN(3) {
				e.Faults = append(e.Faults, text(9))
			}
			request, response := text(most), text(most/2)
			j.RecordRaw(&e, journal.Raw{Request: []byte(request), Response: []byte(response)})
			e.Request, e.Response, e.Grouped = request, response, journal.ByPlugin
			all = append(all, e)
			if i%tt.look != 0 {
				continue
			}
			kept := j.Since(0, journal.Match{}, 0)
			if n := len(kept.Entries); n < min(i+1, tt.fewest) || n+int(kept.Dropped) != i+1 || !reflect.DeepEqual(kept.Entries, all[len(all)-n:]) {
				t.Fatalf("%s: after %d: %d entries, %d dropped, not the newest of what was recorded", name, i+1, n, kept.Dropped)
			}
		}
		j.Clear()
		if p := j.Since(0, journal.Match{}, 0); len(p.Entries) != 0 || p.Missed {
			t.Errorf("%s: after Clear: %+v", name, p)
		}
	}
}

// TestAReaderThatIsOvertakenSaysSo reads a small journal while it is written.
func TestAReaderThatIsOvertakenSaysSo(t *testing.T) {
	j := journal.New(journal.Limits{Entries: 500}, nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 20_000 {
				j.Record(journal.Entry{Op: "x", Request: strings.Repeat("x", 400)})
			}
		})
	}
	for seq := uint64(0); seq < 40_000; {
		p := j.Since(seq, journal.Match{}, 0)
		want := seq + 1
		for _, e := range p.Entries {
			if e.Seq != want && !p.Missed || e.Seq < want || e.Request != strings.Repeat("x", 400) {
				t.Fatalf("%d comes where %d should, missed %v: %q", e.Seq, want, p.Missed, e.Request)
			}
			want = e.Seq + 1
		}
		if want != p.Last+1 && !p.Missed {
			t.Fatalf("read to %d, and it says %d", want-1, p.Last)
		}
		seq = p.Last
	}
	wg.Wait()
}

func TestPagesGoOnWhereTheyEnded(t *testing.T) {
	j := journal.New(journal.Limits{}, nil)
	for i := range 10 {
		j.Record(journal.Entry{Server: []string{"a", "b"}[i%2], Op: fmt.Sprint("GET /", i)})
	}
	var got []string
	for seq, i := uint64(0), 0; i < 10; i++ {
		p := j.Since(seq, journal.Match{Server: "b", Op: "get /*"}, 2)
		for _, e := range p.Entries {
			got = append(got, e.Op)
		}
		seq = p.Last
	}
	if s := strings.Join(got, " "); s != "GET /1 GET /3 GET /5 GET /7 GET /9" {
		t.Errorf("read %q", s)
	}
}

func TestAwaitWakesForWhatMatches(t *testing.T) {
	j := journal.New(journal.Limits{}, nil)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			p, err := j.Await(t.Context(), 0, journal.Match{Actor: "alice"})
			if err != nil || len(p.Entries) == 0 || p.Entries[0].Actor != "alice" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	for i := range 100 {
		j.Record(journal.Entry{Actor: "bob", Op: fmt.Sprint(i)})
	}
	j.Record(journal.Entry{Actor: "alice"})
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Await(ctx, 0, journal.Match{Actor: "eve"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait without hope: %v", err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	j := journal.New(journal.Limits{}, &journal.Mask{Secrets: secrets("Tr0ub4dor&3")})
	j.Record(journal.Entry{
		Request:  `POST /v1/login?token=abc&x=1 {"password": "pa\"ss", "user":"alice","otp":123456,"nested":{"client_secret":"s3"}}`,
		Response: `{"allowed":false,"code":"outside_window","codes":["one","two"],"note":"Tr0ub4dor&3","value":"cut off her`,
	})
	e := j.Tail(1)[0]
	for _, secret := range []string{"abc", `pa\"ss`, "123456", "s3", "one", "two", "Tr0ub4dor", "cut off"} {
		if strings.Contains(e.Request+e.Response, secret) {
			t.Errorf("%q shows in %s %s", secret, e.Request, e.Response)
		}
	}
	for _, fact := range []string{"alice", "outside_window", "x=1"} {
		if !strings.Contains(e.Request+e.Response, fact) {
			t.Errorf("%q is hidden in %s %s", fact, e.Request, e.Response)
		}
	}
}

func TestANilJournalIsOff(t *testing.T) {
	var j *journal.Journal
	j.Record(journal.Entry{})
	if p := j.Since(0, journal.Match{}, 0); len(p.Entries) != 0 || j.Tail(5) != nil {
		t.Error("it remembers")
	}
}

func FuzzMask(f *testing.F) {
	f.Add(`{"password":"x"}`)
	f.Add(`token=a&b`)
	f.Fuzz(func(t *testing.T, s string) { new(journal.Mask).Text(s) })
}

func BenchmarkRecord(b *testing.B) {
	j := journal.New(journal.Limits{}, nil)
	e := journal.Entry{Server: "radius", Op: "Access-Request", Actor: "alice", Request: strings.Repeat("x", 200)}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			j.Record(e)
		}
	})
}
