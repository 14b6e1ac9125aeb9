package factor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/state"
	"counterpart/internal/world"
)

// sent is a code on its way to a phone or mailbox.
type sent struct {
	Code    string    `json:"code"`
	N       int       `json:"n"` // how many were sent before
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries"` // wrong attempts at this code
	Used    bool      `json:"used,omitempty"`
	Max     int       `json:"max"`
}

func (s *sent) over(now time.Time) bool {
	return s.Used || s.Tries >= s.Max || !now.Before(s.Expires)
}

// Message is something that was delivered: the outbox is where tests and the
// console read it.
type Message struct {
	At      time.Time        `json:"at"`
	UserID  string           `json:"user"`
	Device  string           `json:"device"`
	Kind    world.DeviceKind `json:"kind"`
	To      string           `json:"to"`
	Code    string           `json:"code"`
	System  string           `json:"system"`
	Expires time.Time        `json:"expires"`
}

// outboxSize is how many messages of one person are kept.
const outboxSize = 50

// Send delivers a fresh code to an SMS, voice or e-mail device. It supersedes
// the one before.
func (b *Bench) Send(ctx context.Context, deviceID, system string) error {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return err
	}
	if d.Kind != world.SMS && d.Kind != world.Voice && d.Kind != world.Mail {
		return cause.Because(cause.WrongKind, "nothing can be sent to %s, a %s device", d.ID, d.Kind)
	}
	var now sent
	var verdict error
	err = state.Edit(ctx, b.Store, progressKey(d.ID), func(p *progress, _ bool) (time.Time, error) {
		at := b.Clock.Now()
		if verdict = usable(d.Device, p, at); verdict != nil {
			return time.Time{}, state.ErrKeep
		}
		n := 0
		if p.Sent != nil {
			n = p.Sent.N + 1
		}
		now = sent{Code: b.digits(d.ID, n, digitsOf(d.Device)), N: n, Expires: at.Add(orElse(d.CodeTTL, 5*time.Minute)), Max: orElse(d.MaxTries, 5)}
		p.Sent = &now
		return time.Time{}, nil
	})
	if err != nil || verdict != nil {
		return first(err, verdict)
	}
	if b.Secret != nil {
		b.Secret("device "+d.ID, now.Code)
	}
	m := Message{At: b.Clock.Now(), UserID: d.UserID, Device: d.ID, Kind: d.Kind, To: d.Address, Code: now.Code, System: system, Expires: now.Expires}
	return state.Edit(ctx, b.Store, "outbox/"+d.UserID, func(v *[]Message, _ bool) (time.Time, error) {
		*v = append(*v, m)
		*v = (*v)[max(0, len(*v)-outboxSize):]
		return time.Time{}, nil
	})
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// digits is the n-th code delivered to a device: it follows from the random
// seed, so that replicas agree and runs repeat.
func (b *Bench) digits(deviceID string, n, length int) string {
	r := b.World.Derive("delivered", deviceID, fmt.Sprint(n))
	var raw [8]byte
	r.Read(raw[:])
	v, mod := uint64(0), uint64(1)
	for _, o := range raw {
		v = v<<8 | uint64(o)
	}
	for range length {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", length, v%mod)
}

// Outbox returns what was delivered to somebody, oldest first.
func (b *Bench) Outbox(ctx context.Context, userID string) ([]Message, error) {
	u, ok := b.World.User(userID)
	if !ok {
		return nil, cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	out, _, err := state.Read[[]Message](ctx, b.Store, "outbox/"+u.ID)
	return out, err
}

// Delivered is Outbox of one person or, with an empty ID, of everybody.
func (b *Bench) Delivered(ctx context.Context, userID string) ([]Message, error) {
	if userID != "" {
		return b.Outbox(ctx, userID)
	}
	keys, err := b.Store.List(ctx, "outbox/")
	if err != nil {
		return nil, err
	}
	var all []Message
	for _, k := range keys {
		one, _, err := state.Read[[]Message](ctx, b.Store, k)
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	slices.SortStableFunc(all, func(x, y Message) int { return x.At.Compare(y.At) })
	return all, nil
}

// matchSent compares with the code delivered last.
func matchSent(d world.Device, p *progress, now time.Time, accept func(string) bool) error {
	switch {
	case p.Sent == nil:
		return cause.Because(cause.NoneDelivered, "no code was sent to %s", d.ID)
	case p.Sent.Used && accept(p.Sent.Code):
		return cause.Because(cause.Replayed, "the code sent to %s was used", d.ID)
	case !now.Before(p.Sent.Expires):
		return cause.Because(cause.Expired, "the code sent to %s expired at %s", d.ID, p.Sent.Expires.Format(time.RFC3339))
	case p.Sent.over(now):
		return cause.Because(cause.NoneDelivered, "no code sent to %s is open", d.ID)
	case !accept(p.Sent.Code):
		p.Sent.Tries++
		return cause.Because(cause.WrongCode, "the code sent to %s is another one", d.ID)
	}
	p.Sent.Used = true
	return nil
}
