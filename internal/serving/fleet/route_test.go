package fleet_test

import (
	"net/http"
	"testing"

	"counterpart/internal/serving/fault"
)

// TestWhatIsUnknownIsNamedAndBroken: a request that no route takes has a name in
// the journal, and rules break it like any other.
func TestWhatIsUnknownIsNamedAndBroken(t *testing.T) {
	r := start(t)
	for _, tt := range []struct{ method, path, op string }{
		{"GET", "/nothing/here", "GET /nothing/here"},
		{"DELETE", "/hello/alice", "DELETE /hello/alice"}, // the path is known, the method is not
		{"GET", "/echo", "GET /echo"},
		{"GET", "/a%2Fb", "GET /a/b"},
	} {
		for outcome, rules := range map[string][]fault.Rule{
			"unimplemented": nil,
			"broken":        {{Kind: fault.Status, Op: tt.op, Args: map[string]string{"code": "418"}}},
		} {
			if err := r.faults.Set(rules); err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"unimplemented": 404, "broken": 418}[outcome]
			q, _ := http.NewRequest(tt.method, "http://"+r.addr("http")+tt.path, nil)
			resp, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if e := r.journal.Tail(1)[0]; resp.StatusCode != want || e.Op != tt.op || e.Outcome != outcome {
				t.Errorf("%s %s: %d, %+v; want %d %s", tt.method, tt.path, resp.StatusCode, e, want, outcome)
			}
		}
	}
}
