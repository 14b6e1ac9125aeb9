package transit

import (
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"strconv"
	"strings"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
	"counterpart/servers/vault/internal/tools"
)

// hashNamed is the algorithm that a request names: in its path, or else as
// hash_algorithm, or as the older algorithm.
func hashNamed(r *core.Request) string {
	for _, name := range []string{r.Vars["algorithm"], r.Text("hash_algorithm"), r.Text("algorithm")} {
		if name != "" {
			return name
		}
	}
	return "sha2-256"
}

// signing reads how a request wants something signed.
func signing(r *core.Request) (s keyring.Signing, err error) {
	name := hashNamed(r)
	hash, known := keyring.Hash(name)
	if !known {
		return s, core.BadRequest("invalid hash algorithm %q", name)
	}
	s.Hash = hash
	switch form := r.Text("marshaling_algorithm"); form {
	case "", "asn1":
	case "jws":
		s.JWS = true
	default:
		return s, core.BadRequest("invalid marshaling type %q", form)
	}
	if s.Prehashed, err = r.Bool("prehashed", false); err != nil {
		return s, err
	}
	s.Algorithm = r.Text("signature_algorithm")
	switch text := strings.ToLower(r.Text("salt_length")); text {
	case "", "auto":
		s.Salt = rsa.PSSSaltLengthAuto
	case "hash":
		s.Salt = rsa.PSSSaltLengthEqualsHash
	default:
		if s.Salt, err = strconv.Atoi(text); err != nil {
			return s, core.BadRequest("salt length neither 'auto', 'hash', nor an int: %s", r.Text("salt_length"))
		}
		if s.Salt < rsa.PSSSaltLengthEqualsHash {
			return s, core.BadRequest("salt length is invalid: %d", s.Salt)
		}
	}
	s.Version, err = r.Int("key_version", 0)
	return s, err
}

// pure refuses for ed25519 what only the enterprise edition signs with.
func pure(r *core.Request, k *keyring.Key, s keyring.Signing, f core.Fields) error {
	what := ""
	switch {
	case k.Type != keyring.Ed25519 || r.Flavour.Bao || r.Flavour.Old:
		return nil
	case s.Prehashed:
		what = "prehashed must be false"
	case f.Text("signature_context") != "":
		what = "signature_context must be empty"
	case hashNamed(r) != "sha2-256":
		what = "hash_alogithm should not be set"
	default:
		return nil
	}
	return core.BadRequest("failed to parse batch item: only Pure Ed25519 signatures supported, %s", what)
}

func (b *Backend) signTransit(r *core.Request) (*core.Answer, error) {
	s, err := signing(r)
	if err != nil {
		return nil, err
	}
	k, err := b.transitKey(r, "signing key not found")
	if err != nil {
		return nil, err
	}
	if !k.Signs() {
		return nil, core.BadRequest("key type %s does not support signing", k.Type)
	}
	items, isBatch, err := itemsOf(r)
	if err != nil {
		return nil, err
	}
	return batch{items, isBatch, 0}.run(r, func(_ int, f core.Fields) (map[string]any, error) {
		none := map[string]any{"key_version": 0}
		if isBatch && !f.Has("input") {
			return none, core.BadRequest("missing input")
		}
		input, err := base64.StdEncoding.DecodeString(f.Text("input"))
		if err != nil {
			return none, core.BadRequest("unable to decode input: %s", err)
		}
		if s.Context, err = fromBase64(f.Text("context")); err != nil {
			return none, core.BadRequest("failed to base64-decode context")
		}
		if err := pure(r, k, s, f); err != nil {
			return none, err
		}
		signed, err := k.Sign(r.Rand, input, s)
		if err != nil { // also what the caller did wrong, here
			return none, core.Faulty(err.Error())
		}
		data := map[string]any{"signature": signed.Text, "key_version": signed.Version}
		if signed.Public != nil {
			data[map[bool]string{true: "publickey", false: "public_key"}[isBatch]] = signed.Public
		}
		return data, nil
	})
}

func (b *Backend) verifyTransit(r *core.Request) (*core.Answer, error) {
	items, isBatch, err := itemsOf(r)
	if err != nil {
		return nil, err
	}
	what, err := verified(items, isBatch)
	switch {
	case err != nil:
		return nil, err
	case what == "hmac":
		return b.verifyMAC(r, items, isBatch)
	case what == "cmac":
		return nil, core.BadRequest("CMAC is only available in enterprise versions of Vault")
	}
	s, err := signing(r)
	if err != nil {
		return nil, err
	}
	k, err := b.transitKey(r, "signature verification key not found")
	if err != nil {
		return nil, err
	}
	if !k.Signs() {
		return nil, core.BadRequest("key type %s does not support signing", k.Type)
	}
	return batch{items, isBatch, 0}.run(r, func(_ int, f core.Fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		input, err := fromBase64(f.Text("input"))
		if err != nil {
			return none, core.BadRequest("failed to parse item: failed to parse input: %s", err)
		}
		if s.Context, err = fromBase64(f.Text("context")); err != nil {
			return none, core.BadRequest("failed to parse item: failed to parse context: %s", err)
		}
		if err := pure(r, k, s, f); err != nil {
			return none, core.BadRequest("failed to parse item: %s", err)
		}
		valid, err := k.Verify(input, f.Text("signature"), s)
		if err != nil {
			return none, cryptic(err)
		}
		return map[string]any{"valid": valid}, nil
	})
}

