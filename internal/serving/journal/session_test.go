package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

// people knows alice, bob and trent.
func people(name string) (string, bool) {
	id := strings.ToLower(name)
	return id, id == "alice" || id == "bob" || id == "trent"
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// came is an operation of somebody, some seconds after noon.
func came(after int, actor, peer string) journal.Entry {
	return journal.Entry{At: noon.Add(time.Duration(after) * time.Second), Server: "native", Op: "GET /", Actor: actor, Peer: peer}
}

// told are the sessions of all entries: "session person grouped".
func told(j *journal.Journal, m journal.Match) (out []string) {
	for _, e := range j.Since(0, m, 0).Entries {
		out = append(out, strings.TrimSpace(fmt.Sprint(e.Seq, ":", e.Session, " ", e.Person, " ", e.Grouped)))
	}
	return out
}

func TestOperationsAreToldTheirSession(t *testing.T) {
	j := journal.New(journal.Limits{}, nil)
	j.Acts = people
	for _, e := range []journal.Entry{
		came(0, "svc", "10.0.0.21:1"),      // 1: a client before anybody came
		came(1, "alice", "10.0.0.21:2"),    // 2
		came(2, "svc", "10.0.0.21:3"),      // 3: for alice, the only one who came from there
		came(3, "", "10.0.0.21:4"),         // 4
		came(4, "bob", "10.0.0.22:1"),      // 5: from elsewhere
		came(5, "bob", "10.0.0.21:5"),      // 6: now two came from there
		came(6, "svc", "10.0.0.21:6"),      // 7: whose is not known
		came(7, "", "10.0.0.21:5"),         // 8: over bob's connection
		came(30, "ALICE", "10.0.0.21:7"),   // 9: within the pause, counted from 3
		came(61, "alice", "10.0.0.21:8"),   // 10: a pause
		came(62, "svc", "10.0.0.21:9"),     // 11: bob has gone long ago
		came(63, "", "[2001:db8::1]:1234"), // 12
		came(64, "", "[2001:db8::1]:1235"), // 13
	} {
		j.Record(e)
	}
	want := []string{"1:1  client", "2:2 alice actor", "3:2 alice peer", "4:2 alice peer", "5:5 bob actor", "6:6 bob actor", "7:1  client", "8:6 bob peer",
		"9:2 alice actor", "10:10 alice actor", "11:10 alice peer", "12:12  client", "13:12  client"}
	if got := told(j, journal.Match{}); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := told(j, journal.Match{Session: "2"}); strings.Join(got, "|") != "2:2 alice actor|3:2 alice peer|4:2 alice peer|9:2 alice actor" {
		t.Errorf("session 2 has %v", got)
	}
	if got := told(j, journal.Match{Person: "BOB"}); len(got) != 3 {
		t.Errorf("bob has %v", got)
	}
	if n, _ := j.Count(t.Context(), 0, journal.Match{Session: "10"}); n != 2 {
		t.Errorf("session 10 counts %d", n)
	}
	if l := j.Lines(0, journal.Match{Person: "alice"}); len(l.Texts) != 6 || !strings.Contains(l.Texts[1], `"session":"2","person":"alice","grouped":"peer"`) {
		t.Errorf("as lines: %v", l.Texts)
	}
	n := 3
	if v := j.Verify(journal.Check{Expect: []journal.Expectation{{Match: journal.Match{Session: "2", Person: "alice"}, AtLeast: &n}}}); v.Result != journal.Pass {
		t.Errorf("verify: %+v", v)
	}
	j.Clear()
	j.Record(came(65, "alice", "10.0.0.21:8"))
	if got := told(j, journal.Match{}); len(got) != 1 || got[0] != "14:14 alice actor" {
		t.Errorf("after a reset: %v", got)
	}
}

// TestASessionStaysWhatReadersWereTold: however much is forgotten meanwhile.
func TestASessionStaysWhatReadersWereTold(t *testing.T) {
	j := journal.New(journal.Limits{Entries: 8}, nil)
	j.Acts = people
	for i := range 100 {
		j.Record(came(i, []string{"alice", "bob"}[i%2], "10.0.0.1:1"))
		if got := told(j, journal.Match{}); got[len(got)-1] != fmt.Sprintf("%d:%d %s actor", i+1, i%2+1, []string{"alice", "bob"}[i%2]) {
			t.Fatalf("entry %d is told %v", i+1, got)
		}
	}
}

// TestSessionsAreBounded: of very many people, who came first is forgotten first.
func TestSessionsAreBounded(t *testing.T) {
	j := journal.New(journal.Limits{Entries: 50}, nil)
	j.Acts = func(name string) (string, bool) { return name, true }
	for i := range 10_000 {
		j.Record(came(0, fmt.Sprint("user", i), fmt.Sprintf("10.%d.%d.1:1", i/250, i%250)))
		if i%10 == 0 {
			j.Lines(uint64(i), journal.Match{})
		}
	}
	if n := j.KnownSessions(); n > 50 {
		t.Errorf("%d sessions are kept for 50 entries", n)
	}
}

func TestHostedSessionsMarkWhatTheirHooksAsk(t *testing.T) {
	j := journal.New(journal.Limits{}, nil)
	j.Acts = people
	one, two, again := j.Host("svc/1", "alice"), j.Host("svc/2", "bob"), j.Host("svc/3", "bob")
	j.Record(came(0, "svc", "127.0.0.1:1")) // 1: no hook runs
	one.Runs(true)
	one.Runs(true)
	j.Record(came(1, "svc", "127.0.0.1:1")) // 2: of the one whose hook runs
	j.Record(came(1, "svc", "10.0.0.21:1")) // 3: from elsewhere
	two.Runs(true)
	j.Record(came(2, "alice", "[::1]:1"))   // 4: two run, and she is one of them
	j.Record(came(2, "svc", "127.0.0.1:1")) // 5: nobody can tell
	again.Runs(true)
	j.Record(came(3, "bob", "127.0.0.1:1")) // 6: two of his run
	for _, h := range []*journal.Hosted{one, two, again} {
		h.End()
		h.End()
	}
	j.Record(came(4, "bob", "127.0.0.1:1")) // 7
	want := []string{"1:1  client", "2:svc/1 alice plugin", "3:3  client", "4:svc/1 alice plugin", "5:1  client", "6:6 bob actor", "7:6 bob actor"}
	if got := told(j, journal.Match{}); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := told(j, journal.Match{Session: "svc/1"}); len(got) != 2 {
		t.Errorf("of the first there are %v", got)
	}
	var none *journal.Journal
	h := none.Host("x", "alice")
	h.Runs(true)
	h.End()
}
