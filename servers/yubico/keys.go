package yubico

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// key is what this server knows of a YubiKey.
type key struct {
	device world.Device
	known  bool // to the key storage module
	delay  time.Duration
}

// loadKeys knows the keys of the company, then what the block says of them, then those
// that the block alone has.
func (s *Server) loadKeys() error {
	for d := range s.World.Yubikeys() {
		s.keys[d.PublicID] = &key{device: d, known: true}
	}
	listed := map[string]bool{}
	imported, err := readKeys(s.set.KeysCSV)
	if err != nil {
		return fmt.Errorf("keys_csv: %w", err)
	}
	for _, k := range append(s.set.Keys[:len(s.set.Keys):len(s.set.Keys)], imported...) {
		id, ok := world.PublicID(k.PublicID)
		if !ok {
			return fmt.Errorf("%q is no public ID", k.PublicID)
		}
		if listed[id] {
			return fmt.Errorf("the YubiKey %q stands in the block twice", id)
		}
		listed[id] = true
		if err := s.loadKey(id, k); err != nil {
			return fmt.Errorf("the YubiKey %q: %w", id, err)
		}
	}
	return nil
}

func (s *Server) loadKey(id string, k Key) error {
	private, err := octets("private_id", k.PrivateID, 6)
	if err != nil {
		return err
	}
	secret, err := octets("aes_key", k.AESKey, 16)
	if err != nil {
		return err
	}
	if of := s.keys[id]; of != nil {
		d := of.device
		if private != nil && !bytes.Equal(private, d.PrivateID) || secret != nil && !bytes.Equal(secret, d.AESKey) {
			return fmt.Errorf("%s of %s has that public ID with another private ID or AES key", d.ID, d.UserID)
		}
		if !k.Active || len(k.Press) > 0 || k.Owner != "" || k.Start != (Start{Counter: 1}) && k.Start != (Start{}) {
			return fmt.Errorf("it is %s of %s: owner, active, start and press are said there, by the device's owner, `disabled`, `counter` and `press`", d.ID, d.UserID)
		}
		of.known, of.delay = k.KSMActive, k.VerifyDelay
		s.Factors.SeedYubikey(d.ID, factor.NewYubikeyRow())
		return nil
	}
	if private == nil || secret == nil {
		return fmt.Errorf("nobody in the company has it, so it needs `private_id` and `aes_key`")
	}
	d := world.Device{ID: "yubikey:" + id, Kind: world.Yubikey, Label: k.Serial, PublicID: id, PrivateID: private, AESKey: secret,
		Counter: uint64(k.Start.Counter), FirstUse: uint8(k.Start.Use), Presses: k.Press, Disabled: !k.Active}
	if k.Owner != "" {
		u, _ := s.World.User(k.Owner) // checked
		d.UserID = u.ID
	}
	if err := s.Factors.Register(d); err != nil {
		return err
	}
	s.Factors.SeedYubikey(d.ID, factor.NewYubikeyRow())
	s.keys[id] = &key{device: d, known: k.KSMActive, delay: k.VerifyDelay}
	return nil
}

// octets reads what has size octets in hexadecimal; nil for nothing.
func octets(name, text string, size int) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("`%s` is not %d octets in hexadecimal", name, size)
	}
	return b, nil
}

// loadRows takes over what another validation server has seen.
func (s *Server) loadRows() error {
	seen, err := readRows(s.set.RowsCSV)
	if err != nil {
		return fmt.Errorf("rows_csv: %w", err)
	}
	for id, r := range seen {
		k := s.keys[id]
		switch {
		case k == nil:
			s.rows.Seed(id, &r)
		case r.Inactive && !k.device.Disabled:
			return fmt.Errorf("rows_csv: %q is not active, but its device is; write `disabled: true` or `active: false` there", id)
		default:
			s.Factors.SeedYubikey(k.device.ID, r.YubikeyRow)
		}
	}
	return nil
}
