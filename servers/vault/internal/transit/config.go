package transit

import (
	"fmt"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
)

func (b *Backend) configTransit(r *core.Request) (*core.Answer, error) {
	var warnings []string
	a, err := b.changeTransit(r, fmt.Sprintf("no existing key named %s could be found", r.Vars["name"]), func(k *keyring.Key) error {
		warnings = nil
		minimum, err := r.Int("min_decryption_version", k.Minimum)
		if err != nil {
			return err
		}
		encrypts, err := r.Int("min_encryption_version", k.MinEncrypt)
		if err != nil {
			return err
		}
		if minimum == 0 && r.Has("min_decryption_version") {
			warnings = []string{"since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1"}
			minimum = 1
		}
		switch {
		case minimum < 0:
			return core.BadRequest("min decryption version cannot be negative")
		case minimum > k.Latest:
			return core.BadRequest("cannot set min decryption version of %d, latest key version is %d", minimum, k.Latest)
		case encrypts < 0:
			return core.BadRequest("min encryption version cannot be negative")
		case encrypts > k.Latest:
			return core.BadRequest("cannot set min encryption version of %d, latest key version is %d", encrypts, k.Latest)
		case encrypts > 0 && encrypts < minimum:
			return core.BadRequest("cannot set min encryption/decryption values; min encryption version of %d must be greater than or equal to min decryption version of %d", encrypts, minimum)
		case k.Available > encrypts:
			return core.BadRequest("min encryption version should not be less than min available version")
		case k.Available > minimum:
			return core.BadRequest("min decryption version should not be less then min available version")
		}
		k.Minimum, k.MinEncrypt = minimum, encrypts
		return configFlags(r, k)
	})
	if a != nil {
		a.Warnings = warnings
	}
	return a, err
}

// configFlags takes what a key may be used for; what allows its export is never taken
// back.
func configFlags(r *core.Request, k *keyring.Key) error {
	var err error
	if k.Deletable, err = r.Bool("deletion_allowed", k.Deletable); err != nil {
		return err
	}
	for name, to := range map[string]*bool{"exportable": &k.Exportable, "allow_plaintext_backup": &k.Backup} {
		on, err := r.Bool(name, false)
		if err != nil {
			return err
		}
		*to = *to || on
	}
	if r.Has("auto_rotate_period") {
		period, err := r.Duration("auto_rotate_period")
		switch {
		case err != nil:
			return err
		case period != 0 && period < time.Hour:
			return errAutoRotate()
		}
		k.AutoRotate = period
	}
	return nil
}

func (b *Backend) trimTransit(r *core.Request) (*core.Answer, error) {
	return b.changeTransit(r, "invalid key name", func(k *keyring.Key) error {
		if !r.Has("min_available_version") {
			return core.BadRequest("missing min_available_version")
		}
		n, err := r.Int("min_available_version", 0)
		switch {
		case err != nil:
			return err
		case n < k.Available:
			return core.BadRequest("minimum available version cannot be decremented")
		case k.MinEncrypt == 0:
			return core.BadRequest("minimum available version cannot be set when minimum encryption version is not set")
		case n > k.MinEncrypt:
			return core.BadRequest("minimum available version cannot be greater than minmum encryption version")
		case n > k.Minimum:
			return core.BadRequest("minimum available version cannot be greater than minimum decryption version")
		case n < 0:
			return core.BadRequest("minimum available version cannot be negative")
		case n == 0:
			return core.BadRequest("minimum available version should be positive")
		}
		k.Trim(n)
		return nil
	})
}

func (b *Backend) transitKeysConfig(r *core.Request) (*core.Answer, error) {
	c, err := b.editTransitConfig(r, func(c *transitConfig) (err error) {
		c.NoUpsert, err = r.Bool("disable_upsert", c.NoUpsert)
		return err
	})
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"disable_upsert": c.NoUpsert})
}

func (b *Backend) transitCache(r *core.Request) (*core.Answer, error) {
	c, err := b.editTransitConfig(r, func(c *transitConfig) (err error) {
		if c.Cache, err = r.Int("size", c.Cache); err == nil && (c.Cache < 0 || c.Cache > 0 && c.Cache < 10) {
			err = core.BadRequest("size must be 0 or a value greater or equal to 10")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"size": c.Cache})
}

// editTransitConfig changes the configuration of the mount, if the request writes.
func (b *Backend) editTransitConfig(r *core.Request, change func(*transitConfig) error) (out transitConfig, err error) {
	c, err := b.transitConf.Get(r.Ctx, r.Mount.UUID)
	if err != nil || r.Op != core.OpWrite {
		if c != nil {
			out = *c
		}
		return out, err
	}
	err = b.transitConf.Change(r.Ctx, r.Mount.UUID, func(c *transitConfig, _ bool) error {
		err := change(c)
		out = *c
		return err
	})
	return out, err
}
