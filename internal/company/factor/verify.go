package factor

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Verify checks a typed code against one device and uses it up: comparing and
// advancing are one decision. Errors are the causes WrongCode, Replayed,
// Malformed, DeviceLocked, DeviceOff, NotYetValid, Expired, NoDevice, WrongKind
// and NoneDelivered.
func (b *Service) Verify(ctx context.Context, deviceID, code string) (Match, error) {
	return b.accept(ctx, deviceID, func(d Device) (func(string) bool, error) { return typed(d, code) })
}

// Accept is Verify for protocols that prove a code without showing it (CHAP):
// accept is asked about every code that would do now. It may be asked more than
// once.
func (b *Service) Accept(ctx context.Context, deviceID string, accept func(code string) bool) (Match, error) {
	return b.accept(ctx, deviceID, func(Device) (func(string) bool, error) { return accept, nil })
}

// proof is what somebody gives for a code: how it is compared with those of a
// device, or why it can be none of them.
type proof func(Device) (accept func(string) bool, malformed error)

func (b *Service) accept(ctx context.Context, deviceID string, how proof) (Match, error) {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return Match{}, err
	}
	if err := b.ordered(ctx, d.UserID, d.ID); err != nil {
		return Match{}, err
	}
	all, err := b.Devices(ctx, d.UserID)
	if err != nil {
		return Match{}, err
	}
	return b.spend(ctx, d, all, how)
}

// typed is the comparison with a typed code, in constant time; malformed is the
// refusal if the code cannot be one of this device.
func typed(d Device, code string) (accept func(string) bool, malformed error) {
	if d.Kind == world.TOTP || d.Kind == world.HOTP {
		code, malformed = wellFormed(code, digitsOf(d.Device))
	} else if code = strings.TrimSpace(code); code == "" {
		malformed = cause.Because(cause.Malformed, "the code is empty")
	}
	return func(want string) bool { return subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 }, malformed
}

// attempt is a code that is held against one device.
type attempt struct {
	accept    func(string) bool
	malformed error
	refuse    bool // count it as a failure, or say errFits if it would be taken
}

// errFits means that a code which did not fit a moment ago fits now. Nothing has
// been counted.
var errFits = errors.New("factor: the code fits now")

// take decides one attempt on the device's record.
func (b *Service) take(ctx context.Context, d Device, a attempt) (Match, error) {
	if !Can(d.Kind) {
		return Match{}, cause.Because(cause.WrongKind, "%s is a %s device and takes no codes", d.ID, d.Kind)
	}
	var counter uint64
	var verdict error
	err := b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		now := b.Clock.Now()
		if verdict = usable(d.Device, p, now); verdict != nil {
			return time.Time{}, state.ErrKeep
		}
		if verdict = a.malformed; verdict == nil {
			counter, verdict = match(d.Device, p, now, a.accept)
		}
		if verdict == nil && a.refuse {
			verdict = errFits
			return time.Time{}, state.ErrKeep
		}
		p.count(d.Device, verdict, now)
		return time.Time{}, nil
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return Match{}, err
	}
	return Match{Device: d, Counter: counter}, nil
}

// count notes how an attempt on a usable device ended.
func (p *progress) count(d world.Device, verdict error, now time.Time) {
	if verdict == nil || p.Failures >= maxFail(d) { // a lock that was there has run out
		p.Failures, p.LockedAt = 0, time.Time{}
	}
	if verdict == nil {
		return
	}
	if p.Failures++; p.Failures >= maxFail(d) {
		p.LockedAt = now
	}
}

// usable is the reason why a device takes no attempt at all now.
func usable(d world.Device, p *progress, now time.Time) error {
	switch {
	case p.Removed:
		return cause.Because(cause.NoDevice, "device %s was removed", d.ID)
	case p.disabled(d):
		return cause.Because(cause.DeviceOff, "device %s is disabled", d.ID)
	case !d.NotBefore.IsZero() && now.Before(d.NotBefore):
		return cause.Because(cause.NotYetValid, "device %s is valid from %s", d.ID, d.NotBefore.Format(time.RFC3339))
	case !d.NotAfter.IsZero() && !now.Before(d.NotAfter):
		return cause.Because(cause.Expired, "device %s was valid until %s", d.ID, d.NotAfter.Format(time.RFC3339))
	case p.locked(d, now):
		return cause.Because(cause.DeviceLocked, "device %s is locked after %d failures", d.ID, p.Failures)
	}
	return nil
}

// match looks for the code among those that would do now and uses it up on p.
func match(d world.Device, p *progress, now time.Time, accept func(string) bool) (uint64, error) {
	switch d.Kind {
	case world.TOTP:
		return matchTOTP(d, p, now, accept)
	case world.HOTP:
		return matchHOTP(d, p, accept)
	case world.Static:
		return 0, matchStatic(d, p, accept)
	}
	return 0, matchSent(d, p, now, accept)
}

// nowStep is the step that the device itself shows: our clock plus its drift.
func nowStep(d world.Device, p *progress, now time.Time) int64 {
	return Step(d, now.Add(d.Drift)) + p.Drift
}

