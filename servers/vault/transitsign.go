package vault

import (
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"strconv"
	"strings"

	"counterpart/servers/vault/internal/keyring"
)

// hashNamed is the algorithm that a request names: in its path, or else as
// hash_algorithm, or as the older algorithm.
func (r *request) hashNamed() string {
	for _, name := range []string{r.vars["algorithm"], r.text("hash_algorithm"), r.text("algorithm")} {
		if name != "" {
			return name
		}
	}
	return "sha2-256"
}

// signing reads how a request wants something signed.
func (r *request) signing() (s keyring.Signing, err error) {
	name := r.hashNamed()
	hash, known := keyring.Hash(name)
	if !known {
		return s, bad("invalid hash algorithm %q", name)
	}
	s.Hash = hash
	switch form := r.text("marshaling_algorithm"); form {
	case "", "asn1":
	case "jws":
		s.JWS = true
	default:
		return s, bad("invalid marshaling type %q", form)
	}
	if s.Prehashed, err = r.flag("prehashed", false); err != nil {
		return s, err
	}
	s.Algorithm = r.text("signature_algorithm")
	switch text := strings.ToLower(r.text("salt_length")); text {
	case "", "auto":
		s.Salt = rsa.PSSSaltLengthAuto
	case "hash":
		s.Salt = rsa.PSSSaltLengthEqualsHash
	default:
		if s.Salt, err = strconv.Atoi(text); err != nil {
			return s, bad("salt length neither 'auto', 'hash', nor an int: %s", r.text("salt_length"))
		}
		if s.Salt < rsa.PSSSaltLengthEqualsHash {
			return s, bad("salt length is invalid: %d", s.Salt)
		}
	}
	s.Version, err = r.number("key_version", 0)
	return s, err
}

// pure refuses for ed25519 what only the enterprise edition signs with.
func (r *request) pure(k *keyring.Key, s keyring.Signing, f fields) error {
	what := ""
	switch {
	case k.Type != keyring.Ed25519 || r.flavour.bao || r.flavour.old:
		return nil
	case s.Prehashed:
		what = "prehashed must be false"
	case f.text("signature_context") != "":
		what = "signature_context must be empty"
	case r.hashNamed() != "sha2-256":
		what = "hash_alogithm should not be set"
	default:
		return nil
	}
	return bad("failed to parse batch item: only Pure Ed25519 signatures supported, %s", what)
}

func signTransit(r *request) (*answer, error) {
	s, err := r.signing()
	if err != nil {
		return nil, err
	}
	k, err := r.transitKey("signing key not found")
	if err != nil {
		return nil, err
	}
	if !k.Signs() {
		return nil, bad("key type %s does not support signing", k.Type)
	}
	items, isBatch, err := r.items()
	if err != nil {
		return nil, err
	}
	return r.batched(items, isBatch, 0, func(_ int, f fields) (map[string]any, error) {
		none := map[string]any{"key_version": 0}
		if isBatch && !f.has("input") {
			return none, bad("missing input")
		}
		input, err := base64.StdEncoding.DecodeString(f.text("input"))
		if err != nil {
			return none, bad("unable to decode input: %s", err)
		}
		if s.Context, err = fromBase64(f.text("context")); err != nil {
			return none, bad("failed to base64-decode context")
		}
		if err := r.pure(k, s, f); err != nil {
			return none, err
		}
		signed, err := k.Sign(r.Rand, input, s)
		if err != nil { // also what the caller did wrong, here
			return none, faulty(err.Error())
		}
		data := map[string]any{"signature": signed.Text, "key_version": signed.Version}
		if signed.Public != nil {
			data[map[bool]string{true: "publickey", false: "public_key"}[isBatch]] = signed.Public
		}
		return data, nil
	})
}

