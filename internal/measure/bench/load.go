package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// searchRate is UnboundID's library with its tools; .ci/tools fetches it.
const searchRate = "unboundid-ldapsdk-7.0.3.jar"

// generated is what a load generator did.
type generated struct {
	n    int64         // operations
	cpu  float64       // of its process, for each of them, in microseconds
	mean float64       // of the times that it measured, in milliseconds; 0: it measures none
	p50  float64       // likewise
	rate float64       // operations a second
	took time.Duration // of the whole process
}

// generators holds `counterpart load` beside other generators: the same target, the same rate,
// and what each operation costs the generator.
func generators(s settings) ([]row, error) {
	target, err := fleet(s, "load")
	if err != nil {
		return nil, err
	}
	defer target.Stop()
	route, addr, err := bare(s, "GET /bench", answer)
	if err != nil {
		return nil, err
	}
	defer route.Stop()
	g := generator{settings: s, ports: target.ports, bare: addr, lasts: 3 * s.each}
	var rows []row
	var wrong []error
	for _, x := range []struct {
		name, peer string
		bar        float64 // of our operations per second of processor against theirs
		ours       func(rate float64) (generated, error)
		theirs     func() (generated, error)
		bound      float64 // microseconds that an operation costs us at most; 0: not bounded
	}{
		{"RADIUS", "radclient -p", 1, func(rate float64) (generated, error) { return g.ours("radius", papPlan, rate) }, g.radclient, 15},
		{"LDAP", "searchrate", 1, func(rate float64) (generated, error) { return g.ours("ldap", searchPlan, rate) }, g.searchrate, 0},
		{"HTTP", "wrk", 0.5, func(float64) (generated, error) { return g.ours("http", getPlan, 0) }, g.wrk, 15},
	} {
		theirs, err := x.theirs()
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", x.peer, err))
			continue
		}
		ours, err := x.ours(math.Round(theirs.rate))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("load of %s: %w", x.name, err))
			continue
		}
		ratio := theirs.cpu / ours.cpu
		work := "load: " + x.name + ", cost of the generator"
		rows = append(rows, row{work + ", against " + x.peer, fmt.Sprintf("%.0f/s, %.1f µs", ours.rate, ours.cpu), fmt.Sprintf("%.0f/s, %.1f µs", theirs.rate, theirs.cpu), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≥ %.2f", x.bar), verdict(ratio >= x.bar)})
		if a, b, what := agreeing(ours, theirs); what != "" {
			rows = append(rows, row{"load: " + x.name + ", " + what + " against " + x.peer, fmt.Sprintf("%.3f ms", a), fmt.Sprintf("%.3f ms", b), fmt.Sprintf("%.2f", a/b), "0.67 to 1.50, or 0.2 ms", verdict(a/b > 0.67 && a/b < 1.5 || math.Abs(a-b) < 0.2)})
		}
		if x.bound > 0 {
			if ours, err = x.ours(busyRate); err != nil {
				wrong = append(wrong, fmt.Errorf("load of %s: %w", x.name, err))
				continue
			}
			rows = append(rows, row{work + fmt.Sprintf(" at %.0f/s", ours.rate), fmt.Sprintf("%.1f µs", ours.cpu), "", "", fmt.Sprintf("≤ %.0f µs", x.bound), verdict(ours.cpu <= x.bound)})
		}
	}
	return rows, errors.Join(wrong...)
}

// agreeing are the times that both have measured.
func agreeing(ours, theirs generated) (a, b float64, what string) {
	switch {
	case theirs.p50 > 0:
		return ours.p50, theirs.p50, "median"
	case theirs.mean > 0:
		return ours.mean, theirs.mean, "mean"
	}
	return 0, 0, ""
}

// generator runs them.
type generator struct {
	settings
	ports map[string]string
	bare  string // address of a route that answers at once
	lasts time.Duration
}

// The plans. Those of a given rate are an open loop; wrk is a closed one, of as many as CONNS.
const (
	papPlan = `load: PAP
target: http://CONTROL
lag: 1s
warm_up: 1s
arrival: [{rate: RATE, for: LASTS}]
journeys: [{name: log in, steps: [{radius: {password: "{{ user.password }}"}, to: radius, expect: {verdict: let_in}}]}]
`
	searchPlan = `load: searches
target: http://CONTROL
lag: 1s
warm_up: 1s
arrival: [{rate: RATE, for: LASTS}]
journeys: [{name: look up, steps: [{ldap: {search: {base: "dc=acme,dc=test", filter: "(uid={{ user.name }})", attributes: [cn]}}, to: unix, expect: {verdict: let_in}}]}]
`
	getPlan = `load: requests
target: http://CONTROL
targets: {bare: {url: "http://BARE"}}
warm_up: 1s
closed: {people: CONNS, for: LASTS}
journeys: [{name: look, steps: [{http: {path: /bench}, to: bare}]}]
`
	rateOfPeers = 1000  // operations a second, well below saturation
	busyRate    = 12000 // where what one operation costs shows, and not what it costs to wake up
	httpConns   = 4
)

// run runs a program to its end and says what it cost.
func (g *generator) run(c *exec.Cmd) (out []byte, cpu, took time.Duration, err error) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	began := time.Now()
	out, err = c.Output()
	took = time.Since(began)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if c.ProcessState != nil {
		cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return out, cpu, took, err
}

