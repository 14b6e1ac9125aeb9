// Package factor verifies second factors for every server of a fleet: TOTP and
// HOTP with windows, drift, resynchronisation and lock-out, backup codes, codes
// delivered to an outbox, and push approvals judged when polled. What was
// accepted once is never accepted again, whichever server asks, and of two
// callers who race with one code exactly one wins. Facts and numbers follow
// contracts of RFC 4226, RFC 6238 and the defaults of privacyIDEA.
package factor

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Config is what a Service stands on.
type Config struct {
	World *world.World
	Store state.Store
	Clock clock.Clock
	Rand  io.Reader // secrets and identifiers of what is enrolled at run time
	// Decisions are a person's or a test's orders; nil has none.
	Decisions *decision.Overrides
	// Secret hears of every device secret and delivered code; nil does not care.
	Secret func(whose, secret string)
}

// Service is where devices are verified.
type Service struct {
	Config
	progress  *state.Collection[progress]     // by device
	enrolled  *state.Collection[world.Device] // by owner and device, see enrolledKey
	tallies   *state.Collection[tallies]      // by user
	outbox    *state.Collection[[]Message]    // by user
	approvals *state.Collection[Approval]
	byUser    *state.Index[Approval]
	virtual   *state.Collection[VirtualYubikey] // by device
	tokens    *state.Collection[Token]          // by user

	regMu      sync.RWMutex
	registered map[string]world.Device // by ID
	rows       map[string]YubikeyRow   // what a seed says was seen of YubiKeys, by the device's ID
	modes      map[string]TokenMode    // of tokens from the start, by user
}

// New returns a Service over c.
func New(c Config) *Service {
	b := &Service{Config: c, progress: state.Of[progress](c.Store, "device"), enrolled: state.Of[world.Device](c.Store, "enrolled"),
		tallies: state.Of[tallies](c.Store, "tally"), outbox: state.Of[[]Message](c.Store, "outbox"), approvals: state.Of[Approval](c.Store, "approval"),
		virtual: state.Of[VirtualYubikey](c.Store, "yubikey"), tokens: state.Of[Token](c.Store, "token")}
	b.byUser = b.approvals.By(c.Store, "user", nil, func(a *Approval) []string { return []string{a.UserID} })
	return b
}

// Device is a device with its live state.
type Device struct {
	world.Device
	Locked   bool
	Disabled bool // by the seed or since
	Failures int
	Enrolled bool   // made at run time
	Next     uint64 // HOTP: the counter that comes next
}

// Match is an accepted code.
type Match struct {
	Device  Device
	Counter uint64 // the HOTP counter or TOTP step that was used up
}

// progress is what a device remembers: the record that makes codes single use.
type progress struct {
	Counter  *uint64     `json:"counter,omitempty"`   // HOTP: next counter
	LastStep *int64      `json:"last_step,omitempty"` // TOTP: highest step accepted
	Drift    int64       `json:"drift,omitempty"`     // steps, learnt by resynchronisation
	Failures int         `json:"failures,omitempty"`
	LockedAt time.Time   `json:"locked_at,omitzero"`
	Disabled *bool       `json:"disabled,omitempty"`
	Removed  bool        `json:"removed,omitempty"`
	Used     []string    `json:"used,omitempty"` // Static: codes that are gone
	Sent     *sent       `json:"sent,omitempty"` // the code delivered last
	Asked    int         `json:"asked,omitempty"`
	Yubikey  *YubikeyRow `json:"yubikey,omitempty"` // what was accepted last
}

// Copy implements state.Copier.
func (p *progress) Copy() *progress {
	c := *p
	c.Counter, c.LastStep, c.Disabled, c.Sent, c.Yubikey = copied(p.Counter), copied(p.LastStep), copied(p.Disabled), copied(p.Sent), copied(p.Yubikey)
	if c.Used = slices.Clone(p.Used); c.Sent != nil {
		c.Sent.More, c.Sent.Spent = slices.Clone(c.Sent.More), slices.Clone(c.Sent.Spent)
	}
	return &c
}

