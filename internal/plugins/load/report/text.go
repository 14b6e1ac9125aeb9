package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// JSON writes the report, for programs and for Compare.
func JSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// longestReport bounds what Read takes, in octets.
const longestReport = 64 << 20

// Read reads what JSON wrote.
func Read(in io.Reader) (*Report, error) {
	var r Report
	d := json.NewDecoder(io.LimitReader(in, longestReport))
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("it is no report of a load test: %w", err)
	}
	switch {
	case r.Version == 0 || r.Verdict == "":
		return nil, fmt.Errorf("it is no report of a load test; `counterpart load PLAN --json FILE` writes one")
	case r.Version > Version:
		return nil, fmt.Errorf("it has the version %d, and this program knows %d", r.Version, Version)
	}
	return &r, nil
}

// Duration is milliseconds as people read them: 3.2ms, 1.25s.
func Duration(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 1:
		return fmt.Sprintf("%.0fµs", ms*1000)
	case ms < 10:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 100:
		return fmt.Sprintf("%.1fms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	case ms < 100_000:
		return fmt.Sprintf("%.2fs", ms/1000)
	}
	return fmt.Sprintf("%.0fs", ms/1000)
}

// Count is a number with a blank between thousands.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// Text writes the report for people at a terminal.
func Text(w io.Writer, r *Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", r.Title, r.Plan)
	fmt.Fprintf(&b, "%s journeys begun of %s in %.1f s, at most %s at once; %s operations, %.1f a second\n", Count(r.Generator.Begun), Count(r.Generator.Intended),
		r.Seconds, Count(int64(r.Generator.Most)), Count(r.All.Count), r.All.Rate)
	if g := r.Generator; g.Each > 0 {
		fmt.Fprintf(&b, "generator: %.1f s of processor, %.1f µs for each operation; late by %s with 1 %% of the journeys\n", g.Processor, g.Each, Duration(g.Lag.P99))
	}
	b.WriteByte('\n')
	r.table(&b)
	r.reasons(&b)
	r.fleet(&b)
	r.beside(&b)
	fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(r.Verdict))
	for _, why := range r.Why {
		fmt.Fprintf(&b, "  %s\n", why)
	}
	_, err := io.WriteString(w, strings.Map(visible, b.String()))
	return err
}

// visible drops what would move the cursor: names and answers come from elsewhere.
func visible(c rune) rune {
	if c < 0x20 && c != '\n' || c == 0x7f {
		return -1
	}
	return c
}

// table is the rows with their clocks.
func (r *Report) table(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "OPERATION\tCOUNT\tRATE\tREFUSED\tFAILED\tCLOCK\tP50\tP90\tP99\tP99.9\tMAX")
	rows := append([]Row{}, r.Operations...)
	if len(rows) > 1 {
		rows = append(rows, r.All)
	}
	for _, row := range r.Journeys {
		row.Name = "journey " + row.Name
		rows = append(rows, row)
	}
	for _, row := range rows {
		first := fmt.Sprintf("%s\t%s\t%.1f\t%s\t%s", row.Label(), Count(row.Count), row.Rate, Count(row.Refused), Count(row.Failed))
		for _, c := range row.Clocks() {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", first, c.Name, Duration(c.P50), Duration(c.P90), Duration(c.P99), Duration(c.P999), Duration(c.Max))
			first = "\t\t\t\t"
		}
		if first != "\t\t\t\t" {
			fmt.Fprintln(t, first+"\t-\t-\t-\t-\t-\t-")
		}
	}
	t.Flush()
}

// Label is the name of a row with its server.
func (r Row) Label() string {
	if r.Server == "" {
		return r.Name
	}
	return r.Server + ": " + r.Name
}

// Clock is one of a row's clocks.
type Clock struct {
	Name string
	Times
}

// Clocks are the clocks of a row that have run, in the order in which they are told.
func (r Row) Clocks() (out []Clock) {
	add := func(name string, t *Times) {
		if t != nil {
			out = append(out, Clock{name, *t})
		}
	}
	add("felt", r.Felt)
	if r.Felt != nil {
		add("felt, corrected", r.Felt.Corrected)
	}
	add("wire", r.Wire)
	add("truth", r.Truth)
	add("lag", r.Lag)
	return out
}

// reasons are what was not let in, by what was said.
func (r *Report) reasons(b *strings.Builder) {
	if len(r.All.Reasons) == 0 {
		return
	}
	b.WriteString("\nWhat was answered instead\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range r.Operations {
		for _, x := range row.Reasons {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", row.Label(), x.Verdict, x.Reason, Count(x.Count))
		}
	}
	t.Flush()
}

// fleet is what servers have measured of operations that no step names.
func (r *Report) fleet(b *strings.Builder) {
	if len(r.Fleet) == 0 {
		return
	}
	b.WriteString("\nWhat servers measured beside (truth)\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range r.Fleet {
		if x := row.Truth; x != nil {
			fmt.Fprintf(t, "  %s\t%s\tp50 %s\tp99 %s\tmax %s\n", row.Label(), Count(row.Count), Duration(x.P50), Duration(x.P99), Duration(x.Max))
		}
	}
	t.Flush()
}

// beside is what stands below the tables.
func (r *Report) beside(b *strings.Builder) {
	if len(r.Laws) > 0 {
		b.WriteString("\nLaws\n")
		for _, l := range r.Laws {
			if l.Broken == 0 {
				fmt.Fprintf(b, "  ok    %s%s\n", l.Name, behind(l.Said))
			} else {
				fmt.Fprintf(b, "  BROKEN %d times: %s%s\n    first by %s\n", l.Broken, l.Name, behind(l.Said), l.First)
			}
		}
	}
	if len(r.Expected) > 0 {
		b.WriteString("\nExpectations\n")
		for _, x := range r.Expected {
			fmt.Fprintf(b, "  %s  %s: %s\n", map[bool]string{true: "ok  ", false: "FAIL"}[x.OK], x.What, x.Saw)
		}
	}
	for i, m := range r.Moments {
		if i == 0 {
			b.WriteString("\nMoments\n")
		}
		fmt.Fprintf(b, "  %6.1f s  %s\n", m.Seconds, m.What)
	}
}

func behind(said string) string {
	if said == "" {
		return ""
	}
	return ": " + said
}

// finite is a number that JSON and drawings can hold.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