// ours is a run of a plan.
func (g *generator) ours(name, plan string, rate float64) (generated, error) {
	file, result := filepath.Join(g.dir, "load-"+name+".yaml"), filepath.Join(g.dir, "load-"+name+".json")
	text := strings.NewReplacer("CONTROL", g.ports["control/http"], "BARE", g.bare, "RATE", strconv.FormatFloat(rate, 'f', -1, 64), "LASTS", (g.lasts + time.Second).String(), "CONNS", strconv.Itoa(httpConns)).Replace(plan)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return generated{}, err
	}
	out, _, took, err := g.run(exec.Command(g.binary, "load", file, "--quiet", "--json", result))
	var r struct { // docs/load.md; times in milliseconds
		Seconds   float64
		Generator struct {
			Each float64 `json:"processor_us_each"`
		}
		All struct {
			Count int64
			Wire  struct{ Mean, P50 float64 }
		}
	}
	if text, wrong := os.ReadFile(result); wrong != nil {
		return generated{}, errors.Join(err, wrong)
	} else if wrong := json.Unmarshal(text, &r); wrong != nil {
		return generated{}, wrong
	}
	if err != nil {
		return generated{}, fmt.Errorf("%w\n%s", err, out)
	}
	return generated{n: r.All.Count, cpu: r.Generator.Each, mean: r.All.Wire.Mean, p50: r.All.Wire.P50, rate: float64(r.All.Count) / r.Seconds, took: took}, nil
}

// radclient sends a request for each of some people. It measures no times.
func (g *generator) radclient() (generated, error) {
	n := int(rateOfPeers * g.lasts.Seconds())
	var requests strings.Builder
	for i := range n {
		name, password := people.person(i)
		fmt.Fprintf(&requests, "User-Name = %q\nUser-Password = %q\n\n", name, password)
	}
	file := filepath.Join(g.dir, "requests")
	if err := os.WriteFile(file, []byte(requests.String()), 0o600); err != nil {
		return generated{}, err
	}
	out, cpu, took, err := g.run(exec.Command("radclient", "-q", "-s", "-p", "32", "-n", strconv.Itoa(rateOfPeers), "-f", file, g.ports["radius/auth"], "auth", secret))
	if err != nil || !strings.Contains(string(out), strconv.Itoa(n)) {
		return generated{}, fmt.Errorf("it has not sent %d requests: %w\n%s", n, err, out)
	}
	return generated{n: int64(n), cpu: cpu.Seconds() * 1e6 / float64(n), rate: float64(n) / took.Seconds(), took: took}, nil
}

// searchrate searches for people. Its first interval warms it up; the start of its machine is
// part of what it costs, as ours is of ours.
func (g *generator) searchrate() (generated, error) {
	host, port, _ := strings.Cut(g.ports["unix/ldap"], ":")
	jar := filepath.Join(filepath.Dir(filepath.Dir(g.python)), searchRate)
	out, cpu, took, err := g.run(exec.Command("java", "-cp", jar, "com.unboundid.ldap.sdk.examples.SearchRate", "-h", host, "-p", port, "-b", base, "-s", "sub",
		"-f", "(uid=user[1-100000%000000])", "-A", "cn", "-t", "4", "-r", strconv.Itoa(rateOfPeers), "-i", strconv.Itoa(int(g.lasts.Seconds())), "-I", "1", "--warmUpIntervals", "1", "-c"))
	if err != nil {
		return generated{}, fmt.Errorf("%w\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	// Recent Search/Sec,Recent Avg Dur ms,Recent Entries/Srch,Recent Errors/Sec,Overall Search/Sec,Overall Avg Dur ms
	fields := strings.Split(lines[len(lines)-1], ",")
	if len(fields) < 6 {
		return generated{}, fmt.Errorf("it says %q", lines[len(lines)-1])
	}
	rate, err := strconv.ParseFloat(fields[0], 64)
	mean, wrong := strconv.ParseFloat(fields[1], 64)
	n := int64(rate * 2 * g.lasts.Seconds()) // the warm-up costs as much
	return generated{n: n, cpu: cpu.Seconds() * 1e6 / float64(n), mean: mean, rate: rate, took: took}, errors.Join(err, wrong)
}

// wrk asks as fast as it is answered.
func (g *generator) wrk() (generated, error) {
	out, cpu, took, err := g.run(exec.Command("wrk", "-t", "1", "-c", strconv.Itoa(httpConns), "-d", fmt.Sprintf("%.0fs", g.lasts.Seconds()), "--latency", "http://"+g.bare+"/bench"))
	if err != nil {
		return generated{}, err
	}
	x := generated{took: took}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "50%":
			d, err := time.ParseDuration(fields[1])
			if err != nil {
				return x, err
			}
			x.p50 = d.Seconds() * 1000
		case len(fields) > 3 && fields[1] == "requests":
			x.n, err = strconv.ParseInt(fields[0], 10, 64)
		}
	}
	if err != nil || x.n == 0 || strings.Contains(string(out), "Non-2xx") {
		return x, fmt.Errorf("%w\n%s", err, out)
	}
	x.cpu, x.rate = cpu.Seconds()*1e6/float64(x.n), float64(x.n)/g.lasts.Seconds()
	return x, nil
}
