package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sync returns once every replica has followed what was written before, and has handed
// over what there is to see of it; silent are those who have not answered in time.
func (g *Group) Sync(ctx context.Context) (silent []string, err error) {
	if !g.Several() {
		return nil, nil
	}
	for _, p := range g.attached() {
		if err := p.follow(ctx); err != nil {
			return nil, err
		}
	}
	answers, silent, err := g.ask(ctx)
	for _, m := range answers {
		g.catchUp(m)
	}
	return silent, err
}

// ask has all others answer, and waits for them.
func (g *Group) ask(ctx context.Context) (answers []Member, silent []string, err error) {
	var n uint64
	err = g.syncs.Change(ctx, syncKey, func(v *uint64, found bool) error {
		if !found { // in a store that was emptied, nobody must have answered before
			*v = max(uint64(max(g.wall().UnixMicro(), 0)), g.synced())
		}
		*v++
		n = *v
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if err := g.handOver(ctx); err != nil {
		return nil, nil, err
	}
	all, err := g.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	until, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, m := range all {
		if m.State != Live || m.ID == g.ID {
			continue
		}
		m, err = g.answered(ctx, until, m, n)
		switch {
		case err == nil && m.State != Live: // it went, or was lost, meanwhile
		case err == nil:
			answers = append(answers, m)
		case !errors.Is(err, errSilent): // the store has failed, or whoever asks has gone
			return nil, nil, err
		default:
			silent = append(silent, fmt.Sprintf("replica %s of %s has not answered within %v", m.ID, m.Host, patience))
		}
	}
	return answers, silent, nil
}

// errSilent is of a replica that has not answered in time.
var errSilent = errors.New("replica: no answer")

// answered waits until a replica has answered, or is gone, or until has ended; what it has
// said by then counts, however long others were waited for.
func (g *Group) answered(ctx, until context.Context, m Member, n uint64) (Member, error) {
	for {
		v, found, changed, err := g.members.Watch(ctx, m.ID)
		switch {
		case err != nil:
			return m, err
		case !found:
			m.State = Lost
			return m, nil
		case v.State != Live || v.Synced >= n:
			return v, nil
		}
		most := time.Duration(0)
		if changed == nil {
			most = askAgain
		}
		if until.Err() != nil {
			return v, cmp.Or(ctx.Err(), errSilent)
		}
		pause(until, changed, most)
	}
}

// askAgain is how often an answer is looked for when the store cannot tell.
const askAgain = 5 * time.Millisecond

// answer follows what others ask.
func (g *Group) answer(ctx context.Context) (<-chan struct{}, error) {
	n, _, changed, err := g.syncs.Watch(ctx, syncKey)
	if err != nil {
		return nil, err
	}
	if g.synced() == n {
		return changed, nil
	}
	if _, err := g.followClock(ctx); err != nil {
		return nil, err
	}
	for _, p := range g.attached() {
		if err := p.follow(ctx); err != nil {
			return nil, err
		}
	}
	if err := g.handOver(ctx); err != nil {
		return nil, err
	}
	done := g.followed()
	return changed, g.sign(ctx, func(m *Member) { m.Synced, m.Change = n, done })
}

func (g *Group) synced() uint64 {
	g.writing.Lock()
	defer g.writing.Unlock()
	return g.own.Synced
}

func (g *Group) attached() []Part {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.parts)
}

// handOver writes what others are to see of this replica.
func (g *Group) handOver(ctx context.Context) error {
	var wrong []error
	for _, p := range g.attached() {
		if p.HandOver != nil {
			wrong = append(wrong, p.HandOver(ctx))
		}
	}
	return errors.Join(wrong...)
}

// Silence is what Sync found wrong, as sentences: those who have not answered, and a store
// that is away.
func (g *Group) Silence(ctx context.Context) []string {
	silent, err := g.Sync(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	return silent
}
