package vault

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/sha3"
)

// systemEngine is everything at sys/ that needs an unsealed node.
func systemEngine() *engine {
	read := func(h handler) map[operation]handler { return map[operation]handler{opRead: h} }
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	paths := []*pathSpec{
		{pattern: "seal", name: "seal", sudo: true, ops: write(seal)},
		{pattern: "ha-status", name: "ha-status", ops: read(func(*request) (*answer, error) {
			return &answer{twin: true, data: map[string]any{"nodes": []any{}}}, nil
		})},
		{pattern: "version-history", name: "version-history", ops: map[operation]handler{opList: versionHistory}},
		{pattern: "license/status", name: "license", ops: read(vaultOnly(func(*request) (*answer, error) {
			return nil, refuse(http.StatusNotFound, "enterprise-only feature")
		}))},
		{pattern: "replication/status", name: "replication", public: true, ops: read(vaultOnly(func(*request) (*answer, error) {
			return &answer{mountType: new(string), data: map[string]any{"mode": "disabled"}}, nil
		}))},
		{pattern: "internal/ui/feature-flags", name: "feature-flags", public: true, ops: read(vaultOnly(func(*request) (*answer, error) {
			return &answer{plain: map[string]any{"feature_flags": nil}}, nil
		}))},
		{pattern: "internal/ui/resultant-acl", name: "resultant-acl", ops: read(resultantACL)},
		{pattern: "internal/specs/openapi", name: "openapi", public: true, ops: map[operation]handler{opRead: openAPISpec, opWrite: openAPISpec}},
		{pattern: "internal/ui/mounts", name: "preflight", public: true, ops: read(visibleMounts)},
		{pattern: "internal/ui/mounts/*path", name: "preflight", public: true, ops: read(preflight)},
		{pattern: "tools/random", name: "tools.random", ops: write(randomBytes)},
		{pattern: "tools/random/:n", name: "tools.random", ops: write(randomBytes)},
		{pattern: "tools/random/:source/:n", name: "tools.random", ops: write(randomBytes)},
		{pattern: "tools/hash", name: "tools.hash", ops: write(hashInput)},
		{pattern: "tools/hash/:algorithm", name: "tools.hash", ops: write(hashInput)},
		{pattern: "locked-users", name: "locked-users", ops: read(lockedUsers)},
		{pattern: "locked-users/=accessor/unlock/*alias", name: "locked-users", ops: write(unlockUser)},
	}
	paths = append(paths, mountPaths()...)
	paths = append(paths, catalogPaths()...)
	paths = append(paths, auditPaths()...)
	paths = append(paths, keyringPaths()...)
	paths = append(paths, passwordPolicyPaths()...)
	paths = append(paths, policyPaths()...)
	paths = append(paths, leasePaths()...)
	paths = append(paths, wrapPaths()...)
	return newEngine("system", paths...)
}

func seal(r *request) (*answer, error) {
	return nil, r.node.Change(r.ctx, "self", func(n *node, _ bool) error { n.Sealed = true; return nil })
}

func versionHistory(r *request) (*answer, error) {
	v, built := r.flavour.version, stamp(r.flavour.built)
	if r.flavour.bao {
		v, built = r.release(), ""
	}
	return ok(map[string]any{"keys": []string{v}, "key_info": map[string]any{v: map[string]any{
		"build_date": built, "previous_version": nil, "timestamp_installed": stamp(r.started)}}})
}

func resultantACL(r *request) (*answer, error) {
	acl, err := r.acl(r.token)
	if err != nil {
		return nil, err
	}
	exact, globs := acl.Paths()
	none := ""
	return &answer{mountType: &none, data: map[string]any{"chroot_namespace": "", "exact_paths": exact, "glob_paths": globs, "root": acl.Root()}}, nil
}

func randomBytes(r *request) (*answer, error) {
	n, err := r.number("bytes", 32)
	if err != nil {
		return nil, err
	}
	if in := r.vars["n"]; in != "" {
		if n, err = strconv.Atoi(in); err != nil {
			return nil, bad("error parsing url-provided byte count: %s", err)
		}
	}
	switch {
	case n < 1:
		return nil, bad(`"bytes" cannot be less than 1`)
	case n > 128<<10:
		return nil, bad(`"bytes" should be less than %d`, 128<<10)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.Rand, b); err != nil {
		return nil, err
	}
	switch r.text("format") {
	case "", "base64":
		return ok(map[string]any{"random_bytes": base64.StdEncoding.EncodeToString(b)})
	case "hex":
		return ok(map[string]any{"random_bytes": hex.EncodeToString(b)})
	}
	return nil, bad("unsupported encoding format %q; must be \"hex\" or \"base64\"", r.text("format"))
}

func hashInput(r *request) (*answer, error) {
	in, err := base64.StdEncoding.DecodeString(r.text("input"))
	if err != nil {
		return nil, bad("unable to decode input as base64: %s", err)
	}
	algorithm := r.vars["algorithm"]
	if algorithm == "" {
		algorithm = r.text("algorithm")
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
		return nil, bad("unsupported algorithm %s", algorithm)
	}
	h.Write(in)
	switch r.text("format") {
	case "", "hex":
		return ok(map[string]any{"sum": hex.EncodeToString(h.Sum(nil))})
	case "base64":
		return ok(map[string]any{"sum": base64.StdEncoding.EncodeToString(h.Sum(nil))})
	}
	return nil, bad("unsupported encoding format %s; must be \"hex\" or \"base64\"", r.text("format"))
}

// lockedUsers counts the login names that wrong passwords have locked.
func lockedUsers(r *request) (*answer, error) {
	keys, err := r.locks.Names(r.ctx, "")
	if err != nil {
		return nil, err
	}
	type atMount struct {
		Accessor string   `json:"mount_accessor"`
		Counts   int      `json:"counts"`
		Aliases  []string `json:"alias_identifiers"`
	}
	byMount := []*atMount{}
	total := 0
	for _, key := range keys {
		l, err := r.locks.Get(r.ctx, key)
		if err != nil {
			return nil, err
		}
		if l == nil || !r.Clock.Now().Before(l.Until) {
			continue
		}
		accessor, alias, _ := strings.Cut(key, "/")
		i := slices.IndexFunc(byMount, func(m *atMount) bool { return m.Accessor == accessor })
		if i < 0 {
			byMount, i = append(byMount, &atMount{Accessor: accessor}), len(byMount)
		}
		byMount[i].Counts++
		byMount[i].Aliases = append(byMount[i].Aliases, alias)
		total++
	}
	spaces := []any{}
	if total > 0 || r.flavour.bao {
		spaces = append(spaces, struct {
			ID     string     `json:"namespace_id"`
			Path   string     `json:"namespace_path"`
			Counts int        `json:"counts"`
			Mounts []*atMount `json:"mount_accessors"`
		}{"root", "", total, byMount})
	}
	return &answer{data: map[string]any{"by_namespace": spaces, "total": total}}, nil
}

func unlockUser(r *request) (*answer, error) {
	_, err := r.locks.Delete(r.ctx, r.vars["accessor"]+"/"+r.vars["alias"])
	return nil, err
}
