package mutation

import (
	_ "embed" // the style
	"io"
	"strconv"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

//go:embed report.css
var style string

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.Meta(g.Attr("http-equiv", "Content-Security-Policy"), h.Content("default-src 'none'; style-src 'unsafe-inline'")),
			h.TitleEl(g.Text("counterpart plugin mutate")),
			h.StyleEl(g.Raw(style)),
		),
		h.Body(
			h.H1(g.Text("What the plugin makes of wrong answers")),
			h.P(g.Text(r.Summary())),
			g.Iff(len(r.Problems) > 0, func() g.Node {
				return g.Group{h.H2(g.Text("Left out")), h.Ul(g.Map(r.Problems, func(x string) g.Node { return h.Li(g.Text(x)) }))}
			}),
			h.H2(g.Text("Operations and what was wrong with their answers")),
			r.htmlMatrix(),
			h.P(g.Text("Mutants that were refused or changed nothing that decides; of others O open, H hang, L leak, C crash, o open as configured, ? not played.")),
			h.H2(g.Text("Findings")),
			g.If(len(r.Findings) == 0, h.P(g.Text("None."))),
			g.Map(r.Findings, Finding.html),
			h.H2(g.Text("Mutants")),
			r.htmlMutants(),
		),
	)).Render(w)
}

// htmlTable is a table that scrolls by itself when it is too wide.
func htmlTable(heads []string, rows g.Node) g.Node {
	return h.Div(h.Class("wide"), h.Table(
		h.THead(h.Tr(g.Map(heads, func(text string) g.Node { return h.Th(h.Scope("col"), g.Text(text)) }))),
		h.TBody(rows)))
}

func (r *Report) htmlMatrix() g.Node {
	rows, groups := r.table()
	heads := []string{"operation"}
	for _, x := range groups {
		heads = append(heads, string(x))
	}
	return htmlTable(heads, g.Map(rows, func(x row) g.Node {
		return h.Tr(h.Td(h.Class("op"), g.Text(x.name)), g.Map(groups, func(group Group) g.Node {
			text := cell(x.cells[group])
			return h.Td(h.Class("n "+text[:1]), g.Text(text))
		}))
	}))
}

func (f Finding) html() g.Node {
	verdict := string(f.Verdict)
	return h.Article(h.Class(verdict),
		h.P(h.Span(h.Class(verdict), g.Text(verdict)),
			g.If(f.Hook != "", g.Text(" in "+f.Hook)),
			g.If(f.Line != "", g.Group{g.Text(" at "), h.Code(g.Text(f.Line))}),
			g.If(!f.Confirmed, g.Text(" (not with a new interpreter for each hook)"))),
		h.P(g.Text(f.Summary)),
		h.P(h.Code(g.Text(f.Command))))
}

func (r *Report) htmlMutants() g.Node {
	return htmlTable([]string{"number", "id", "verdict", "operation", "what was wrong", "what happened", "time"}, g.Map(r.Mutants, func(o Outcome) g.Node {
		return h.Tr(
			h.Td(h.Class("n"), g.Text(strconv.Itoa(o.Number))), h.Td(h.Code(g.Text(o.ID))),
			h.Td(h.Class(string(o.Verdict)), g.Text(string(o.Verdict))), h.Td(h.Class("op"), g.Text(o.Name())),
			h.Td(g.Text(o.Detail)), h.Td(g.Text(o.Why)), h.Td(h.Class("n"), g.Text(o.Took.Round(time.Millisecond).String())))
	}))
}
