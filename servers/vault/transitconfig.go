package vault

import (
	"fmt"
	"time"

	"counterpart/servers/vault/internal/keyring"
)

func configTransit(r *request) (*answer, error) {
	var warnings []string
	a, err := r.changeTransit(fmt.Sprintf("no existing key named %s could be found", r.vars["name"]), func(k *keyring.Key) error {
		warnings = nil
		minimum, err := r.number("min_decryption_version", k.Minimum)
		if err != nil {
			return err
		}
		encrypts, err := r.number("min_encryption_version", k.MinEncrypt)
		if err != nil {
			return err
		}
		if minimum == 0 && r.has("min_decryption_version") {
			warnings = []string{"since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1"}
			minimum = 1
		}
		switch {
		case minimum < 0:
			return bad("min decryption version cannot be negative")
		case minimum > k.Latest:
			return bad("cannot set min decryption version of %d, latest key version is %d", minimum, k.Latest)
		case encrypts < 0:
			return bad("min encryption version cannot be negative")
		case encrypts > k.Latest:
			return bad("cannot set min encryption version of %d, latest key version is %d", encrypts, k.Latest)
		case encrypts > 0 && encrypts < minimum:
			return bad("cannot set min encryption/decryption values; min encryption version of %d must be greater than or equal to min decryption version of %d", encrypts, minimum)
		case k.Available > encrypts:
			return bad("min encryption version should not be less than min available version")
		case k.Available > minimum:
			return bad("min decryption version should not be less then min available version")
		}
		k.Minimum, k.MinEncrypt = minimum, encrypts
		return r.configFlags(k)
	})
	if a != nil {
		a.warnings = warnings
	}
	return a, err
}

// configFlags takes what a key may be used for; what allows its export is never taken
// back.
func (r *request) configFlags(k *keyring.Key) error {
	var err error
	if k.Deletable, err = r.flag("deletion_allowed", k.Deletable); err != nil {
		return err
	}
	for name, to := range map[string]*bool{"exportable": &k.Exportable, "allow_plaintext_backup": &k.Backup} {
		on, err := r.flag(name, false)
		if err != nil {
			return err
		}
		*to = *to || on
	}
	if r.has("auto_rotate_period") {
		period, err := r.lasts("auto_rotate_period")
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

func trimTransit(r *request) (*answer, error) {
	return r.changeTransit("invalid key name", func(k *keyring.Key) error {
		if !r.has("min_available_version") {
			return bad("missing min_available_version")
		}
		n, err := r.number("min_available_version", 0)
		switch {
		case err != nil:
			return err
		case n < k.Available:
			return bad("minimum available version cannot be decremented")
		case k.MinEncrypt == 0:
			return bad("minimum available version cannot be set when minimum encryption version is not set")
		case n > k.MinEncrypt:
			return bad("minimum available version cannot be greater than minmum encryption version")
		case n > k.Minimum:
			return bad("minimum available version cannot be greater than minimum decryption version")
		case n < 0:
			return bad("minimum available version cannot be negative")
		case n == 0:
			return bad("minimum available version should be positive")
		}
		k.Trim(n)
		return nil
	})
}

func transitKeysConfig(r *request) (*answer, error) {
	c, err := r.editTransitConfig(func(c *transitConfig) (err error) {
		c.NoUpsert, err = r.flag("disable_upsert", c.NoUpsert)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"disable_upsert": c.NoUpsert})
}

func transitCache(r *request) (*answer, error) {
	c, err := r.editTransitConfig(func(c *transitConfig) (err error) {
		if c.Cache, err = r.number("size", c.Cache); err == nil && (c.Cache < 0 || c.Cache > 0 && c.Cache < 10) {
			err = bad("size must be 0 or a value greater or equal to 10")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"size": c.Cache})
}

// editTransitConfig changes the configuration of the mount, if the request writes.
func (r *request) editTransitConfig(change func(*transitConfig) error) (out transitConfig, err error) {
	c, err := r.transitConf.Get(r.ctx, r.mount.UUID)
	if err != nil || r.op != opWrite {
		if c != nil {
			out = *c
		}
		return out, err
	}
	err = r.transitConf.Change(r.ctx, r.mount.UUID, func(c *transitConfig, _ bool) error {
		err := change(c)
		out = *c
		return err
	})
	return out, err
}
