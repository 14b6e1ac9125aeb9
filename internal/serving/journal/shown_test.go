package journal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/redact"
)

// read is all that Lines give after a number.
func read(t *testing.T, j *journal.Journal, seq uint64, m journal.Match) (seqs []uint64, missed uint64) {
	t.Helper()
	for {
		p := j.Lines(seq, m)
		for i, text := range p.Texts {
			var e journal.Entry
			if err := json.Unmarshal([]byte(text), &e); err != nil || e.Seq != p.Seqs[i] {
				t.Fatalf("%d: %v in %s", p.Seqs[i], err, text)
			}
		}
		seqs, missed = append(seqs, p.Seqs...), missed+p.Missed
		if seq = p.Last; seq >= p.Newest {
			return seqs, missed
		}
	}
}

// TestS1EachEntryIsMaskedOnce: however many read the journal side by side, while it
// is written.
func TestS1EachEntryIsMaskedOnce(t *testing.T) {
	j := journal.New(journal.Limits{}, &journal.Mask{Secrets: secrets("Tr0ub4dor&3")})
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 2000 {
			j.Record(journal.Entry{Op: fmt.Sprint("op ", i), Request: strings.Repeat("Tr0ub4dor&3 ", 20)})
		}
	})
	for range 20 {
		all.Go(func() {
			for seq := uint64(0); seq < 2000; {
				p := j.Lines(seq, journal.Match{})
				for _, text := range p.Texts {
					if strings.Contains(text, "Tr0ub4dor") {
						t.Error(text)
						return
					}
				}
				seq = p.Last
			}
		})
	}
	all.Wait()
	if n := j.MaskedEntries(); n != 2000 {
		t.Errorf("2000 entries were masked %d times", n)
	}
}

// TestS1LinesAreTheJournal holds them against Since, in rings that come round, with
// less room for lines than they take.
func TestS1LinesAreTheJournal(t *testing.T) {
	for name, l := range map[string]journal.Limits{"many": {}, "by count": {Entries: 50}, "by octets": {Bytes: 30_000}} {
		j := journal.New(l, &journal.Mask{})
		for i := range 1000 {
			j.Record(journal.Entry{Server: []string{"a", "b"}[i%2], Op: fmt.Sprint(i), Request: strings.Repeat(`"`, i%90)})
			if i%37 != 0 {
				continue
			}
			for _, m := range []journal.Match{{}, {Server: "b"}} {
				for _, since := range []uint64{0, uint64(i / 2), uint64(i), uint64(i + 1)} {
					want := j.Since(since, m, 0)
					seqs, missed := read(t, j, since, m)
					if len(seqs) != len(want.Entries) || (missed > 0) != want.Missed {
						t.Fatalf("%s: after %d, since %d: %d lines, missed %d; want %d, %v", name, i, since, len(seqs), missed, len(want.Entries), want.Missed)
					}
					for k, e := range want.Entries {
						if seqs[k] != e.Seq {
							t.Fatalf("%s: line %d is entry %d, want %d", name, k, seqs[k], e.Seq)
						}
					}
				}
			}
		}
		j.Clear()
		if seqs, missed := read(t, j, 0, journal.Match{}); len(seqs) > 0 || missed > 0 {
			t.Errorf("%s: after Clear %v, missed %d", name, seqs, missed)
		}
		j.Record(journal.Entry{Op: "again"})
		if seqs, _ := read(t, j, 0, journal.Match{}); len(seqs) != 1 || seqs[0] != 1001 {
			t.Errorf("%s: after Clear and one more: %v", name, seqs)
		}
	}
}

