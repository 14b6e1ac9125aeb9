// Command storm attacks a fleet of its own on loopback, with thousands of clients
// that do nothing, stop half-way, never read or leave, and holds it against its
// bounds: memory while they are there and after they have left, and whether others
// are served meanwhile. Every attack is bounded in time and number, the server has
// a limit on its memory, and what is started is ended.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The bounds of the design, section 10.
const (
	base    = 60 << 20 // octets at rest, and in a storm without connections
	each    = 32 << 10 // octets more for each open connection
	patient = 3 * time.Minute
	worst   = 5 * time.Second // for somebody else's request in a storm
)

// settings of one run.
type settings struct {
	binary   string
	short    bool
	only     string
	profiles string
	dir      string // temporary files
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "binary", "bin/counterpart", "the binary to attack")
	flag.BoolVar(&s.short, "short", false, "a tenth of the clients, and no waiting for the end of what is slow")
	flag.StringVar(&s.only, "only", "", "run only storms whose name contains this")
	flag.StringVar(&s.profiles, "profiles", "", "a folder for what the heap has after a storm whose memory stays")
	flag.Parse()
	dir, err := os.MkdirTemp("", "counterpart-storm-")
	if err == nil {
		s.dir = dir
		err = run(s)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

// outcome is one line of the result.
type outcome struct {
	name    string
	clients int
	stored  uint64 // octets that the fleet keeps on purpose
	peak    uint64 // resident, while they were there
	allowed uint64
	slowest time.Duration // of somebody else's requests meanwhile
	failed  int           // of those
	after   uint64        // resident, when it was within the bound or the patience was over
	took    time.Duration // until then
	dead    error
}

func (o outcome) verdict() string {
	var wrong []string
	if o.dead != nil {
		wrong = append(wrong, o.dead.Error())
	}
	if o.peak > o.allowed {
		wrong = append(wrong, "too much memory")
	}
	if o.failed > 0 || o.slowest > worst {
		wrong = append(wrong, "others suffer")
	}
	if o.after > base+o.stored {
		wrong = append(wrong, "memory stays")
	}
	if len(wrong) == 0 {
		return "kept"
	}
	return "BROKEN: " + strings.Join(wrong, ", ")
}

func run(s settings) error {
	v, err := launch(s)
	if err != nil {
		return err
	}
	defer v.Stop()
	var rows []outcome
	broken := 0
	for _, a := range attacks(v) {
		if !slices.ContainsFunc(strings.Split(s.only, "|"), func(part string) bool { return strings.Contains(a.name, part) }) {
			continue
		}
		if s.short {
			a.clients = max(a.clients/10, 1)
		}
		fmt.Fprintf(os.Stderr, "%s, %d clients …\n", a.name, a.clients)
		o := v.play(a)
		if o.verdict() != "kept" {
			broken++
		}
		rows = append(rows, o)
		fmt.Fprintf(os.Stderr, "    %s: %d MiB, %d allowed\n", o.verdict(), o.peak>>20, o.allowed>>20)
		if o.dead != nil {
			break
		}
	}
	if s.short { // each of them was not waited for
		o := outcome{name: "three minutes after all", allowed: base}
		v.rest(&o)
		if rows = append(rows, o); o.verdict() != "kept" {
			broken++
		}
	}
	table(rows)
	if broken > 0 {
		return v.Failed("the bounds of " + fmt.Sprint(broken) + " storms do not hold")
	}
	return nil
}

// table prints what was seen.
func table(rows []outcome) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STORM\tCLIENTS\tPEAK MiB\tALLOWED\tOTHERS' WORST\tAFTER MiB\tWITHIN\t")
	mib := func(n uint64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }
	for _, o := range rows {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%v\t%s\t%v\t%s\n", o.name, o.clients, mib(o.peak), mib(o.allowed), o.slowest.Round(time.Millisecond),
			mib(o.after), o.took.Round(time.Second), o.verdict())
	}
	w.Flush()
}
