package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/scenario"
)

// timing prints how long hooks took, by mode and hook: half of the calls were not
// slower than p50, 19 of 20 not slower than p95.
func timing(w io.Writer, results []scenario.Result) {
	type row struct {
		took          []time.Duration
		total, loaded time.Duration
	}
	rows := map[string]*row{}
	var order []string
	for _, r := range results {
		for _, h := range r.Hooks {
			name := fmt.Sprintf("%s.%s (%s)", h.Plugin, h.Hook, r.Mode)
			if rows[name] == nil {
				rows[name] = &row{}
				order = append(order, name)
			}
			x := rows[name]
			x.took = append(x.took, h.Took)
			x.total, x.loaded = x.total+h.Took, x.loaded+h.Import
		}
	}
	if len(order) == 0 {
		return
	}
	width := len("hook")
	for _, name := range order {
		width = max(width, len(name))
	}
	fmt.Fprintf(w, "\n%s  calls       p50       p95   imports\n", pad("hook", width))
	for _, name := range order {
		x := rows[name]
		slices.Sort(x.took)
		share := 0.0
		if x.total > 0 {
			share = 100 * float64(x.loaded) / float64(x.total)
		}
		fmt.Fprintf(w, "%s  %5d  %8s  %8s  %7.0f%%\n", pad(name, width), len(x.took), millis(x.took, 50), millis(x.took, 95), share)
	}
	fmt.Fprintln(w)
}

func pad(s string, width int) string { return s + strings.Repeat(" ", width-len(s)) }

// millis is a percentile (nearest rank) of sorted durations.
func millis(took []time.Duration, percent int) string {
	rank := max(1, (percent*len(took)+99)/100)
	return fmt.Sprintf("%.1fms", float64(took[rank-1])/float64(time.Millisecond))
}
