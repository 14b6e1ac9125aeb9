package transit

import (
	"errors"
	"strconv"
	"time"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
	"counterpart/servers/vault/internal/tools"
)

// transitConfig is the configuration of a mount of transit.
type transitConfig struct {
	NoUpsert bool `json:"no_upsert,omitempty"`
	Cache    int  `json:"cache,omitempty"` // only kept: there is nothing that it would bound
}

// Engine is the secrets engine transit.
func (b *Backend) Engine() *core.Engine {
	read := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpRead: h}
	}
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	exists := func(r *core.Request) (bool, error) {
		k, err := b.transits.Get(r.Ctx, r.NameKey())
		return k != nil, err
	}
	return core.NewEngine("transit",
		&core.Path{Pattern: "keys", Name: "keys", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.transits.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "keys/:name", Name: "keys", Ops: map[core.Operation]core.Handler{core.OpRead: b.getTransit, core.OpWrite: b.putTransit, core.OpDelete: b.dropTransit}},
		&core.Path{Pattern: "keys/:name/rotate", Name: "keys.rotate", Ops: write(b.rotateTransit)},
		&core.Path{Pattern: "keys/:name/config", Name: "keys.config", Ops: write(b.configTransit)},
		&core.Path{Pattern: "keys/:name/trim", Name: "keys.trim", Ops: write(b.trimTransit)},
		&core.Path{Pattern: "encrypt/:name", Name: "encrypt", Exists: exists, Ops: write(b.encrypt)},
		&core.Path{Pattern: "decrypt/:name", Name: "decrypt", Ops: write(b.decrypt)},
		&core.Path{Pattern: "rewrap/:name", Name: "rewrap", Ops: write(b.rewrapTransit)},
		&core.Path{Pattern: "datakey/=plaintext/:name", Name: "datakey", Ops: write(b.dataKey)},
		&core.Path{Pattern: "sign/:name", Name: "sign", Ops: write(b.signTransit)},
		&core.Path{Pattern: "sign/:name/=algorithm", Name: "sign", Ops: write(b.signTransit)},
		&core.Path{Pattern: "verify/:name", Name: "verify", Ops: write(b.verifyTransit)},
		&core.Path{Pattern: "verify/:name/=algorithm", Name: "verify", Ops: write(b.verifyTransit)},
		&core.Path{Pattern: "hmac/:name", Name: "hmac", Ops: write(b.macTransit)},
		&core.Path{Pattern: "hmac/:name/=algorithm", Name: "hmac", Ops: write(b.macTransit)},
		&core.Path{Pattern: "hash", Name: "hash", Ops: write(hashTransit)},
		&core.Path{Pattern: "hash/=algorithm", Name: "hash", Ops: write(hashTransit)},
		&core.Path{Pattern: "random", Name: "random", Ops: write(tools.Random)},
		&core.Path{Pattern: "random/:n", Name: "random", Ops: write(tools.Random)},
		&core.Path{Pattern: "random/:source/:n", Name: "random", Ops: write(tools.Random)},
		&core.Path{Pattern: "export/:type/:name", Name: "export", Ops: read(b.exportTransit)},
		&core.Path{Pattern: "export/:type/:name/:version", Name: "export", Ops: read(b.exportTransit)},
		&core.Path{Pattern: "backup/:name", Name: "backup", Ops: read(b.backupTransit)},
		&core.Path{Pattern: "restore", Name: "restore", Ops: write(b.restoreTransit)},
		&core.Path{Pattern: "restore/:name", Name: "restore", Ops: write(b.restoreTransit)},
		&core.Path{Pattern: "config/keys", Name: "config.keys", Ops: map[core.Operation]core.Handler{core.OpRead: b.transitKeysConfig, core.OpWrite: b.transitKeysConfig}},
		&core.Path{Pattern: "cache-config", Name: "cache-config", Ops: map[core.Operation]core.Handler{core.OpRead: b.transitCache, core.OpWrite: b.transitCache}},
	)
}

