package kv

import (
	"encoding/json"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/servers/vault/internal/core"
)

// kvData is a secret of kv version 1 or of a cubbyhole.
type kvData struct {
	Data    json.RawMessage `json:"data,omitempty"`
	Lasts   time.Duration   `json:"lasts,omitempty"`   // what its ttl or lease key says; 0: the mount's
	Account string          `json:"account,omitempty"` // seeded: shows what this account's secret is now
}

// V1 is version 1 of kv.
func (b *Backend) V1() *core.Engine {
	e := core.NewEngine("kv")
	e.Upgrade = b.upgrade
	return e.Otherwise(&core.Path{Pattern: "*path", Arbitrary: true, Exists: func(r *core.Request) (bool, error) {
		return b.kvExists(r, r.Mount.UUID+"/"+r.Rest)
	}, Ops: map[core.Operation]core.Handler{
		core.OpRead:   func(r *core.Request) (*core.Answer, error) { return b.readKV(r, r.Mount.UUID+"/"+r.Rest) },
		core.OpWrite:  func(r *core.Request) (*core.Answer, error) { return b.writeKV(r, r.Mount.UUID+"/"+r.Rest) },
		core.OpDelete: func(r *core.Request) (*core.Answer, error) { return b.deleteKV(r, r.Mount.UUID+"/"+r.Rest) },
		core.OpList:   func(r *core.Request) (*core.Answer, error) { return b.listKV(r, r.Mount.UUID+"/"+r.Rest) },
	}})
}

// cubbyhole is where the records of a token's own start.
func cubbyhole(accessor string) string { return "cubbyhole/" + accessor + "/" }

// Cubbyhole is kv for one token alone.
func (b *Backend) Cubbyhole() *core.Engine {
	key := func(r *core.Request) string { return cubbyhole(r.Token.ID) + r.Rest }
	only := func(do func(*core.Request) (*core.Answer, error)) core.Handler {
		return func(r *core.Request) (*core.Answer, error) {
			if r.Token.Batch() {
				return nil, core.BadRequest(`cubbyhole operations are only supported by "service" type tokens`)
			}
			return do(r)
		}
	}
	e := core.NewEngine("cubbyhole")
	e.TokenRevoked = func(r *core.Request, accessor string) error { return b.kv1.Drop(r.Ctx, cubbyhole(accessor)) }
	return e.Otherwise(&core.Path{Pattern: "*path", Arbitrary: true, Exists: func(r *core.Request) (bool, error) {
		return b.kvExists(r, key(r))
	}, Ops: map[core.Operation]core.Handler{
		core.OpRead: only(func(r *core.Request) (*core.Answer, error) {
			a, err := b.readKV(r, key(r))
			if err == nil {
				a.Lease.TTL = 0
			}
			return a, err
		}),
		core.OpWrite:  only(func(r *core.Request) (*core.Answer, error) { return b.writeKV(r, key(r)) }),
		core.OpDelete: only(func(r *core.Request) (*core.Answer, error) { return b.deleteKV(r, key(r)) }),
		core.OpList:   only(func(r *core.Request) (*core.Answer, error) { return b.listKV(r, key(r)) }),
	}})
}

// isRelative reports a path that no storage takes.
func isRelative(r *core.Request) bool { return strings.Contains(r.Rest, "..") }

func (b *Backend) kvExists(r *core.Request, key string) (bool, error) {
	if isRelative(r) && r.Flavour.Bao {
		return false, core.BadRequest("relative paths not supported")
	}
	if isRelative(r) {
		return false, core.Faulty("internal error")
	}
	v, err := b.kv1.Get(r.Ctx, key)
	return v != nil, err
}

func (b *Backend) readKV(r *core.Request, key string) (*core.Answer, error) {
	if isRelative(r) && r.Flavour.Bao {
		return nil, core.BadRequest("relative paths not supported")
	}
	if isRelative(r) {
		return nil, core.BadRequest("%s", core.OneError("read failed: relative paths not supported"))
	}
	v, err := core.Require(r.Ctx, b.kv1, key)
	if err != nil {
		return nil, err
	}
	data := v.Data
	if v.Account != "" {
		r.Call.Object = v.Account
		if data, err = linked(r, v.Data, v.Account); err != nil {
			return nil, err
		}
	}
	lasts := v.Lasts
	if lasts == 0 {
		lasts, _ = r.Mount.Lives()
	}
	r.Reply = core.Answer{Current: data, Lease: core.LeaseInfo{TTL: lasts}}
	return &r.Reply, nil
}

// linked is what a secret that shows an account holds: the seed's own keys, and
// the account's password and private key as they are now.
func linked(r *core.Request, data json.RawMessage, account string) (json.RawMessage, error) {
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
		secret, err := r.Accounts.Reveal(r.Ctx, account, which.Which)
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

func (b *Backend) writeKV(r *core.Request, key string) (*core.Answer, error) {
	switch {
	case r.Rest == "":
		return nil, core.BadRequest("missing path")
	case len(r.Raw) == 0 && r.Mount.Type == "cubbyhole":
		return nil, core.Faulty("missing data fields")
	case len(r.Raw) == 0:
		return nil, core.BadRequest("missing data fields")
	}
	raw, err := json.Marshal(r.Raw)
	if err != nil {
		return nil, err
	}
	v := kvData{Data: raw}
	for _, name := range []string{"lease", "ttl"} { // ttl wins
		if d, err := core.ParseDuration(r.Raw[name]); err == nil && d > 0 {
			v.Lasts = d
		}
	}
	var until time.Time
	if t := r.Token; r.Mount.Type == "cubbyhole" && t.MaxTTL > 0 { // dies with the token, also unasked
		until = t.Issued.Add(t.MaxTTL)
	}
	return nil, b.kv1.Edit(r.Ctx, key, func(kept *kvData, _ bool) (time.Time, error) {
		*kept = v
		return until, nil
	})
}

func (b *Backend) deleteKV(r *core.Request, key string) (*core.Answer, error) {
	if isRelative(r) && !r.Flavour.Bao {
		return nil, core.BadRequest("%s", core.OneError("relative paths not supported"))
	}
	_, err := b.kv1.Delete(r.Ctx, key)
	return nil, err
}

func (b *Backend) listKV(r *core.Request, prefix string) (*core.Answer, error) {
	if isRelative(r) && !r.Flavour.Bao {
		return nil, core.BadRequest("%s", core.OneError("relative paths not supported"))
	}
	keys, err := b.kv1.Names(r.Ctx, strings.TrimSuffix(prefix, "/")+"/")
	if err != nil {
		return nil, err
	}
	return core.ListKeys(core.Folders(keys), nil)
}
