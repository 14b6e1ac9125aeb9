// Command soak plays racing histories through three replicas of the demo company over
// one Redis, while links are cut, Redis is killed and stopped, and replicas are killed, and looks
// with porcupine for an order in which one process could have answered so: of exclusive
// accounts, one-time codes, backup codes, approvals, ticket sessions, and requests that
// are repeated under one Idempotency-Key. Where there is none a law is broken, and the
// shortest history that shows it is printed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"sync"
	"text/tabwriter"
	"time"

	"counterpart/internal/measure/process"
	"counterpart/seed/worlds"
)

// settings of one run.
type settings struct {
	binary  string
	seed    uint64
	ops     int64
	lasts   time.Duration
	players int
	apart   bool
	verbose bool
	dir     string // temporary files
}

func main() {
	s := settings{}
	flag.StringVar(&s.binary, "binary", "bin/counterpart", "the binary of the replicas")
	flag.Uint64Var(&s.seed, "seed", 1, "what is done, and when what goes wrong, follows from it")
	flag.Int64Var(&s.ops, "ops", 1_000_000, "how many operations have to be answered clearly")
	flag.DurationVar(&s.lasts, "lasts", time.Hour, "end after this, however many there were")
	flag.IntVar(&s.players, "players", 48, "how many keys are played with at once")
	flag.BoolVar(&s.apart, "apart", false, "give each replica a store of its own, in memory: the laws must be broken")
	flag.BoolVar(&s.verbose, "v", false, "say what goes wrong, and when")
	flag.Parse()
	dir, err := os.MkdirTemp("", "counterpart-soak-")
	if err == nil {
		s.dir = dir
		err = run(s)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

const replicas = 3

// people with backup codes: there are enough of those for the whole run, up to a bound.
func (s settings) people() int { return int(min(max(s.ops/2500, 4), 200)) }

func run(s settings) error {
	f := &fleet{settings: s}
	defer f.end()
	if err := f.start(); err != nil {
		return err
	}
	g := newGame(f.replicas[:], s)
	g.began = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.lasts)
	defer cancel()
	d := &disturbances{db: f.db, links: f.links, fall: f.fall, log: func(format string, args ...any) {
		if s.verbose {
			fmt.Fprintf(os.Stderr, "%12.6f  %s\n", g.since().Seconds(), fmt.Sprintf(format, args...))
		}
	}}
	trouble, calm := context.WithCancel(ctx)
	defer calm()
	var wg sync.WaitGroup
	if !s.apart {
		wg.Go(func() {
			if err := d.run(trouble, rand.New(rand.NewPCG(s.seed, 0xd15))); err != nil {
				g.fail(err)
			}
		})
	}
	wg.Go(func() { g.progress(trouble, d) })
	broken, err := g.play(ctx, s.players, s.seed)
	calm()
	wg.Wait()
	if broken == nil && err == nil {
		broken, err = g.drain(2 * time.Minute)
	}
	if broken == nil && err == nil && g.known() < s.ops {
		fmt.Fprintf(os.Stderr, "the time of %v was over before\n", s.lasts)
	}
	if err == nil {
		g.table()
		fmt.Println(d)
	}
	return g.verdict(broken, err, s)
}

// progress says every few seconds how far it is.
func (g *game) progress(ctx context.Context, d *disturbances) {
	for pause(ctx, 5*time.Second) {
		g.mu.Lock()
		parked := len(g.parked)
		g.mu.Unlock()
		fmt.Fprintf(os.Stderr, "%4.0f s  %d of %d, %d keys are being settled; %s\n", g.since().Seconds(), g.known(), g.wanted, parked, d)
	}
}

// table prints what there was of each law.
func (g *game) table() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "LAW\tOK\tREFUSED\tUNKNOWN\t")
	for i, l := range g.laws {
		c := &g.counts[i]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t\n", l.name(), c[ok].Load(), c[refused].Load(), c[unknown].Load())
	}
	w.Flush()
}

