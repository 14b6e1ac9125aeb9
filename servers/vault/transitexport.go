package vault

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/servers/vault/internal/keyring"
)

func exportTransit(r *request) (*answer, error) {
	what, version := r.vars["type"], r.vars["version"]
	switch what {
	case "encryption-key", "signing-key", "hmac-key", "public-key", "certificate-chain":
	case "cmac-key":
		return nil, bad("key type %s is only available in enterprise versions of Vault", what)
	default:
		return nil, bad("invalid export type: %s", what)
	}
	k, err := need(r.ctx, r.transits, r.connectionKey())
	switch {
	case err != nil:
		return nil, err
	case !k.Exportable && what != "public-key" && what != "certificate-chain":
		return nil, bad("private key material is not exportable")
	case what == "encryption-key" && !k.Encrypts():
		return nil, bad("encryption not supported for the key")
	case what == "signing-key" && !k.Signs():
		return nil, bad("signing not supported for the key")
	case what == "certificate-chain" && !k.Signs():
		return nil, bad("certificate chain not supported for keys that do not support signing")
	case what == "certificate-chain":
		return nil, faulty("selected key version does not have a certificate chain imported")
	}
	from, to := max(k.Minimum, k.Available), k.Latest
	if version != "" {
		n := k.Latest
		if version != "latest" {
			if n, err = strconv.Atoi(strings.TrimPrefix(version, "v")); err != nil {
				return nil, bad("invalid key version")
			}
		}
		switch {
		case n < k.Minimum:
			return nil, bad("version for export is below minimum decryption version")
		case n > k.Latest:
			return nil, bad("version does not exist or cannot be found")
		}
		from, to = n, n
	}
	keys := map[string]string{}
	for n := from; n <= to; n++ {
		if keys[strconv.Itoa(n)], err = k.Export(n, what); err != nil {
			return nil, cryptic(err)
		}
	}
	return ok(map[string]any{"keys": keys, "name": r.vars["name"], "type": k.Type})
}

func backupTransit(r *request) (*answer, error) {
	var out keyring.Key
	err := r.transits.Change(r.ctx, r.connectionKey(), func(k *keyring.Key, found bool) error {
		switch {
		case !found:
			return faulty(fmt.Sprintf("key %q not found", r.vars["name"]))
		case !k.Exportable:
			return faulty("exporting is disallowed on the policy")
		case !k.Backup:
			return faulty("plaintext backup is disallowed on the policy")
		}
		k.BackedUp, k.BackedUpAt = r.Clock.Now(), k.Latest
		out = *k
		return nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(backup{r.vars["name"], &out})
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"backup": base64.StdEncoding.EncodeToString(raw)})
}

// backup is a key on its way from one server to another. It is this server's own:
// no other reads it.
type backup struct {
	Name string       `json:"name"`
	Key  *keyring.Key `json:"key"`
}

func restoreTransit(r *request) (*answer, error) {
	force, err := r.flag("force", false)
	if err != nil {
		return nil, err
	}
	if r.text("backup") == "" {
		return nil, bad("'backup' must be supplied")
	}
	raw, err := base64.StdEncoding.DecodeString(r.text("backup"))
	if err != nil {
		return nil, faulty(err.Error())
	}
	var b backup
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, faulty(err.Error())
	}
	if b.Key == nil || b.Key.Latest > maxVersions || !b.Key.Usable() || b.Key.AutoRotate != 0 && b.Key.AutoRotate < time.Hour {
		return nil, faulty("backup data does not contain a valid policy")
	}
	name := r.vars["name"]
	if name == "" {
		name = b.Name
	}
	return nil, r.transits.Change(r.ctx, r.mount.UUID+"/"+name, func(k *keyring.Key, found bool) error {
		if found && !force {
			return faulty(fmt.Sprintf("key %q already exists", name))
		}
		*k = *b.Key
		k.Restored, k.RestoredAt = r.Clock.Now(), k.Latest
		return nil
	})
}
