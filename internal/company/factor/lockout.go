package factor

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
)

// Tally is what one system holds against a person beside what each device
// counts: failures in a row, whatever the factor.
type Tally struct {
	System    string // the server's name
	UserID    string
	Threshold int           // failures in a row that lock out; 0: never
	Reset     time.Duration // a lock ends by itself after this; 0: never
	Seeded    bool          // locked out from the start, until somebody unlocks
}

// tallies is a person's record: one key, so that unlocking is one decision.
type tallies struct {
	Unlocked bool             `json:"unlocked,omitempty"` // a seeded lock is over
	Systems  map[string]tally `json:"systems,omitempty"`
}

type tally struct {
	Failures int       `json:"failures"`
	LockedAt time.Time `json:"locked_at,omitzero"`
}

// locked is the refusal of somebody who is locked out, or nil.
func (t Tally) locked(v *tallies, now time.Time) error {
	if t.Seeded && !v.Unlocked {
		return cause.Because(cause.Locked, "%s is locked out of %s by the seed", t.UserID, t.System)
	}
	s := v.Systems[t.System]
	if t.Threshold == 0 || s.Failures < t.Threshold || t.Reset > 0 && !now.Before(s.LockedAt.Add(t.Reset)) {
		return nil
	}
	return cause.Because(cause.Locked, "%s is locked out of %s after %d failures", t.UserID, t.System, s.Failures)
}

// LockedOut refuses somebody who is locked out with cause.Locked.
func (b *Service) LockedOut(ctx context.Context, t Tally) error {
	v, _, err := b.tallies.Read(ctx, t.UserID)
	if err != nil {
		return err
	}
	return t.locked(&v, b.Clock.Now())
}

// Attempt counts an attempt as failed before it is judged, so that parallel
// guesses cannot outrun the lock-out; cause.Locked when there is none left.
// Passed or Pardon takes it back. last tells that failing this one locks out.
func (b *Service) Attempt(ctx context.Context, t Tally) (last bool, err error) {
	err = b.tally(ctx, t, func(v *tallies, s *tally) error {
		now := b.Clock.Now()
		if refusal := t.locked(v, now); refusal != nil {
			return refusal
		}
		if t.Threshold > 0 && s.Failures >= t.Threshold { // the lock ran out
			*s = tally{}
		}
		s.Failures++
		if last = t.Threshold > 0 && s.Failures >= t.Threshold; last {
			s.LockedAt = now
		}
		return nil
	})
	return last, err
}

// Passed forgets the failures: they count in a row.
func (b *Service) Passed(ctx context.Context, t Tally) error {
	v, found, err := b.tallies.Read(ctx, t.UserID)
	if err != nil || !found || v.Systems[t.System] == (tally{}) {
		return err
	}
	return b.tally(ctx, t, func(_ *tallies, s *tally) error { *s = tally{}; return nil })
}

// Pardon takes one Attempt back that was nobody's fault.
func (b *Service) Pardon(ctx context.Context, t Tally) error {
	return b.tally(ctx, t, func(_ *tallies, s *tally) error {
		if s.Failures--; s.Failures <= 0 {
			*s = tally{}
		}
		return nil
	})
}

func (b *Service) tally(ctx context.Context, t Tally, edit func(*tallies, *tally) error) error {
	return b.tallies.Edit(ctx, t.UserID, func(v *tallies, _ bool) (time.Time, error) {
		s := v.Systems[t.System]
		if err := edit(v, &s); err != nil {
			return time.Time{}, err
		}
		if v.Systems == nil {
			v.Systems = map[string]tally{}
		}
		v.Systems[t.System] = s
		return time.Time{}, nil
	})
}

// UnlockUser forgets what every system and every device of somebody holds
// against them; counters stay.
func (b *Service) UnlockUser(ctx context.Context, userID string) error {
	err := b.tallies.Edit(ctx, userID, func(v *tallies, _ bool) (time.Time, error) {
		*v = tallies{Unlocked: true}
		return time.Time{}, nil
	})
	if err != nil {
		return err
	}
	devices, err := b.Devices(ctx, userID)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.Failures == 0 {
			continue
		}
		if err := b.Unlock(ctx, d.ID); err != nil {
			return err
		}
	}
	return nil
}
