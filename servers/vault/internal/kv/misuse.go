package kv

import (
	"strings"

	"counterpart/servers/vault/internal/core"
)

// unlessFolder is for paths that do not end in a slash.
func unlessFolder(do, otherwise core.Handler) core.Handler {
	return func(r *core.Request) (*core.Answer, error) {
		if strings.HasSuffix(r.Vars["path"], "/") {
			return otherwise(r)
		}
		return do(r)
	}
}

// misuse tells those who address version 2 like version 1.
func misuse(bao bool) core.Handler {
	commands := map[core.Operation]string{core.OpRead: "get", core.OpWrite: "put", core.OpPatch: "patch", core.OpDelete: "delete", core.OpList: "list"}
	return func(r *core.Request) (*core.Answer, error) {
		words := "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv " + commands[r.Op] + "' for this operation."
		switch r.Rest {
		case "data", "metadata", "delete", "undelete", "destroy":
			if r.Op != core.OpList {
				words = "Non-listing operations on the root of a K/V v2 mount are not supported."
			}
		case "metadata/", "subkeys/": // a secret without a name, which is not there
			return nil, core.ErrNotFound
		}
		if bao && r.Rest == "data/" {
			if r.Op == core.OpList {
				return nil, core.Unsupported()
			}
			return nil, core.ErrNotFound
		}
		if bao {
			words = strings.NewReplacer("Vault CLI", "OpenBao CLI", "'vault kv", "'bao kv").Replace(words)
		}
		return nil, core.NotFoundWith(&core.Answer{Warnings: []string{words}})
	}
}

// unnamed reads kv version 2 at a path that ends in a slash. OpenBao finds the secret
// of the name before the slash, and then no data of it.
func (b *Backend) unnamed(r *core.Request) (*core.Answer, error) {
	if _, err := core.Require(r.Ctx, b.kv2, secretKey(r)); err != nil {
		return nil, err
	}
	return nil, core.Faulty("could not find version data")
}
