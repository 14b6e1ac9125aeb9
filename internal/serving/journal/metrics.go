package journal

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Series names what is counted together.
type Series struct{ Server, Op, Outcome string }

// Metrics counts operations and how long they took in real time, for Prometheus.
// A nil Metrics counts nothing.
type Metrics struct {
	all atomic.Pointer[map[Series]*sample] // replaced when a series is new
	mu  sync.Mutex                         // held by whoever replaces it

	unplayed map[Missing]uint64 // under mu
}

// Missing is a feature of a real system that a client asked for and that is not
// played.
type Missing struct{ Server, Feature string }

// Unplayed counts a request for a feature that a server does not play. It reports
// whether it is the first one.
func (m *Metrics) Unplayed(server, feature string) (first bool) {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unplayed == nil {
		m.unplayed = map[Missing]uint64{}
	}
	k := Missing{server, feature}
	if m.unplayed[k] == 0 && len(m.unplayed) >= mostSeries {
		return false
	}
	m.unplayed[k]++
	return m.unplayed[k] == 1
}

// mostSeries bounds the memory: an operation's name can be a client's invention.
const mostSeries = 2000

// bounds of the histogram in seconds.
var bounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type sample struct {
	count atomic.Uint64
	nanos atomic.Uint64
	le    [17]atomic.Uint64 // per bucket, not cumulated; the last one is above all bounds
	fine  fine
}

// Count counts one operation.
func (m *Metrics) Count(s Series, took time.Duration) {
	if m == nil {
		return
	}
	x := m.at(s)
	if x == nil {
		x = m.add(s)
	}
	x.count.Add(1)
	x.nanos.Add(uint64(max(took, 0)))
	seconds, i := took.Seconds(), 0 // most are within the first
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	x.le[i].Add(1)
	x.fine.count(took)
}

func (m *Metrics) at(s Series) *sample {
	if p := m.all.Load(); p != nil {
		return (*p)[s]
	}
	return nil
}

func (m *Metrics) add(s Series) *sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[Series]*sample{}
	if p := m.all.Load(); p != nil {
		next = maps.Clone(*p)
	}
	if len(next) >= mostSeries {
		s = Series{Server: s.Server, Op: "other", Outcome: s.Outcome}
	}
	x := next[s]
	if x == nil {
		x = &sample{}
		next[s] = x
		m.all.Store(&next)
	}
	return x
}

// Counts are what one replica has counted, or several together.
type Counts struct {
	Series   map[string]Counted `json:"series,omitempty"` // by server, operation and outcome, apart by a zero octet
	Unplayed map[string]uint64  `json:"unplayed,omitempty"`
}

// Counted is one series.
type Counted struct {
	Nanos uint64     `json:"nanos"`
	Le    [17]uint64 `json:"le"`
	Fine  []Filled   `json:"fine,omitempty"` // the same in the buckets of Bucket
}

// total is how many operations there were.
func (c Counted) total() (n uint64) {
	for _, x := range c.Le {
		n += x
	}
	return n
}

// Counts are what was counted so far.
func (m *Metrics) Counts() Counts {
	out := Counts{Series: map[string]Counted{}, Unplayed: map[string]uint64{}}
	if m == nil {
		return out
	}
	if p := m.all.Load(); p != nil {
		for s, x := range *p {
			c := Counted{Nanos: x.nanos.Load(), Fine: x.fine.filled()}
			for i := range x.le {
				c.Le[i] = x.le[i].Load()
			}
			out.Series[s.Server+"\x00"+s.Op+"\x00"+s.Outcome] = c
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, n := range m.unplayed {
		out.Unplayed[k.Server+"\x00"+k.Feature] = n
	}
	return out
}

// Add adds what another replica has counted.
func (c *Counts) Add(other Counts) {
	if c.Series == nil {
		c.Series = map[string]Counted{}
	}
	if c.Unplayed == nil {
		c.Unplayed = map[string]uint64{}
	}
	for k, x := range other.Series {
		sum := c.Series[k]
		sum.Nanos += x.Nanos
		for i := range x.Le {
			sum.Le[i] += x.Le[i]
		}
		sum.Fine = added(sum.Fine, x.Fine)
		c.Series[k] = sum
	}
	for k, n := range other.Unplayed {
		c.Unplayed[k] += n
	}
}

// WriteTo writes the Prometheus text format, version 0.0.4.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) { return m.Counts().WriteTo(w) }

// WriteTo writes the Prometheus text format, version 0.0.4.
func (c Counts) WriteTo(w io.Writer) (int64, error) {
	b := counting{w: w} // as a whole it would be held in memory for each reader
	io.WriteString(&b, "# HELP counterpart_operations_total Operations of the fake systems by how they ended.\n# TYPE counterpart_operations_total counter\n")
	all := slices.Sorted(maps.Keys(c.Series))
	for _, k := range all {
		fmt.Fprintf(&b, "counterpart_operations_total{%s} %d\n", labels(seriesOf(k)), c.Series[k].total())
	}
	io.WriteString(&b, "# HELP counterpart_operation_seconds How long operations took in real time.\n# TYPE counterpart_operation_seconds histogram\n")
	for _, k := range all {
		x, sum, named := c.Series[k], uint64(0), labels(seriesOf(k))
		for i, n := range x.Le {
			sum += n
			le := "+Inf"
			if i < len(bounds) {
				le = fmt.Sprint(bounds[i])
			}
			fmt.Fprintf(&b, "counterpart_operation_seconds_bucket{%s,le=%q} %d\n", named, le, sum)
		}
		fmt.Fprintf(&b, "counterpart_operation_seconds_sum{%s} %g\ncounterpart_operation_seconds_count{%s} %d\n", named, time.Duration(x.Nanos).Seconds(), named, sum)
	}
	io.WriteString(&b, "# HELP counterpart_unplayed_total Requests for features of the real systems that are not played here.\n# TYPE counterpart_unplayed_total counter\n")
	for _, k := range slices.Sorted(maps.Keys(c.Unplayed)) {
		server, feature, _ := strings.Cut(k, "\x00")
		fmt.Fprintf(&b, "counterpart_unplayed_total{server=\"%s\",feature=\"%s\"} %d\n", quoted.Replace(server), quoted.Replace(feature), c.Unplayed[k])
	}
	return b.n, b.err
}

// counting is a writer that counts, and that stops at the first failure.
type counting struct {
	w   io.Writer
	n   int64
	err error
}

// Write implements io.Writer.
func (c *counting) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.n, c.err = c.n+int64(n), err
	return n, err
}

// seriesOf is the series of a key of Counts.
func seriesOf(key string) Series {
	server, rest, _ := strings.Cut(key, "\x00")
	op, outcome, _ := strings.Cut(rest, "\x00")
	return Series{server, op, outcome}
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func labels(s Series) string {
	return `server="` + quoted.Replace(s.Server) + `",operation="` + quoted.Replace(s.Op) + `",outcome="` + quoted.Replace(s.Outcome) + `"`
}