// copied is another one of what p points to.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func enrolledKey(userID, deviceID string) string { return userID + "/" + deviceID }

// Find returns a device, seeded or enrolled.
func (b *Service) Find(ctx context.Context, deviceID string) (Device, error) {
	d, ok := b.World.Device(deviceID)
	if !ok {
		d, ok = b.registeredDevice(deviceID)
	}
	enrolled := false
	if !ok {
		owner, _, cut := strings.Cut(deviceID, ":")
		var err error
		if !cut {
			return Device{}, cause.Because(cause.NoDevice, "there is no device %q", deviceID)
		}
		if d, ok, err = b.enrolled.Read(ctx, enrolledKey(owner, deviceID)); err != nil {
			return Device{}, err
		}
		enrolled = true
	}
	p, _, err := b.progress.Read(ctx, deviceID)
	if err != nil {
		return Device{}, err
	}
	if !ok || p.Removed {
		return Device{}, cause.Because(cause.NoDevice, "there is no device %q", deviceID)
	}
	return b.live(d, &p, enrolled), nil
}

func (b *Service) live(d world.Device, p *progress, enrolled bool) Device {
	return Device{Device: d, Locked: p.locked(d, b.Clock.Now()), Disabled: p.disabled(d), Failures: p.Failures, Enrolled: enrolled, Next: nextCounter(d, p)}
}

func (p *progress) disabled(d world.Device) bool {
	if p.Disabled != nil {
		return *p.Disabled
	}
	return d.Disabled
}

func (p *progress) locked(d world.Device, now time.Time) bool {
	if p.Failures < maxFail(d) {
		return false
	}
	return d.LockReset == 0 || p.LockedAt.IsZero() || now.Before(p.LockedAt.Add(d.LockReset))
}

func maxFail(d world.Device) int {
	if d.MaxFail > 0 {
		return d.MaxFail
	}
	return 10
}

