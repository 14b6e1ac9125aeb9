package fleet_test

import (
	"strings"
	"testing"
)

// TestUnplayedIsNotRefused: what the real system has and a server does not play is
// journalled as that, counted, and said once.
func TestUnplayedIsNotRefused(t *testing.T) {
	r := start(t)
	for range 3 {
		if status, body := r.get("/unplayed"); status != 500 || body != "squawk" {
			t.Fatal(status, body)
		}
	}
	e := r.last("GET /unplayed")
	if e.Outcome != "unplayed" || e.Feature != "telescopes" || e.Why != "not allowed: no right to telescopes" {
		t.Errorf("%+v", e)
	}
	if said := <-r.missing; said != "polly: telescopes" || len(r.missing) > 0 {
		t.Errorf("it said %q, and %d times more", said, len(r.missing))
	}
	var b strings.Builder
	r.meter.WriteTo(&b)
	for _, want := range []string{`counterpart_unplayed_total{server="polly",feature="telescopes"} 3`,
		`counterpart_operations_total{server="polly",operation="GET /unplayed",outcome="unplayed"} 3`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, &b)
		}
	}
}