// TestS11ValuesOfSecretPlacesAreKnownEverywhere: what a client keeps in a vault is
// hidden there by its place, and elsewhere by its value; names are not.
func TestS11ValuesOfSecretPlacesAreKnownEverywhere(t *testing.T) {
	s := secrets("Alice-Pass-1")
	s.Public = func(v string) bool { return v == "postgres-admin" }
	j := journal.New(journal.Limits{}, &journal.Mask{Secrets: s, Places: map[string]*redact.Rules{
		"vault": redact.New([]redact.Place{{Op: "kv.write", In: redact.Request, Path: "data"}})}})
	j.Record(journal.Entry{Server: "tickets", Op: "note", Request: `{"text":"it is chocolate-42, at 2026-01-01T10:00:00"}`})
	j.Record(journal.Entry{Server: "vault", Op: "kv.write", Request: `{"data":{"favourite":"chocolate-42","user":"postgres-admin","at":"2026-01-01","short":"abc"}}`})
	j.Record(journal.Entry{Server: "tickets", Op: "note", Request: `{"text":"postgres-admin likes abc"}`})
	var all []string
	for _, e := range j.Since(0, journal.Match{}, 0).Entries {
		all = append(all, e.Request)
	}
	want := []string{`{"text":"it is ***, at 2026-01-01T10:00:00"}`, `{"data":{"favourite":"***","user":"***","at":"***","short":"***"}}`, `{"text":"postgres-admin likes abc"}`}
	for i := range want {
		if all[i] != want[i] {
			t.Errorf("shows %s, want %s", all[i], want[i])
		}
	}
	if f := s.Find("chocolate-42"); len(f) != 1 || f[0].Whose != "value vault" {
		t.Errorf("the audit knows %+v", f)
	}
}

// BenchmarkIssue is what issuing a token costs beside those that are known, while
// somebody reads (S5): it must not grow with their number.
func BenchmarkIssue(b *testing.B) {
	for _, n := range []int{100, 99_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := secrets()
			for i := range n {
				s.Issue("token of x", fmt.Sprintf("hvs.CAESI%032d", i*7919))
			}
			line := strings.Repeat("one line of a journal entry hvs.CAESI, ", 100)
			stop := make(chan struct{})
			var reader sync.WaitGroup
			reader.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						s.Hide(line, false)
					}
				}
			})
			i := 0
			for b.Loop() {
				s.Issue("token of x", fmt.Sprintf("hvs.another%032d", i))
				i++
			}
			close(stop)
			reader.Wait()
		})
	}
}

// TestS5LongAndManySecrets: secrets that begin alike, or are longer than what is
// looked up at once, are found whole; hostile ones cost no more.
func TestS5LongAndManySecrets(t *testing.T) {
	s := secrets()
	head := strings.Repeat("h", 80)
	for i := range 100 {
		s.Issue("token", fmt.Sprintf("%s%03d", head, i))
		s.Issue("grown", strings.Repeat("g", 5+i))
	}
	for text, want := range map[string]string{
		head + "007 and " + head + "099": "*** and ***", "x" + head[:79]: "x***", head[:63]: head[:63],
		strings.Repeat("g", 104): "***", strings.Repeat("g", 60) + " ": "*** ", "gggg": "gggg",
	} {
		if got := s.Hide(text, false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := s.Hide("it ends with "+head[:70], true); got != "it ends with ***" {
		t.Errorf("cut: %q", got)
	}
	many := strings.Repeat("g", 4096)
	if got := s.Hide(many, false); strings.Contains(got, "g") {
		t.Errorf("%q", got)
	}
}

// TestS1ThousandsWaitForWhatNeverComes: whoever waits looks through the timeline one
// after the other, and not at all once he has left.
func TestS1ThousandsWaitForWhatNeverComes(t *testing.T) {
	j := journal.New(journal.Limits{}, nil)
	const entries, readers = 10000, 4000
	for range entries {
		j.Record(journal.Entry{Server: "vault", Op: "system.health.read", Request: "GET /v1/sys/health"})
	}
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var through atomic.Int64
	for range readers {
		all.Go(func() {
			if _, last := j.Count(ctx, 0, journal.Match{Op: "*z*y*"}); last == entries {
				through.Add(1)
			}
		})
	}
	leave()
	if all.Wait(); through.Load() > readers/10 {
		t.Errorf("%d of %d who had left looked through all of it", through.Load(), readers)
	}
}