// Devices returns somebody's devices, the seeded ones first.
func (b *Service) Devices(ctx context.Context, userID string) ([]Device, error) {
	seeded := b.World.DevicesOf(userID)
	out := make([]Device, 0, len(seeded))
	for _, d := range seeded {
		p, _, err := b.progress.Read(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if !p.Removed {
			out = append(out, b.live(d, &p, false))
		}
	}
	keys, err := b.enrolled.Keys(ctx, state.Range{Prefix: userID + "/"})
	for _, k := range keys {
		d, err := b.Find(ctx, strings.TrimPrefix(k, userID+"/"))
		if errors.Is(err, cause.NoDevice) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, err
}

// Enrol gives somebody a new device. Without a secret it makes one of 20
// octets; the ID is chosen here.
func (b *Service) Enrol(ctx context.Context, userID string, d world.Device) (Device, error) {
	u, ok := b.World.User(userID)
	if !ok {
		return Device{}, cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	return b.enrol(ctx, u.ID, d)
}

// EnrolGuest gives a device to somebody whom the company does not know: a name
// that a client enrolled at one server alone, which chooses the ID, such as
// "duo/zoe".
func (b *Service) EnrolGuest(ctx context.Context, guestID string, d world.Device) (Device, error) {
	if _, ok := b.World.User(guestID); ok || guestID == "" || strings.Contains(guestID, ":") {
		return Device{}, cause.Because(cause.BadInput, "%q cannot be a guest's ID", guestID)
	}
	return b.enrol(ctx, guestID, d)
}

func (b *Service) enrol(ctx context.Context, ownerID string, d world.Device) (Device, error) {
	if err := checkDevice(d); err != nil {
		return Device{}, err
	}
	if state.MarkOf(ctx) != "" {
		if made, err := b.Find(ctx, ownerID+":"+b.drawn(ctx, ownerID)); !errors.Is(err, cause.NoDevice) {
			return made, err
		}
	}
	if len(d.Secret) == 0 && (d.Kind == world.TOTP || d.Kind == world.HOTP) {
		d.Secret = make([]byte, 20)
		if _, err := io.ReadFull(b.Rand, d.Secret); err != nil {
			return Device{}, err
		}
	}
	if d.Window == (world.Window{}) {
		d.Window = defaultWindow[d.Kind]
	}
	d.UserID, d.ID = ownerID, ownerID+":"+b.drawn(ctx, ownerID)
	if b.Secret != nil {
		for _, s := range append(Secrets(d), d.Codes...) {
			b.Secret("device "+d.ID, s)
		}
	}
	if err := b.enrolled.Put(ctx, enrolledKey(ownerID, d.ID), d, time.Time{}); err != nil {
		return Device{}, err
	}
	return b.Find(ctx, d.ID)
}

// drawn is a new identifier. For a marked request (state.WithMark) it is the same again, so
// that what was made before something failed is found.
func (b *Service) drawn(ctx context.Context, what string) string {
	if mark := state.MarkOf(ctx); mark != "" {
		return world.UUID(b.World.Derive("marked "+what, mark))
	}
	return world.UUID(b.Rand)
}

// Secrets are the secrets of a device in the forms in which they travel.
func Secrets(d world.Device) (out []string) {
	if len(d.Secret) > 0 {
		out = append(out, Base32(d.Secret), hex.EncodeToString(d.Secret))
	}
	for _, raw := range [][]byte{d.PrivateID, d.AESKey} {
		if len(raw) > 0 {
			out = append(out, hex.EncodeToString(raw))
		}
	}
	return append(out, d.PIN)
}

// defaultWindow is the profile "rfc" of RFC 6238 section 5.2 for TOTP, and ten
// counters for HOTP.
var defaultWindow = map[world.DeviceKind]world.Window{world.TOTP: {Before: 1, After: 1}, world.HOTP: {After: 10}}

func checkDevice(d world.Device) error {
	switch d.Kind {
	case world.TOTP, world.HOTP:
		if d.Digits != 0 && (d.Digits < 6 || d.Digits > 8) {
			return cause.Because(cause.BadInput, "digits must be 6, 7 or 8, not %d", d.Digits)
		}
		if _, ok := algorithms[strings.ToUpper(d.Algorithm)]; !ok {
			return cause.Because(cause.BadInput, "algorithm must be SHA1, SHA256 or SHA512, not %q", d.Algorithm)
		}
		if d.Period < 0 || d.Period != 0 && d.Period < time.Second {
			return cause.Because(cause.BadInput, "period must be at least a second")
		}
	case world.SMS, world.Voice, world.Mail:
		if d.Address == "" {
			return cause.Because(cause.BadInput, "a %s device needs an address", d.Kind)
		}
	case world.Push, world.Call, world.Static:
	default:
		return cause.Because(cause.BadInput, "a device of kind %q cannot be enrolled", d.Kind)
	}
	return nil
}

// Remove takes a device away, a seeded one too.
func (b *Service) Remove(ctx context.Context, deviceID string) error {
	return b.set(ctx, deviceID, func(p *progress) { p.Removed = true })
}

// Disable switches a device off or on.
func (b *Service) Disable(ctx context.Context, deviceID string, off bool) error {
	return b.set(ctx, deviceID, func(p *progress) { p.Disabled = &off })
}

// Unlock forgets a device's failures; counters stay.
func (b *Service) Unlock(ctx context.Context, deviceID string) error {
	return b.set(ctx, deviceID, func(p *progress) { p.Failures, p.LockedAt = 0, time.Time{} })
}

func (b *Service) set(ctx context.Context, deviceID string, f func(*progress)) error {
	if _, err := b.Find(ctx, deviceID); err != nil {
		return err
	}
	return b.progress.Edit(ctx, deviceID, func(p *progress, _ bool) (time.Time, error) {
		f(p)
		return time.Time{}, nil
	})
}

// Can reports whether a device of kind k takes typed codes.
func Can(k world.DeviceKind) bool {
	return slices.Contains([]world.DeviceKind{world.TOTP, world.HOTP, world.SMS, world.Voice, world.Mail, world.Static}, k)
}
