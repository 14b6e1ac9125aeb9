package control_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"counterpart/internal/serving/journal"
)

// listen opens the journal's stream and sends its lines.
func (a *api) listen(t *testing.T, query, last string) (<-chan string, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+a.f.Addr("control/http")+"/journal/stream"+query, nil)
	req.Header.Set("Authorization", "Bearer control-token")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(resp.StatusCode, resp.Header)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines, cancel
}

func await(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	end := time.After(10 * time.Second)
	for {
		select {
		case l, ok := <-lines:
			if strings.Contains(l, want) {
				return
			}
			if !ok {
				t.Fatalf("the stream ended before %q", want)
			}
		case <-end:
			t.Fatalf("no %q", want)
		}
	}
}

func TestTheJournalStreams(t *testing.T) {
	a := client(t)
	all, stop := a.listen(t, "", "")
	denied, stopDenied := a.listen(t, "?outcome=denied", "")
	a.native("alice", "GET", "/vault/v1/accounts", "")
	await(t, all, `"op":"GET /vault/v1/accounts"`)
	a.native("zoe", "GET", "/vault/v1/accounts", "")
	await(t, denied, "id: 2")
	await(t, denied, `"outcome":"denied"`)
	stop()
	stopDenied()
	again, stop := a.listen(t, "", "1") // as a browser does that lost its connection
	await(t, again, "id: 2")
	stop()
	a.want(400, "GET", "/journal/stream?sins=1", "")
	open, stop := a.listen(t, "", "") // a stream does not keep the fleet from stopping
	defer stop()
	await(t, open, "id: 1")
}

// TestS1ASlowReaderIsToldWhatItMissed: what the journal has forgotten since it last
// read is counted, and the stream goes on with what is there.
func TestS1ASlowReaderIsToldWhatItMissed(t *testing.T) {
	a := client(t)
	for i := range 10_050 { // the journal holds 10,000
		a.f.Journal.Record(journal.Entry{Server: "x", Op: fmt.Sprint("op ", i)})
	}
	again, stop := a.listen(t, "", "20")
	await(t, again, "event: missed")
	await(t, again, `{"missed":30,"dropped":50,"from":21,"to":50,"held":false}`)
	await(t, again, "id: 51")
	stop()
	begins, stop := a.listen(t, "", "") // whoever begins has missed nothing
	defer stop()
	for line := range begins {
		if strings.Contains(line, "missed") {
			t.Error(line)
		}
		if strings.Contains(line, "id: 51") {
			break
		}
	}
}

// TestWhatAStreamPassesOverCanBeRead: who wants the newest alone is told the numbers of the
// others, and whether they are held; they are read by them.
func TestWhatAStreamPassesOverCanBeRead(t *testing.T) {
	a := client(t)
	for i := range 10_050 {
		a.f.Journal.Record(journal.Entry{Server: "x", Op: fmt.Sprint("op ", i+1)})
	}
	lines, stop := a.listen(t, "?last=100", "20")
	await(t, lines, `{"missed":30,"dropped":50,"from":21,"to":50,"held":false}`)
	await(t, lines, `{"missed":9900,"dropped":50,"from":51,"to":9950,"held":true}`)
	await(t, lines, "id: 9951")
	await(t, lines, "id: 10050")
	stop()
	begins, stop := a.listen(t, "?last=3", "")
	await(t, begins, `{"missed":9997,"dropped":50,"from":51,"to":10047,"held":true}`)
	await(t, begins, "id: 10048")
	stop()
	r := a.want(200, "GET", "/journal?since=60&until=63", "")
	if r.str("entries.0.op") != "op 61" || r.str("entries.2.seq") != "63" || r.str("entries.3") != "" || r.str("missed") != "false" || r.str("last") != "63" || r.str("gaps") != "" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", "/journal?since=40&until=52", ""); r.str("gaps.0.from") != "41" || r.str("gaps.0.to") != "50" || r.str("entries.0.seq") != "51" || r.str("entries.2") != "" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", "/journal?since=10&until=20", ""); r.str("gaps.0.from") != "11" || r.str("gaps.0.to") != "20" || r.str("entries.0") != "" || r.str("missed") != "true" {
		t.Errorf("%s", r.body)
	}
	if r := a.want(200, "GET", "/journal?last=2", ""); r.str("entries.0.seq") != "10049" || r.str("entries.2") != "" || r.str("missed") != "false" {
		t.Errorf("%s", r.body)
	}
	for _, bad := range []string{"since=5&until=5", "until=x", "last=-1"} {
		a.want(400, "GET", "/journal?"+bad, "")
	}
	for _, bad := range []string{"fleet=perhaps", "last=x", "until=5"} {
		a.want(400, "GET", "/journal/stream?"+bad, "")
	}
}

// TestAStreamTellsTheFleetsState: once, and again whenever it is another.
func TestAStreamTellsTheFleetsState(t *testing.T) {
	a := client(t)
	all, _ := several(t, 2)
	at := a.at(all[0])
	lines, stop := at.listen(t, "?fleet=true&last=10", "")
	defer stop()
	await(t, lines, `"frozen":true,"replica":"`+all[0].Replicas.ID)
	at.native("alice", "GET", "/vault/v1/accounts", "")
	await(t, lines, `"op":"GET /vault/v1/accounts"`)
	a.at(all[1]).want(200, "POST", "/clock", `{"advance":"1h"}`)
	await(t, lines, `"now":"2026-01-01T13:00:00Z"`)
	a.at(all[1]).want(201, "POST", "/decisions", `{"verb":"deny","user":"alice"}`)
	await(t, lines, `"decisions":1`)
	a.at(all[1]).want(201, "POST", "/faults", `{"rules":[{"kind":"reset","actor":"nobody"}]}`)
	await(t, lines, `"faults":1`)
	at.want(200, "POST", "/state/reset", "")
	await(t, lines, `"begins":2`)
}

// TestManyReadersShareOneLookAtTheFleet.
func TestManyReadersShareOneLookAtTheFleet(t *testing.T) {
	a := client(t)
	for range 500 {
		lines, stop := a.listen(t, "?fleet=true", "")
		defer stop()
		await(t, lines, `"seed":"`)
	}
}
