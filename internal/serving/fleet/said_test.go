package fleet_test

import (
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/serving/fault"
)

// TestTheServerSaysHowItEnds: systems answer refusals with 200, and questions with 400 or
// 500; what the server says of an operation is what the journal and the metrics have.
func TestTheServerSaysHowItEnds(t *testing.T) {
	r := start(t)
	const op = "GET /said/:outcome/:end"
	for path, want := range map[string]string{
		"denied/200": "denied", "challenge/200": "challenge", "failed/200": "failed", "dropped/200": "dropped", "unplayed/200": "unplayed",
		"ok/400": "ok", "ok/403": "ok", "ok/500": "ok", "challenge/400": "challenge", "challenge/500": "challenge", "denied/203": "denied",
		"challenge/refusal": "challenge", "ok/refusal": "ok", // a question that is worded as an error
		"ok/failure": "error", "challenge/failure": "error", "denied/failure": "error", "ok/panic": "error", // our own are ours
	} {
		r.get("/said/" + path)
		e := r.last(op)
		if e.Outcome != want {
			t.Errorf("%s: %s, want %s", path, e.Outcome, want)
		}
		if strings.HasSuffix(path, "refusal") && !strings.Contains(e.Why, "not yet") {
			t.Errorf("%s: why %q", path, e.Why)
		}
	}
	var b strings.Builder
	r.meter.WriteTo(&b)
	if want := `operation="` + op + `",outcome="denied"} 2`; !strings.Contains(b.String(), want) {
		t.Errorf("no %s in\n%s", want, &b)
	}
	if err := r.faults.Set([]fault.Rule{{Kind: fault.Reset, Server: "polly", Moment: fault.After}}); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get("http://" + r.addr("http") + "/said/denied/200"); err == nil {
		resp.Body.Close()
		t.Error("the answer came")
	}
	if e := r.last(op); e.Outcome != "broken" || !strings.Contains(e.Why, "which stands as denied") {
		t.Errorf("%+v", e)
	}
}
