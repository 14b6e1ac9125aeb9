package journal

import (
	"cmp"
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

// missing are the features that were asked for, sorted.
func (m *Metrics) missing() (all []Missing, counts []uint64) {
	if m == nil {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all = slices.SortedFunc(maps.Keys(m.unplayed), func(a, b Missing) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Feature, b.Feature))
	})
	for _, k := range all {
		counts = append(counts, m.unplayed[k])
	}
	return all, counts
}

// mostSeries bounds the memory: an operation's name can be a client's invention.
const mostSeries = 2000

// bounds of the histogram in seconds.
var bounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type sample struct {
	count atomic.Uint64
	nanos atomic.Uint64
	le    [17]atomic.Uint64 // per bucket, not cumulated; the last one is above all bounds
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

// WriteTo writes the Prometheus text format, version 0.0.4.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	b.WriteString("# HELP counterpart_operations_total Operations of the fake systems by how they ended.\n# TYPE counterpart_operations_total counter\n")
	all := m.sorted()
	for _, s := range all {
		fmt.Fprintf(&b, "counterpart_operations_total{%s} %d\n", labels(s), m.at(s).count.Load())
	}
	b.WriteString("# HELP counterpart_operation_seconds How long operations took in real time.\n# TYPE counterpart_operation_seconds histogram\n")
	for _, s := range all {
		x, sum := m.at(s), uint64(0)
		for i := range x.le {
			sum += x.le[i].Load()
			le := "+Inf"
			if i < len(bounds) {
				le = fmt.Sprint(bounds[i])
			}
			fmt.Fprintf(&b, "counterpart_operation_seconds_bucket{%s,le=%q} %d\n", labels(s), le, sum)
		}
		fmt.Fprintf(&b, "counterpart_operation_seconds_sum{%s} %g\ncounterpart_operation_seconds_count{%s} %d\n",
			labels(s), time.Duration(x.nanos.Load()).Seconds(), labels(s), sum)
	}
	b.WriteString("# HELP counterpart_unplayed_total Requests for features of the real systems that are not played here.\n# TYPE counterpart_unplayed_total counter\n")
	missing, counts := m.missing()
	for i, k := range missing {
		fmt.Fprintf(&b, "counterpart_unplayed_total{server=\"%s\",feature=\"%s\"} %d\n", quoted.Replace(k.Server), quoted.Replace(k.Feature), counts[i])
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (m *Metrics) sorted() (all []Series) {
	if m == nil {
		return nil
	}
	if p := m.all.Load(); p != nil {
		all = slices.Collect(maps.Keys(*p))
	}
	slices.SortFunc(all, func(a, b Series) int {
		return strings.Compare(a.Server+"\x00"+a.Op+"\x00"+a.Outcome, b.Server+"\x00"+b.Op+"\x00"+b.Outcome)
	})
	return all
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func labels(s Series) string {
	return `server="` + quoted.Replace(s.Server) + `",operation="` + quoted.Replace(s.Op) + `",outcome="` + quoted.Replace(s.Outcome) + `"`
}