func matchTOTP(d world.Device, p *progress, now time.Time, accept func(string) bool) (uint64, error) {
	middle, replayed := nowStep(d, p, now), false
	for _, off := range nearestFirst(d.Window) {
		step := middle + off
		if step < 0 {
			continue
		}
		code, err := CodeAt(d, uint64(step))
		if err != nil {
			return 0, err
		}
		if !accept(code) {
			continue
		}
		if p.LastStep != nil && step <= *p.LastStep { // RFC 6238 section 5.2: a MUST NOT
			replayed = true
			continue
		}
		p.LastStep = &step
		return uint64(step), nil
	}
	if replayed {
		return 0, cause.Because(cause.Replayed, "the code of TOTP device %s was used up to step %d", d.ID, *p.LastStep)
	}
	return 0, cause.Because(cause.WrongCode, "no code of TOTP device %s around step %d fits", d.ID, middle)
}

// nearestFirst lists a window's offsets as 0, -1, +1, -2, …
func nearestFirst(w world.Window) []int64 {
	out := make([]int64, 1, w.Before+w.After+1)
	for i := 1; i <= max(w.Before, w.After); i++ {
		if i <= w.Before {
			out = append(out, int64(-i))
		}
		if i <= w.After {
			out = append(out, int64(i))
		}
	}
	return out
}

// nextCounter is the HOTP counter that comes next.
func nextCounter(d world.Device, p *progress) uint64 {
	if p.Counter != nil {
		return *p.Counter
	}
	return d.Counter
}

func matchHOTP(d world.Device, p *progress, accept func(string) bool) (uint64, error) {
	next := nextCounter(d, p)
	for c := next; c < next+uint64(max(d.Window.After, 1)); c++ {
		code, err := CodeAt(d, c)
		if err != nil {
			return 0, err
		}
		if accept(code) {
			after := c + 1
			p.Counter = &after
			return c, nil
		}
	}
	if next > 0 {
		if code, err := CodeAt(d, next-1); err == nil && accept(code) {
			return 0, cause.Because(cause.Replayed, "HOTP counter %d of device %s was used", next-1, d.ID)
		}
	}
	return 0, cause.Because(cause.WrongCode, "no code of HOTP device %s from counter %d on fits", d.ID, next)
}

func matchStatic(d world.Device, p *progress, accept func(string) bool) error {
	for _, code := range d.Codes {
		if !accept(code) {
			continue
		}
		if slices.Contains(p.Used, code) {
			return cause.Because(cause.Replayed, "that backup code of %s was used before", d.ID)
		}
		p.Used = append(p.Used, code)
		return nil
	}
	return cause.Because(cause.WrongCode, "no backup code of %s fits", d.ID)
}

// Current is the code that a device shows now; a test's phone. Delivered codes
// are the last one sent. It uses nothing up.
func (b *Service) Current(ctx context.Context, deviceID string) (code string, until time.Time, err error) {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return "", time.Time{}, err
	}
	p, _, err := b.progress.Read(ctx, d.ID)
	if err != nil {
		return "", time.Time{}, err
	}
	now := b.Clock.Now()
	switch d.Kind {
	case world.TOTP:
		step := nowStep(d.Device, &p, now)
		code, err = CodeAt(d.Device, uint64(max(step, 0)))
		end := time.Unix((step-p.Drift+1)*int64(periodOf(d.Device)/time.Second), 0).UTC().Add(-d.Drift)
		return code, end, err
	case world.HOTP:
		code, err = CodeAt(d.Device, nextCounter(d.Device, &p))
		return code, time.Time{}, err
	case world.Static:
		for _, c := range d.Codes {
			if !slices.Contains(p.Used, c) {
				return c, time.Time{}, nil
			}
		}
		return "", time.Time{}, cause.Because(cause.NoneDelivered, "all backup codes of %s are used", d.ID)
	case world.SMS, world.Voice, world.Mail:
		if p.Sent == nil || p.Sent.over(now) {
			return "", time.Time{}, cause.Because(cause.NoneDelivered, "no code is on its way to %s", d.ID)
		}
		return p.Sent.Code, p.Sent.Expires, nil
	}
	return "", time.Time{}, cause.Because(cause.WrongKind, "%s is a %s device and shows no codes", d.ID, d.Kind)
}

// Upcoming is the code that comes after that of Current: a TOTP device shows it when its
// step is over, an HOTP device when its button is pressed again. It uses nothing up.
func (b *Service) Upcoming(ctx context.Context, deviceID string) (string, error) {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return "", err
	}
	p, _, err := b.progress.Read(ctx, d.ID)
	if err != nil {
		return "", err
	}
	switch d.Kind {
	case world.TOTP:
		return CodeAt(d.Device, uint64(max(nowStep(d.Device, &p, b.Clock.Now())+1, 0)))
	case world.HOTP:
		return CodeAt(d.Device, nextCounter(d.Device, &p)+1)
	}
	return "", cause.Because(cause.WrongKind, "%s is a %s device, whose next code nobody knows", d.ID, d.Kind)
}

// String is for logs.
func (m Match) String() string { return fmt.Sprintf("%s #%d", m.Device.ID, m.Counter) }
