package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Difference is what became of one figure from one run to the other.
type Difference struct {
	Row   string  `json:"row"`
	What  string  `json:"what"`
	Was   float64 `json:"was"`
	Is    float64 `json:"is"`
	Ratio float64 `json:"ratio"` // is / was
	// Noise is by how much, as a ratio, the figure differs within the runs themselves.
	Noise   float64 `json:"noise"`
	Verdict string  `json:"verdict"` // slower, faster, same, unsure
}

// Slower and its like are what a difference is.
const (
	Slower = "slower"
	Faster = "faster"
	Same   = "same"
	Unsure = "unsure" // too little was measured to say
)

// fewest answers and intervals from which something follows.
const (
	fewestAnswers   = 100
	fewestIntervals = 5
)

// Comparison is what differs between two reports.
type Comparison struct {
	Differences []Difference `json:"differences"`
	Remarks     []string     `json:"remarks,omitempty"` // what makes them hard to compare
}

// Compare says what got slower from a to b. The percentiles of the intervals of a run say how
// much they differ by themselves: what the medians of the two differ by counts only when a
// rank test (Mann and Whitney's U, two-sided, 1 %) finds the two sets of intervals different,
// and when it is more than 5 %.
func Compare(a, b *Report) Comparison {
	var c Comparison
	for _, r := range []*Report{a, b} {
		if r.Verdict == Invalid || r.Verdict == Interrupted {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s of %s is %s", r.Title, r.Began.Format("2006-01-02 15:04:05"), r.Verdict))
		}
	}
	if a.Closed != b.Closed {
		c.Remarks = append(c.Remarks, "one is a closed loop, the other is not")
	}
	if wide := math.Abs(a.All.Rate-b.All.Rate) / max(a.All.Rate, b.All.Rate, 1e-9); wide > 0.05 {
		c.Remarks = append(c.Remarks, fmt.Sprintf("they were asked %.1f and %.1f times a second", a.All.Rate, b.All.Rate))
	}
	for _, was := range a.Operations {
		i := slices.IndexFunc(b.Operations, func(r Row) bool { return r.Label() == was.Label() })
		if i < 0 {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s is only in the first", was.Label()))
			continue
		}
		c.Differences = append(c.Differences, compareRow(was, b.Operations[i])...)
	}
	for _, is := range b.Operations {
		if !slices.ContainsFunc(a.Operations, func(r Row) bool { return r.Label() == is.Label() }) {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s is only in the second", is.Label()))
		}
	}
	return c
}

func compareRow(was, is Row) (out []Difference) {
	x, y := known(was.Points), known(is.Points)
	noise := max(spread(x), spread(y))
	different, enough := ranks(x, y)
	enough = enough && was.Count >= fewestAnswers && is.Count >= fewestAnswers
	for _, f := range []struct {
		what string
		of   func(*Times) float64
	}{{"felt p50", func(t *Times) float64 { return t.P50 }}, {"felt p99", func(t *Times) float64 { return t.P99 }}} {
		if was.Felt == nil || is.Felt == nil {
			continue
		}
		d := Difference{Row: was.Label(), What: f.what, Was: f.of(was.Felt), Is: f.of(is.Felt), Noise: noise, Verdict: Same}
		d.Ratio = d.Is / max(d.Was, 0.001)
		switch {
		case !enough:
			d.Verdict = Unsure
		case different && d.Ratio > 1.05:
			d.Verdict = Slower
		case different && d.Ratio < 1/1.05:
			d.Verdict = Faster
		}
		out = append(out, d)
	}
	return append(out, failures(was, is)...)
}

// failures compares how much failed, by the test of two proportions.
func failures(was, is Row) []Difference {
	if was.Failed+is.Failed == 0 || was.Count == 0 || is.Count == 0 {
		return nil
	}
	p, q := float64(was.Failed)/float64(was.Count), float64(is.Failed)/float64(is.Count)
	both := float64(was.Failed+is.Failed) / float64(was.Count+is.Count)
	z := math.Abs(p-q) / math.Sqrt(max(both*(1-both)*(1/float64(was.Count)+1/float64(is.Count)), 1e-12))
	d := Difference{Row: was.Label(), What: "failed %", Was: 100 * p, Is: 100 * q, Ratio: q / max(p, 1e-9), Verdict: Same}
	if z > sure {
		d.Verdict = map[bool]string{true: Slower, false: Faster}[q > p]
	}
	return []Difference{d}
}

// known are the intervals in which something was answered.
func known(points []float64) (out []float64) {
	for _, p := range points {
		if p > 0 {
			out = append(out, p)
		}
	}
	return out
}

// spread is by how much values differ from their median, as a ratio: the half of them.
func spread(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	m := median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v-m) / m
	}
	return median(away)
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

// sure is the number of standard deviations beyond which 1 % lies, on both sides.
const sure = 2.576

// ranks reports whether two sets of values differ (Mann and Whitney's U with the normal
// approximation, ties corrected), and whether there are enough of them to say.
func ranks(a, b []float64) (different, enough bool) {
	n, m := float64(len(a)), float64(len(b))
	if len(a) < fewestIntervals || len(b) < fewestIntervals {
		return false, false
	}
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	rank, ties := map[float64]float64{}, 0.0
	for i := 0; i < len(all); {
		k := i
		for k < len(all) && all[k] == all[i] {
			k++
		}
		rank[all[i]] = float64(i+k+1) / 2
		t := float64(k - i)
		ties += t*t*t - t
		i = k
	}
	sum := 0.0
	for _, v := range a {
		sum += rank[v]
	}
	u := sum - n*(n+1)/2
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 {
		return false, true
	}
	return math.Abs(u-n*m/2)/math.Sqrt(variance) > sure, true
}

// Slower reports whether anything got slower, or fails more.
func (c Comparison) Slower() bool {
	return slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Verdict == Slower })
}

// Text writes a comparison for people.
func (c Comparison) Text(w io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "OPERATION\tFIGURE\tWAS\tIS\tCHANGE\tNOISE\tVERDICT")
	for _, d := range c.Differences {
		was, is := Duration(d.Was), Duration(d.Is)
		if strings.HasSuffix(d.What, "%") {
			was, is = fmt.Sprintf("%.3f", d.Was), fmt.Sprintf("%.3f", d.Is)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%+.1f %%\t± %.1f %%\t%s\n", d.Row, d.What, was, is, 100*(d.Ratio-1), 100*d.Noise, d.Verdict)
	}
	t.Flush()
	for _, r := range c.Remarks {
		fmt.Fprintf(&b, "note: %s\n", r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
