package transit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/keyring"
)

func (b *Backend) exportTransit(r *core.Request) (*core.Answer, error) {
	what, version := r.Vars["type"], r.Vars["version"]
	switch what {
	case "encryption-key", "signing-key", "hmac-key", "public-key", "certificate-chain":
	case "cmac-key":
		return nil, core.BadRequest("key type %s is only available in enterprise versions of Vault", what)
	default:
		return nil, core.BadRequest("invalid export type: %s", what)
	}
	k, err := core.Require(r.Ctx, b.transits, r.NameKey())
	switch {
	case err != nil:
		return nil, err
	case !k.Exportable && what != "public-key" && what != "certificate-chain":
		return nil, core.BadRequest("private key material is not exportable")
	case what == "encryption-key" && !k.Encrypts():
		return nil, core.BadRequest("encryption not supported for the key")
	case what == "signing-key" && !k.Signs():
		return nil, core.BadRequest("signing not supported for the key")
	case what == "certificate-chain" && !k.Signs():
		return nil, core.BadRequest("certificate chain not supported for keys that do not support signing")
	case what == "certificate-chain":
		return nil, core.Faulty("selected key version does not have a certificate chain imported")
	}
	from, to := max(k.Minimum, k.Available), k.Latest
	if version != "" {
		n := k.Latest
		if version != "latest" {
			if n, err = strconv.Atoi(strings.TrimPrefix(version, "v")); err != nil {
				return nil, core.BadRequest("invalid key version")
			}
		}
		switch {
		case n < k.Minimum:
			return nil, core.BadRequest("version for export is below minimum decryption version")
		case n > k.Latest:
			return nil, core.BadRequest("version does not exist or cannot be found")
		}
		from, to = n, n
	}
	keys := map[string]string{}
	for n := from; n <= to; n++ {
		if keys[strconv.Itoa(n)], err = k.Export(n, what); err != nil {
			return nil, cryptic(err)
		}
	}
	return core.OK(map[string]any{"keys": keys, "name": r.Vars["name"], "type": k.Type})
}

func (b *Backend) backupTransit(r *core.Request) (*core.Answer, error) {
	var out keyring.Key
	err := b.transits.Change(r.Ctx, r.NameKey(), func(k *keyring.Key, found bool) error {
		switch {
		case !found:
			return core.Faulty(fmt.Sprintf("key %q not found", r.Vars["name"]))
		case !k.Exportable:
			return core.Faulty("exporting is disallowed on the policy")
		case !k.Backup:
			return core.Faulty("plaintext backup is disallowed on the policy")
		}
		k.BackedUp, k.BackedUpAt = r.Clock.Now(), k.Latest
		out = *k
		return nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(backup{r.Vars["name"], &out})
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"backup": base64.StdEncoding.EncodeToString(raw)})
}

// backup is a key on its way from one server to another. It is this server's own:
// no other reads it.
type backup struct {
	Name string       `json:"name"`
	Key  *keyring.Key `json:"key"`
}

func (b *Backend) restoreTransit(r *core.Request) (*core.Answer, error) {
	force, err := r.Bool("force", false)
	if err != nil {
		return nil, err
	}
	if r.Text("backup") == "" {
		return nil, core.BadRequest("'backup' must be supplied")
	}
	raw, err := base64.StdEncoding.DecodeString(r.Text("backup"))
	if err != nil {
		return nil, core.Faulty(err.Error())
	}
	var saved backup
	if err := json.Unmarshal(raw, &saved); err != nil {
		return nil, core.Faulty(err.Error())
	}
	if saved.Key == nil || saved.Key.Latest > maxVersions || !saved.Key.Usable() || saved.Key.AutoRotate != 0 && saved.Key.AutoRotate < time.Hour {
		return nil, core.Faulty("backup data does not contain a valid policy")
	}
	name := r.Vars["name"]
	if name == "" {
		name = saved.Name
	}
	return nil, b.transits.Change(r.Ctx, r.Mount.UUID+"/"+name, func(k *keyring.Key, found bool) error {
		if found && !force {
			return core.Faulty(fmt.Sprintf("key %q already exists", name))
		}
		*k = *saved.Key
		k.Restored, k.RestoredAt = r.Clock.Now(), k.Latest
		return nil
	})
}
