// Package replica is what the processes of one fleet do to be one. All of it goes
// through the store that they share: who is there, what time it is, and that something
// written by one is in force at all of them once its writer has been answered.
//
// A process whose store is nobody else's and ends with it is alone: nothing here runs or
// is written then.
package replica

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// How replicas know of each other, in real time.
const (
	beatEvery = time.Second      // between two signs of life
	aloneBeat = 10 * time.Second // of one that nobody else looks at
	lostAfter = 5 * time.Second  // without a sign of life
	patience  = 2 * time.Second  // for the others to answer
	againIn   = 200 * time.Millisecond
	mostGone  = 32 // replicas on record that are no longer there
)

// Tables are the names of what replicas share begins with: no part of what an export has
// or a reset forgets.
const Tables = "fleet"

// Config is one replica.
type Config struct {
	ID, Host string
	Store    state.Store
	// Lasting says that the store outlives the process.
	Lasting bool
	Clock   *clock.Virtual
	Wall    func() time.Time // the machine's clock
	Log     *slog.Logger
	// Lost hears of a replica that ended without a goodbye, at the one that noticed first.
	Lost func(context.Context, Member)
	// Forgotten hears of a replica that has been gone for so long that it is taken off
	// the record, at the one that did it; may be nil.
	Forgotten func(ctx context.Context, id string)
}

// Part is something that replicas share besides records.
type Part struct {
	// Follow takes over what others have written. changed is closed when there may be
	// more; nil: nobody can tell, and it is called again and again. May be nil.
	Follow func(ctx context.Context) (changed <-chan struct{}, err error)
	// HandOver writes what others are to see of this replica. May be nil.
	HandOver func(ctx context.Context) error
	// Run goes on beside the replica until ctx ends. May be nil.
	Run func(ctx context.Context)
}

func (p Part) follow(ctx context.Context) error {
	if p.Follow == nil {
		return nil
	}
	_, err := p.Follow(ctx)
	return err
}

// State is what has become of a replica.
type State string

// The states.
const (
	Live State = "live"
	Left State = "left" // it has said goodbye
	Lost State = "lost" // it gave no sign of life for some time
)

// Member is one replica on record.
type Member struct {
	ID      string    `json:"id"`
	Host    string    `json:"host,omitempty"`
	State   State     `json:"state"`
	Started time.Time `json:"started"`       // real time, by its own clock
	Seen    time.Time `json:"seen"`          // real time of its last sign of life, by its own clock
	Gone    time.Time `json:"gone,omitzero"` // real time when it left or was found lost
	Now     time.Time `json:"now"`           // what it showed as the fleet's time at its last sign of life
	Beat    uint64    `json:"beat"`          // counts signs of life
	Synced  uint64    `json:"synced"`        // the last request for answers that it has answered
	Change  uint64    `json:"change"`        // the last change of the clock that it has followed
}

// Group is the replicas of a fleet as one of them sees them.
type Group struct {
	Config
	clocks  *state.Collection[moment]
	members *state.Collection[Member]
	syncs   *state.Collection[uint64]

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	clockMu sync.Mutex
	applied moment // the record of the clock that was followed last

	writing sync.Mutex // held by whoever writes this replica's record
	own     Member
	failed  atomic.Pointer[error] // what became of the last attempt

	mu     sync.Mutex
	parts  []Part
	sights map[string]sight
}

// sight is what was seen last of another replica.
type sight struct {
	beat uint64
	at   time.Time // with the monotonic reading
}

