// Command bench measures the bars of the design as ratios against peers or a
// bare baseline, on this machine, in one run: start and memory, native REST
// against a bare echo route, RADIUS against FreeRADIUS, LDAP against slapd, the
// journal on against off. Rounds alternate between the two sides, and medians
// are shown. It talks to loopback only and ends what it starts.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// settings of one run.
type settings struct {
	binary string
	rounds int
	each   time.Duration // per side and round
	conns  int
	dir    string // temporary files
	only   string
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "binary", "bin/counterpart", "the binary to measure")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds per comparison")
	flag.DurationVar(&s.each, "each", 2*time.Second, "time per side and round")
	flag.IntVar(&s.conns, "conns", 16, "connections or sockets of the load generator")
	flag.StringVar(&s.only, "only", "", "run only rows whose name contains this")
	echo := flag.String("serve-echo", "", "") // the bare baseline, in a process of its own
	flag.Parse()
	if *echo != "" {
		serveEcho(*echo)
		return
	}
	dir, err := os.MkdirTemp("", "counterpart-bench-")
	if err == nil {
		s.dir = dir
		err = run(s)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the result.
type row struct{ work, ours, theirs, ratio, bar, verdict string }

func run(s settings) error {
	var rows []row
	var wrong []error
	for _, part := range []struct {
		name string
		run  func(settings) ([]row, error)
	}{{"start", starts}, {"native", native}, {"radius", radius}, {"ldap", directory}} {
		if !strings.Contains(part.name, s.only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", part.name)
		more, err := part.run(s)
		if rows = append(rows, more...); err != nil { // the others are worth knowing all the same
			wrong = append(wrong, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WORK\tOURS\tPEER\tRATIO\tBAR\t")
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join([]string{r.work, r.ours, r.theirs, r.ratio, r.bar, r.verdict}, "\t"))
	}
	return errors.Join(append(wrong, w.Flush())...)
}

func median[T cmp.Ordered](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// side is one of two things that are compared.
type side func(time.Duration) (perSecond float64, err error)

// compare runs both sides in turns and returns their medians and the median of
// the ratios.
func compare(s settings, ours, theirs side) (a, b, ratio float64, err error) {
	var as, bs, ratios []float64
	for round := range s.rounds + 1 {
		x, err := ours(s.each)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("ours: %w", err)
		}
		y, err := theirs(s.each)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("theirs: %w", err)
		}
		if round > 0 { // the first one warms up
			as, bs, ratios = append(as, x), append(bs, y), append(ratios, x/y)
		}
	}
	return median(as), median(bs), median(ratios), nil
}

// contest is one comparison with the ratio that is wanted.
type contest struct {
	work         string
	bar          float64
	ours, theirs side
}

// versus is compare as a row.
func versus(s settings, c contest) (row, error) {
	a, b, ratio, err := compare(s, c.ours, c.theirs)
	if err != nil {
		return row{}, fmt.Errorf("%s: %w", c.work, err)
	}
	return row{c.work, fmt.Sprintf("%.0f/s", a), fmt.Sprintf("%.0f/s", b), fmt.Sprintf("%.2f", ratio),
		fmt.Sprintf("≥ %.2f", c.bar), verdict(ratio >= c.bar)}, nil
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "BELOW THE BAR"
}

// hammer runs one worker per connection for a while and returns the rate. A
// worker's first error ends all.
func hammer(n int, lasts time.Duration, work func(i int, stop <-chan struct{}) (int, error)) (float64, error) {
	stop := make(chan struct{})
	type result struct {
		n   int
		err error
	}
	results := make(chan result, n)
	began := time.Now()
	for i := range n {
		go func() {
			done, err := work(i, stop)
			results <- result{done, err}
		}()
	}
	time.AfterFunc(lasts, func() { close(stop) })
	total := 0
	var first error
	for range n {
		r := <-results
		total += r.n
		if r.err != nil && first == nil {
			first = r.err
		}
	}
	return float64(total) / time.Since(began).Seconds(), first
}

// over reports whether stop is closed.
func over(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}