// shownTransit is a key as answers show it; context derives the public keys of one
// that derives.
func shownTransit(r *core.Request, k *keyring.Key, context []byte) (map[string]any, error) {
	data := map[string]any{"allow_plaintext_backup": k.Backup, "auto_rotate_period": int64(k.AutoRotate / time.Second), "deletion_allowed": k.Deletable,
		"derived": k.Derived, "exportable": k.Exportable, "imported_key": false, "latest_version": k.Latest, "min_available_version": k.Available,
		"min_decryption_version": k.Minimum, "min_encryption_version": k.MinEncrypt, "name": r.Vars["name"], "supports_decryption": k.Encrypts(),
		"supports_derivation": k.Derives(), "supports_encryption": k.Encrypts(), "supports_signing": k.Signs(), "type": k.Type}
	if r.Flavour.Bao {
		data["soft_deleted"] = false
	}
	if k.Derived {
		data["kdf"], data["convergent_encryption"] = "hkdf_sha256", k.Convergent
		if k.Convergent {
			data["convergent_encryption_version"] = -1
		}
	}
	if k.Size > 0 {
		data["key_size"] = k.Size
	}
	for name, x := range map[string]struct {
		at time.Time
		n  int
	}{"backup_info": {k.BackedUp, k.BackedUpAt}, "restore_info": {k.Restored, k.RestoredAt}} {
		if !x.at.IsZero() {
			data[name] = map[string]any{"time": core.FormatTime(x.at), "version": x.n}
		}
	}
	if k.Type == keyring.HMAC {
		return data, nil
	}
	versions := map[string]any{}
	for i, v := range k.Versions {
		if i+1 < max(k.Minimum, k.Available) {
			continue
		}
		if k.Symmetric() {
			versions[strconv.Itoa(i+1)] = v.Made.Unix()
			continue
		}
		public, err := k.PublicKey(i+1, context)
		if err != nil {
			return nil, err
		}
		shown := map[string]any{"creation_time": core.FormatTime(v.Made), "name": k.Curve(), "public_key": public}
		if !r.Flavour.Old {
			shown["certificate_chain"] = ""
		}
		if !r.Flavour.Bao && !r.Flavour.Old {
			shown["hybrid_public_key"] = ""
		}
		versions[strconv.Itoa(i+1)] = shown
	}
	data["keys"] = versions
	return data, nil
}

func (b *Backend) getTransit(r *core.Request) (*core.Answer, error) {
	k, err := core.Require(r.Ctx, b.transits, r.NameKey())
	if err != nil {
		return nil, err
	}
	context, err := fromBase64(r.Text("context"))
	if err != nil {
		return nil, core.BadRequest("failed to base64-decode context")
	}
	return answerKey(r, k, context)
}

// answerKey shows a key.
func answerKey(r *core.Request, k *keyring.Key, context []byte) (*core.Answer, error) {
	data, err := shownTransit(r, k, context)
	if err != nil {
		return nil, cryptic(err)
	}
	return core.OK(data)
}

// wantedKey is the key that the request describes.
func wantedKey(r *core.Request) (*keyring.Key, error) {
	k := &keyring.Key{Type: r.Text("type")}
	if k.Type == "" {
		k.Type = keyring.AES256
	}
	var err error
	for name, to := range map[string]*bool{"derived": &k.Derived, "convergent_encryption": &k.Convergent, "exportable": &k.Exportable, "allow_plaintext_backup": &k.Backup} {
		if *to, err = r.Bool(name, false); err != nil {
			return nil, err
		}
	}
	if k.AutoRotate, err = r.Duration("auto_rotate_period"); err != nil {
		return nil, err
	}
	size, err := r.Int("key_size", 0)
	switch {
	case err != nil:
		return nil, err
	case k.AutoRotate != 0 && k.AutoRotate < time.Hour:
		return nil, errAutoRotate()
	case k.Convergent && !k.Derived:
		return nil, core.BadRequest("convergent encryption requires derivation to be enabled")
	case keyring.Enterprise(k.Type) && r.Flavour.Bao:
		return nil, core.BadRequest("unknown key type %s", k.Type)
	case k.Type == "managed_key":
		return nil, core.Faulty("managed keys are supported within enterprise edition only")
	case k.Type == "ml-dsa", k.Type == "slh-dsa":
		return nil, core.BadRequest("invalid parameter set %s for key type %s", r.Text("parameter_set"), k.Type)
	case keyring.Enterprise(k.Type):
		return nil, core.BadRequest("key type %s is only available in enterprise versions of Vault", k.Type)
	case !keyring.Known(k.Type):
		return nil, core.BadRequest("unknown key type %s", k.Type)
	case size != 0 && k.Type != keyring.HMAC:
		return nil, core.BadRequest("key_size is not valid for algorithm %s", k.Type)
	case size != 0 && (size < 32 || size > 512):
		return nil, core.BadRequest("invalid key_size %d", size)
	}
	k.Size = size
	if err := k.Check(); err != nil {
		return nil, core.Faulty(err.Error())
	}
	return k, nil
}

