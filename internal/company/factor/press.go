package factor

import (
	"context"
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// The policies of a press: what a YubiKey types that is right, or wrong in one way.
const (
	PressNext           = "next"
	PressReplayLast     = "replay_last"      // what it typed last, once more
	PressCorruptCRC     = "corrupt_crc"      // damaged on the way
	PressWrongPrivateID = "wrong_private_id" // another key with its AES key
	PressWrongAES       = "wrong_aes"        // programmed anew
	PressOldSession     = "old_session"      // from before it lost power
)

// PressPolicies lists them all.
func PressPolicies() []string {
	return []string{PressNext, PressReplayLast, PressCorruptCRC, PressWrongPrivateID, PressWrongAES, PressOldSession}
}

// VirtualYubikey is the state of the key itself, which may be ahead of what any server
// has seen of it.
type VirtualYubikey struct {
	Session uint16    `json:"session"` // of what it types next
	Use     uint8     `json:"use"`
	Began   uint32    `json:"began"`         // what its clock showed when it got power, 24 bits
	Powered time.Time `json:"powered"`       // when that was
	Typed   string    `json:"typed"`         // last; empty: nothing
	Presses int       `json:"presses"`       // how many there were, for a sequence
	Worn    bool      `json:"worn,omitzero"` // its counter is at its end
}

// timestamp is what the key's clock shows: eighths of a second in 24 bits.
func (v VirtualYubikey) timestamp(now time.Time) uint32 {
	return (v.Began + uint32(max(0, now.Sub(v.Powered))/(time.Second/8))) & (1<<24 - 1)
}

// session takes the key to the next session. The counter has 15 bits; bit 15, which a
// seed may set, is no part of it.
func (v *VirtualYubikey) session() {
	if v.Session&0x7fff == 0x7fff {
		v.Worn = true
		return
	}
	v.Session++
	v.Use = 0
}

// Virtual is the key of a device.
func (b *Service) Virtual(ctx context.Context, d world.Device) (VirtualYubikey, error) {
	v, found, err := b.virtual.Read(ctx, d.ID)
	if !found {
		v = b.fresh(d)
	}
	return v, err
}

// fresh is a key that nobody has touched yet: it was given power when its device began.
func (b *Service) fresh(d world.Device) VirtualYubikey {
	var octets [4]byte
	io.ReadFull(b.World.Derive("yubikey", d.ID), octets[:])
	return VirtualYubikey{Session: uint16(max(1, d.Counter)), Use: d.FirstUse, Began: binary.LittleEndian.Uint32(octets[:]) >> 8, Powered: b.Clock.Now()}
}

// Press touches a YubiKey, and returns what it types. An empty policy is the one of its
// device. It refuses with cause.WrongKind, cause.BadInput, and with cause.Expired once
// the key's counter is at its end.
func (b *Service) Press(ctx context.Context, deviceID, policy string) (string, error) {
	d, err := b.yubikey(ctx, deviceID)
	if err != nil {
		return "", err
	}
	if policy != "" && !slices.Contains(PressPolicies(), policy) {
		return "", cause.Because(cause.BadInput, "policy must be one of %v, not %q", PressPolicies(), policy)
	}
	var octets [4]byte
	if _, err := io.ReadFull(b.Rand, octets[:]); err != nil {
		return "", err
	}
	random := binary.LittleEndian.Uint16(octets[:])
	var text string
	err = b.virtual.Edit(ctx, d.ID, func(v *VirtualYubikey, found bool) (time.Time, error) {
		if !found {
			*v = b.fresh(d)
		}
		if v.Worn {
			return time.Time{}, cause.Because(cause.Expired, "%s has counted to its end and types nothing any more", d.ID)
		}
		how := policy
		if how == "" {
			how = PressNext
			if n := len(d.Presses); n > 0 {
				how = d.Presses[min(v.Presses, n-1)]
			}
		}
		var err error
		text, err = v.press(d, how, random, b.Clock.Now())
		return time.Time{}, err
	})
	return text, err
}

// press is one touch.
func (v *VirtualYubikey) press(d world.Device, how string, random uint16, now time.Time) (string, error) {
	v.Presses++
	if how == PressReplayLast && v.Typed != "" {
		return v.Typed, nil
	}
	k := Keystroke{PrivateID: [6]byte(d.PrivateID), Session: v.Session, Timestamp: v.timestamp(now), Use: v.Use, Random: random}
	key := d.AESKey
	var spoil byte
	switch how {
	case PressOldSession:
		k.Session -= min(k.Session, 1)
	case PressWrongPrivateID:
		k.PrivateID[0] ^= 1
	case PressWrongAES:
		key = slices.Clone(key)
		key[0] ^= 1
	case PressCorruptCRC:
		spoil = 1
	}
	plain := k.octets()
	plain[aes.BlockSize-1] ^= spoil
	text, err := keyed(d.PublicID, key, plain)
	if err != nil || how == PressOldSession {
		return text, err
	}
	v.Typed = text
	if v.Use++; v.Use == 0 { // after 255
		v.session()
	}
	return text, nil
}

// PowerCycle takes a YubiKey out and puts it in again: a new session, another time.
func (b *Service) PowerCycle(ctx context.Context, deviceID string) (v VirtualYubikey, err error) {
	d, err := b.yubikey(ctx, deviceID)
	if err != nil {
		return v, err
	}
	var octets [4]byte
	if _, err := io.ReadFull(b.Rand, octets[:]); err != nil {
		return v, err
	}
	err = b.virtual.Edit(ctx, d.ID, func(x *VirtualYubikey, found bool) (time.Time, error) {
		if !found {
			*x = b.fresh(d)
		}
		x.session()
		x.Began, x.Powered = binary.LittleEndian.Uint32(octets[:])>>8, b.Clock.Now()
		v = *x
		return time.Time{}, nil
	})
	return v, err
}

// yubikey is a device that can be pressed.
func (b *Service) yubikey(ctx context.Context, deviceID string) (world.Device, error) {
	d, err := b.Find(ctx, deviceID)
	switch {
	case err != nil:
		return world.Device{}, err
	case d.Kind != world.Yubikey:
		return world.Device{}, cause.Because(cause.WrongKind, "%s is a %s device and cannot be pressed", d.ID, d.Kind)
	case len(d.PrivateID) != 6:
		return world.Device{}, fmt.Errorf("factor: the private ID of %s has %d octets", d.ID, len(d.PrivateID))
	}
	return d.Device, nil
}

// FindYubikey is the YubiKey of a device's ID or of a public ID, in modhex or hexadecimal.
func (b *Service) FindYubikey(ctx context.Context, name string) (world.Device, error) {
	if id, ok := world.PublicID(name); ok {
		for _, d := range b.Yubikeys() {
			if d.PublicID == id {
				return d, nil
			}
		}
	}
	return b.yubikey(ctx, name)
}
