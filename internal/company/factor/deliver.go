package factor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// sent is a code on its way to a phone or mailbox.
type sent struct {
	Code    string    `json:"code"`
	N       int       `json:"n"` // how many were sent before
	Expires time.Time `json:"expires"`
	Tries   int       `json:"tries"` // wrong attempts at this code
	Used    bool      `json:"used,omitempty"`
	Max     int       `json:"max"`
	// Of a batch, Code is the first one that is open; these come after it, and
	// those were used.
	More  []string `json:"more,omitempty"`
	Spent []string `json:"spent,omitempty"`
	Mark  string   `json:"mark,omitempty"` // of the request that sent it
}

func (s *sent) over(now time.Time) bool {
	return s.Used || s.Tries >= s.Max || !now.Before(s.Expires)
}

// take uses one code up; ok is false if none of those that are open is accepted.
func (s *sent) take(accept func(string) bool) (ok bool) {
	for i, code := range append([]string{s.Code}, s.More...) {
		if !accept(code) {
			continue
		}
		open := append([]string{s.Code}, s.More...)
		open, s.Spent = slices.Delete(open, i, i+1), append(s.Spent, code)
		if len(open) == 0 {
			s.Used = true
		} else {
			s.Code, s.More = open[0], open[1:]
		}
		return true
	}
	return false
}

// Message is something that was delivered: the outbox is where tests and the
// console read it.
type Message struct {
	At      time.Time        `json:"at"`
	UserID  string           `json:"user"`
	Device  string           `json:"device"`
	Kind    world.DeviceKind `json:"kind"`
	To      string           `json:"to"`
	Code    string           `json:"code"` // of a batch: all of them, parted by spaces
	System  string           `json:"system"`
	Expires time.Time        `json:"expires"`
}

// outboxSize is how many messages of one person are kept.
const outboxSize = 50

// Send delivers a fresh code to an SMS, voice or e-mail device. It supersedes
// the one before.
func (b *Service) Send(ctx context.Context, deviceID, system string) error {
	return b.SendBatch(ctx, deviceID, system, 1)
}

// SendBatch delivers several codes in one message; each is good once, in any
// order. The first digits of a batch tell its codes apart: 1, 2, … 9, 0.
func (b *Service) SendBatch(ctx context.Context, deviceID, system string, size int) error {
	d, err := b.Find(ctx, deviceID)
	if err != nil {
		return err
	}
	if d.Kind != world.SMS && d.Kind != world.Voice && d.Kind != world.Mail {
		return cause.Because(cause.WrongKind, "nothing can be sent to %s, a %s device", d.ID, d.Kind)
	}
	var now sent
	var verdict error
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		at := b.Clock.Now()
		if verdict = usable(d.Device, p, at); verdict != nil {
			return time.Time{}, state.ErrKeep
		}
		n := 0
		if p.Sent != nil {
			if mark := state.MarkOf(ctx); mark != "" && p.Sent.Mark == mark { // the same request again
				now = *p.Sent
				return time.Time{}, state.ErrKeep
			}
			n = p.Sent.N + 1
		}
		codes := b.batch(d.Device, n, size)
		now = sent{Code: codes[0], More: codes[1:], N: n, Expires: at.Add(orElse(d.CodeTTL, 5*time.Minute)), Max: orElse(d.MaxTries, 5), Mark: state.MarkOf(ctx)}
		p.Sent = &now
		return time.Time{}, nil
	})
	if err != nil || verdict != nil {
		return first(err, verdict)
	}
	codes := append([]string{now.Code}, now.More...)
	if b.Secret != nil {
		for _, c := range codes {
			b.Secret("device "+d.ID, c)
		}
	}
	m := Message{At: b.Clock.Now(), UserID: d.UserID, Device: d.ID, Kind: d.Kind, To: d.Address, Code: strings.Join(codes, " "), System: system, Expires: now.Expires}
	return b.outbox.Edit(ctx, d.UserID, func(v *[]Message, _ bool) (time.Time, error) {
		if now.Mark != "" && slices.ContainsFunc(*v, func(x Message) bool { return x.Device == m.Device && x.Code == m.Code && x.Expires.Equal(m.Expires) }) {
			return time.Time{}, state.ErrKeep // it has come
		}
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
func (b *Service) digits(deviceID string, n, length int) string {
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

// batch is the n-th message of a device: one code, or several that differ in
// their first digit, the first ten at least.
func (b *Service) batch(d world.Device, n, size int) []string {
	if size <= 1 {
		return []string{b.digits(d.ID, n, digitsOf(d))}
	}
	out := make([]string, size)
	for i := range out {
		out[i] = fmt.Sprint((i+1)%10) + b.digits(fmt.Sprintf("%s/%d", d.ID, i), n, digitsOf(d)-1)
	}
	return out
}

// Outbox returns what was delivered to somebody, oldest first.
func (b *Service) Outbox(ctx context.Context, userID string) ([]Message, error) {
	u, ok := b.World.User(userID)
	if !ok {
		return nil, cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	out, _, err := b.outbox.Read(ctx, u.ID)
	return out, err
}

// Delivered is Outbox of one person or, with an empty ID, of everybody.
func (b *Service) Delivered(ctx context.Context, userID string) ([]Message, error) {
	if userID != "" {
		return b.Outbox(ctx, userID)
	}
	var all []Message
	for one, err := range b.outbox.All(ctx, state.Range{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, *one.Value...)
	}
	slices.SortStableFunc(all, func(x, y Message) int { return x.At.Compare(y.At) })
	return all, nil
}

// matchSent compares with the code delivered last.
func matchSent(d world.Device, p *progress, now time.Time, accept func(string) bool) error {
	switch {
	case p.Sent == nil:
		return cause.Because(cause.NoneDelivered, "no code was sent to %s", d.ID)
	case slices.ContainsFunc(p.Sent.Spent, accept):
		return cause.Because(cause.Replayed, "the code sent to %s was used", d.ID)
	case !now.Before(p.Sent.Expires):
		return cause.Because(cause.Expired, "the code sent to %s expired at %s", d.ID, p.Sent.Expires.Format(time.RFC3339))
	case p.Sent.over(now):
		return cause.Because(cause.NoneDelivered, "no code sent to %s is open", d.ID)
	case !p.Sent.take(accept):
		p.Sent.Tries++
		return cause.Because(cause.WrongCode, "the code sent to %s is another one", d.ID)
	}
	return nil
}
