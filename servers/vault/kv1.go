package vault

import (
	"encoding/json"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
)

// kvData is a secret of kv version 1 or of a cubbyhole.
type kvData struct {
	Data    json.RawMessage `json:"data,omitempty"`
	Lasts   time.Duration   `json:"lasts,omitempty"`   // what its ttl or lease key says; 0: the mount's
	Account string          `json:"account,omitempty"` // seeded: shows what this account's secret is now
}

// kv1Engine is version 1 of kv.
func kv1Engine() *engine {
	return newEngine("kv").otherwise(&pathSpec{pattern: "*path", arbitrary: true, exists: func(r *request) (bool, error) {
		return r.kvExists(r.mount.UUID + "/" + r.rest)
	}, ops: map[operation]handler{
		opRead:   func(r *request) (*answer, error) { return r.readKV(r.mount.UUID + "/" + r.rest) },
		opWrite:  func(r *request) (*answer, error) { return r.writeKV(r.mount.UUID + "/" + r.rest) },
		opDelete: func(r *request) (*answer, error) { return r.deleteKV(r.mount.UUID + "/" + r.rest) },
		opList:   func(r *request) (*answer, error) { return r.listKV(r.mount.UUID + "/" + r.rest) },
	}})
}

// cubbyhole is where the records of a token's own start.
func cubbyhole(accessor string) string { return "cubbyhole/" + accessor + "/" }

// cubbyholeEngine is kv for one token alone.
func cubbyholeEngine() *engine {
	key := func(r *request) string { return cubbyhole(r.token.ID) + r.rest }
	only := func(do func(*request) (*answer, error)) handler {
		return func(r *request) (*answer, error) {
			if r.token.batch() {
				return nil, bad(`cubbyhole operations are only supported by "service" type tokens`)
			}
			return do(r)
		}
	}
	return newEngine("cubbyhole").otherwise(&pathSpec{pattern: "*path", arbitrary: true, exists: func(r *request) (bool, error) {
		return r.kvExists(key(r))
	}, ops: map[operation]handler{
		opRead: only(func(r *request) (*answer, error) {
			a, err := r.readKV(key(r))
			if err == nil {
				a.lease.lasts = 0
			}
			return a, err
		}),
		opWrite:  only(func(r *request) (*answer, error) { return r.writeKV(key(r)) }),
		opDelete: only(func(r *request) (*answer, error) { return r.deleteKV(key(r)) }),
		opList:   only(func(r *request) (*answer, error) { return r.listKV(key(r)) }),
	}})
}

// isRelative reports a path that no storage takes.
func (r *request) isRelative() bool { return strings.Contains(r.rest, "..") }

func (r *request) kvExists(key string) (bool, error) {
	if r.isRelative() && r.flavour.bao {
		return false, bad("relative paths not supported")
	}
	if r.isRelative() {
		return false, faulty("internal error")
	}
	v, err := r.kv1.Get(r.ctx, key)
	return v != nil, err
}

func (r *request) readKV(key string) (*answer, error) {
	if r.isRelative() && r.flavour.bao {
		return nil, bad("relative paths not supported")
	}
	if r.isRelative() {
		return nil, bad("%s", one("read failed: relative paths not supported"))
	}
	v, err := need(r.ctx, r.kv1, key)
	if err != nil {
		return nil, err
	}
	data := v.Data
	if v.Account != "" {
		r.call.Object = v.Account
		if data, err = r.linked(v.Data, v.Account); err != nil {
			return nil, err
		}
	}
	lasts := v.Lasts
	if lasts == 0 {
		lasts, _ = r.mount.lives()
	}
	r.reply = answer{current: data, lease: leaseInfo{lasts: lasts}}
	return &r.reply, nil
}

// linked is what a secret that shows an account holds: the seed's own keys, and
// the account's password and private key as they are now.
func (r *request) linked(data json.RawMessage, account string) (json.RawMessage, error) {
	out := map[string]any{}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &out); err != nil {
			return nil, err
		}
	}
	for _, which := range []struct {
		field string
		checkout.Which
	}{{"password", checkout.Which{}}, {"key", checkout.Which{Key: true}}} {
		secret, err := r.Accounts.Reveal(r.ctx, account, which.Which)
		if reason, _ := cause.Of(err); reason == cause.NoSecret {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[which.field] = secret.Value
	}
	return json.Marshal(out)
}

func (r *request) writeKV(key string) (*answer, error) {
	switch {
	case r.rest == "":
		return nil, bad("missing path")
	case len(r.raw) == 0 && r.mount.Type == "cubbyhole":
		return nil, faulty("missing data fields")
	case len(r.raw) == 0:
		return nil, bad("missing data fields")
	}
	raw, err := json.Marshal(r.raw)
	if err != nil {
		return nil, err
	}
	v := kvData{Data: raw}
	for _, name := range []string{"lease", "ttl"} { // ttl wins
		if d, err := lasts(r.raw[name]); err == nil && d > 0 {
			v.Lasts = d
		}
	}
	var until time.Time
	if t := r.token; r.mount.Type == "cubbyhole" && t.MaxTTL > 0 { // dies with the token, also unasked
		until = t.Issued.Add(t.MaxTTL)
	}
	return nil, r.kv1.Edit(r.ctx, key, func(kept *kvData, _ bool) (time.Time, error) {
		*kept = v
		return until, nil
	})
}

func (r *request) deleteKV(key string) (*answer, error) {
	if r.isRelative() && !r.flavour.bao {
		return nil, bad("%s", one("relative paths not supported"))
	}
	_, err := r.kv1.Delete(r.ctx, key)
	return nil, err
}

func (r *request) listKV(prefix string) (*answer, error) {
	if r.isRelative() && !r.flavour.bao {
		return nil, bad("%s", one("relative paths not supported"))
	}
	keys, err := r.kv1.Names(r.ctx, strings.TrimSuffix(prefix, "/")+"/")
	if err != nil {
		return nil, err
	}
	return listKeys(folders(keys), nil)
}
