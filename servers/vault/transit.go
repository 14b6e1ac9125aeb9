package vault

import (
	"errors"
	"strconv"
	"time"

	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/keyring"
)

// transitConfig is the configuration of a mount of transit.
type transitConfig struct {
	NoUpsert bool `json:"no_upsert,omitempty"`
	Cache    int  `json:"cache,omitempty"` // only kept: there is nothing that it would bound
}

// transitEngine is the secrets engine transit.
func transitEngine() *engine {
	read := func(h handler) map[operation]handler { return map[operation]handler{opRead: h} }
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	exists := func(r *request) (bool, error) {
		k, err := r.transits.Get(r.ctx, r.connectionKey())
		return k != nil, err
	}
	return newEngine("transit",
		&pathSpec{pattern: "keys", name: "keys", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.transits.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "keys/:name", name: "keys", ops: map[operation]handler{opRead: getTransit, opWrite: putTransit, opDelete: dropTransit}},
		&pathSpec{pattern: "keys/:name/rotate", name: "keys.rotate", ops: write(rotateTransit)},
		&pathSpec{pattern: "keys/:name/config", name: "keys.config", ops: write(configTransit)},
		&pathSpec{pattern: "keys/:name/trim", name: "keys.trim", ops: write(trimTransit)},
		&pathSpec{pattern: "encrypt/:name", name: "encrypt", exists: exists, ops: write(encrypt)},
		&pathSpec{pattern: "decrypt/:name", name: "decrypt", ops: write(decrypt)},
		&pathSpec{pattern: "rewrap/:name", name: "rewrap", ops: write(rewrapTransit)},
		&pathSpec{pattern: "datakey/=plaintext/:name", name: "datakey", ops: write(dataKey)},
		&pathSpec{pattern: "sign/:name", name: "sign", ops: write(signTransit)},
		&pathSpec{pattern: "sign/:name/=algorithm", name: "sign", ops: write(signTransit)},
		&pathSpec{pattern: "verify/:name", name: "verify", ops: write(verifyTransit)},
		&pathSpec{pattern: "verify/:name/=algorithm", name: "verify", ops: write(verifyTransit)},
		&pathSpec{pattern: "hmac/:name", name: "hmac", ops: write(macTransit)},
		&pathSpec{pattern: "hmac/:name/=algorithm", name: "hmac", ops: write(macTransit)},
		&pathSpec{pattern: "hash", name: "hash", ops: write(hashTransit)},
		&pathSpec{pattern: "hash/=algorithm", name: "hash", ops: write(hashTransit)},
		&pathSpec{pattern: "random", name: "random", ops: write(randomBytes)},
		&pathSpec{pattern: "random/:n", name: "random", ops: write(randomBytes)},
		&pathSpec{pattern: "random/:source/:n", name: "random", ops: write(randomBytes)},
		&pathSpec{pattern: "export/:type/:name", name: "export", ops: read(exportTransit)},
		&pathSpec{pattern: "export/:type/:name/:version", name: "export", ops: read(exportTransit)},
		&pathSpec{pattern: "backup/:name", name: "backup", ops: read(backupTransit)},
		&pathSpec{pattern: "restore", name: "restore", ops: write(restoreTransit)},
		&pathSpec{pattern: "restore/:name", name: "restore", ops: write(restoreTransit)},
		&pathSpec{pattern: "config/keys", name: "config.keys", ops: map[operation]handler{opRead: transitKeysConfig, opWrite: transitKeysConfig}},
		&pathSpec{pattern: "cache-config", name: "cache-config", ops: map[operation]handler{opRead: transitCache, opWrite: transitCache}},
	)
}

// shownTransit is a key as answers show it; context derives the public keys of one
// that derives.
func (r *request) shownTransit(k *keyring.Key, context []byte) (map[string]any, error) {
	data := map[string]any{"allow_plaintext_backup": k.Backup, "auto_rotate_period": int64(k.AutoRotate / time.Second), "deletion_allowed": k.Deletable,
		"derived": k.Derived, "exportable": k.Exportable, "imported_key": false, "latest_version": k.Latest, "min_available_version": k.Available,
		"min_decryption_version": k.Minimum, "min_encryption_version": k.MinEncrypt, "name": r.vars["name"], "supports_decryption": k.Encrypts(),
		"supports_derivation": k.Derives(), "supports_encryption": k.Encrypts(), "supports_signing": k.Signs(), "type": k.Type}
	if r.flavour.bao {
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
			data[name] = map[string]any{"time": stamp(x.at), "version": x.n}
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
		shown := map[string]any{"creation_time": stamp(v.Made), "name": k.Curve(), "public_key": public}
		if !r.flavour.old {
			shown["certificate_chain"] = ""
		}
		if !r.flavour.bao && !r.flavour.old {
			shown["hybrid_public_key"] = ""
		}
		versions[strconv.Itoa(i+1)] = shown
	}
	data["keys"] = versions
	return data, nil
}

func getTransit(r *request) (*answer, error) {
	k, err := need(r.ctx, r.transits, r.connectionKey())
	if err != nil {
		return nil, err
	}
	context, err := fromBase64(r.text("context"))
	if err != nil {
		return nil, bad("failed to base64-decode context")
	}
	return r.answerKey(k, context)
}

// answerKey shows a key.
func (r *request) answerKey(k *keyring.Key, context []byte) (*answer, error) {
	data, err := r.shownTransit(k, context)
	if err != nil {
		return nil, cryptic(err)
	}
	return ok(data)
}

