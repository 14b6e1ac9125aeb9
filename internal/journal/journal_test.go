package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/journal"
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
