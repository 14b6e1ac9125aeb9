package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// transitKey is a key of the transit engine with all its versions.
type transitKey struct {
	Type      string           `json:"type"`
	Latest    int              `json:"latest"`
	Minimum   int              `json:"minimum"`
	Deletable bool             `json:"deletable,omitempty"`
	Versions  []transitVersion `json:"versions"`
}

type transitVersion struct {
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}

// newTransitKey makes a key with one version.
func newTransitKey(kind string, random io.Reader, now time.Time) (*transitKey, error) {
	size := map[string]int{"": 32, "aes256-gcm96": 32, "aes128-gcm96": 16}[kind]
	if size == 0 {
		return nil, bad("unknown key type %s", kind)
	}
	if kind == "" {
		kind = "aes256-gcm96"
	}
	k := &transitKey{Type: kind, Minimum: 1}
	return k, k.rotate(random, size, now)
}

func (k *transitKey) rotate(random io.Reader, size int, now time.Time) error {
	raw := make([]byte, size)
	if _, err := io.ReadFull(random, raw); err != nil {
		return err
	}
	k.Versions = append(k.Versions, transitVersion{raw, now})
	k.Latest = len(k.Versions)
	return nil
}

// cipher is the version n; 0 is the latest.
func (k *transitKey) cipher(n int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Versions[n-1].Key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// transitEngine is the secrets engine transit, with symmetric keys.
func transitEngine() *engine {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	exists := func(r *request) (bool, error) {
		k, err := r.transits.get(r.ctx, r.connectionKey())
		return k != nil, err
	}
	return newEngine("transit",
		&pathSpec{pattern: "keys", name: "keys", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.transits.keys(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "keys/:name", name: "keys", ops: map[operation]handler{opRead: getTransit, opWrite: putTransit, opDelete: dropTransit}},
		&pathSpec{pattern: "keys/:name/rotate", name: "keys.rotate", ops: write(rotateTransit)},
		&pathSpec{pattern: "keys/:name/config", name: "keys.config", ops: write(configTransit)},
		&pathSpec{pattern: "encrypt/:name", name: "encrypt", exists: exists, ops: write(encrypt)},
		&pathSpec{pattern: "decrypt/:name", name: "decrypt", ops: write(decrypt)},
		&pathSpec{pattern: "rewrap/:name", name: "rewrap", ops: write(rewrapTransit)},
	)
}

func (k *transitKey) shown(name string, bao bool) map[string]any {
	versions := map[string]any{}
	for i, v := range k.Versions {
		if i+1 >= k.Minimum {
			versions[strconv.Itoa(i+1)] = v.Made.Unix()
		}
	}
	data := map[string]any{"allow_plaintext_backup": false, "auto_rotate_period": 0, "deletion_allowed": k.Deletable, "derived": false, "exportable": false,
		"imported_key": false, "keys": versions, "latest_version": k.Latest, "min_available_version": 0, "min_decryption_version": k.Minimum,
		"min_encryption_version": 0, "name": name, "supports_decryption": true, "supports_derivation": true, "supports_encryption": true,
		"supports_signing": false, "type": k.Type}
	if bao {
		data["soft_deleted"] = false
	}
	return data
}

func getTransit(r *request) (*answer, error) {
	k, err := r.transits.need(r.ctx, r.connectionKey())
	if err != nil {
		return nil, err
	}
	return ok(k.shown(r.vars["name"], r.flavour.bao))
}

func putTransit(r *request) (*answer, error) {
	fresh, err := newTransitKey(r.text("type"), r.Rand, r.Clock.Now())
	if err != nil {
		return nil, err
	}
	var out transitKey
	err = r.transits.edit(r.ctx, r.connectionKey(), func(k *transitKey, found bool) error {
		if !found {
			*k = *fresh
		}
		out = *k
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ok(out.shown(r.vars["name"], r.flavour.bao))
}

func dropTransit(r *request) (*answer, error) {
	k, err := r.transits.get(r.ctx, r.connectionKey())
	if err != nil {
		return nil, err
	}
	switch {
	case k == nil:
		return nil, bad("error deleting policy %s: could not delete key; not found", r.vars["name"])
	case !k.Deletable:
		return nil, bad("error deleting policy %s: deletion is not allowed for this key", r.vars["name"])
	}
	_, err = r.transits.drop(r.ctx, r.connectionKey())
	return nil, err
}

// maxVersions is how often a key can be rotated.
const maxVersions = 1000

func rotateTransit(r *request) (*answer, error) {
	var out transitKey
	err := r.transits.edit(r.ctx, r.connectionKey(), func(k *transitKey, found bool) error {
		if !found {
			return bad("key not found")
		}
		if len(k.Versions) >= maxVersions {
			return bad("the key has %d versions, which is all that are kept", maxVersions)
		}
		err := k.rotate(r.Rand, len(k.Versions[0].Key), r.Clock.Now())
		out = *k
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(out.shown(r.vars["name"], r.flavour.bao))
}

func configTransit(r *request) (*answer, error) {
	minimum, err := r.number("min_decryption_version", 0)
	if err != nil {
		return nil, err
	}
	deletable, err := r.flag("deletion_allowed", false)
	if err != nil {
		return nil, err
	}
	var out transitKey
	err = r.transits.edit(r.ctx, r.connectionKey(), func(k *transitKey, found bool) error {
		if !found {
			return bad("no existing key named %s could be found", r.vars["name"])
		}
		if minimum > k.Latest {
			return bad("cannot set min decryption version of %d, latest key version is %d", minimum, k.Latest)
		}
		if minimum > 0 {
			k.Minimum = minimum
		}
		if r.has("deletion_allowed") {
			k.Deletable = deletable
		}
		out = *k
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ok(out.shown(r.vars["name"], r.flavour.bao))
}

// transit is the key of the path. An encryption makes one that is missing, if the
// token may create.
func (r *request) transit(create bool) (*transitKey, error) {
	k, err := r.transits.get(r.ctx, r.connectionKey())
	if err != nil || k != nil {
		return k, err
	}
	if !create {
		return nil, bad("encryption key not found")
	}
	if _, err := putTransit(r); err != nil {
		return nil, err
	}
	return r.transits.get(r.ctx, r.connectionKey())
}

// batch runs one for each item of batch_input, or for the request itself.
func (r *request) batch(one func(fields) (map[string]any, error)) (*answer, error) {
	items, isBatch := r.fields["batch_input"].([]any)
	if !isBatch {
		data, err := one(r.fields)
		if err != nil {
			return nil, err
		}
		return ok(data)
	}
	results := make([]any, len(items))
	failed := 0
	for i, item := range items {
		f, _ := item.(map[string]any)
		data, err := one(f)
		if err != nil {
			failed++
			data = map[string]any{"error": err.Error()}
		}
		if err == nil {
			data["reference"] = fields(f).text("reference")
		}
		results[i] = data
	}
	a := &answer{data: map[string]any{"batch_results": results}}
	if failed > 0 && failed == len(items) {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func encrypt(r *request) (*answer, error) {
	k, err := r.transit(true)
	if err != nil {
		return nil, err
	}
	return r.batch(func(f fields) (map[string]any, error) {
		if !f.has("plaintext") {
			return nil, bad("missing plaintext to encrypt")
		}
		plain, err := base64.StdEncoding.DecodeString(f.text("plaintext"))
		if err != nil {
			return nil, bad("%s", err)
		}
		return k.seal(r.Rand, plain)
	})
}

// seal encrypts with the latest version.
func (k *transitKey) seal(random io.Reader, plain []byte) (map[string]any, error) {
	c, err := k.cipher(k.Latest)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("vault:v%d:%s", k.Latest, base64.StdEncoding.EncodeToString(c.Seal(nonce, nonce, plain, nil)))
	return map[string]any{"ciphertext": text, "key_version": k.Latest}, nil
}

// open decrypts.
func (k *transitKey) open(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, "vault:v")
	if !ok {
		return nil, bad("invalid ciphertext: no prefix")
	}
	number, body, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, bad("invalid ciphertext: wrong number of fields")
	}
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return nil, bad("invalid ciphertext: version number could not be decoded")
	case n > k.Latest || n < 1:
		return nil, bad("invalid ciphertext: version is too new")
	case n < k.Minimum:
		return nil, bad("ciphertext or signature version is disallowed by policy (too old)")
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, bad("invalid ciphertext: could not decode base64")
	}
	c, err := k.cipher(n)
	if err != nil {
		return nil, err
	}
	if len(raw) < c.NonceSize() {
		return nil, bad("invalid ciphertext: nonce is too short")
	}
	plain, err := c.Open(nil, raw[:c.NonceSize()], raw[c.NonceSize():], nil)
	if err != nil {
		return nil, bad("%s", err)
	}
	return plain, nil
}

func decrypt(r *request) (*answer, error) {
	k, err := r.transit(false)
	if err != nil {
		return nil, err
	}
	return r.batch(func(f fields) (map[string]any, error) {
		if !f.has("ciphertext") {
			return nil, bad("missing ciphertext to decrypt")
		}
		plain, err := k.open(f.text("ciphertext"))
		if err != nil {
			return nil, err
		}
		return map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}, nil
	})
}

func rewrapTransit(r *request) (*answer, error) {
	k, err := r.transit(false)
	if err != nil {
		return nil, err
	}
	return r.batch(func(f fields) (map[string]any, error) {
		plain, err := k.open(f.text("ciphertext"))
		if err != nil {
			return nil, err
		}
		return k.seal(r.Rand, plain)
	})
}
