package report

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// HTML writes the report as one page with charts, which needs nothing from elsewhere and can
// be read on paper.
func HTML(w io.Writer, r *Report) error {
	p := &page{}
	p.raw(pageHead)
	p.put("<title>%s: %s</title></head><body>\n<h1>%s</h1>\n", r.Title, r.Verdict, r.Title)
	closed := ""
	if r.Closed {
		closed = ", closed loop"
	}
	p.put("<p class=\"sub\">%s, %s, %s s%s</p>\n", r.Plan, r.Began.Format("2006-01-02 15:04:05 MST"), fmt.Sprintf("%.1f", r.Seconds), closed)
	p.put("<p><span class=\"verdict %s\">%s</span></p>\n", r.Verdict, r.Verdict)
	p.list(r.Why)
	p.summary(r)
	for _, drawing := range r.charts() {
		p.raw(drawing)
	}
	if len(r.Moments) > 0 {
		p.raw("<h2>Moments</h2>")
		var moments []string
		for _, m := range r.Moments {
			moments = append(moments, fmt.Sprintf("%.1f s: %s", m.Seconds, m.What))
		}
		p.list(moments)
	}
	p.raw(`<h2>Operations</h2>
<p class="sub">felt: from when it was to be sent to the answer. wire: from when it was sent. truth: as the server has measured. lag: from when it was to be sent until it was.</p>
`)
	p.rows("Operation", append(append([]Row{}, r.Operations...), r.All))
	for _, row := range r.Operations {
		p.raw(row.curve())
	}
	if len(r.Journeys) > 0 {
		p.raw("<h2>Journeys</h2>")
		p.rows("Journey", r.Journeys)
	}
	p.reasons(r)
	p.judged(r)
	p.fleet(r.Fleet)
	p.raw("</body></html>\n")
	_, err := io.WriteString(w, p.String())
	return err
}

// page is HTML that is made. What is put into it is escaped, but for what raw takes.
type page struct{ strings.Builder }

func (p *page) raw(text string) { p.WriteString(text) }

// put writes a text whose values are escaped.
func (p *page) put(format string, values ...string) {
	escaped := make([]any, len(values))
	for i, v := range values {
		escaped[i] = html.EscapeString(v)
	}
	fmt.Fprintf(p, format, escaped...)
}

func (p *page) list(items []string) {
	if len(items) == 0 {
		return
	}
	p.raw("<ul>")
	for _, item := range items {
		p.put("<li>%s</li>", item)
	}
	p.raw("</ul>\n")
}

// summary is the run in a few sentences.
func (p *page) summary(r *Report) {
	g := r.Generator
	p.put("<p>%s journeys begun of %s; %s operations, %s a second.\n", Count(g.Begun), Count(g.Intended), Count(r.All.Count), fmt.Sprintf("%.1f", r.All.Rate))
	if f := r.All.Felt; f != nil {
		p.put("Felt: half within %s, 99 %% within %s, the longest %s.\n", Duration(f.P50), Duration(f.P99), Duration(f.Max))
	}
	p.put("The generator was late by %s with 1 %% of the journeys", Duration(g.Lag.P99))
	if g.Each > 0 {
		p.put(", and used %s µs of processor for each operation", fmt.Sprintf("%.1f", g.Each))
	}
	p.raw(".</p>\n")
}

// rows is a table of rows with their clocks.
func (p *page) rows(what string, rows []Row) {
	p.put(`<div class="scroll"><table><thead><tr><th>%s</th><th>Count</th><th>Rate</th><th>Refused</th><th>Failed</th><th class="l">Clock</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>
`, what)
	for _, row := range rows {
		first := func() {
			p.put(`<tr class="first"><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>`, row.Label(), Count(row.Count), fmt.Sprintf("%.1f", row.Rate), Count(row.Refused), Count(row.Failed))
		}
		clocks := row.Clocks()
		for i, c := range clocks {
			if i == 0 {
				first()
			} else {
				p.raw("<tr><td></td><td></td><td></td><td></td><td></td>")
			}
			p.put(`<td class="l">%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>
`, c.Name, Duration(c.P50), Duration(c.P90), Duration(c.P99), Duration(c.P999), Duration(c.Max))
		}
		if len(clocks) == 0 {
			first()
			p.raw("<td></td><td></td><td></td><td></td><td></td><td></td></tr>\n")
		}
	}
	p.raw("</tbody></table></div>\n")
}