func verifyTransit(r *request) (*answer, error) {
	items, isBatch, err := r.items()
	if err != nil {
		return nil, err
	}
	what, err := verified(items, isBatch)
	switch {
	case err != nil:
		return nil, err
	case what == "hmac":
		return r.verifyMAC(items, isBatch)
	case what == "cmac":
		return nil, bad("CMAC is only available in enterprise versions of Vault")
	}
	s, err := r.signing()
	if err != nil {
		return nil, err
	}
	k, err := r.transitKey("signature verification key not found")
	if err != nil {
		return nil, err
	}
	if !k.Signs() {
		return nil, bad("key type %s does not support signing", k.Type)
	}
	return r.batched(items, isBatch, 0, func(_ int, f fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		input, err := fromBase64(f.text("input"))
		if err != nil {
			return none, bad("failed to parse item: failed to parse input: %s", err)
		}
		if s.Context, err = fromBase64(f.text("context")); err != nil {
			return none, bad("failed to parse item: failed to parse context: %s", err)
		}
		if err := r.pure(k, s, f); err != nil {
			return none, bad("failed to parse item: %s", err)
		}
		valid, err := k.Verify(input, f.text("signature"), s)
		if err != nil {
			return none, cryptic(err)
		}
		return map[string]any{"valid": valid}, nil
	})
}

// verified is what items want to be verified: all of them the same.
func verified(items []fields, isBatch bool) (what string, err error) {
	found, missing := map[string]bool{}, false
	for _, f := range items {
		one := ""
		for _, name := range []string{"signature", "hmac", "cmac"} {
			if f.has(name) && (one == "" || !isBatch) {
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
		return "", bad("provide one of 'signature', 'hmac' or 'cmac'")
	case !isBatch && what == "":
		return "", bad("missing one of 'signature', 'hmac' or 'cmac' arguments to verify")
	case len(found) > 1:
		return "", bad("elements of batch_input must all provide either 'signature', 'hmac' or 'cmac'")
	case what == "":
		return "", bad("no batch_input elements have 'signature', 'hmac' or 'cmac'")
	case missing:
		return "", bad("some elements of batch_input are missing '%s'", what)
	}
	return what, nil
}

// errAlgorithm is the refusal of a hash that no HMAC is made with.
func errAlgorithm() error { return bad(`unsupported algorithm '\x00'`) }

func macTransit(r *request) (*answer, error) {
	n, err := r.number("key_version", 0)
	if err != nil {
		return nil, err
	}
	k, err := r.transitKey("encryption key not found")
	if err != nil {
		return nil, err
	}
	if n == 0 {
		n = k.Latest
	}
	name := r.vars["algorithm"]
	if name == "" {
		if name = r.text("algorithm"); name == "" {
			name = "sha2-256"
		}
	}
	hash, known := keyring.Hash(name)
	switch {
	case n != k.Latest && n < k.MinEncrypt:
		return nil, bad("cannot generate HMAC: version is too old (disallowed by policy)")
	case n < 0 || n > k.Latest:
		_, err := k.MAC(n, hash, nil)
		return nil, cryptic(err)
	case !known || hash == 0:
		return nil, errAlgorithm()
	}
	items, isBatch, err := r.items()
	if err != nil {
		return nil, err
	}
	return r.batched(items, isBatch, 0, func(_ int, f fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		if !f.has("input") {
			return none, bad("missing input for HMAC")
		}
		input, err := base64.StdEncoding.DecodeString(f.text("input"))
		if err != nil {
			return none, bad("unable to decode input as base64: %s", err)
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

func (r *request) verifyMAC(items []fields, isBatch bool) (*answer, error) {
	k, err := r.transitKey("encryption key not found")
	if err != nil {
		return nil, err
	}
	hash, known := keyring.Hash(r.hashNamed())
	if !known || hash == 0 {
		return nil, errAlgorithm()
	}
	return r.batched(items, isBatch, 0, func(_ int, f fields) (map[string]any, error) {
		none := map[string]any{"valid": false}
		input, err := base64.StdEncoding.DecodeString(f.text("input"))
		if err != nil {
			return none, bad("unable to decode input as base64: %s", err)
		}
		n, mac, err := k.SplitMAC(f.text("hmac"))
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
func hashTransit(r *request) (*answer, error) {
	if !r.has("input") {
		return nil, bad("input missing")
	}
	return hashInput(r)
}
