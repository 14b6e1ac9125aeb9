package factor

import (
	"context"
	"errors"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// VerifyUser checks a code against somebody's devices of the given kinds (none
// given: every kind that takes codes). The first device that the code fits
// takes it; if it fits none, the attempt counts on each of them, and the most
// telling refusal is returned.
func (b *Service) VerifyUser(ctx context.Context, userID, code string, kinds ...world.DeviceKind) (Match, error) {
	return b.acceptUser(ctx, userID, kinds, func(d Device) (func(string) bool, error) { return typed(d, code) })
}

// AcceptUser is VerifyUser for protocols that prove a code without showing it.
func (b *Service) AcceptUser(ctx context.Context, userID string, accept func(code string) bool, kinds ...world.DeviceKind) (Match, error) {
	return b.acceptUser(ctx, userID, kinds, func(Device) (func(string) bool, error) { return accept, nil })
}

func (b *Service) acceptUser(ctx context.Context, userID string, kinds []world.DeviceKind, how proof) (Match, error) {
	all, err := b.Devices(ctx, userID)
	if err != nil {
		return Match{}, err
	}
	devices := slices.DeleteFunc(slices.Clone(all), func(d Device) bool {
		return !Can(d.Kind) || len(kinds) > 0 && !slices.Contains(kinds, d.Kind)
	})
	if len(devices) == 0 {
		return Match{}, cause.Because(cause.NoDevice, "%s has no device that takes codes", userID)
	}
	for {
		for _, d := range devices { // the device that would take the code goes first
			if fits, _ := b.look(ctx, d, how); !fits {
				continue
			}
			if err := b.ordered(ctx, userID, d.ID); err != nil {
				return Match{}, err
			}
			return b.spend(ctx, d, all, how)
		}
		if err := b.ordered(ctx, userID, ids(devices)...); err != nil {
			return Match{}, err
		}
		var refusals []error
		for _, d := range devices {
			accept, malformed := how(d)
			_, err := b.take(ctx, d, attempt{accept: accept, malformed: malformed, refuse: true})
			if errors.Is(err, errFits) {
				break
			}
			if _, ok := cause.Of(err); !ok {
				return Match{}, err
			}
			refusals = append(refusals, err)
		}
		if len(refusals) == len(devices) {
			return Match{}, telling(refusals)
		}
		// the clock has just moved into the code's step: once more
	}
}

// spend uses a code up that was given for d, one of somebody's devices. A secret can
// be on several of them, so that one code fits several: the first of all that knows
// the code decides, for whichever of them it was given, so that of two who race one
// wins; before that it is used up on the others, where it would be good once more
// if nothing came after.
func (b *Service) spend(ctx context.Context, d Device, all []Device, how proof) (Match, error) {
	accept, malformed := how(d)
	own := attempt{accept: accept, malformed: malformed}
	if fits, _ := b.look(ctx, d, how); !fits {
		own.refuse = true
		m, err := b.take(ctx, d, own)
		if !errors.Is(err, errFits) {
			return m, err
		}
		own.refuse = false // the clock has just moved into its step
	}
	gate, found := d, false
	for _, other := range all {
		fits, used := b.look(ctx, other, how)
		switch {
		case !found && (fits || used):
			gate, found = other, true
		case other.ID != d.ID: // whether it takes codes now or not
			if _, _, err := b.burn(ctx, other, how); err != nil {
				return Match{}, err
			}
		}
	}
	if gate.ID == d.ID {
		return b.take(ctx, d, own)
	}
	counter, fresh, err := b.burn(ctx, d, how)
	if err != nil {
		return Match{}, err
	}
	if _, first, err := b.burn(ctx, gate, how); err != nil {
		return Match{}, err
	} else if !first {
		m, err := b.take(ctx, d, attempt{accept: accept, refuse: true})
		if err == nil || errors.Is(err, errFits) { // it was used up a moment ago
			err = cause.Because(cause.Replayed, "the code of %s was used on %s", d.ID, gate.ID)
		}
		return m, err
	}
	if !fresh { // somebody who lost the race to us has used it up for us
		counter = d.Next
	}
	return Match{Device: d, Counter: counter}, b.forgive(ctx, d)
}

// look tells, without counting, whether a device would take the code now, and
// whether it is one that the device has had before.
func (b *Service) look(ctx context.Context, d Device, how proof) (fits, used bool) {
	accept, malformed := how(d)
	if malformed != nil || !Can(d.Kind) {
		return false, false
	}
	p, _, err := b.progress.Read(ctx, d.ID)
	if err != nil || usable(d.Device, &p, b.Clock.Now()) != nil {
		return false, false
	}
	_, err = match(d.Device, &p, b.Clock.Now(), accept)
	return err == nil, errors.Is(err, cause.Replayed)
}

// burn uses a code up on a device that was not asked, whatever state it is in. first
// says that it had not been used there before.
func (b *Service) burn(ctx context.Context, d Device, how proof) (counter uint64, first bool, err error) {
	accept, malformed := how(d)
	if malformed != nil || !Can(d.Kind) {
		return 0, false, nil
	}
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		var verdict error
		counter, verdict = match(d.Device, p, b.Clock.Now(), accept)
		if first = verdict == nil; !first {
			return time.Time{}, state.ErrKeep
		}
		return time.Time{}, nil
	})
	return counter, first && err == nil, err
}

// forgive forgets a device's failures, after a code that another one has decided.
func (b *Service) forgive(ctx context.Context, d Device) error {
	return b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		if p.Failures == 0 {
			return time.Time{}, state.ErrKeep
		}
		p.count(d.Device, nil, b.Clock.Now())
		return time.Time{}, nil
	})
}

// telling picks the refusal that says most about the attempt.
func telling(refusals []error) error {
	for _, c := range []cause.Cause{cause.Replayed, cause.WrongCode, cause.DeviceLocked, cause.Expired, cause.NotYetValid, cause.NoneDelivered} {
		for _, err := range refusals {
			if errors.Is(err, c) {
				return err
			}
		}
	}
	return refusals[0]
}
