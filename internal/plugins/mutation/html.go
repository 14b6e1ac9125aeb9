package mutation

import (
	_ "embed" // the page
	"html/template"
	"io"
	"time"
)

//go:embed report.html
var page string

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"short": func(d time.Duration) string { return d.Round(time.Millisecond).String() },
		"class": func(s string) string { return string(s[0]) },
	}).Parse(page)
	if err != nil {
		return err
	}
	rows, groups := r.table()
	type tableRow struct {
		Name  string
		Cells []string
	}
	var table []tableRow
	for _, x := range rows {
		out := tableRow{Name: x.name}
		for _, g := range groups {
			out.Cells = append(out.Cells, cell(x.cells[g]))
		}
		table = append(table, out)
	}
	return t.Execute(w, map[string]any{"Report": r, "Groups": groups, "Rows": table, "Summary": r.Summary()})
}
