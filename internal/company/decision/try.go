package decision

import (
	"sync"
	"time"

	"counterpart/internal/company/cause"
)

// mostAsked is how many of the last questions a process remembers.
const mostAsked = 1000

// asked are the last things that were to be decided here, whether an order was in force or
// not.
type asked struct {
	mu   sync.Mutex
	last []Subject
	next int
}

func (a *asked) note(s Subject) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.last) < mostAsked {
		a.last = append(a.last, s)
		return
	}
	a.last[a.next] = s
	a.next = (a.next + 1) % mostAsked
}

// Try says how many of the last decisions that this process was asked for an order would
// have taken, of how many. It is checked as Add would, and not given.
func (b *Overrides) Try(d Decision) (would, looked int, err error) {
	if err := b.check(&d); err != nil {
		return 0, 0, err
	}
	if !d.Until.IsZero() && !d.Until.After(b.clock.Now()) {
		return 0, 0, cause.Because(cause.BadInput, "until %s has passed", d.Until.Format(time.RFC3339))
	}
	b.asked.mu.Lock()
	defer b.asked.mu.Unlock()
	for _, s := range b.asked.last {
		if d.about(s) && (d.Next == 0 || would < d.Next) {
			would++
		}
	}
	return would, len(b.asked.last), nil
}
