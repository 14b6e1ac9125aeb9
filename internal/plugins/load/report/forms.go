package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"counterpart/internal/plugins/junit"
)

// JUnit writes the report as CI systems read it: a test for the run itself, one for each
// expectation, law and operation.
func JUnit(w io.Writer, r *Report) error {
	class := junit.Class(r.Plan)
	s := junit.Suite{Name: r.Title, Began: r.Began}
	add := func(name, kind, wrong string) {
		c := junit.Case{Class: class, Name: name}
		if wrong != "" {
			c.Failure = &junit.Message{Type: kind, Headline: wrong, Text: wrong}
		}
		s.Cases = append(s.Cases, c)
	}
	whole := junit.Case{Class: class, Name: "run", Took: time.Duration(r.Seconds * float64(time.Second)), Out: text(r)}
	switch r.Verdict {
	case Invalid, Interrupted:
		whole.Error = &junit.Message{Type: r.Verdict, Headline: strings.Join(r.Why[:min(1, len(r.Why))], ""), Text: strings.Join(r.Why, "\n")}
	}
	s.Cases = append(s.Cases, whole)
	for _, x := range r.Expected {
		wrong := ""
		if !x.OK {
			wrong = fmt.Sprintf("%s: %s, but it is %s", x.At, x.What, x.Saw)
		}
		add(x.What, "expectation", wrong)
	}
	for _, l := range r.Laws {
		wrong := ""
		if l.Broken > 0 {
			wrong = fmt.Sprintf("broken %d times, first by %s", l.Broken, l.First)
		}
		add("law: "+l.Name, "law", wrong)
	}
	for _, row := range r.Operations {
		wrong := ""
		if row.Unexpected > 0 {
			wrong = fmt.Sprintf("%d answers are not as expected, first: %s", row.Unexpected, row.First)
		}
		add("operation: "+row.Label(), "answer", wrong)
	}
	if n := r.Generator.Unfinished; n > 0 && !r.Interrupted {
		add("journeys end", "unfinished", fmt.Sprintf("%d were not over when the run was", n))
	}
	return junit.Write(w, "counterpart load", []junit.Suite{s})
}

func text(r *Report) string {
	var b strings.Builder
	Text(&b, r)
	return b.String()
}

// Prometheus writes the report in the text format of Prometheus, for a push gateway or the
// textfile collector.
func Prometheus(w io.Writer, r *Report) error {
	var b strings.Builder
	metric := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	metric("counterpart_load_run_info", "gauge", "The run, with its verdict.")
	fmt.Fprintf(&b, "counterpart_load_run_info{title=%s,plan=%s,verdict=%s} 1\n", label(r.Title), label(r.Plan), label(r.Verdict))
	metric("counterpart_load_seconds", "gauge", "Length of the run, in seconds.")
	fmt.Fprintf(&b, "counterpart_load_seconds %g\n", r.Seconds)
	metric("counterpart_load_journeys", "gauge", "Journeys of the run.")
	for _, x := range []struct {
		state string
		n     int64
	}{{"intended", r.Generator.Intended}, {"begun", r.Generator.Begun}, {"missed", r.Generator.Missed}, {"unfinished", r.Generator.Unfinished}} {
		fmt.Fprintf(&b, "counterpart_load_journeys{state=%s} %d\n", label(x.state), x.n)
	}
	rows := append(append([]Row{}, r.Operations...), r.Fleet...)
	metric("counterpart_load_operations", "gauge", "Operations by what was answered.")
	for _, row := range r.Operations {
		for _, x := range []struct {
			verdict string
			n       int64
		}{{"let_in", row.LetIn}, {"asked", row.Asked}, {"refused", row.Refused}, {"failed", row.Failed}} {
			fmt.Fprintf(&b, "counterpart_load_operations{server=%s,operation=%s,verdict=%s} %d\n", label(row.Server), label(row.Name), label(x.verdict), x.n)
		}
	}
	metric("counterpart_load_time_seconds", "gauge", "Percentiles of the time of operations, by clock: felt, wire, truth, lag.")
	for _, row := range rows {
		for _, c := range row.Clocks() {
			for _, q := range []struct {
				q  string
				ms float64
			}{{"0.5", c.P50}, {"0.9", c.P90}, {"0.95", c.P95}, {"0.99", c.P99}, {"0.999", c.P999}, {"1", c.Max}} {
				fmt.Fprintf(&b, "counterpart_load_time_seconds{server=%s,operation=%s,clock=%s,quantile=%s} %g\n", label(row.Server), label(row.Name), label(c.Name), label(q.q), q.ms/1000)
			}
		}
	}
	metric("counterpart_load_laws_broken", "gauge", "How often a law was broken.")
	for _, l := range r.Laws {
		fmt.Fprintf(&b, "counterpart_load_laws_broken{law=%s} %d\n", label(l.Name), l.Broken)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// label is a value of a label in its quotes.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "�")) + `"`
}
