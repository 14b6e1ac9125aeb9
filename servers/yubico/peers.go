package yubico

import (
	"context"
	"slices"
	"strconv"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
)

// askPool tells the pool of an OTP that was accepted here. Of the first that answer, as
// many as the level wants, all must have seen less.
func (r *verification) askPool(ctx context.Context, k *key, t factor.Touched) error {
	all := len(r.set.SyncPool)
	want := (all*r.level + 99) / 100
	answers, valid := 0, 0
	if want > 0 {
		var err error
		if answers, valid, err = r.collect(ctx, k.device.PublicID, t.Row, want); err != nil {
			return err
		}
	}
	share := 0
	if all > 0 {
		share = 100 * valid / all
	}
	switch {
	case valid < answers:
		return cause.Because(cause.Replayed, "%d of %d answers of the pool say that the OTP was used", answers-valid, answers)
	case answers < want:
		r.showLevel(share)
		return cause.Because(notEnough, "%d of %d answers of the pool within %d s", answers, want, r.timeout)
	}
	r.showLevel(share)
	return nil
}

func (r *verification) showLevel(share int) { r.pool = []member{{"sl", strconv.Itoa(share)}} }

// collect waits for so many answers, the quickest first. valid are those that have not
// seen the OTP, nor a later one.
func (r *verification) collect(ctx context.Context, publicID string, sent factor.YubikeyRow, want int) (answers, valid int, err error) {
	began := r.Clock.Now()
	limit := time.Duration(r.timeout) * time.Second
	pool := make([]Peer, 0, len(r.set.SyncPool))
	ahead := map[string]bool{}
	faults := faultsOfPool(r.call)
	for _, p := range r.set.SyncPool {
		p, first := faults.of(p)
		pool, ahead[p.Name] = append(pool, p), first
	}
	slices.SortStableFunc(pool, func(a, b Peer) int { return int(a.Delay - b.Delay) })
	late := false
	for _, p := range pool {
		if p.Down {
			continue
		}
		if late = late || limit > 0 && p.Delay > limit; !late && answers < want && p.Delay > 0 {
			if err := r.Clock.Wait(ctx, began.Add(p.Delay)); err != nil {
				return answers, valid, err
			}
		}
		seen, err := advanceIn(ctx, r.peers, peerKey(p.Name, publicID), sent)
		if err != nil {
			return answers, valid, err
		}
		if late || seen.Inactive || answers == want { // it hears of the OTP, and its answer does not count
			continue
		}
		if ahead[p.Name] {
			seen.YubikeyRow = sent
			seen.Session++
		}
		if _, err := r.advance(ctx, publicID, seen.YubikeyRow); err != nil {
			return answers, valid, err
		}
		if answers++; !seen.Above(sent) && !(seen.Level(sent) && seen.Mark != sent.Mark) {
			valid++
		}
	}
	if late && answers < want {
		err = r.Clock.Wait(ctx, began.Add(limit))
	}
	return answers, valid, err
}
