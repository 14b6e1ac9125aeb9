package vault

import (
	"net/http"
	"strings"
)

// unlessFolder is for paths that do not end in a slash.
func unlessFolder(do, otherwise handler) handler {
	return func(r *request) (*answer, error) {
		if strings.HasSuffix(r.vars["path"], "/") {
			return otherwise(r)
		}
		return do(r)
	}
}

// misuse tells those who address version 2 like version 1.
func misuse(bao bool) handler {
	commands := map[operation]string{opRead: "get", opWrite: "put", opPatch: "patch", opDelete: "delete", opList: "list"}
	return func(r *request) (*answer, error) {
		words := "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv " + commands[r.op] + "' for this operation."
		switch r.rest {
		case "data", "metadata", "delete", "undelete", "destroy":
			if r.op != opList {
				words = "Non-listing operations on the root of a K/V v2 mount are not supported."
			}
		case "metadata/", "subkeys/": // a secret without a name, which is not there
			return nil, errMissing
		}
		if bao && r.rest == "data/" {
			if r.op == opList {
				return nil, unsupported()
			}
			return nil, errMissing
		}
		if bao {
			words = strings.NewReplacer("Vault CLI", "OpenBao CLI", "'vault kv", "'bao kv").Replace(words)
		}
		return nil, envelope404(&answer{warnings: []string{words}})
	}
}

// envelope404 is a 404 with a whole envelope.
func envelope404(a *answer) error {
	none := ""
	a.mountType = &none
	r := refuse(http.StatusNotFound, "")
	r.envelope = a
	return r
}

// unnamed reads kv version 2 at a path that ends in a slash. OpenBao finds the secret
// of the name before the slash, and then no data of it.
func unnamed(r *request) (*answer, error) {
	if _, err := need(r.ctx, r.kv2, r.secretKey()); err != nil {
		return nil, err
	}
	return nil, faulty("could not find version data")
}
