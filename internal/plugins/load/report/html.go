package report

import (
	"html/template"
	"io"
)

// HTML writes the report as one page with charts, which needs nothing from elsewhere and can
// be read on paper.
func HTML(w io.Writer, r *Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{"time": Duration, "count": Count,
		"charts": (*Report).charts, "curve": Row.curve}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}: {{.Verdict}}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem} h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ccc}
.sub{color:#555} .verdict{display:inline-block;padding:.1rem .6rem;border:2px solid;border-radius:4px;font-weight:700;text-transform:uppercase}
.passed{color:#2e7d32}.failed{color:#c0392b}.invalid,.interrupted{color:#8a5a00}
.scroll{overflow-x:auto} table{border-collapse:collapse;font-size:.86rem;width:100%}
th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #e2e2e2;white-space:nowrap}
th:first-child,td:first-child,td.l,th.l{text-align:left;white-space:normal} tr.first td{border-top:1px solid #999}
svg{width:100%;height:auto;margin:.6rem 0;break-inside:avoid} .grid{stroke:#e0e0e0} .moment{stroke:#8a5a00;stroke-dasharray:3 3}
.tick,.key{font:11px system-ui,sans-serif;fill:#444}
@media (prefers-color-scheme:dark){@media screen{body{background:#151515;color:#e8e8e8}.sub{color:#aaa}th,td{border-color:#333}.grid{stroke:#333}.tick,.key{fill:#bbb}}}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}
</style></head><body>
<h1>{{.Title}}</h1>
<p class="sub">{{.Plan}}, {{.Began.Format "2006-01-02 15:04:05 MST"}}, {{printf "%.1f" .Seconds}} s{{if .Closed}}, closed loop{{end}}</p>
<p><span class="verdict {{.Verdict}}">{{.Verdict}}</span></p>
{{with .Why}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
<p>{{count .Generator.Begun}} journeys begun of {{count .Generator.Intended}}; {{count .All.Count}} operations, {{printf "%.1f" .All.Rate}} a second.
{{with .All.Felt}}Felt: half within {{time .P50}}, 99 % within {{time .P99}}, the longest {{time .Max}}.{{end}}
{{with .Generator}}The generator was late by {{time .Lag.P99}} with 1 % of the journeys{{if .Each}}, and used {{printf "%.1f" .Each}} µs of processor for each operation{{end}}.{{end}}</p>
{{range charts .}}{{.}}{{end}}
{{with .Moments}}<h2>Moments</h2><ul>{{range .}}<li>{{printf "%.1f" .Seconds}} s: {{.What}}</li>{{end}}</ul>{{end}}
<h2>Operations</h2>
<p class="sub">felt: from when it was to be sent to the answer. wire: from when it was sent. truth: as the server has measured. lag: from when it was to be sent until it was.</p>
<div class="scroll"><table><thead><tr><th>Operation</th><th>Count</th><th>Rate</th><th>Refused</th><th>Failed</th><th class="l">Clock</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>
{{range .Operations}}{{template "row" .}}{{end}}{{template "row" .All}}</tbody></table></div>
{{range .Operations}}{{curve .}}{{end}}
{{with .Journeys}}<h2>Journeys</h2><div class="scroll"><table><thead><tr><th>Journey</th><th>Count</th><th>Rate</th><th>Refused</th><th>Failed</th><th class="l">Clock</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>{{range .}}{{template "row" .}}{{end}}</tbody></table></div>{{end}}
{{with .All.Reasons}}<h2>What was answered instead</h2><table><thead><tr><th>Operation</th><th class="l">Verdict</th><th class="l">Answer</th><th>Count</th></tr></thead><tbody>
{{range $.Operations}}{{$row := .}}{{range .Reasons}}<tr><td>{{$row.Label}}</td><td class="l">{{.Verdict}}</td><td class="l">{{.Reason}}</td><td>{{count .Count}}</td></tr>{{end}}{{end}}</tbody></table>{{end}}
{{with .Laws}}<h2>Laws</h2><table><tbody>{{range .}}<tr><td>{{.Name}}{{with .Said}}<br><span class="sub">{{.}}</span>{{end}}{{with .First}}<br>first broken by {{.}}{{end}}</td><td>{{if .Broken}}<b class="failed">broken {{.Broken}} times</b>{{else}}ok{{end}}</td></tr>{{end}}</tbody></table>{{end}}
{{with .Expected}}<h2>Expectations</h2><table><tbody>{{range .}}<tr><td>{{.What}}</td><td>{{.Saw}}</td><td>{{if .OK}}ok{{else}}<b class="failed">not so</b>{{end}}</td></tr>{{end}}</tbody></table>{{end}}
{{with .Fleet}}<h2>What servers measured beside</h2><table><thead><tr><th>Operation</th><th>Count</th><th>p50</th><th>p99</th><th>max</th></tr></thead><tbody>
{{range .}}<tr><td>{{.Label}}</td><td>{{count .Count}}</td>{{with .Truth}}<td>{{time .P50}}</td><td>{{time .P99}}</td><td>{{time .Max}}</td>{{end}}</tr>{{end}}</tbody></table>{{end}}
</body></html>
{{define "row"}}{{$row := .}}{{range $i, $c := .Clocks}}<tr{{if not $i}} class="first"{{end}}>{{if $i}}<td></td><td></td><td></td><td></td><td></td>{{else}}<td>{{$row.Label}}</td><td>{{count $row.Count}}</td><td>{{printf "%.1f" $row.Rate}}</td><td>{{count $row.Refused}}</td><td>{{count $row.Failed}}</td>{{end}}<td class="l">{{$c.Name}}</td><td>{{time $c.P50}}</td><td>{{time $c.P90}}</td><td>{{time $c.P99}}</td><td>{{time $c.P999}}</td><td>{{time $c.Max}}</td></tr>{{else}}<tr class="first"><td>{{$row.Label}}</td><td>{{count $row.Count}}</td><td>{{printf "%.1f" $row.Rate}}</td><td>{{count $row.Refused}}</td><td>{{count $row.Failed}}</td><td></td><td></td><td></td><td></td><td></td><td></td></tr>{{end}}{{end}}`
