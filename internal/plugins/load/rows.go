package load

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/step"
)

// observation is one operation, or one journey, that is over.
type observation struct {
	intended, sent, answered time.Time
	verdict                  step.Verdict
	reason                   string
	unexpected               string // what was wrong with the answer; empty: nothing
}

func (o observation) failed() bool  { return o.verdict == step.Failed }
func (o observation) refused() bool { return o.verdict == step.Refused }

// Timeout is the reason of an answer that did not come in time.
const Timeout = "timeout"

// timed reports whether its times count: those of what was answered, and of what was
// awaited in vain. A connection that is refused at once is no fast answer.
func (o observation) timed() bool { return !o.failed() || o.reason == Timeout }

// Bounds of what the names of operations, and what answers say, may make us remember.
const (
	mostRows    = 100
	mostReasons = 40
	others      = "others"
)

// row is what happened to one operation.
type row struct {
	mu              sync.Mutex
	name, server    string
	base            string   // what the fleet calls the operation, as far as is known
	part            bool     // of another operation, so that it is not counted again in the sum
	count           [4]int64 // by verdict
	unexpected      int64
	first           string
	reasons         map[report.Reason]int64 // without Count
	lag, felt, wire *hdrhistogram.Histogram
	series          *series
}

func newRow(name, server string) *row {
	return &row{name: name, server: server, reasons: map[report.Reason]int64{}, lag: newHistogram(), felt: newHistogram(), wire: newHistogram(), series: newSeries()}
}

// record counts an observation, at a moment from the start of the run.
func (r *row) record(at time.Duration, o observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count[o.verdict]++
	if o.unexpected != "" {
		if r.unexpected++; r.unexpected == 1 {
			r.first = o.unexpected
		}
	}
	if o.verdict != step.LetIn {
		key := report.Reason{Verdict: o.verdict.String(), Reason: o.reason}
		if _, known := r.reasons[key]; !known && len(r.reasons) >= mostReasons {
			key.Reason = others
		}
		r.reasons[key]++
	}
	if o.timed() {
		record(r.felt, o.answered.Sub(o.intended))
		if !o.sent.IsZero() {
			record(r.lag, o.sent.Sub(o.intended))
			record(r.wire, o.answered.Sub(o.sent))
		}
	}
	r.series.point(at).record(o)
}

// rows are those of one run.
type rows struct {
	mu    sync.Mutex
	byKey sync.Map // [2]string{server, name} → *row
	n     int
}

// of is the row of an operation of a server. What the fleet calls it is the name, unless base
// says otherwise.
func (r *rows) of(server, name string, base ...string) *row {
	key := [2]string{server, name}
	if found, ok := r.byKey.Load(key); ok {
		return found.(*row)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.byKey.Load(key); ok {
		return found.(*row)
	}
	if r.n >= mostRows {
		key = [2]string{"", others}
		if found, ok := r.byKey.Load(key); ok {
			return found.(*row)
		}
	}
	made := newRow(key[1], key[0])
	made.base = made.name
	for _, b := range base {
		made.base = b
	}
	r.n++
	r.byKey.Store(key, made)
	return made
}

// partOf is the row of what is a part of another operation.
func (r *rows) partOf(server, name string) *row {
	out := r.of(server, name)
	out.mu.Lock()
	defer out.mu.Unlock()
	out.part = out.name != others
	return out
}

// all are the rows in the order of their names.
func (r *rows) all() (out []*row) {
	r.byKey.Range(func(_, value any) bool {
		out = append(out, value.(*row))
		return true
	})
	slices.SortFunc(out, func(a, b *row) int { return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.name, b.name)) })
	return out
}

// merge adds another row.
func (r *row) merge(o *row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, n := range o.count {
		r.count[i] += n
	}
	r.unexpected += o.unexpected
	r.first = cmp.Or(r.first, o.first)
	for key, n := range o.reasons {
		r.reasons[key] += n
	}
	r.lag.Merge(o.lag)
	r.felt.Merge(o.felt)
	r.wire.Merge(o.wire)
}

// sum is all rows as one, but for parts of others.
func sum(list []*row) *row {
	out := newRow("all", "")
	for _, r := range list {
		if !r.part {
			out.merge(r)
		}
	}
	return out
}

func (r *row) total() (n int64) {
	for _, c := range r.count {
		n += c
	}
	return n
}

// report is the row as it is told. Closed loops say after how much time each person would
// have asked again.
func (r *row) report(took, again time.Duration) report.Row {
	out := r.glance(took)
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Lag, out.Felt, out.Wire = whole(r.lag), whole(r.felt), whole(r.wire)
	if again > 0 && out.Felt != nil {
		out.Felt.Corrected = whole(corrected(r.felt, again))
	}
	return out
}

// glance is the row for a look while the run goes on.
func (r *row) glance(took time.Duration) report.Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := report.Row{Name: r.name, Server: r.server, Count: r.total(), LetIn: r.count[step.LetIn], Asked: r.count[step.Asked], Refused: r.count[step.Refused],
		Failed: r.count[step.Failed], Unexpected: r.unexpected, First: r.first, Lag: times(r.lag), Felt: times(r.felt), Wire: times(r.wire)}
	if took > 0 {
		out.Rate = float64(out.Count) / took.Seconds()
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.reasons), func(a, b report.Reason) int {
		return cmp.Or(cmp.Compare(r.reasons[b], r.reasons[a]), cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason))
	}) {
		out.Reasons = append(out.Reasons, report.Reason{Verdict: key.Verdict, Reason: key.Reason, Count: r.reasons[key]})
	}
	return out
}
