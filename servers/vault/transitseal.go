package vault

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"counterpart/servers/vault/internal/keyring"
)

// fromBase64 reads Base64; nothing is nothing.
func fromBase64(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(text)
}

// items are what a request works on: those of batch_input, or the request itself.
func (r *request) items() (items []fields, isBatch bool, err error) {
	switch list := r.fields["batch_input"].(type) {
	case nil:
		return []fields{r.fields}, false, nil
	case []any:
		for i, item := range list {
			f, isObject := item.(map[string]any)
			if !isObject {
				return nil, true, faulty(fmt.Sprintf("failed to parse batch input: 1 error(s) decoding:\n\n* '[%d]' expected a map, got '%s'", i, goKind(item)))
			}
			items = append(items, f)
		}
		if len(items) == 0 {
			return nil, true, bad("missing batch input to process")
		}
		return items, true, nil
	default:
		return nil, true, faulty("failed to parse batch input: source data must be an array or slice, got " + goKind(list))
	}
}

// goKind is what the server's decoder calls the kind of a value.
func goKind(v any) string {
	switch v.(type) {
	case map[string]any:
		return "map"
	case []any:
		return "slice"
	case bool:
		return "bool"
	case nil:
		return "invalid"
	}
	return "string" // numbers, too: they are kept as they are written
}

// sameContexts refuses items of which some have a context and some do not.
func sameContexts(items []fields) error {
	for _, f := range items {
		if (f.text("context") == "") != (items[0].text("context") == "") {
			return bad("context should be set either in all the request blocks or in none")
		}
	}
	return nil
}

// batched is an answer of several results, or of the only one. failed is the status
// when some item failed; 0: as if none had.
func (r *request) batched(items []fields, isBatch bool, failed int, one func(i int, f fields) (map[string]any, error)) (*answer, error) {
	results := make([]any, len(items))
	wrong := 0
	for i, f := range items {
		if err := r.ctx.Err(); err != nil { // nobody waits for the rest
			return nil, err
		}
		data, err := one(i, f)
		var refused *refusal
		switch {
		case err != nil && !isBatch:
			return nil, err
		case err != nil && !(errors.As(err, &refused) && len(refused.words) > 0):
			return nil, err
		case err != nil:
			wrong++
			if data == nil {
				data = map[string]any{}
			}
			data["error"] = plainWords(refused)
		}
		if !isBatch {
			return ok(data)
		}
		data["reference"] = f.text("reference")
		results[i] = batchResult(data)
	}
	a := &answer{data: map[string]any{"batch_results": results}}
	if wrong == 0 || failed == 0 {
		return a, nil
	}
	if code, err := r.number("partial_failure_response_code", 0); err != nil {
		return nil, err
	} else if r.has("partial_failure_response_code") && wrong < len(items) {
		if code < 1 || code > 599 {
			a.warnings = []string{fmt.Sprintf("invalid HTTP response code override from partial_failure_response_code, reverting to %d", failed)}
		} else {
			failed = code
		}
	}
	refused := refuse(http.StatusBadRequest, "")
	a.mountType, refused.status, refused.envelope = new(string), failed, a
	return nil, refused
}

// batchResult is the result of one item, with its members in the server's order.
type batchResult map[string]any

// MarshalJSON implements json.Marshaler.
func (b batchResult) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for _, name := range [...]string{"hmac", "signature", "ciphertext", "plaintext", "valid", "key_version", "publickey", "error", "reference"} {
		v, there := b[name]
		if !there {
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), `":`...)
		out = append(out, raw...)
	}
	return append(out, '}'), nil
}

// plainWords are a refusal's words without the frame of a list.
func plainWords(r *refusal) string {
	var inner string
	if n, _ := fmt.Sscanf(r.words[0], "1 error occurred:\n\t* %s", &inner); n == 1 {
		return r.words[0][len("1 error occurred:\n\t* ") : len(r.words[0])-2]
	}
	return r.words[0]
}

