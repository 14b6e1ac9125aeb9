package coverage

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes a report for people. whole also lists the operations that nobody asked.
func (r Report) Print(w io.Writer, whole bool) {
	if len(r.Systems) == 0 {
		fmt.Fprint(w, "\ncoverage: the scenarios asked no system anything\n")
	} else {
		fmt.Fprintf(w, "\ncoverage: your scenarios met %d of the %d refusals that %s can utter where they are asked; %d more are of operations that no scenario uses\n",
			r.Met, r.Of, r.names(), r.Beyond)
	}
	for _, s := range r.Systems {
		s.print(w, whole)
	}
	if len(r.Hooks) > 0 {
		fmt.Fprint(w, "\n  hooks\n")
	}
	for _, h := range r.Hooks {
		h.print(w)
	}
	for _, c := range r.Code {
		c.print(w)
	}
	if r.NoCode != "" {
		fmt.Fprintf(w, "\n  code: %s\n", r.NoCode)
	}
}

// names are the systems.
func (r Report) names() string {
	var out []string
	for _, s := range r.Systems {
		out = append(out, s.Kind)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " and " + out[n-1]
	}
	return out[0]
}

func (s System) print(w io.Writer, whole bool) {
	fmt.Fprintf(w, "\n  %s: %d of %d\n", s.Kind, s.Met, s.Of)
	for _, o := range s.Operations {
		fmt.Fprintf(w, "    %s (asked %s): %d of %d\n", o.Op, times(o.Asked), len(o.Met), len(o.Met)+len(o.Never))
		if len(o.Met) > 0 {
			var met []string
			for _, m := range o.Met {
				met = append(met, m.Cause)
			}
			fmt.Fprintf(w, "      met:       %s\n", strings.Join(met, ", "))
		}
		if len(o.Never) > 0 {
			fmt.Fprintf(w, "      never met: %s\n", strings.Join(o.Never, ", "))
		}
	}
	for _, u := range s.Undeclared {
		fmt.Fprintf(w, "    met, and in no list: %s: %s\n", u.Op, u.Cause)
	}
	if whole {
		for _, o := range s.Unused {
			fmt.Fprintf(w, "    %s (never asked): %s\n", o.Op, strings.Join(o.Never, ", "))
		}
	} else if len(s.Unused) > 0 {
		fmt.Fprintf(w, "    %d operations with refusals were never asked; -v lists them\n", len(s.Unused))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (h Hook) print(w io.Writer) {
	fmt.Fprintf(w, "    %s: %s ", h.Plugin, h.Hook)
	if h.Calls == 0 {
		fmt.Fprintln(w, "never called")
		return
	}
	var how []string
	for _, ending := range sorted(h.Endings) {
		how = append(how, fmt.Sprintf("%s %d", ending, h.Endings[ending]))
	}
	fmt.Fprintf(w, "called %s", times(h.Calls))
	if len(how) > 0 {
		fmt.Fprintf(w, " (%s)", strings.Join(how, ", "))
	}
	fmt.Fprintln(w)
}

func (c Code) print(w io.Writer) {
	fmt.Fprintf(w, "\n  code of %s: %d of %d lines, %d of %d branches\n", c.Plugin, c.Lines, c.OfLines, c.Branches, c.OfBranches)
	for _, f := range c.Files {
		fmt.Fprintf(w, "    %s: %d of %d lines, %d of %d branches", f.Name, f.Lines, f.OfLines, f.Branches, f.OfBranches)
		if f.Missing != "" {
			fmt.Fprintf(w, "; never run: %s", f.Missing)
		}
		fmt.Fprintln(w)
	}
}

// JSON writes a report for machines.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
