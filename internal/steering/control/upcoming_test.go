package control_test

import (
	"strings"
	"testing"

	"counterpart/internal/company/ticket"
)

func TestWhatComesNext(t *testing.T) {
	a := client(t)
	a.native("alice", "POST", "/vault/v1/accounts/root@db01/checkout", "{}")
	a.native("alice", "POST", "/vault/v1/accounts/postgres@db01/requests", `{"reason":"x"}`)
	a.want(201, "POST", "/decisions", `{"verb":"approve","user":"alice","on":"push","after":"20s","for":"2h"}`)
	a.push("alice", "")
	a.want(201, "POST", "/faults", `{"rules":[{"id":"slow","kind":"delay","args":{"for":"1s"},"lasts":"10m"}]}`)
	now := a.f.Clock.Now()
	for id, w := range map[string]ticket.Window{"T1": {NotBefore: now.Add(1), NotAfter: now.Add(90 * 60e9)}, "T2": {NotAfter: now}} {
		if _, err := a.f.Tickets.Create(t.Context(), ticket.Ticket{ID: id, System: "native", Type: "change", Title: "x", Window: w}); err != nil {
			t.Log(err)
		}
	}
	r := a.want(200, "GET", "/clock/upcoming?user=alice", "")
	var got []string
	for _, row := range r.json["upcoming"].([]any) {
		m := row.(map[string]any)
		a.want(200, "GET", m["href"].(string), "")
		got = append(got, m["in"].(string)+" "+m["kind"].(string)+" "+m["says"].(string))
	}
	for i, want := range []string{"1ns ticket the window of T1 opens", "20s approval a push of alice approves itself: decision-1", "30s code the code of alice-totp turns", "10m0s fault slow ends: delay",
		"1h0m0s lease lease-1.root@db01 of alice ends", "1h0m0s request request-1.postgres@db01 of alice lapses unanswered", "1h30m0s ticket the window of T1 closes", "2h0m0s decision decision-1 ends: approve"} {
		found := -1
		for j, x := range got {
			x = strings.Replace(x, "fault fault", "fault", 1)
			if strings.Contains(x, want) {
				found = j
			}
		}
		if found != i {
			t.Errorf("%q is number %d of\n%s", want, found, strings.Join(got, "\n"))
		}
	}
	if r := a.want(200, "GET", "/clock/upcoming?limit=1", ""); r.str("upcoming.0.kind") != "ticket" || r.str("upcoming.1.kind") != "" || r.str("frozen") != "true" {
		t.Errorf("%s", r.body)
	}
	a.want(200, "POST", "/clock", `{"advance":"24h"}`)
	if r := a.want(200, "GET", "/clock/upcoming", ""); r.str("upcoming.0") != "" {
		t.Errorf("all is over: %s", r.body)
	}
	a.want(400, "GET", "/clock/upcoming?limit=201", "")
	a.want(404, "GET", "/clock/upcoming?user=zoe", "")
}