// params reads what one item is encrypted or decrypted with; i is its number. padding
// is the name of the parameter for RSA's.
func params(k *keyring.Key, i int, f fields, padding string) (p keyring.Params, err error) {
	if p.Context, err = fromBase64(f.text("context")); err != nil {
		return p, bad("%s", err)
	}
	if p.Nonce, err = fromBase64(f.text("nonce")); err != nil {
		return p, bad("%s", err)
	}
	if _, err := fromBase64(f.text("iv")); err != nil { // of enterprise's key types alone
		return p, bad("%s", err)
	}
	if p.Version, err = f.number("key_version", 0); err != nil {
		return p, err
	}
	if p.Padding = f.text(padding); p.Padding != "" {
		switch {
		case p.Padding != "oaep" && p.Padding != "pkcs1v15":
			return p, bad("'[%d].%s' invalid: unknown padding scheme: %s", i, padding, p.Padding)
		case k.IsAEAD() || !k.Encrypts():
			return p, bad("'[%d].%s' invalid: unsupported key type %s for padding scheme", i, padding, k.Type)
		}
	}
	if text := f.text("associated_data"); text != "" {
		if !k.IsAEAD() {
			return p, bad("'[%d].associated_data' provided for non-AEAD cipher suite %s", i, k.Type)
		}
		if p.Associated, err = fromBase64(text); err != nil {
			return p, faulty(fmt.Sprintf("unable to get associated_data/additional_data from factory[0]: %s", err))
		}
	}
	return p, nil
}

// upserted is the key that an encryption makes: derived if there is a context.
func (r *request) upserted(items []fields) (*keyring.Key, error) {
	convergent, err := r.flag("convergent_encryption", false)
	if err != nil {
		return nil, err
	}
	derived := items[0].text("context") != ""
	c, err := r.transitConf.Get(r.ctx, r.mount.UUID)
	kind := r.text("type")
	switch {
	case err != nil:
		return nil, err
	case convergent && !derived:
		return nil, bad("convergent encryption requires derivation to be enabled, so context is required")
	case kind == "":
		kind = keyring.AES256
	case kind == "ecdsa-p256" || kind == "ecdsa-p384" || kind == "ecdsa-p521":
		return nil, bad("key type %s not supported for this operation", kind)
	case !keyring.Known(kind) || kind == keyring.HMAC || kind == keyring.Ed25519:
		return nil, bad("unknown key type %s", kind)
	}
	if c != nil && c.NoUpsert {
		return nil, bad("encryption key not found")
	}
	k := &keyring.Key{Type: kind, Derived: derived, Convergent: convergent}
	if err := k.Check(); err != nil {
		return nil, faulty(err.Error())
	}
	return r.makeTransit(k)
}

func encrypt(r *request) (*answer, error) {
	items, isBatch, err := r.items()
	if err != nil {
		return nil, err
	}
	for i, f := range items {
		switch {
		case f.has("plaintext"):
		case isBatch:
			return nil, faulty(fmt.Sprintf("failed to parse batch input: 1 error(s) decoding:\n\n* '[%d].plaintext' missing plaintext to encrypt", i))
		default:
			return nil, bad("missing plaintext to encrypt")
		}
	}
	if err := sameContexts(items); err != nil {
		return nil, err
	}
	k, err := r.transits.Get(r.ctx, r.connectionKey())
	if err == nil && k == nil {
		k, err = r.upserted(items)
	} else if err == nil {
		k, err = r.transitKey("encryption key not found")
	}
	if err != nil {
		return nil, err
	}
	return r.batched(items, isBatch, http.StatusBadRequest, func(i int, f fields) (map[string]any, error) {
		plain, err := base64.StdEncoding.DecodeString(f.text("plaintext"))
		if err != nil {
			return nil, bad("%s", err)
		}
		p, err := params(k, i, f, "padding_scheme")
		if err != nil {
			return nil, err
		}
		if len(p.Nonce) > 0 {
			return nil, errNonce()
		}
		return r.sealed(k, plain, p)
	})
}

// errNonce is the refusal of a nonce: only keys had one that are no longer made.
func errNonce() error { return bad("provided nonce not allowed for this key") }

func (r *request) sealed(k *keyring.Key, plain []byte, p keyring.Params) (map[string]any, error) {
	text, n, err := k.Encrypt(r.Rand, plain, p)
	if err != nil {
		return nil, cryptic(err)
	}
	return map[string]any{"ciphertext": text, "key_version": n}, nil
}

