package factor

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Resync sets a device right by two consecutive codes (RFC 4226 section 7.4):
// HOTP within SyncWindow counters from the next one on, TOTP within SyncWindow
// steps on either side, where it also sets the drift. The second code is used
// up; earlier codes stay dead.
func (b *Service) Resync(ctx context.Context, deviceID, first, second string) (Match, error) {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return Match{}, err
	}
	if d.Kind != world.TOTP && d.Kind != world.HOTP {
		return Match{}, cause.Because(cause.WrongKind, "%s is a %s device and has no counter", d.ID, d.Kind)
	}
	one, err := wellFormed(first, digitsOf(d.Device))
	if err != nil {
		return Match{}, err
	}
	two, err := wellFormed(second, digitsOf(d.Device))
	if err != nil {
		return Match{}, err
	}
	var counter uint64
	var verdict error
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		now := b.Clock.Now()
		if verdict = usable(d.Device, p, now); verdict != nil {
			return time.Time{}, state.ErrKeep
		}
		counter, verdict = resync(d.Device, p, now, [2]string{one, two})
		p.count(d.Device, verdict, now)
		return time.Time{}, nil
	})
	if err == nil {
		err = verdict
	}
	return Match{Device: d, Counter: counter}, err
}

func resync(d world.Device, p *progress, now time.Time, codes [2]string) (uint64, error) {
	width := int64(d.SyncWindow)
	if width == 0 {
		width = 1000
	}
	from, to := int64(nextCounter(d, p)), int64(nextCounter(d, p))+width
	if d.Kind == world.TOTP {
		from, to = max(Step(d, now)-width, 0), Step(d, now)+width
		if p.LastStep != nil {
			from = max(from, *p.LastStep+1)
		}
	}
	var previous string
	for c := from; c <= to+1; c++ {
		code, err := CodeAt(d, uint64(c))
		if err != nil {
			return 0, err
		}
		if c > from && previous == codes[0] && code == codes[1] {
			after := uint64(c) + 1
			if d.Kind == world.HOTP {
				p.Counter = &after
			} else {
				p.LastStep, p.Drift = &c, c-Step(d, now.Add(d.Drift))
			}
			return uint64(c), nil
		}
		previous = code
	}
	return 0, cause.Because(cause.WrongCode, "the two codes do not follow each other between %d and %d", from, to)
}
