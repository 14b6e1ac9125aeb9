package control_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/serving/journal"
)

// TestJournalOfAllReplicas: it is one, whichever is asked, in one numbering.
func TestJournalOfAllReplicas(t *testing.T) {
	a := client(t)
	all, _ := several(t, 3)
	last := a.at(all[2])
	stream, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+last.f.Addr("control/http")+"/journal/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header.Set("Authorization", "Bearer control-token")
	resp, err := http.DefaultClient.Do(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var running sync.WaitGroup
	for i := range 60 {
		running.Go(func() { a.at(all[i%3]).native("alice", "GET", fmt.Sprintf("/vault/v1/accounts/none%d", i), "") })
	}
	running.Wait()
	first := last.want(200, "GET", "/journal", "")
	for i := range all {
		got := a.at(all[i]).want(200, "GET", "/journal", "")
		if got.body != first.body || strings.Count(got.body, `"seq":`) != 60 || got.str("last") != "60" {
			t.Errorf("%d says %s", i, got.body)
		}
		if n := strings.Count(got.body, `"replica":"`+all[i].Replicas.ID); n != 20 {
			t.Errorf("%d operations of %d", n, i)
		}
		check := a.at(all[i]).want(200, "POST", "/journal/verify", `{"expect":[{"match":{"server":"native"},"count":60}]}`)
		if check.str("result") != "pass" {
			t.Error(check.body)
		}
		if one := a.at(all[i]).want(200, "GET", "/journal/7", ""); one.str("entry.seq") != "7" {
			t.Error(one.body)
		}
		if got := a.at(all[i]).want(200, "GET", "/audit", ""); got.str("looked") != "60" || got.str("known") != "true" {
			t.Error(got.body)
		}
	}
	for i := range all {
		if _, text := get(t, all[i], "control-token", "", "/metrics"); operations(text) != 60 {
			t.Errorf("%d counts %d operations", i, operations(text))
		}
	}
	seen := 0
	for lines := bufio.NewScanner(resp.Body); seen < 60 && lines.Scan(); {
		if lines.Text() == "event: entry" {
			seen++
		}
	}
	if seen != 60 {
		t.Errorf("the stream has %d", seen)
	}
	done := make(chan string)
	go func() { done <- last.do("GET", "/journal/wait?since=60&wait=30s", "").body }()
	a.at(all[0]).native("alice", "GET", "/vault/v1/accounts/late", "")
	if got := <-done; !strings.Contains(got, "/late") {
		t.Errorf("who waits sees %s", got)
	}
	a.at(all[1]).want(200, "POST", "/state/reset", "")
	for i := range all {
		if got := a.at(all[i]).want(200, "GET", "/journal", ""); got.str("entries.0") != "" || got.str("dropped") != "0" {
			t.Errorf("after a reset %d has %s", i, got.body)
		}
	}
	a.at(all[1]).native("alice", "GET", "/vault/v1/accounts/again", "")
	for i := range all {
		if got := a.at(all[i]).want(200, "GET", "/journal", ""); strings.Count(got.body, `"seq":`) != 1 || got.str("entries.0.seq") != "62" {
			t.Errorf("after a reset %d has %s", i, got.body)
		}
	}
}

// TestSecretsOfOtherReplicasAreHidden: what one has issued is a secret to all.
func TestSecretsOfOtherReplicasAreHidden(t *testing.T) {
	a := client(t)
	all, _ := several(t, 2)
	all[0].Secrets.Issue("token of sps", "Tok-En-4711-0815")
	all[1].Journal.Record(journal.Entry{Server: "native", Op: "GET /Tok-En-4711-0815", Outcome: "ok", Request: "GET /x?y=Tok-En-4711-0815"})
	for i := range all {
		if got := a.at(all[i]).want(200, "GET", "/journal", ""); strings.Contains(got.body, "4711") || strings.Count(got.body, `"seq":`) != 1 {
			t.Errorf("%d shows %s", i, got.body)
		}
	}
}

// operations is how many of them /metrics tells.
func operations(text string) (n int) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "counterpart_operations_total{server=\"native\"") {
			var one int
			fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &one)
			n += one
		}
	}
	return n
}