// verified is what items want to be verified: all of them the same.
func verified(items []core.Fields, isBatch bool) (what string, err error) {
	found, missing := map[string]bool{}, false
	for _, f := range items {
		one := ""
		for _, name := range []string{"signature", "hmac", "cmac"} {
			if f.Has(name) && (one == "" || !isBatch) {
				one, found[name] = name, true
			}
		}
		missing = missing || one == ""
	}
	for _, name := range []string{"signature", "hmac", "cmac"} {
		if found[name] && what == "" {
			what = name
		}
	}
	switch {
	case !isBatch && len(found) > 1:
		return "", core.BadRequest("provide one of 'signature', 'hmac' or 'cmac'")
	case !isBatch && what == "":
		return "", core.BadRequest("missing one of 'signature', 'hmac' or 'cmac' arguments to verify")
	case len(found) > 1:
		return "", core.BadRequest("elements of batch_input must all provide either 'signature', 'hmac' or 'cmac'")
	case what == "":
		return "", core.BadRequest("no batch_input elements have 'signature', 'hmac' or 'cmac'")
	case missing:
		return "", core.BadRequest("some elements of batch_input are missing '%s'", what)
	}
	return what, nil
}

// errAlgorithm is the refusal of a hash that no HMAC is made with.
func errAlgorithm() error { return core.BadRequest(`unsupported algorithm '\x00'`) }

func (b *Backend) macTransit(r *core.Request) (*core.Answer, error) {
	n, err := r.Int("key_version", 0)
	if err != nil {
		return nil, err
	}
	k, err := b.transitKey(r, "encryption key not found")
	if err != nil {
		return nil, err
	}
	if n == 0 {
		n = k.Latest
	}
	name := r.Vars["algorithm"]
	if name == "" {
		if name = r.Text("algorithm"); name == "" {
			name = "sha2-256"
		}
	}
	hash, known := keyring.Hash(name)
	switch {
	case n != k.Latest && n < k.MinEncrypt:
		return nil, core.BadRequest("cannot generate HMAC: version is too old (disallowed by policy)")
	case n < 0 || n > k.Latest:
		_, err := k.MAC(n, hash, nil)
		return nil, cryptic(err)
	case !known || hash == 0:
		return nil, errAlgorithm()
	}
	items, isBatch, err := itemsOf(r)
	if err != nil {
		return nil, err
	}
	return batch{items, isBatch, 0}.run(r, func(_ int, f core.Fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		if !f.Has("input") {
			return none, core.BadRequest("missing input for HMAC")
		}
		input, err := base64.StdEncoding.DecodeString(f.Text("input"))
		if err != nil {
			return none, core.BadRequest("unable to decode input as base64: %s", err)
		}
		mac, err := k.MAC(n, hash, input)
		if err != nil {
			return none, cryptic(err)
		}
		data := map[string]any{"hmac": k.MACText(n, mac)}
		if isBatch {
			data["valid"] = false
		}
		return data, nil
	})
}

func (b *Backend) verifyMAC(r *core.Request, items []core.Fields, isBatch bool) (*core.Answer, error) {
	k, err := b.transitKey(r, "encryption key not found")
	if err != nil {
		return nil, err
	}
	hash, known := keyring.Hash(hashNamed(r))
	if !known || hash == 0 {
		return nil, errAlgorithm()
	}
	return batch{items, isBatch, 0}.run(r, func(_ int, f core.Fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		input, err := base64.StdEncoding.DecodeString(f.Text("input"))
		if err != nil {
			return none, core.BadRequest("unable to decode input as base64: %s", err)
		}
		n, mac, err := k.SplitMAC(f.Text("hmac"))
		if err != nil {
			return none, cryptic(err)
		}
		want, err := k.MAC(n, hash, input)
		if err != nil {
			return none, cryptic(err)
		}
		return map[string]any{"valid": hmac.Equal(want, mac)}, nil
	})
}

// hashTransit is the hash of the tools, but the input must be there.
func hashTransit(r *core.Request) (*core.Answer, error) {
	if !r.Has("input") {
		return nil, core.BadRequest("input missing")
	}
	return tools.Hash(r)
}
