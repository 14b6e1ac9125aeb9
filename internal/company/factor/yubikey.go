package factor

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// YubikeyRow is what a validation server remembers of a YubiKey. Counters are -1 until
// an OTP was accepted.
type YubikeyRow struct {
	Session  int    `json:"session"`
	Use      int    `json:"use"`
	High     int    `json:"high"` // of the timestamp
	Low      int    `json:"low"`
	Mark     string `json:"mark"`     // of the caller whose OTP was accepted last; Yubico's nonce
	Modified int64  `json:"modified"` // seconds since 1970, -1 for never
}

// NewYubikeyRow is the row of a key of which nothing was seen.
func NewYubikeyRow() YubikeyRow {
	return YubikeyRow{Session: -1, Use: -1, High: -1, Low: -1, Mark: "0000000000000000", Modified: -1}
}

// Above reports counters higher than those of o: sessions first, then uses.
func (r YubikeyRow) Above(o YubikeyRow) bool {
	return r.Session > o.Session || r.Session == o.Session && r.Use > o.Use
}

// Level reports the same counters.
func (r YubikeyRow) Level(o YubikeyRow) bool { return r.Session == o.Session && r.Use == o.Use }

// String is for operators.
func (r YubikeyRow) String() string {
	return "session " + strconv.Itoa(r.Session) + " use " + strconv.Itoa(r.Use)
}

// row is what an OTP makes of a row.
func (k Keystroke) row(mark string, now time.Time) YubikeyRow {
	return YubikeyRow{Session: int(k.Session), Use: int(k.Use), High: k.High(), Low: k.Low(), Mark: mark, Modified: now.Unix()}
}

// Register adds a YubiKey that no person of the company has: one of those that a
// server's own settings list. Its ID has a colon. It is an error to give one ID to two.
func (b *Service) Register(d world.Device) error {
	b.regMu.Lock()
	defer b.regMu.Unlock()
	if known, ok := b.registered[d.ID]; ok && !reflect.DeepEqual(known, d) {
		return fmt.Errorf("two servers describe the YubiKey %s differently", d.ID)
	}
	if b.registered == nil {
		b.registered = map[string]world.Device{}
	}
	b.registered[d.ID] = d
	if b.Secret != nil {
		for _, s := range Secrets(d) {
			b.Secret("device "+d.ID, s)
		}
	}
	return nil
}

func (b *Service) registeredDevice(id string) (world.Device, bool) {
	b.regMu.RLock()
	defer b.regMu.RUnlock()
	d, ok := b.registered[id]
	return d, ok
}

// Yubikeys are all YubiKeys, those of the company first.
func (b *Service) Yubikeys() []world.Device {
	out := slices.Collect(b.World.Yubikeys())
	b.regMu.RLock()
	defer b.regMu.RUnlock()
	for _, id := range slices.Sorted(maps.Keys(b.registered)) {
		out = append(out, b.registered[id])
	}
	return out
}

// Touched is what became of a YubiKey's OTP.
type Touched struct {
	Keystroke
	Row    YubikeyRow // as it is now
	Before YubikeyRow // as it was
	// Repeated: the OTP is the one that was accepted last, and came with the same mark,
	// so that it is the same request once more.
	Repeated bool
}

// Touch checks an OTP of a YubiKey and uses it up: the counters of all servers are one,
// and so is the decision about them, in which the caller's mark is kept. Errors are the
// causes WrongCode (another key's, or damaged), Replayed, and those of a device that
// takes nothing now. A YubiKey does not lock itself.
func (b *Service) Touch(ctx context.Context, d world.Device, otp OTP, mark string) (Touched, error) {
	k, err := otp.Open(d)
	if err != nil {
		return Touched{}, err
	}
	if err := b.ordered(ctx, d.UserID, d.ID); err != nil {
		return Touched{}, err
	}
	t := Touched{Keystroke: k}
	var verdict error
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		now := b.Clock.Now()
		t.Row, t.Before, t.Repeated = k.row(mark, now), b.row(d, p), false
		if verdict = usable(d, p, now); verdict != nil {
			return time.Time{}, state.ErrKeep
		}
		if !t.Row.Above(t.Before) {
			t.Repeated = t.Row.Level(t.Before) && t.Before.Mark == mark
			verdict = cause.Because(cause.Replayed, "%s was at %s, the OTP is %s", d.ID, t.Before, t.Row)
			t.Row = t.Before
			return time.Time{}, state.ErrKeep
		}
		p.Yubikey = &t.Row
		return time.Time{}, nil
	})
	if err == nil {
		err = verdict
	}
	return t, err
}

// row is what is known of a YubiKey.
func (b *Service) row(d world.Device, p *progress) YubikeyRow {
	if p.Yubikey != nil {
		return *p.Yubikey
	}
	b.regMu.RLock()
	defer b.regMu.RUnlock()
	if row, ok := b.rows[d.ID]; ok {
		return row
	}
	return NewYubikeyRow()
}

func (b *Service) rowSeeded(deviceID string) bool {
	b.regMu.RLock()
	defer b.regMu.RUnlock()
	_, ok := b.rows[deviceID]
	return ok
}

// SeedYubikey says what was seen of a YubiKey before the fleet began. Of what several
// servers say the highest counts.
func (b *Service) SeedYubikey(deviceID string, row YubikeyRow) {
	b.regMu.Lock()
	defer b.regMu.Unlock()
	if b.rows == nil {
		b.rows = map[string]YubikeyRow{}
	}
	if was, ok := b.rows[deviceID]; !ok || row.Above(was) {
		b.rows[deviceID] = row
	}
}

// Yubikey is the row of a YubiKey and whether it is switched on. seen is false as long
// as there is none.
func (b *Service) Yubikey(ctx context.Context, d world.Device) (row YubikeyRow, active, seen bool, err error) {
	p, _, err := b.progress.Read(ctx, d.ID)
	return b.row(d, &p), !p.disabled(d) && !p.Removed, p.Yubikey != nil || b.rowSeeded(d.ID), err
}

// Advance raises the row of a YubiKey to one that somebody else knows of, if that is
// higher; it is decided as in Touch. before is the row as it was.
func (b *Service) Advance(ctx context.Context, d world.Device, to YubikeyRow) (before YubikeyRow, active bool, err error) {
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		before, active = b.row(d, p), !p.disabled(d) && !p.Removed
		switch {
		case to.Above(before):
			p.Yubikey = &to
		case p.Yubikey == nil:
			p.Yubikey = &before
		default:
			return time.Time{}, state.ErrKeep
		}
		return time.Time{}, nil
	})
	return before, active, err
}

// SetYubikey puts a row in place of what there is, lower or higher.
func (b *Service) SetYubikey(ctx context.Context, deviceID string, to YubikeyRow) error {
	return b.set(ctx, deviceID, func(p *progress) { p.Yubikey = &to })
}