// New returns a replica that has not joined yet.
func New(c Config) *Group {
	g := &Group{Config: c, clocks: state.Of[moment](c.Store, Tables), syncs: state.Of[uint64](c.Store, Tables),
		members: state.Of[Member](c.Store, Tables+"/replica"), sights: map[string]sight{}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.own = Member{ID: c.ID, Host: c.Host, State: Live, Started: g.wall()}
	return g
}

// Alone reports that nothing is shared with anybody, now or later.
func (g *Group) Alone() bool { return !g.Store.Shared() && !g.Lasting }

// Several reports that other processes can be part of the fleet.
func (g *Group) Several() bool { return g.Store.Shared() }

// Join makes this replica one of the fleet: its clock shows the fleet's time, which goes
// on from there, and others find it on record.
func (g *Group) Join(ctx context.Context) error {
	if g.Alone() {
		return nil
	}
	before, err := g.List(ctx)
	if err != nil {
		return err
	}
	if err := g.adopt(ctx, before); err != nil {
		return err
	}
	done := g.followed()
	if err := g.sign(ctx, func(m *Member) { m.Change = done }); err != nil { // from now on others wait for what this one says
		return err
	}
	g.keep(g.followClock)
	if g.Several() {
		g.keep(g.answer)
	}
	g.running.Go(g.live)
	return nil
}

// Attach adds parts, which have followed when it returns.
func (g *Group) Attach(ctx context.Context, parts ...Part) error {
	if !g.Several() {
		return nil
	}
	for _, p := range parts {
		if err := p.follow(ctx); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.parts = append(g.parts, parts...)
	g.mu.Unlock()
	for _, p := range parts {
		if p.Follow != nil {
			g.keep(p.Follow)
		}
		if p.Run != nil {
			g.running.Go(func() { p.Run(g.ctx) })
		}
	}
	return nil
}

// keep follows something for as long as the replica is there.
func (g *Group) keep(follow func(context.Context) (<-chan struct{}, error)) {
	g.running.Go(func() {
		for g.ctx.Err() == nil {
			changed, err := follow(g.ctx)
			switch {
			case err != nil:
				pause(g.ctx, nil, againIn)
			case changed == nil:
				pause(g.ctx, nil, clock.Unsure)
			default:
				pause(g.ctx, changed, 0)
			}
		}
	})
}

// pause waits until changed is closed, some real time has passed (0: for ever), or ctx ends.
func pause(ctx context.Context, changed <-chan struct{}, most time.Duration) {
	var ring <-chan time.Time
	if most > 0 {
		t := time.NewTimer(most)
		defer t.Stop()
		ring = t.C
	}
	select {
	case <-changed:
	case <-ring:
	case <-ctx.Done():
	}
}

// Leave hands over what is left and says goodbye.
func (g *Group) Leave() error {
	if g.Alone() {
		return nil
	}
	g.stop()
	g.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := g.handOver(ctx)
	return errors.Join(err, g.sign(ctx, func(m *Member) { m.State, m.Gone = Left, m.Seen }))
}

// sign writes this replica's record, as a sign of life.
func (g *Group) sign(ctx context.Context, more func(*Member)) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	next := g.own
	next.Beat++
	next.Now, _ = g.Clock.Shows()
	next.Seen = g.wall()
	if more != nil {
		more(&next)
	}
	g.own = next // also when nobody knows whether it was written: no two signs are the same
	err := g.members.Put(ctx, g.ID, next, time.Time{})
	if g.ctx.Err() == nil { // or it was called off
		g.failed.Store(&err)
	}
	return err
}

// Err is why this replica could not write its last sign of life; nil: it could.
func (g *Group) Err() error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Return puts back what is of this replica, and the fleet's time as it goes on, into a
// store that has lost them.
func (g *Group) Return(ctx context.Context) error {
	if g.Alone() {
		return nil
	}
	if _, err := g.followClock(ctx); err != nil {
		return err
	}
	done := g.followed()
	return g.sign(ctx, func(m *Member) { m.Change = done })
}

// live gives signs of life and looks for those of others.
func (g *Group) live() {
	t := time.NewTicker(g.every())
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-g.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(g.ctx, patience)
		done := g.followed()
		if err := g.sign(ctx, func(m *Member) { m.Change = done }); err == nil && g.Several() {
			g.look(ctx)
		}
		cancel()
	}
}

// every is the time between two signs of life.
func (g *Group) every() time.Duration {
	if g.Several() {
		return beatEvery
	}
	return aloneBeat
}

// look sees which of the others live, and goes by the one whose clock is ahead.
func (g *Group) look(ctx context.Context) {
	all, err := g.List(ctx)
	if err != nil {
		return
	}
	now := time.Now()
	for _, m := range all {
		if m.ID == g.ID || m.State != Live {
			continue
		}
		g.mu.Lock()
		s, known := g.sights[m.ID]
		if !known || s.beat != m.Beat {
			s = sight{m.Beat, now}
			g.sights[m.ID] = s
		}
		g.mu.Unlock()
		if s.at.Equal(now) {
			g.catchUp(m)
		} else if now.Sub(s.at) >= lostAfter {
			g.lose(ctx, m)
		}
	}
	g.tidy(ctx, all)
}

// lose notes that a replica ended without a goodbye, unless it has given a sign of life.
func (g *Group) lose(ctx context.Context, m Member) {
	lost := false
	err := g.members.Change(ctx, m.ID, func(v *Member, found bool) error {
		if lost = found && v.State == Live && v.Beat == m.Beat; !lost {
			return state.ErrKeep
		}
		v.State, v.Gone = Lost, g.wall()
		m = *v
		return nil
	})
	if err != nil || !lost {
		return
	}
	g.Log.Warn("a replica of the fleet is lost", "replica", m.ID, "host", m.Host)
	if g.Lost != nil {
		g.Lost(ctx, m)
	}
}

// tidy forgets those who have been gone for longest.
func (g *Group) tidy(ctx context.Context, all []Member) {
	gone := slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return m.State == Live })
	slices.SortFunc(gone, func(a, b Member) int { return a.Gone.Compare(b.Gone) })
	for _, m := range gone[:max(0, len(gone)-mostGone)] {
		was, err := g.members.DeleteIf(ctx, m.ID, func(v *Member) error {
			if v.State == Live {
				return state.ErrKeep
			}
			return nil
		})
		if was && err == nil && g.Forgotten != nil {
			g.Forgotten(ctx, m.ID)
		}
	}
}

// List are the replicas on record, in the order in which they started.
func (g *Group) List(ctx context.Context) (all []Member, err error) {
	if g.Alone() {
		g.writing.Lock()
		defer g.writing.Unlock()
		m := g.own
		m.Now, _ = g.Clock.Shows()
		m.Seen = g.wall()
		return []Member{m}, nil
	}
	for m, err := range g.members.All(ctx, state.Range{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, *m.Value)
	}
	slices.SortFunc(all, func(a, b Member) int { return a.Started.Compare(b.Started) })
	return all, nil
}
