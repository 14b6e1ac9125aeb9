package totp

import (
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/world"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its keys.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	if in.Type == "transit" {
		return nil
	}
	for i, k := range in.Keys {
		key := &totpKey{Secret: strings.ToUpper(k.Secret), Issuer: k.Issuer, Account: k.Account, Digits: k.Digits, Period: k.Period, Algorithm: "SHA1", Skew: 1}
		if k.Device != "" {
			d, there := s.World.Device(k.Device)
			if !there || d.Kind != world.TOTP {
				return fmt.Errorf("keys[%d].device: %q is no TOTP device", i, k.Device)
			}
			*key = totpKey{Secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(d.Secret), Issuer: k.Issuer, Account: d.UserID,
				Digits: d.Digits, Period: int(d.Period / time.Second), Algorithm: d.Algorithm, Skew: 1, Device: d.ID}
		}
		if err := key.check(false); err != nil {
			return fmt.Errorf("keys[%d] (%s): %w", i, k.Name, err)
		}
		b.totps.Seed(m.UUID+"/"+k.Name, key)
	}
	return nil
}