// verdict is what has come out.
func (g *game) verdict(broken *round, err error, s settings) error {
	if broken != nil {
		text := fmt.Sprintf("%s of %s: no order explains this history (%d of its %d operations):\n%s", g.laws[broken.law].name(), broken.key,
			len(shortest(broken.model, broken.events, broken.late)), len(broken.events), told(shortest(broken.model, broken.events, broken.late))) + "  all of them:\n" + told(broken.events)
		again := fmt.Sprintf("-seed %d -ops %d -players %d", s.seed, s.ops, s.players)
		if s.apart {
			again += " -apart"
		}
		return errors.New(text + fmt.Sprintf("BROKEN after %d operations and %v; once more: make soak SOAK='%s'", g.known(), g.since().Round(time.Millisecond), again))
	}
	if err != nil {
		return err
	}
	for _, l := range g.laws {
		if r, found := l.(*repeats); found && !r.notes {
			if err := r.audit(g.replicas[0]); err != nil {
				return err
			}
		}
	}
	fmt.Printf("0 doubles in %s operations, within %v (-seed %d)\n", grouped(g.known()), g.since().Round(time.Second), s.seed)
	return nil
}

// grouped is a number with commas.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// newGame has all laws.
func newGame(all []*replica, s settings) *game {
	made := &repeats{}
	g := &game{replicas: all, wanted: s.ops, laws: []law{newHolders(), newCounted(), newTimed(), newBackups(s.people(), rand.New(rand.NewPCG(s.seed, 0xbac))),
		&questions{}, newVisits(), made, &repeats{notes: true, from: made}}}
	g.counts = make([]counts, len(g.laws))
	return g
}

// fleet is what is started: Redis, three replicas, and their links.
type fleet struct {
	settings
	db        *database
	links     []*link
	company   string // the file of the seed
	processes [replicas]*process.Process
	replicas  [replicas]*replica
}

func (f *fleet) start() (err error) {
	text, err := company(f.people())
	if err != nil {
		return err
	}
	if f.db, err = startRedis(f.dir); err != nil {
		return err
	}
	f.company = filepath.Join(f.dir, "company.yaml")
	if err := os.CopyFS(f.dir, worlds.FS); err != nil {
		return err
	}
	if err := os.WriteFile(f.company, []byte(text), 0o600); err != nil {
		return err
	}
	for i := range replicas {
		k, err := openLink(f.db.addr)
		if err != nil {
			return err
		}
		f.links = append(f.links, k)
		if err := f.serve(i); err != nil {
			return err
		}
	}
	return nil
}

// serve starts a replica and waits for its ports.
func (f *fleet) serve(i int) error {
	k := f.links[i]
	state := "redis://" + k.l.Addr().String()
	if f.apart {
		state = "memory"
	}
	file := filepath.Join(f.dir, fmt.Sprintf("ports%d.json", i))
	os.Remove(file)
	p, err := process.Start(filepath.Join(f.dir, fmt.Sprintf("replica%d.log", i)), f.binary, "serve", f.company, "--state", state, "--ports", "auto", "--ports-file", file)
	if err != nil {
		return err
	}
	f.processes[i] = p
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		select {
		case <-p.Ended():
			return p.Failed("counterpart does not start")
		default:
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		ports := map[string]string{}
		if err := json.Unmarshal(text, &ports); err != nil {
			return err
		}
		if f.replicas[i] == nil {
			f.replicas[i] = newReplica(i, ports)
			f.replicas[i].settled = k.whole
		}
		f.replicas[i].ports.Store(&ports)
		k.restore()
		return nil
	}
	return p.Failed("counterpart is not ready")
}

// fall kills a replica, and starts it again after a while: as its keeper would, again
// when the store does not answer it in time.
func (f *fleet) fall(i int, lasts time.Duration) error {
	f.replicas[i].ports.Store(nil)
	f.processes[i].Kill()
	time.Sleep(lasts)
	f.links[i].open()
	var err error
	for range 5 {
		if err = f.serve(i); err == nil {
			break
		}
	}
	return err
}

// end ends everything by its ID.
func (f *fleet) end() {
	for _, p := range f.processes {
		if p != nil {
			p.Stop()
		}
	}
	for _, k := range f.links {
		k.l.Close()
	}
	if f.db != nil && f.db.Process != nil {
		f.db.Stop()
	}
}
