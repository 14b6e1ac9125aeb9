package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

func (b *Backend) listLibraries(r *core.Request) (*core.Answer, error) {
	prefix := r.Mount.UUID + "/"
	if below := strings.Trim(r.Vars["set"], "/"); below != "" {
		prefix += strings.ToLower(below) + "/"
	}
	keys, err := b.libraries.Names(r.Ctx, prefix)
	return core.ListKeys(core.Folders(keys), err)
}

func (b *Backend) getLibrary(r *core.Request) (*core.Answer, error) {
	l, err := core.Require(r.Ctx, b.libraries, setKey(r))
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"disable_check_in_enforcement": l.Open, "max_ttl": int64(l.Max / time.Second),
		"service_account_names": l.Accounts, "ttl": int64(l.TTL / time.Second)})
}

// wanted reads a library from the request; was is the one that is there.
func wantedLibrary(r *core.Request, was *library) (l library, err error) {
	l = library{Name: strings.ToLower(r.Vars["set"]), TTL: 24 * time.Hour, Max: 24 * time.Hour}
	if was != nil {
		l = *was
	}
	if r.Has("service_account_names") {
		l.Accounts = r.List("service_account_names")
	}
	for name, to := range map[string]*time.Duration{"ttl": &l.TTL, "max_ttl": &l.Max} {
		if r.Has(name) {
			if *to, err = r.Duration(name); err != nil {
				return l, core.Unframed(err)
			}
		}
	}
	if l.Open, err = r.Bool("disable_check_in_enforcement", l.Open); err != nil {
		return l, err
	}
	switch {
	case len(l.Accounts) == 0:
		return l, core.BadRequest("%s", r.Pick(`"service_account_names" must be provided`, `'service_account_names' must be provided`))
	case l.Max < l.TTL: // the engine prints nanoseconds and calls them seconds
		return l, core.BadRequest("max_ttl (%d seconds) may not be less than ttl (%d seconds)", l.Max, l.TTL)
	}
	return l, nil
}

func (b *Backend) putLibrary(r *core.Request) (*core.Answer, error) {
	config, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	isAD := r.Mount.Type == "ad"
	switch {
	case config == nil && isAD:
		return nil, core.Faulty("the config is currently unset")
	case config == nil:
		return nil, core.BadRequest("config must exist to create a library")
	}
	was, err := b.libraries.Get(r.Ctx, setKey(r))
	if err != nil {
		return nil, err
	}
	l, err := wantedLibrary(r, was)
	if err != nil {
		return nil, err
	}
	var before []string
	if was != nil {
		before = was.Accounts
	}
	fresh, gone := minus(l.Accounts, before), minus(before, l.Accounts)
	for _, name := range l.Accounts {
		_, there := rotation.TargetOf(r.Server, name)
		switch {
		case !there && isAD && slices.Contains(fresh, name):
			return nil, core.Faulty("filter of map[userPrincipalName:[" + name + "]] doesn't match just one entry: []")
		case !there:
			return nil, core.Faulty("expected one matching entry, but received 0")
		}
	}
	for _, name := range gone {
		if err := b.unlent(r, name); err != nil {
			return nil, err
		}
	}
	if err := b.manageAll(r, fresh, l.Name); err != nil {
		return nil, err
	}
	if err := takeOver(r, fresh); err != nil {
		return nil, err
	}
	if err := b.libraries.Put(r.Ctx, setKey(r), l, time.Time{}); err != nil {
		return nil, err
	}
	return nil, b.unmanage(r, gone)
}

// minus are the names that are not among others.
func minus(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

// manageAll takes accounts for one set: all or none.
func (b *Backend) manageAll(r *core.Request, names []string, set string) error {
	for i, name := range names {
		err := b.manage(r, name, set)
		if err == nil {
			continue
		}
		for _, taken := range names[:i] {
			if _, err := b.managed.Delete(r.Ctx, slotKey(r, taken)); err != nil {
				return err
			}
		}
		return err
	}
	return nil
}

// takeOver gives accounts passwords of the engine's own: it lends no other.
func takeOver(r *core.Request, names []string) error {
	for _, name := range names {
		if _, fails := r.Call.Fault("rotation-fails"); fails {
			return rotation.Failed(r)
		}
		t, _ := rotation.TargetOf(r.Server, name)
		if err := rotation.SetPassword(r.Ctx, r.Server, t, rotation.Change{Password: r.Alphanumerics(64), Why: "taken over by vault " + r.Name}); err != nil {
			return err
		}
	}
	return nil
}

// manage takes an account for one set: an account is in one only.
func (b *Backend) manage(r *core.Request, account, set string) error {
	words := "%q is already managed by the secrets engine"
	if r.Mount.Type == "ad" {
		words = "%q is already managed by another set"
	}
	_, err := b.managed.Take(r.Ctx, slotKey(r, account), set, core.BadRequest(words, account))
	return err
}

// hasAccount reports whether a set, or a static role, has the account of a slot.
func (b *Backend) hasAccount(ctx context.Context, key, owner string) (bool, error) {
	mount, account, _ := strings.Cut(key, "/")
	if name, isRole := strings.CutPrefix(owner, staticOwner); isRole {
		role, err := b.rotation.Statics.Get(ctx, mount+"/"+name)
		return role != nil && strings.EqualFold(role.Username, account), err
	}
	l, err := b.libraries.Get(ctx, mount+"/"+owner)
	return l != nil && slices.ContainsFunc(l.Accounts, func(a string) bool { return strings.EqualFold(a, account) }), err
}

// unlent refuses to let an account go that somebody has.
func (b *Backend) unlent(r *core.Request, account string) error {
	s, err := b.judged(r, account)
	if err == nil && s.Out { // the stray quote is the engine's
		err = core.BadRequest("%q can't be deleted because it is currently checked out'", account)
	}
	return err
}

// unmanage lets accounts go.
func (b *Backend) unmanage(r *core.Request, accounts []string) error {
	for _, account := range accounts {
		if _, err := b.managed.Delete(r.Ctx, slotKey(r, account)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backend) dropLibrary(r *core.Request) (*core.Answer, error) {
	l, err := b.libraries.Get(r.Ctx, setKey(r))
	if err != nil || l == nil {
		return nil, err
	}
	for _, name := range l.Accounts { // all or none
		if err := b.unlent(r, name); err != nil {
			return nil, err
		}
	}
	if _, err := b.libraries.Delete(r.Ctx, setKey(r)); err != nil {
		return nil, err
	}
	return nil, b.unmanage(r, l.Accounts)
}

// lib is the set of the path.
func (b *Backend) lib(r *core.Request) (*library, error) {
	l, err := b.libraries.Get(r.Ctx, setKey(r))
	if err == nil && l == nil {
		err = core.BadRequest("%q doesn't exist", r.Vars["set"])
	}
	return l, err
}
