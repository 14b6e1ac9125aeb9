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
	await(t, again, `{"missed":30,"dropped":50}`)
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
