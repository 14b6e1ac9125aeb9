// Command bench measures the bars of the design as ratios against peers or a
// bare baseline, on this machine, in one run: start and memory, native REST and
// Vault reads against a bare echo route, Vault against the real one, a fleet in Redis against
// one in memory and against Redis itself, a data folder against memory, RADIUS against
// FreeRADIUS, LDAP against slapd, OTPs of YubiKeys against a bare route, the journal on against off; load tests against radclient, searchrate and wrk. Rounds alternate between the two sides, and medians
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

	"counterpart/internal/measure/process"
)

// settings of one run.
type settings struct {
	binary string
	python string // interpreter for plugins
	rounds int
	each   time.Duration // per side and round
	conns  int
	dir    string // temporary files
	only   string
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "binary", "bin/counterpart", "the binary to measure")
	flag.StringVar(&s.python, "python", "", "interpreter for plugins; default python3 from PATH")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds per comparison")
	flag.DurationVar(&s.each, "each", 2*time.Second, "time per side and round")
	flag.IntVar(&s.conns, "conns", 16, "connections or sockets of the load generator")
	flag.StringVar(&s.only, "only", "", "run only rows whose name contains this")
	var bare bareRoute // the baseline, in a process of its own
	flag.StringVar(&bare.addr, "serve-echo", "", "")
	flag.StringVar(&bare.route, "echo-route", "", "")
	flag.StringVar(&bare.file, "echo-answer", "", "")
	flag.Parse()
	if bare.addr != "" {
		bare.serve()
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
	}{{"start", starts}, {"native", native}, {"vault", vaults}, {"sessions", sessions}, {"radius", radius}, {"ldap", directory}, {"yubico", yubico}, {"disk", remembering}, {"plugin", plugins}, {"mutants", mutants}, {"million", million}, {"redis", shared}, {"replicas", replicas}, {"load", generators}} {
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
	fmt.Fprintln(w, "WORK\tOURS (rate, CPU each)\tPEER\tRATIO\tBAR\t")
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join([]string{r.work, r.ours, r.theirs, r.ratio, r.bar, r.verdict}, "\t"))
	}
	return errors.Join(append(wrong, w.Flush())...)
}

func median[T cmp.Ordered](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// side is one of two things that are compared: a process and how to load it.
type side struct {
	*process.Process
	load func(time.Duration) (perSecond float64, err error)
}

// measured is what one side did: operations a second, and the processor time of
// its process for each, in microseconds. The second does not depend on what the
// load generator costs, which both sides pay on the same machine.
type measured struct{ rate, cpu float64 }

func (x side) measure(lasts time.Duration) (measured, error) {
	before, err := x.CPU()
	if err != nil {
		return measured{}, err
	}
	began := time.Now()
	rate, err := x.load(lasts)
	if err != nil {
		return measured{}, err
	}
	took := time.Since(began).Seconds()
	after, err := x.CPU()
	return measured{rate, (after - before).Seconds() * 1e6 / (rate * took)}, err
}

// contest is one comparison with the ratio that is wanted; 0 wants none.
type contest struct {
	work         string
	bar          float64
	ours, theirs side
}

// versus runs both sides in turns and shows the medians of their rates and of
// the ratios.
func versus(s settings, c contest) (row, error) {
	var ours, theirs, ratios, costs, others []float64
	for round := range s.rounds + 1 {
		x, err := c.ours.measure(s.each)
		if err != nil {
			return row{}, fmt.Errorf("%s: ours: %w", c.work, err)
		}
		y, err := c.theirs.measure(s.each)
		if err != nil {
			return row{}, fmt.Errorf("%s: theirs: %w", c.work, err)
		}
		if round > 0 { // the first one warms up
			ours, theirs, ratios = append(ours, x.rate), append(theirs, y.rate), append(ratios, x.rate/y.rate)
			costs, others = append(costs, x.cpu), append(others, y.cpu)
		}
	}
	ratio := median(ratios)
	r := row{work: c.work, ours: fmt.Sprintf("%.0f/s, %.0f µs", median(ours), median(costs)),
		theirs: fmt.Sprintf("%.0f/s, %.0f µs", median(theirs), median(others)), ratio: fmt.Sprintf("%.2f", ratio)}
	if c.bar > 0 {
		r.bar, r.verdict = fmt.Sprintf("≥ %.2f", c.bar), verdict(ratio >= c.bar)
	}
	return r, nil
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
