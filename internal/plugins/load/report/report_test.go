package report_test

import (
	"bytes"
	"encoding/xml"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/load/report"
)

// run is a report of a run whose operation takes so many milliseconds, in most of its
// intervals.
func run(ms float64, seed uint64) *report.Report {
	r := rand.New(rand.NewPCG(seed, 1))
	felt := &report.Times{Count: 5000, Min: ms / 2, Mean: ms, P50: ms, P90: ms * 2, P95: ms * 3, P99: ms * 4, P999: ms * 5, Max: ms * 6}
	for i := range 13 {
		felt.Curve = append(felt.Curve, ms*float64(i+1)/2)
	}
	row := report.Row{Name: `GET /<script>alert("x")</script>`, Server: "na\x1bt\"ive", Count: 5000, Rate: 100, LetIn: 4990, Refused: 10, Felt: felt, Wire: felt, Lag: felt, Truth: felt,
		Reasons: []report.Reason{{Verdict: "refused", Reason: "403\n", Count: 10}}}
	s := report.Series{Interval: 1}
	for i := range 50 {
		row.Points = append(row.Points, ms*4*(1+0.1*r.NormFloat64()))
		s.Rate, s.Intended, s.Failed, s.Refused = append(s.Rate, 100), append(s.Intended, 100), append(s.Failed, 0), append(s.Refused, 0.2)
		s.P50, s.P99, s.Wire99, s.InFlight = append(s.P50, ms), append(s.P99, row.Points[i]), append(s.Wire99, ms), append(s.InFlight, 3)
	}
	all := row
	all.Name, all.Server = "all", ""
	return &report.Report{Version: report.Version, Title: "a & b", Plan: "plans/x.yaml", Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 50, Verdict: report.Passed,
		All: all, Operations: []report.Row{row}, Journeys: []report.Row{{Name: "log in", Count: 5000, Felt: felt}}, Series: s,
		Laws:      []report.Law{{Name: "one holder", Broken: 2, First: "step 3"}},
		Expected:  []report.Expectation{{At: "plans/x.yaml:9:3", What: "all: felt p99 at most 1ms", Saw: "4ms"}},
		Moments:   []report.Moment{{Seconds: 3, What: "faults: </svg>"}},
		Generator: report.Generator{Intended: 5000, Begun: 5000, Lag: *felt}}
}

// TestFormsAreWellFormed whatever names and answers have in them.
func TestFormsAreWellFormed(t *testing.T) {
	r := run(1, 1)
	var text, html, junit, prometheus, back bytes.Buffer
	for _, err := range []error{report.Text(&text, r), report.HTML(&html, r), report.JUnit(&junit, r), report.Prometheus(&prometheus, r), report.JSON(&back, r)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"PASSED", "5 000", "BROKEN 2 times: one holder", "FAIL  all: felt p99", "truth", "403"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Error("a name moves the cursor")
	}
	page := html.String()
	if strings.Contains(page, "<script") || strings.Contains(page, "faults: </svg>") || strings.Count(page, "<svg") != 4 || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Errorf("%d drawings\n%s", strings.Count(page, "<svg"), page)
	}
	for d := xml.NewDecoder(&junit); ; {
		if _, err := d.Token(); err != nil {
			if err.Error() != "EOF" {
				t.Error(err)
			}
			break
		}
	}
	for line := range strings.Lines(prometheus.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if name, value, ok := strings.Cut(line, "} "); !strings.HasPrefix(line, "counterpart_load_") || !ok && !strings.HasPrefix(line, "counterpart_load_seconds ") || strings.Count(name, `"`)-strings.Count(name, `\"`)*1 < 0 || strings.TrimSpace(value) == "" && ok {
			t.Errorf("%q", line)
		}
	}
	same, err := report.Read(&back)
	if err != nil || same.All.Felt.P99 != r.All.Felt.P99 {
		t.Error(same, err)
	}
	for _, text := range []string{"", "{}", "[]", `{"version": 99, "verdict": "passed"}`, "x"} {
		if _, err := report.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is a report", text)
		}
	}
}

// TestComparisonKnowsNoise: what differs by itself got neither slower nor faster.
func TestComparisonKnowsNoise(t *testing.T) {
	wrong := 0
	for seed := range uint64(100) {
		if report.Compare(run(1, seed), run(1, seed+1000)).Slower() {
			wrong++
		}
	}
	if wrong > 5 {
		t.Errorf("of 100 equal pairs %d differ", wrong)
	}
	c := report.Compare(run(1, 1), run(1.3, 2))
	if !c.Slower() || c.Differences[0].Verdict != report.Slower || c.Differences[0].Noise < 0.03 || c.Differences[0].Noise > 0.12 {
		t.Errorf("%+v", c)
	}
	if c := report.Compare(run(1.3, 1), run(1, 2)); c.Slower() || c.Differences[1].Verdict != report.Faster {
		t.Errorf("%+v", c)
	}
	a, b := run(1, 1), run(1, 2)
	b.Operations[0].Failed = 250
	if !report.Compare(a, b).Slower() {
		t.Error("5 % that fail are nothing")
	}
	b = run(3, 1)
	b.Operations[0].Points = b.Operations[0].Points[:3]
	b.Verdict = report.Invalid
	if c := report.Compare(a, b); c.Slower() || c.Differences[0].Verdict != report.Unsure || len(c.Remarks) == 0 {
		t.Errorf("%+v", c)
	}
	b.Operations[0].Name = "other"
	var out strings.Builder
	if err := report.Compare(a, b).Text(&out); err != nil || !strings.Contains(out.String(), "is only in the second") {
		t.Error(out.String(), err)
	}
}

// TestLiveView draws anew on a terminal, and writes lines elsewhere.
func TestLiveView(t *testing.T) {
	p := report.Progress{Title: "x", Elapsed: 5 * time.Second, Length: 10 * time.Second, Recent: 100, InFlight: 3, All: run(1, 1).All, Rows: run(1, 1).Operations}
	var out strings.Builder
	l := report.Live{W: &out, Terminal: true}
	l.Show(p)
	first := strings.Count(out.String(), "\n")
	l.Show(p)
	if !strings.Contains(out.String(), "\x1b[7A") && first == 7 || !strings.Contains(out.String(), "[###############...............]") {
		t.Errorf("%d lines: %q", first, out.String())
	}
	l.Wipe()
	out.Reset()
	l = report.Live{W: &out, Every: 5 * time.Second}
	for i := range 11 {
		p.Elapsed = time.Duration(i+1) * time.Second
		l.Show(p)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d lines: %q", n, out.String())
	}
}