// wantedKey is the key that the request describes.
func (r *request) wantedKey() (*keyring.Key, error) {
	k := &keyring.Key{Type: r.text("type")}
	if k.Type == "" {
		k.Type = keyring.AES256
	}
	var err error
	for name, to := range map[string]*bool{"derived": &k.Derived, "convergent_encryption": &k.Convergent, "exportable": &k.Exportable, "allow_plaintext_backup": &k.Backup} {
		if *to, err = r.flag(name, false); err != nil {
			return nil, err
		}
	}
	if k.AutoRotate, err = r.lasts("auto_rotate_period"); err != nil {
		return nil, err
	}
	size, err := r.number("key_size", 0)
	switch {
	case err != nil:
		return nil, err
	case k.AutoRotate != 0 && k.AutoRotate < time.Hour:
		return nil, errAutoRotate()
	case k.Convergent && !k.Derived:
		return nil, bad("convergent encryption requires derivation to be enabled")
	case keyring.Enterprise(k.Type) && r.flavour.bao:
		return nil, bad("unknown key type %s", k.Type)
	case k.Type == "managed_key":
		return nil, faulty("managed keys are supported within enterprise edition only")
	case k.Type == "ml-dsa", k.Type == "slh-dsa":
		return nil, bad("invalid parameter set %s for key type %s", r.text("parameter_set"), k.Type)
	case keyring.Enterprise(k.Type):
		return nil, bad("key type %s is only available in enterprise versions of Vault", k.Type)
	case !keyring.Known(k.Type):
		return nil, bad("unknown key type %s", k.Type)
	case size != 0 && k.Type != keyring.HMAC:
		return nil, bad("key_size is not valid for algorithm %s", k.Type)
	case size != 0 && (size < 32 || size > 512):
		return nil, bad("invalid key_size %d", size)
	}
	k.Size = size
	if err := k.Check(); err != nil {
		return nil, faulty(err.Error())
	}
	return k, nil
}

// errAutoRotate is the refusal of a period that is too short.
func errAutoRotate() error { return bad("auto rotate period must be 0 to disable or at least an hour") }

// makeTransit keeps a new key, unless there is one by now.
func (r *request) makeTransit(k *keyring.Key) (*keyring.Key, error) {
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	var out keyring.Key
	err = r.transits.Change(r.ctx, r.connectionKey(), func(kept *keyring.Key, found bool) error {
		if !found {
			*kept = *k
			kept.Add(v)
		}
		out = *kept
		return nil
	})
	return &out, err
}

func putTransit(r *request) (*answer, error) {
	fresh, err := r.wantedKey()
	if err != nil {
		return nil, err
	}
	k, err := r.transits.Get(r.ctx, r.connectionKey())
	if err == nil && k == nil {
		k, err = r.makeTransit(fresh)
	}
	if err != nil {
		return nil, err
	}
	return r.answerKey(k, nil)
}

func dropTransit(r *request) (*answer, error) {
	k, err := r.transits.Get(r.ctx, r.connectionKey())
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, bad("error deleting policy %s: could not delete key; not found", r.vars["name"])
	case !k.Deletable:
		return nil, bad("error deleting policy %s: deletion is not allowed for this key", r.vars["name"])
	}
	_, err = r.transits.Delete(r.ctx, r.connectionKey())
	return nil, err
}

// maxVersions is how often a key can be rotated.
const maxVersions = 1000

func rotateTransit(r *request) (*answer, error) {
	k, err := r.transits.Get(r.ctx, r.connectionKey())
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, bad("key not found")
	}
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	return r.changeTransit("key not found", func(k *keyring.Key) error {
		if len(k.Versions) >= maxVersions {
			return bad("the key has %d versions, which is all that are kept", maxVersions)
		}
		k.Add(v)
		return nil
	})
}

// changeTransit changes the key of the path and shows it; missing is said when there
// is none.
func (r *request) changeTransit(missing string, change func(k *keyring.Key) error) (*answer, error) {
	var out keyring.Key
	err := r.transits.Change(r.ctx, r.connectionKey(), func(k *keyring.Key, found bool) error {
		if !found {
			return bad("%s", missing)
		}
		err := change(k)
		out = *k
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.answerKey(&out, nil)
}

// transitKey is the key of the path as it is now: one whose rotation is due has
// been rotated.
func (r *request) transitKey(missing string) (*keyring.Key, error) {
	k, err := r.transits.Get(r.ctx, r.connectionKey())
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, bad("%s", missing)
	case !r.overdue(k):
		return k, nil
	}
	v, err := k.Fresh(r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	err = r.transits.Change(r.ctx, r.connectionKey(), func(k *keyring.Key, found bool) error {
		if !found || !r.overdue(k) || len(k.Versions) >= maxVersions {
			return state.ErrKeep
		}
		k.Add(v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return need(r.ctx, r.transits, r.connectionKey())
}

// overdue reports a key that rotates by itself, and should have.
func (r *request) overdue(k *keyring.Key) bool {
	return k.AutoRotate > 0 && !r.Clock.Now().Before(k.Versions[k.Latest-1].Made.Add(k.AutoRotate))
}

// cryptic words an error of the keys: what the caller did wrong, or else what the
// server calls its own failure.
func cryptic(err error) error {
	var w keyring.Wrong
	var refused *refusal
	switch {
	case err == nil, errors.As(err, &refused):
		return err
	case errors.As(err, &w):
		return bad("%s", string(w))
	}
	return faulty(err.Error())
}
