package fleet_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/serving/fault"
)

// edited is a rule that changes one part of an answer.
func edited(field, as string, value ...string) fault.Rule {
	r := fault.Rule{Kind: fault.Edit, Args: map[string]string{"field": field, "as": as}}
	if len(value) > 0 {
		r.Args["value"] = value[0]
	}
	return r
}

func TestAnswersAreEdited(t *testing.T) {
	pad := strings.Repeat("x", 1000)
	for name, tt := range map[string]struct {
		rules  []fault.Rule
		status int
		body   string
		header string // Content-Type
		broken bool
	}{
		"a field":               {[]fault.Rule{edited("body.n", "dropped")}, 200, `{"pad":"` + pad + `","who":"alice"}`, "application/json", true},
		"another one's":         {[]fault.Rule{edited("body.who", "replaced", "bob")}, 200, `{"n":1,"pad":"` + pad + `","who":"bob"}`, "application/json", true},
		"two fields":            {[]fault.Rule{edited("body.n", "null"), edited("body.pad", "empty")}, 200, `{"n":null,"pad":"","who":"alice"}`, "application/json", true},
		"the status alone":      {[]fault.Rule{edited("status", "replaced", "503"), edited("body.pad", "empty")}, 503, `{"n":1,"pad":"","who":"alice"}`, "application/json", true},
		"a header goes":         {[]fault.Rule{edited("header.Content-Type", "dropped"), edited("body.pad", "empty")}, 200, `{"n":1,"pad":"","who":"alice"}`, "", true},
		"a header changes":      {[]fault.Rule{edited("header.content-type", "replaced", "text/html"), edited("body.pad", "empty")}, 200, `{"n":1,"pad":"","who":"alice"}`, "text/html", true},
		"the whole body":        {[]fault.Rule{edited("body", "empty")}, 200, "", "application/json", true},
		"a page":                {[]fault.Rule{edited("body", "html")}, 200, "<html>", "text/html", true},
		"what is not there":     {[]fault.Rule{edited("body.gone", "dropped"), edited("code", "flipped")}, 200, `{"n":1,"pad":"` + pad + `","who":"alice"}`, "application/json", false},
		"no status":             {[]fault.Rule{edited("status", "replaced", "999")}, 200, `{"n":1,"pad":"` + pad + `","who":"alice"}`, "application/json", false},
		"what frames an answer": {[]fault.Rule{edited("header.Content-Length", "replaced", "7")}, 200, `{"n":1,"pad":"` + pad + `","who":"alice"}`, "application/json", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := count(t, tt.rules...)
			resp, err := http.Post("http://"+r.addr("http")+"/count/alice", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if got := strings.TrimSpace(string(b)); err != nil || resp.StatusCode != tt.status || !strings.HasPrefix(got, tt.body) || (got == "") != (tt.body == "") || resp.Header.Get("Content-Type") != tt.header {
				t.Errorf("%d %q %s, %v", resp.StatusCode, resp.Header.Get("Content-Type"), got, err)
			}
			e := r.last("POST /count/:who")
			if (e.Outcome == "broken") != tt.broken || len(e.Faults) != len(tt.rules) || !tt.broken && !strings.Contains(e.Why, "found nothing to change") || r.k.n.Load() != 1 {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestHalfAnAnswerIsEdited(t *testing.T) {
	r := count(t, edited("body", "cut"))
	if _, body, err := r.post("alice"); !errors.Is(err, io.ErrUnexpectedEOF) || len(body) < 400 {
		t.Errorf("%d octets, %v", len(body), err)
	}
}

// TestAnOlderAnswer: the second operation gets the answer of the first, whoever asked.
func TestAnOlderAnswer(t *testing.T) {
	rule := edited("body", "older")
	rule.Nth = 2
	r := count(t, rule)
	_, first, _ := r.post("alice")
	_, second, _ := r.post("bob")
	_, third, _ := r.post("bob")
	if second != first || third == first || !strings.Contains(third, `"n":3`) {
		t.Errorf("%.20s\n%.20s\n%.20s", first, second, third)
	}
	r = count(t, edited("body", "older"))
	if _, body, _ := r.post("alice"); !strings.Contains(body, `"n":1`) || !strings.Contains(r.last("POST /count/:who").Why, "nothing to change") {
		t.Errorf("there is none before the first: %.20s, %+v", body, r.last("POST /count/:who"))
	}
}

// TestWatching: whoever watches hears what is answered before anything is changed, and
// which rule strikes; nothing else is different for clients.
func TestWatching(t *testing.T) {
	rule := edited("body.who", "replaced", "bob")
	rule.Nth, rule.ID = 2, "second"
	r := count(t, rule)
	var mu sync.Mutex
	var seen []fault.Seen
	var struck []string
	r.faults.Watch(&fault.Watcher{Answered: func(s fault.Seen) { mu.Lock(); defer mu.Unlock(); seen = append(seen, s) },
		Struck: func(r fault.Rule, s fault.Subject) {
			mu.Lock()
			defer mu.Unlock()
			struck = append(struck, r.ID+" "+s.Op)
		}})
	r.post("alice")
	if _, body, _ := r.post("alice"); !strings.Contains(body, `"who":"bob"`) {
		t.Error(body)
	}
	r.faults.Watch(nil)
	r.post("alice")
	if len(seen) != 2 || seen[1].Op != "POST /count/:who" || seen[1].Request != "POST /count/alice" || strings.Join(struck, ",") != "second POST /count/:who" {
		t.Fatalf("%+v %v", seen, struck)
	}
	for _, f := range seen[1].Fields {
		if f.Path == "body.who" && f.Value != "alice" || f.Path == "status" && f.Value != "200" {
			t.Errorf("%+v", f)
		}
	}
}
