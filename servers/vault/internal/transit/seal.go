package transit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
)

// fromBase64 reads Base64; nothing is nothing.
func fromBase64(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(text)
}

// itemsOf are what a request works on: those of batch_input, or the request itself.
func itemsOf(r *core.Request) (items []core.Fields, isBatch bool, err error) {
	switch list := r.Fields["batch_input"].(type) {
	case nil:
		return []core.Fields{r.Fields}, false, nil
	case []any:
		for i, item := range list {
			f, isObject := item.(map[string]any)
			if !isObject {
				return nil, true, core.Faulty(fmt.Sprintf("failed to parse batch input: 1 error(s) decoding:\n\n* '[%d]' expected a map, got '%s'", i, goKind(item)))
			}
			items = append(items, f)
		}
		if len(items) == 0 {
			return nil, true, core.BadRequest("missing batch input to process")
		}
		return items, true, nil
	default:
		return nil, true, core.Faulty("failed to parse batch input: source data must be an array or slice, got " + goKind(list))
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
func sameContexts(items []core.Fields) error {
	for _, f := range items {
		if (f.Text("context") == "") != (items[0].Text("context") == "") {
			return core.BadRequest("context should be set either in all the request blocks or in none")
		}
	}
	return nil
}

// batch is what a request works on: several items, or the only one. failed is the status
// when some item failed; 0: as if none had.
type batch struct {
	items   []core.Fields
	isBatch bool
	failed  int
}

// run is an answer of several results, or of the only one.
func (b batch) run(r *core.Request, one func(i int, f core.Fields) (map[string]any, error)) (*core.Answer, error) {
	results := make([]any, len(b.items))
	wrong := 0
	for i, f := range b.items {
		if err := r.Ctx.Err(); err != nil { // nobody waits for the rest
			return nil, err
		}
		data, err := one(i, f)
		var refused *core.Refusal
		switch {
		case err != nil && !b.isBatch:
			return nil, err
		case err != nil && !(errors.As(err, &refused) && len(refused.Words) > 0):
			return nil, err
		case err != nil:
			wrong++
			if data == nil {
				data = map[string]any{}
			}
			data["error"] = plainWords(refused)
		}
		if !b.isBatch {
			return core.OK(data)
		}
		data["reference"] = f.Text("reference")
		results[i] = batchResult(data)
	}
	a := &core.Answer{Data: map[string]any{"batch_results": results}}
	if wrong == 0 || b.failed == 0 {
		return a, nil
	}
	if code, err := r.Int("partial_failure_response_code", 0); err != nil {
		return nil, err
	} else if r.Has("partial_failure_response_code") && wrong < len(b.items) {
		if code < 1 || code > 599 {
			a.Warnings = []string{fmt.Sprintf("invalid HTTP response code override from partial_failure_response_code, reverting to %d", b.failed)}
		} else {
			b.failed = code
		}
	}
	refused := core.Refuse(http.StatusBadRequest, "")
	a.MountType, refused.Status, refused.Envelope = new(string), b.failed, a
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
func plainWords(r *core.Refusal) string {
	var inner string
	if n, _ := fmt.Sscanf(r.Words[0], "1 error occurred:\n\t* %s", &inner); n == 1 {
		return r.Words[0][len("1 error occurred:\n\t* ") : len(r.Words[0])-2]
	}
	return r.Words[0]
}

// params reads what one item is encrypted or decrypted with; i is its number. padding
// is the name of the parameter for RSA's.
func params(k *keyring.Key, i int, f core.Fields, padding string) (p keyring.Params, err error) {
	if p.Context, err = fromBase64(f.Text("context")); err != nil {
		return p, core.BadRequest("%s", err)
	}
	if p.Nonce, err = fromBase64(f.Text("nonce")); err != nil {
		return p, core.BadRequest("%s", err)
	}
	if _, err := fromBase64(f.Text("iv")); err != nil { // of enterprise's key types alone
		return p, core.BadRequest("%s", err)
	}
	if p.Version, err = f.Int("key_version", 0); err != nil {
		return p, err
	}
	if p.Padding = f.Text(padding); p.Padding != "" {
		switch {
		case p.Padding != "oaep" && p.Padding != "pkcs1v15":
			return p, core.BadRequest("'[%d].%s' invalid: unknown padding scheme: %s", i, padding, p.Padding)
		case k.IsAEAD() || !k.Encrypts():
			return p, core.BadRequest("'[%d].%s' invalid: unsupported key type %s for padding scheme", i, padding, k.Type)
		}
	}
	if text := f.Text("associated_data"); text != "" {
		if !k.IsAEAD() {
			return p, core.BadRequest("'[%d].associated_data' provided for non-AEAD cipher suite %s", i, k.Type)
		}
		if p.Associated, err = fromBase64(text); err != nil {
			return p, core.Faulty(fmt.Sprintf("unable to get associated_data/additional_data from factory[0]: %s", err))
		}
	}
	return p, nil
}

// upserted is the key that an encryption makes: derived if there is a context.
func (b *Backend) upserted(r *core.Request, items []core.Fields) (*keyring.Key, error) {
	convergent, err := r.Bool("convergent_encryption", false)
	if err != nil {
		return nil, err
	}
	derived := items[0].Text("context") != ""
	c, err := b.transitConf.Get(r.Ctx, r.Mount.UUID)
	kind := r.Text("type")
	switch {
	case err != nil:
		return nil, err
	case convergent && !derived:
		return nil, core.BadRequest("convergent encryption requires derivation to be enabled, so context is required")
	case kind == "":
		kind = keyring.AES256
	case kind == "ecdsa-p256" || kind == "ecdsa-p384" || kind == "ecdsa-p521":
		return nil, core.BadRequest("key type %s not supported for this operation", kind)
	case !keyring.Known(kind) || kind == keyring.HMAC || kind == keyring.Ed25519:
		return nil, core.BadRequest("unknown key type %s", kind)
	}
	if c != nil && c.NoUpsert {
		return nil, core.BadRequest("encryption key not found")
	}
	k := &keyring.Key{Type: kind, Derived: derived, Convergent: convergent}
	if err := k.Check(); err != nil {
		return nil, core.Faulty(err.Error())
	}
	return b.makeTransit(r, k)
}

func (b *Backend) encrypt(r *core.Request) (*core.Answer, error) {
	items, isBatch, err := itemsOf(r)
	if err != nil {
		return nil, err
	}
	for i, f := range items {
		switch {
		case f.Has("plaintext"):
		case isBatch:
			return nil, core.Faulty(fmt.Sprintf("failed to parse batch input: 1 error(s) decoding:\n\n* '[%d].plaintext' missing plaintext to encrypt", i))
		default:
			return nil, core.BadRequest("missing plaintext to encrypt")
		}
	}
	if err := sameContexts(items); err != nil {
		return nil, err
	}
	k, err := b.transits.Get(r.Ctx, r.NameKey())
	if err == nil && k == nil {
		k, err = b.upserted(r, items)
	} else if err == nil {
		k, err = b.transitKey(r, "encryption key not found")
	}
	if err != nil {
		return nil, err
	}
	return batch{items, isBatch, http.StatusBadRequest}.run(r, func(i int, f core.Fields) (map[string]any, error) {
		plain, err := base64.StdEncoding.DecodeString(f.Text("plaintext"))
		if err != nil {
			return nil, core.BadRequest("%s", err)
		}
		p, err := params(k, i, f, "padding_scheme")
		if err != nil {
			return nil, err
		}
		if len(p.Nonce) > 0 {
			return nil, errNonce()
		}
		return sealed(r, k, plain, p)
	})
}

// errNonce is the refusal of a nonce: only keys had one that are no longer made.
func errNonce() error { return core.BadRequest("provided nonce not allowed for this key") }

func sealed(r *core.Request, k *keyring.Key, plain []byte, p keyring.Params) (map[string]any, error) {
	text, n, err := k.Encrypt(r.Rand, plain, p)
	if err != nil {
		return nil, cryptic(err)
	}
	return map[string]any{"ciphertext": text, "key_version": n}, nil
}

// ciphertexts are the key of the path and what is to be read with it.
func (b *Backend) ciphertexts(r *core.Request) (k *keyring.Key, items []core.Fields, isBatch bool, err error) {
	if items, isBatch, err = itemsOf(r); err != nil {
		return nil, nil, false, err
	}
	if !isBatch && items[0].Text("ciphertext") == "" {
		return nil, nil, false, core.BadRequest("missing ciphertext to decrypt")
	}
	if err := sameContexts(items); err != nil {
		return nil, nil, false, err
	}
	k, err = b.transitKey(r, "encryption key not found")
	return k, items, isBatch, err
}

func (b *Backend) decrypt(r *core.Request) (*core.Answer, error) {
	k, items, isBatch, err := b.ciphertexts(r)
	if err != nil {
		return nil, err
	}
	return batch{items, isBatch, http.StatusBadRequest}.run(r, func(i int, f core.Fields) (map[string]any, error) {
		plain, err := opened(r, k, ciphertext{f, i, "padding_scheme"})
		if err != nil {
			return map[string]any{"plaintext": ""}, err
		}
		return map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)}, nil
	})
}

// ciphertext is one text that is to be read: an item of a batch, by its number, and the
// name of the parameter that says how RSA has padded it.
type ciphertext struct {
	item    core.Fields
	n       int
	padding string
}

// opened is what a ciphertext holds.
func opened(r *core.Request, k *keyring.Key, c ciphertext) ([]byte, error) {
	if c.item.Text("ciphertext") == "" {
		return nil, core.BadRequest("missing ciphertext to decrypt")
	}
	p, err := params(k, c.n, c.item, c.padding)
	if err != nil {
		return nil, err
	}
	plain, err := k.Decrypt(r.Rand, c.item.Text("ciphertext"), p)
	return plain, cryptic(err)
}

func (b *Backend) rewrapTransit(r *core.Request) (*core.Answer, error) {
	k, items, isBatch, err := b.ciphertexts(r)
	if err != nil {
		return nil, err
	}
	return batch{items, isBatch, 0}.run(r, func(i int, f core.Fields) (map[string]any, error) {
		if f.Text("nonce") != "" {
			return nil, errNonce()
		}
		bare := core.Fields{"ciphertext": f["ciphertext"], "context": f["context"], "decrypt_padding_scheme": f["decrypt_padding_scheme"]}
		plain, err := opened(r, k, ciphertext{bare, i, "decrypt_padding_scheme"})
		if err != nil {
			return nil, err
		}
		p, err := params(k, i, core.Fields{"context": f["context"], "key_version": f["key_version"], "encrypt_padding_scheme": f["encrypt_padding_scheme"]}, "encrypt_padding_scheme")
		if err != nil {
			return nil, err
		}
		return sealed(r, k, plain, p)
	})
}

func (b *Backend) dataKey(r *core.Request) (*core.Answer, error) {
	p := keyring.Params{}
	var err error
	if p.Context, err = fromBase64(r.Text("context")); err != nil {
		return nil, core.BadRequest("failed to base64-decode context")
	}
	if p.Nonce, err = fromBase64(r.Text("nonce")); err != nil {
		return nil, core.BadRequest("failed to base64-decode nonce")
	}
	bits, err := r.Int("bits", 256)
	if err != nil {
		return nil, err
	}
	if p.Version, err = r.Int("key_version", 0); err != nil {
		return nil, err
	}
	switch what := r.Vars["plaintext"]; {
	case bits != 128 && bits != 256 && bits != 512:
		return nil, core.BadRequest("invalid bit length")
	case what != "plaintext" && what != "wrapped":
		return nil, core.BadRequest("Invalid path, must be 'plaintext' or 'wrapped'")
	}
	k, err := b.transitKey(r, "encryption key not found")
	if err != nil {
		return nil, err
	}
	if p.Padding = r.Text("padding_scheme"); p.Padding != "" && (k.IsAEAD() || !k.Encrypts()) {
		return nil, core.BadRequest("padding_scheme argument invalid: unsupported key type %s for padding scheme", k.Type)
	}
	if len(p.Nonce) > 0 {
		return nil, core.Faulty("provided nonce not allowed for this key")
	}
	plain := make([]byte, bits/8)
	if _, err := io.ReadFull(r.Rand, plain); err != nil {
		return nil, err
	}
	data, err := sealed(r, k, plain, p)
	if err != nil {
		return nil, err
	}
	if r.Vars["plaintext"] == "plaintext" {
		data["plaintext"] = base64.StdEncoding.EncodeToString(plain)
	}
	return core.OK(data)
}
