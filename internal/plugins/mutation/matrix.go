package mutation

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// letters stand for verdicts in a cell.
var letters = map[Verdict]string{Open: "O", Hang: "H", Leak: "L", Crash: "C", Broken: "?", AsConfigured: "o"}

// row is an operation with its mutants by group.
type row struct {
	name  string
	cells map[Group][]Outcome
}

// table is the matrix: operations in the order in which they came, and the groups that
// there are.
func (r *Report) table() (rows []row, groups []Group) {
	used := map[Group]bool{}
	for _, o := range r.Mutants {
		name := short(o)
		i := slices.IndexFunc(rows, func(x row) bool { return x.name == name })
		if i < 0 {
			i = len(rows)
			rows = append(rows, row{name, map[Group][]Outcome{}})
		}
		rows[i].cells[o.Group] = append(rows[i].cells[o.Group], o)
		used[o.Group] = true
	}
	for _, g := range Groups() {
		if used[g] {
			groups = append(groups, g)
		}
	}
	return rows, groups
}

// short is an operation's name without which of several of its name it was.
func short(o Outcome) string {
	if o.Server == "" {
		return "the clock"
	}
	return o.Server + " " + o.Op
}

// cell is what a cell says: how many mutants, and of the worst verdict among them that
// somebody should look at, which and how many.
func cell(all []Outcome) string {
	for _, v := range Verdicts() {
		n := 0
		for _, o := range all {
			if slices.Contains(o.all(), v) {
				n++
			}
		}
		if n > 0 && letters[v] != "" {
			return letters[v] + fmt.Sprint(n)
		}
	}
	if len(all) == 0 {
		return "."
	}
	return fmt.Sprint(len(all))
}

// The widths of the matrix, for terminals of 80 columns.
const (
	width     = 80
	cellWidth = 5
)

// Print writes the matrix and the findings for people.
func (r *Report) Print(w io.Writer) {
	rows, groups := r.table()
	name := width - cellWidth*len(groups)
	fmt.Fprintf(w, "%-*s", name, "")
	for _, g := range groups {
		fmt.Fprintf(w, "%*s", cellWidth, g)
	}
	fmt.Fprintln(w)
	for _, x := range rows {
		fmt.Fprintf(w, "%-*s", name, fit(x.name, name))
		for _, g := range groups {
			fmt.Fprintf(w, "%*s", cellWidth, cell(x.cells[g]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\nmutants that were refused or changed nothing; of others O open, H hang, L leak,\nC crash, o open as configured, ? not played")
	for _, f := range r.Findings {
		f.print(w)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "\nleft out: %s\n", p)
	}
	fmt.Fprintf(w, "\n%s\n", r.Summary())
}

// mostMoments of a session are printed.
const mostMoments = 100

// Print writes an outcome with all that happened, for people.
func (o Outcome) Print(w io.Writer) {
	fmt.Fprintf(w, "%d %s %s: %s\n  %s\n  %s: %s\n", o.Number, o.ID, o.Case, o.Name(), o.Detail, o.Verdict, o.Why)
	moments := o.take.Result.Timeline
	for i, m := range moments {
		if i == mostMoments {
			fmt.Fprintf(w, "  … and %d more\n", len(moments)-i)
			break
		}
		fmt.Fprintf(w, "  %8s  %-12s %s\n", m.At.Round(time.Millisecond), m.Source, oneLine(m.Text))
	}
	fmt.Fprintln(w)
}

func (f Finding) print(w io.Writer) {
	word := string(f.Verdict)
	if !f.Confirmed {
		word += ", not with a new interpreter for each hook"
	}
	fmt.Fprintf(w, "\n%s: %s\n", word, f.Summary)
	if n := len(f.Mutants) - 1; n > 0 {
		fmt.Fprintf(w, "  and %s in the same way\n", plural(n, "mutant"))
	}
	fmt.Fprintf(w, "  %s\n", f.Command)
}

// fit shortens a name in its middle: both the method and the end of a path say most.
func fit(name string, width int) string {
	r := []rune(name)
	if len(r) < width {
		return name
	}
	head := 0
	if words := strings.SplitN(name, " ", 3); len(words) == 3 {
		head = min(len([]rune(words[0]+" "+words[1]+" ")), width/2)
	}
	tail := width - 2 - head
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}
