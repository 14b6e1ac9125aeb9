package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// line is one line of a chart. Lines differ by their dashes, too, for paper has no colours.
type line struct {
	name   string
	color  string
	dash   string
	values []float64
}

// chart is a drawing of lines over time, or over percentiles.
type chart struct {
	title string
	x     []float64 // the same for all lines
	ticks []tick    // of x
	unit  func(float64) string
	log   bool // of y
	lines []line
	marks []tick // moments
}

type tick struct {
	at   float64
	text string
}

// The measures of a chart, in pixels.
const (
	chartWidth, chartHeight      = 760, 260
	left, right, top, bottomEdge = 64, 16, 30, 34
)

// svg draws the chart. What it says stands in its title and description, for those who
// do not see it.
func (c chart) svg() string {
	low, high := c.bounds()
	x := func(v float64) float64 {
		from, to := c.x[0], c.x[len(c.x)-1]
		if to <= from {
			to = from + 1
		}
		return left + (v-from)/(to-from)*(chartWidth-left-right)
	}
	y := func(v float64) float64 {
		part := 0.0
		if c.log {
			part = (math.Log10(max(v, low)) - math.Log10(low)) / (math.Log10(high) - math.Log10(low))
		} else {
			part = (v - low) / (high - low)
		}
		return chartHeight - bottomEdge - part*(chartHeight-top-bottomEdge)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption>", html.EscapeString(c.title))
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s"><title>%s</title>`, chartWidth, chartHeight, html.EscapeString(c.title), html.EscapeString(c.title))
	for _, t := range c.levels(low, high) {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, chartWidth-right, y(t), y(t), left-6, y(t)+4, html.EscapeString(c.unit(t)))
	}
	for _, t := range c.ticks {
		fmt.Fprintf(&b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x(t.at), chartHeight-bottomEdge+16, html.EscapeString(t.text))
	}
	for _, m := range c.marks {
		fmt.Fprintf(&b, `<line class="moment" x1="%.1f" x2="%.1f" y1="%d" y2="%d"><title>%s</title></line>`, x(m.at), x(m.at), top, chartHeight-bottomEdge, html.EscapeString(m.text))
	}
	at := left
	for _, l := range c.lines {
		var points strings.Builder
		for i, v := range l.values {
			if i < len(c.x) && (!c.log || v > 0) {
				fmt.Fprintf(&points, "%.1f,%.1f ", x(c.x[i]), y(finite(v)))
			}
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.8" stroke-dasharray="%s" points="%s"/>`, l.color, l.dash, strings.TrimSpace(points.String()))
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="14" y2="14" stroke="%s" stroke-width="2" stroke-dasharray="%s"/><text class="key" x="%d" y="18">%s</text>`,
			at, at+24, l.color, l.dash, at+30, html.EscapeString(l.name))
		at += 44 + 7*len([]rune(l.name))
	}
	b.WriteString("</svg></figure>")
	return b.String()
}

// bounds are the lowest and the highest value that the chart has room for.
func (c chart) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range c.lines {
		for _, v := range l.values {
			if v = finite(v); v > 0 || !c.log {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	switch {
	case math.IsInf(high, 0):
		return 0.1, 1
	case c.log:
		low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
		if high <= low {
			high = low * 10
		}
		return low, high
	}
	return 0, max(nice(high), 1e-9)
}

// nice is the next number of one digit that is 1, 2 or 5.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5, 10} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}

// levels are where the grid has lines.
func (c chart) levels(low, high float64) (out []float64) {
	if c.log {
		for v := low; v <= high*1.001; v *= 10 {
			out = append(out, v)
		}
		return out
	}
	for i := range 5 {
		out = append(out, low+(high-low)*float64(i)/4)
	}
	return out
}

// overTime is a chart of a series.
func (r *Report) overTime(title string, unit func(float64) string, lines ...line) chart {
	c := chart{title: title, unit: unit, lines: lines}
	n := 0
	for _, l := range lines {
		n = max(n, len(l.values))
	}
	for i := range max(n, 2) {
		c.x = append(c.x, float64(i)*r.Series.Interval)
	}
	end := c.x[len(c.x)-1]
	for i := range 6 {
		at := end * float64(i) / 5
		c.ticks = append(c.ticks, tick{at, fmt.Sprintf("%.0f s", at)})
	}
	for _, m := range r.Moments {
		if m.Seconds <= end {
			c.marks = append(c.marks, tick{m.Seconds, m.What})
		}
	}
	return c
}

// The colours of lines, which are told apart by most eyes, and their dashes.
const (
	blue, red, green, grey = "#1f5fbf", "#c0392b", "#2e7d32", "#6b6b6b"
	solid, dashed, dotted  = "none", "7 4", "2 3"
)

// charts are the drawings of a run.
func (r *Report) charts() []string {
	rate := func(v float64) string { return fmt.Sprintf("%g/s", math.Round(v*10)/10) }
	s := r.Series
	out := []string{
		r.overTime("Answers each second", rate, line{"answers", blue, solid, s.Rate}, line{"journeys that were to begin", grey, dotted, s.Intended},
			line{"refused", green, dashed, s.Refused}, line{"failed", red, dashed, s.Failed}).svg(),
		func() string {
			c := r.overTime("Time of an answer", Duration, line{"felt p99", red, solid, s.P99}, line{"felt p50", blue, solid, s.P50}, line{"wire p99", grey, dashed, s.Wire99})
			c.log = true
			return c.svg()
		}(),
		r.overTime("Journeys on their way", func(v float64) string { return fmt.Sprintf("%g", math.Round(v*10)/10) }, line{"on their way", blue, solid, s.InFlight}).svg(),
	}
	return out
}

// curve is the chart of a row's clocks over percentiles: each nine is as wide as the one
// before it.
func (r Row) curve() string {
	c := chart{title: "Percentiles of " + r.Label(), unit: Duration, log: true}
	quantiles := []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100}
	for _, q := range quantiles {
		at := 5.0
		if q < 100 {
			at = min(at, -math.Log10(1-q/100))
		}
		c.x = append(c.x, at)
	}
	c.ticks = []tick{{0, "0 %"}, {-math.Log10(0.5), "50 %"}, {1, "90 %"}, {2, "99 %"}, {3, "99.9 %"}, {4, "99.99 %"}, {5, "max"}}
	looks := map[string][2]string{"felt": {red, solid}, "felt, corrected": {red, dotted}, "wire": {blue, dashed}, "truth": {green, solid}}
	for _, k := range r.Clocks() {
		if look, ok := looks[k.Name]; ok && len(k.Curve) == len(quantiles) {
			c.lines = append(c.lines, line{k.Name, look[0], look[1], k.Curve})
		}
	}
	if len(c.lines) == 0 {
		return ""
	}
	return c.svg()
}
