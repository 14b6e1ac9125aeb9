package oauth

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// DeviceRules are the parameters of a vendor's device authorization (RFC 8628).
type DeviceRules struct {
	Lifetime     time.Duration // of the device code
	UserLifetime time.Duration // of the user code; 0: as long
	Interval     time.Duration // between polls; 0: any
	Tolerance    time.Duration // by which a poll may be early
	Penalty      time.Duration // by which the interval grows with each poll that is too soon (section 3.5: 5 s)
	Remember     time.Duration // for how long after its end a code is refused by name
}

// Devices are device authorizations: each is one record, found by its device code and by
// its user code. T is what the vendor keeps: client, scope, and who has approved, which
// is nobody until somebody does.
type Devices[T any] struct {
	devices *state.Collection[device[T]]
	byUser  *state.Index[device[T]]
	clock   clock.Clock
	rules   DeviceRules
}

type device[T any] struct {
	Value    T             `json:"value"`
	UserCode string        `json:"user_code"`
	Ends     time.Time     `json:"ends"`
	UserEnds time.Time     `json:"user_ends"`
	Polled   time.Time     `json:"polled,omitzero"`
	Interval time.Duration `json:"interval,omitempty"`
	State    deviceState   `json:"state,omitempty"`
}

type deviceState int

const (
	waiting deviceState = iota
	approved
	declined
	redeemed
)

// NewDevices keeps authorizations in a collection of s.
func NewDevices[T any](s state.Store, name string, c clock.Clock, rules DeviceRules) *Devices[T] {
	if rules.UserLifetime == 0 {
		rules.UserLifetime = rules.Lifetime
	}
	d := &Devices[T]{devices: state.Of[device[T]](s, name), clock: c, rules: rules}
	d.byUser = d.devices.By(s, "user code", cause.Exists, func(v *device[T]) []string { return []string{v.UserCode} })
	return d
}

// Start begins an authorization. A user code that another one has is cause.Exists: the
// caller draws another.
func (d *Devices[T]) Start(ctx context.Context, deviceCode, userCode string, v T) error {
	return d.devices.Edit(ctx, digest(deviceCode), func(x *device[T], found bool) (time.Time, error) {
		if found {
			return time.Time{}, cause.Because(cause.Exists, "that device code exists")
		}
		now := d.clock.Now()
		*x = device[T]{Value: v, UserCode: userCode, Ends: now.Add(d.rules.Lifetime), UserEnds: now.Add(d.rules.UserLifetime), Interval: d.rules.Interval}
		return d.forgotten(x), nil
	})
}

func (d *Devices[T]) forgotten(x *device[T]) time.Time { return x.Ends.Add(d.rules.Remember) }

// ByUserCode is what an authorization that waits for its user is about. It refuses with
// UnknownCode, ExpiredCode, and cause.Decided after a decision.
func (d *Devices[T]) ByUserCode(ctx context.Context, userCode string) (v T, err error) {
	e, err := d.byUser.One(ctx, userCode)
	if err != nil {
		return v, err
	}
	if e.Value == nil {
		return v, cause.Because(UnknownCode, "no such user code")
	}
	return e.Value.Value, d.open(e.Value)
}

// open is why a user cannot decide any more.
func (d *Devices[T]) open(x *device[T]) error {
	switch now := d.clock.Now(); {
	case x.State != waiting:
		return cause.Because(cause.Decided, "the authorization was decided before")
	case !now.Before(x.UserEnds), !now.Before(x.Ends):
		return cause.Because(ExpiredCode, "the user code has ended")
	}
	return nil
}

// Approve is the user's consent; change notes who it is. Of racing decisions one wins. It
// refuses like ByUserCode, and with what change does.
func (d *Devices[T]) Approve(ctx context.Context, userCode string, change func(v *T) error) error {
	return d.decide(ctx, userCode, approved, change)
}

// Decline is the user's refusal.
func (d *Devices[T]) Decline(ctx context.Context, userCode string) error {
	return d.decide(ctx, userCode, declined, nil)
}

func (d *Devices[T]) decide(ctx context.Context, userCode string, to deviceState, change func(v *T) error) error {
	e, err := d.byUser.One(ctx, userCode)
	if err != nil {
		return err
	}
	if e.Value == nil {
		return cause.Because(UnknownCode, "no such user code")
	}
	return d.devices.Edit(ctx, e.Key, func(x *device[T], found bool) (time.Time, error) {
		if !found || x.UserCode != userCode {
			return time.Time{}, cause.Because(UnknownCode, "the authorization is forgotten")
		}
		if err := d.open(x); err != nil {
			return time.Time{}, err
		}
		if change != nil {
			if err := change(&x.Value); err != nil {
				return time.Time{}, err
			}
		}
		x.State = to
		return d.forgotten(x), nil
	})
}

// Poll redeems an approved authorization, once. It refuses with UnknownCode, ExpiredCode,
// UsedCode, cause.Denied, SlowDown and cause.Pending. fits may refuse (another client's
// code); nothing is noted then. A poll that is too soon makes the interval longer by the
// penalty, and counts as a poll.
func (d *Devices[T]) Poll(ctx context.Context, deviceCode string, fits func(T) error) (v T, err error) {
	var answer error
	err = d.devices.Edit(ctx, digest(deviceCode), func(x *device[T], found bool) (time.Time, error) {
		now := d.clock.Now()
		if answer = nil; !found {
			return time.Time{}, cause.Because(UnknownCode, "no such device code was issued")
		}
		if fits != nil {
			if err := fits(x.Value); err != nil {
				return time.Time{}, err
			}
		}
		switch {
		case x.State == redeemed:
			return time.Time{}, cause.Because(UsedCode, "the device code was redeemed before")
		case x.State == declined:
			return time.Time{}, cause.Because(cause.Denied, "the user has declined")
		case !now.Before(x.Ends):
			return time.Time{}, cause.Because(ExpiredCode, "the device code ended at %s", x.Ends.Format(time.RFC3339))
		}
		soon := !x.Polled.IsZero() && now.Before(x.Polled.Add(x.Interval-d.rules.Tolerance))
		x.Polled = now
		switch {
		case soon:
			x.Interval += d.rules.Penalty
			answer = cause.Because(SlowDown, "polled again before %v were over", x.Interval)
		case x.State == waiting:
			answer = cause.Because(cause.Pending, "the user has not decided")
		default:
			x.State, v = redeemed, x.Value
		}
		if answer != nil && d.rules.Interval == 0 {
			return time.Time{}, state.ErrKeep // nothing depends on when it was
		}
		return d.forgotten(x), nil
	})
	if err == nil {
		err = answer
	}
	return v, err
}