// ciphertexts are the key of the path and what is to be read with it.
func (r *request) ciphertexts() (k *keyring.Key, items []fields, isBatch bool, err error) {
	if items, isBatch, err = r.items(); err != nil {
		return nil, nil, false, err
	}
	if !isBatch && items[0].text("ciphertext") == "" {
		return nil, nil, false, bad("missing ciphertext to decrypt")
	}
	if err := sameContexts(items); err != nil {
		return nil, nil, false, err
	}
	k, err = r.transitKey("encryption key not found")
	return k, items, isBatch, err
}

func decrypt(r *request) (*answer, error) {
	k, items, isBatch, err := r.ciphertexts()
	if err != nil {
		return nil, err
	}
	return r.batched(items, isBatch, http.StatusBadRequest, func(i int, f fields) (map[string]any, error) {
		plain, err := r.opened(k, i, f, "padding_scheme")
		if err != nil {
			return map[string]any{"plaintext": ""}, err
		}
		return map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}, nil
	})
}

func (r *request) opened(k *keyring.Key, i int, f fields, padding string) ([]byte, error) {
	if f.text("ciphertext") == "" {
		return nil, bad("missing ciphertext to decrypt")
	}
	p, err := params(k, i, f, padding)
	if err != nil {
		return nil, err
	}
	plain, err := k.Decrypt(r.Rand, f.text("ciphertext"), p)
	return plain, cryptic(err)
}

func rewrapTransit(r *request) (*answer, error) {
	k, items, isBatch, err := r.ciphertexts()
	if err != nil {
		return nil, err
	}
	return r.batched(items, isBatch, 0, func(i int, f fields) (map[string]any, error) {
		if f.text("nonce") != "" {
			return nil, errNonce()
		}
		bare := fields{"ciphertext": f["ciphertext"], "context": f["context"], "decrypt_padding_scheme": f["decrypt_padding_scheme"]}
		plain, err := r.opened(k, i, bare, "decrypt_padding_scheme")
		if err != nil {
			return nil, err
		}
		p, err := params(k, i, fields{"context": f["context"], "key_version": f["key_version"], "encrypt_padding_scheme": f["encrypt_padding_scheme"]}, "encrypt_padding_scheme")
		if err != nil {
			return nil, err
		}
		return r.sealed(k, plain, p)
	})
}

func dataKey(r *request) (*answer, error) {
	p := keyring.Params{}
	var err error
	if p.Context, err = fromBase64(r.text("context")); err != nil {
		return nil, bad("failed to base64-decode context")
	}
	if p.Nonce, err = fromBase64(r.text("nonce")); err != nil {
		return nil, bad("failed to base64-decode nonce")
	}
	bits, err := r.number("bits", 256)
	if err != nil {
		return nil, err
	}
	if p.Version, err = r.number("key_version", 0); err != nil {
		return nil, err
	}
	switch what := r.vars["plaintext"]; {
	case bits != 128 && bits != 256 && bits != 512:
		return nil, bad("invalid bit length")
	case what != "plaintext" && what != "wrapped":
		return nil, bad("Invalid path, must be 'plaintext' or 'wrapped'")
	}
	k, err := r.transitKey("encryption key not found")
	if err != nil {
		return nil, err
	}
	if p.Padding = r.text("padding_scheme"); p.Padding != "" && (k.IsAEAD() || !k.Encrypts()) {
		return nil, bad("padding_scheme argument invalid: unsupported key type %s for padding scheme", k.Type)
	}
	if len(p.Nonce) > 0 {
		return nil, faulty("provided nonce not allowed for this key")
	}
	plain := make([]byte, bits/8)
	if _, err := io.ReadFull(r.Rand, plain); err != nil {
		return nil, err
	}
	data, err := r.sealed(k, plain, p)
	if err != nil {
		return nil, err
	}
	if r.vars["plaintext"] == "plaintext" {
		data["plaintext"] = base64.StdEncoding.EncodeToString(plain)
	}
	return ok(data)
}