// reasons are what was answered in place of what was asked for.
func (p *page) reasons(r *Report) {
	if len(r.All.Reasons) == 0 {
		return
	}
	p.raw(`<h2>What was answered instead</h2><table><thead><tr><th>Operation</th><th class="l">Verdict</th><th class="l">Answer</th><th>Count</th></tr></thead><tbody>`)
	for _, row := range r.Operations {
		for _, x := range row.Reasons {
			p.put(`<tr><td>%s</td><td class="l">%s</td><td class="l">%s</td><td>%s</td></tr>`, row.Label(), x.Verdict, x.Reason, Count(x.Count))
		}
	}
	p.raw("</tbody></table>\n")
}

// judged are the laws and the expectations.
func (p *page) judged(r *Report) {
	if len(r.Laws) > 0 {
		p.raw("<h2>Laws</h2><table><tbody>")
		for _, l := range r.Laws {
			p.put("<tr><td>%s", l.Name)
			if l.Said != "" {
				p.put(`<br><span class="sub">%s</span>`, l.Said)
			}
			if l.Broken > 0 {
				p.put(`<br>first broken by %s</td><td><b class="failed">broken %s times</b></td></tr>`, l.First, Count(int64(l.Broken)))
			} else {
				p.raw("</td><td>ok</td></tr>")
			}
		}
		p.raw("</tbody></table>\n")
	}
	if len(r.Expected) > 0 {
		p.raw("<h2>Expectations</h2><table><tbody>")
		for _, x := range r.Expected {
			p.put("<tr><td>%s</td><td>%s</td>", x.What, x.Saw)
			p.raw(map[bool]string{true: "<td>ok</td></tr>", false: `<td><b class="failed">not so</b></td></tr>`}[x.OK])
		}
		p.raw("</tbody></table>\n")
	}
}

// fleet is what servers measured of operations that no step names.
func (p *page) fleet(rows []Row) {
	if len(rows) == 0 {
		return
	}
	p.raw("<h2>What servers measured beside</h2><table><thead><tr><th>Operation</th><th>Count</th><th>p50</th><th>p99</th><th>max</th></tr></thead><tbody>")
	for _, row := range rows {
		if t := row.Truth; t != nil {
			p.put("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>", row.Label(), Count(row.Count), Duration(t.P50), Duration(t.P99), Duration(t.Max))
		}
	}
	p.raw("</tbody></table>\n")
}

const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem} h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ccc}
.sub{color:#555} .verdict{display:inline-block;padding:.1rem .6rem;border:2px solid;border-radius:4px;font-weight:700;text-transform:uppercase}
.passed{color:#2e7d32}.failed{color:#c0392b}.invalid,.interrupted{color:#8a5a00}
.scroll{overflow-x:auto} table{border-collapse:collapse;font-size:.86rem;width:100%}
th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #e2e2e2;white-space:nowrap}
th:first-child,td:first-child,td.l,th.l{text-align:left;white-space:normal} tr.first td{border-top:1px solid #999}
figure{margin:1rem 0;break-inside:avoid} figcaption{font-weight:600;font-size:.9rem}
svg{width:100%;height:auto;margin:.6rem 0;break-inside:avoid} .grid{stroke:#e0e0e0} .moment{stroke:#8a5a00;stroke-dasharray:3 3}
.tick,.key{font:11px system-ui,sans-serif;fill:#444}
@media (prefers-color-scheme:dark){@media screen{body{background:#151515;color:#e8e8e8}.sub{color:#aaa}th,td{border-color:#333}.grid{stroke:#333}.tick,.key{fill:#bbb}}}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}
</style>
`
