package scenario

import (
	"bytes"
	"context"
	"sync"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// fleets keeps fleets of cases that are over for other cases of the same file and
// the same seed, in worker mode: they are taken back to their seeds first. A case
// cannot see what one before it did.
type fleets struct {
	mu   sync.Mutex
	idle map[string][]*idleFleet // by the scenario's path
	left map[string]int          // cases that are still to come, by path
}

// idleFleet is a fleet that nobody uses.
type idleFleet struct {
	*backends
	of source
}

// newFleets knows how many cases may want a fleet again. It is nil where what the
// cases do in both modes is compared: what servers count in memory, such as the
// requests in their identifiers, a reset does not take back.
func newFleets(all []job, modes []string) *fleets {
	if len(modes) > 1 {
		return nil
	}
	f := &fleets{idle: map[string][]*idleFleet{}, left: map[string]int{}}
	for _, j := range all {
		if j.mode == string(pluginhost.Worker) {
			f.left[j.c.Path]++
		}
	}
	return f
}

// take is a fleet of that seed that is as new; nil when there is none.
func (f *fleets) take(path, mode string, s source) (*backends, error) {
	if f == nil || mode != string(pluginhost.Worker) {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left[path]--
	for i, b := range f.idle[path] {
		if b.of.name == s.name && bytes.Equal(b.of.text, s.text) {
			f.idle[path] = append(f.idle[path][:i:i], f.idle[path][i+1:]...)
			return b.backends, nil
		}
	}
	return nil, nil
}

// longestIdle is how much of a fleet's time may pass between the moment that its
// seed's times count from and a case: a code's window, a lease that runs out.
const longestIdle = 30 * time.Second

// give takes the fleet of a case that is over back to its seed and keeps it, or
// stops it where it would not be as new: somebody moved its clock, it is old, or
// something that a case has begun may still go on.
func (f *fleets) give(r *run, b *backends) {
	if f == nil || r.mode != string(pluginhost.Worker) || r.moved || !r.clean || !b.Faults.Idle() || r.seed.text == nil || time.Since(b.started) > longestIdle || !f.wanted(r.Path) ||
		b.Reset(context.Background()) != nil {
		b.stop()
		return
	}
	b.Rewind()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle[r.Path] = append(f.idle[r.Path], &idleFleet{b, r.seed})
}

// wanted reports whether a case of a file is still to come.
func (f *fleets) wanted(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left[path] > len(f.idle[path])
}

// close stops what is left.
func (f *fleets) close() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, list := range f.idle {
		for _, b := range list {
			b.stop()
		}
	}
}