// errAutoRotate is the refusal of a period that is too short.
func errAutoRotate() error {
	return core.BadRequest("auto rotate period must be 0 to disable or at least an hour")
}

// makeTransit keeps a new key, unless there is one by now.
func (b *Backend) makeTransit(r *core.Request, k *keyring.Key) (*keyring.Key, error) {
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	var out keyring.Key
	err = b.transits.Change(r.Ctx, r.NameKey(), func(kept *keyring.Key, found bool) error {
		if !found {
			*kept = *k
			kept.Add(v)
		}
		out = *kept
		return nil
	})
	return &out, err
}

func (b *Backend) putTransit(r *core.Request) (*core.Answer, error) {
	fresh, err := wantedKey(r)
	if err != nil {
		return nil, err
	}
	k, err := b.transits.Get(r.Ctx, r.NameKey())
	if err == nil && k == nil {
		k, err = b.makeTransit(r, fresh)
	}
	if err != nil {
		return nil, err
	}
	return answerKey(r, k, nil)
}

func (b *Backend) dropTransit(r *core.Request) (*core.Answer, error) {
	k, err := b.transits.Get(r.Ctx, r.NameKey())
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, core.BadRequest("error deleting policy %s: could not delete key; not found", r.Vars["name"])
	case !k.Deletable:
		return nil, core.BadRequest("error deleting policy %s: deletion is not allowed for this key", r.Vars["name"])
	}
	_, err = b.transits.Delete(r.Ctx, r.NameKey())
	return nil, err
}

// maxVersions is how often a key can be rotated.
const maxVersions = 1000

func (b *Backend) rotateTransit(r *core.Request) (*core.Answer, error) {
	k, err := b.transits.Get(r.Ctx, r.NameKey())
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, core.BadRequest("key not found")
	}
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	return b.changeTransit(r, "key not found", func(k *keyring.Key) error {
		if len(k.Versions) >= maxVersions {
			return core.BadRequest("the key has %d versions, which is all that are kept", maxVersions)
		}
		k.Add(v)
		return nil
	})
}

// changeTransit changes the key of the path and shows it; missing is said when there
// is none.
func (b *Backend) changeTransit(r *core.Request, missing string, change func(k *keyring.Key) error) (*core.Answer, error) {
	var out keyring.Key
	err := b.transits.Change(r.Ctx, r.NameKey(), func(k *keyring.Key, found bool) error {
		if !found {
			return core.BadRequest("%s", missing)
		}
		err := change(k)
		out = *k
		return err
	})
	if err != nil {
		return nil, err
	}
	return answerKey(r, &out, nil)
}

// transitKey is the key of the path as it is now: one whose rotation is due has
// been rotated.
func (b *Backend) transitKey(r *core.Request, missing string) (*keyring.Key, error) {
	k, err := b.transits.Get(r.Ctx, r.NameKey())
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, core.BadRequest("%s", missing)
	case !overdue(r, k):
		return k, nil
	}
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	err = b.transits.Change(r.Ctx, r.NameKey(), func(k *keyring.Key, found bool) error {
		if !found || !overdue(r, k) || len(k.Versions) >= maxVersions {
			return state.ErrKeep
		}
		k.Add(v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return core.Require(r.Ctx, b.transits, r.NameKey())
}

// overdue reports a key that rotates by itself, and should have.
func overdue(r *core.Request, k *keyring.Key) bool {
	return k.AutoRotate > 0 && !r.Clock.Now().Before(k.Versions[k.Latest-1].Made.Add(k.AutoRotate))
}

// cryptic words an error of the keys: what the caller did wrong, or else what the
// server calls its own failure.
func cryptic(err error) error {
	var w keyring.Wrong
	var refused *core.Refusal
	switch {
	case err == nil, errors.As(err, &refused):
		return err
	case errors.As(err, &w):
		return core.BadRequest("%s", string(w))
	}
	return core.Faulty(err.Error())
}
