// Package tools is random octets and hashes, which sys/tools and transit both answer with.
package tools

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"golang.org/x/crypto/sha3"

	"counterpart/servers/vault/internal/core"
)

// Random answers with random octets.
func Random(r *core.Request) (*core.Answer, error) {
	n, err := r.Int("bytes", 32)
	if err != nil {
		return nil, err
	}
	if in := r.Vars["n"]; in != "" {
		if n, err = strconv.Atoi(in); err != nil {
			return nil, core.BadRequest("error parsing url-provided byte count: %s", err)
		}
	}
	switch {
	case n < 1:
		return nil, core.BadRequest(`"bytes" cannot be less than 1`)
	case n > 128<<10:
		return nil, core.BadRequest(`"bytes" should be less than %d`, 128<<10)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.Rand, b); err != nil {
		return nil, err
	}
	switch r.Text("format") {
	case "", "base64":
		return core.OK(map[string]any{"random_bytes": base64.StdEncoding.EncodeToString(b)})
	case "hex":
		return core.OK(map[string]any{"random_bytes": hex.EncodeToString(b)})
	}
	return nil, core.BadRequest("unsupported encoding format %q; must be \"hex\" or \"base64\"", r.Text("format"))
}

// Hash answers with the hash of an input.
func Hash(r *core.Request) (*core.Answer, error) {
	in, err := base64.StdEncoding.DecodeString(r.Text("input"))
	if err != nil {
		return nil, core.BadRequest("unable to decode input as base64: %s", err)
	}
	algorithm := r.Vars["algorithm"]
	if algorithm == "" {
		algorithm = r.Text("algorithm")
	}
	var h hash.Hash
	switch algorithm {
	case "sha2-224":
		h = sha256.New224()
	case "", "sha2-256":
		h = sha256.New()
	case "sha2-384":
		h = sha512.New384()
	case "sha2-512":
		h = sha512.New()
	case "sha3-224":
		h = sha3.New224()
	case "sha3-256":
		h = sha3.New256()
	case "sha3-384":
		h = sha3.New384()
	case "sha3-512":
		h = sha3.New512()
	default:
		return nil, core.BadRequest("unsupported algorithm %s", algorithm)
	}
	h.Write(in)
	switch r.Text("format") {
	case "", "hex":
		return core.OK(map[string]any{"sum": hex.EncodeToString(h.Sum(nil))})
	case "base64":
		return core.OK(map[string]any{"sum": base64.StdEncoding.EncodeToString(h.Sum(nil))})
	}
	return nil, core.BadRequest("unsupported encoding format %s; must be \"hex\" or \"base64\"", r.Text("format"))
}
