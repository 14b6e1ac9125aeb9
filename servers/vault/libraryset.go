package vault

import (
	"context"
	"slices"
	"strings"
	"time"
)

func listLibraries(r *request) (*answer, error) {
	prefix := r.mount.UUID + "/"
	if below := strings.Trim(r.vars["set"], "/"); below != "" {
		prefix += strings.ToLower(below) + "/"
	}
	keys, err := r.libraries.Names(r.ctx, prefix)
	return listKeys(folders(keys), err)
}

func getLibrary(r *request) (*answer, error) {
	l, err := need(r.ctx, r.libraries, r.setKey())
	if err != nil {
		return nil, err
	}
	return ok(map[string]any{"disable_check_in_enforcement": l.Open, "max_ttl": int64(l.Max / time.Second),
		"service_account_names": l.Accounts, "ttl": int64(l.TTL / time.Second)})
}

// wanted reads a library from the request; was is the one that is there.
func (r *request) wantedLibrary(was *library) (l library, err error) {
	l = library{Name: strings.ToLower(r.vars["set"]), TTL: 24 * time.Hour, Max: 24 * time.Hour}
	if was != nil {
		l = *was
	}
	if r.has("service_account_names") {
		l.Accounts = r.list("service_account_names")
	}
	for name, to := range map[string]*time.Duration{"ttl": &l.TTL, "max_ttl": &l.Max} {
		if r.has(name) {
			if *to, err = r.lasts(name); err != nil {
				return l, unframed(err)
			}
		}
	}
	if l.Open, err = r.flag("disable_check_in_enforcement", l.Open); err != nil {
		return l, err
	}
	switch {
	case len(l.Accounts) == 0:
		return l, bad("%s", r.pick(`"service_account_names" must be provided`, `'service_account_names' must be provided`))
	case l.Max < l.TTL: // the engine prints nanoseconds and calls them seconds
		return l, bad("max_ttl (%d seconds) may not be less than ttl (%d seconds)", l.Max, l.TTL)
	}
	return l, nil
}

func putLibrary(r *request) (*answer, error) {
	config, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	isAD := r.mount.Type == "ad"
	switch {
	case config == nil && isAD:
		return nil, faulty("the config is currently unset")
	case config == nil:
		return nil, bad("config must exist to create a library")
	}
	was, err := r.libraries.Get(r.ctx, r.setKey())
	if err != nil {
		return nil, err
	}
	l, err := r.wantedLibrary(was)
	if err != nil {
		return nil, err
	}
	var before []string
	if was != nil {
		before = was.Accounts
	}
	fresh, gone := minus(l.Accounts, before), minus(before, l.Accounts)
	for _, name := range l.Accounts {
		_, there := r.targetOf(name)
		switch {
		case !there && isAD && slices.Contains(fresh, name):
			return nil, faulty("filter of map[userPrincipalName:[" + name + "]] doesn't match just one entry: []")
		case !there:
			return nil, faulty("expected one matching entry, but received 0")
		}
	}
	for _, name := range gone {
		if err := r.unlent(name); err != nil {
			return nil, err
		}
	}
	if err := r.manageAll(fresh, l.Name); err != nil {
		return nil, err
	}
	if err := r.takeOver(fresh); err != nil {
		return nil, err
	}
	if err := r.libraries.Put(r.ctx, r.setKey(), l, time.Time{}); err != nil {
		return nil, err
	}
	return nil, r.unmanage(gone)
}

// minus are the names that are not among others.
func minus(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

// manageAll takes accounts for one set: all or none.
func (r *request) manageAll(names []string, set string) error {
	for i, name := range names {
		err := r.manage(name, set)
		if err == nil {
			continue
		}
		for _, taken := range names[:i] {
			if _, err := r.managed.Delete(r.ctx, r.slotKey(taken)); err != nil {
				return err
			}
		}
		return err
	}
	return nil
}

// takeOver gives accounts passwords of the engine's own: it lends no other.
func (r *request) takeOver(names []string) error {
	for _, name := range names {
		if _, fails := r.call.Fault("rotation-fails"); fails {
			return r.errRotation()
		}
		t, _ := r.targetOf(name)
		if err := r.setPassword(r.ctx, t, change{password: r.alphanumerics(64), why: "taken over by vault " + r.Name}); err != nil {
			return err
		}
	}
	return nil
}

// unframed is the refusal of a parameter as engines word it that are released on
// their own.
func unframed(err error) error {
	return bad("%s", strings.TrimPrefix(err.Error(), "Field validation failed: "))
}

// manage takes an account for one set: an account is in one only.
func (r *request) manage(account, set string) error {
	words := "%q is already managed by the secrets engine"
	if r.mount.Type == "ad" {
		words = "%q is already managed by another set"
	}
	_, err := r.managed.Take(r.ctx, r.slotKey(account), set, bad(words, account))
	return err
}

// hasAccount reports whether a set, or a static role, has the account of a slot.
func (s *Server) hasAccount(ctx context.Context, key, owner string) (bool, error) {
	mount, account, _ := strings.Cut(key, "/")
	if name, isRole := strings.CutPrefix(owner, staticOwner); isRole {
		role, err := s.statics.Get(ctx, mount+"/"+name)
		return role != nil && strings.EqualFold(role.Username, account), err
	}
	l, err := s.libraries.Get(ctx, mount+"/"+owner)
	return l != nil && slices.ContainsFunc(l.Accounts, func(a string) bool { return strings.EqualFold(a, account) }), err
}

// unlent refuses to let an account go that somebody has.
func (r *request) unlent(account string) error {
	s, err := r.judged(account)
	if err == nil && s.Out { // the stray quote is the engine's
		err = bad("%q can't be deleted because it is currently checked out'", account)
	}
	return err
}

// unmanage lets accounts go.
func (r *request) unmanage(accounts []string) error {
	for _, account := range accounts {
		if _, err := r.managed.Delete(r.ctx, r.slotKey(account)); err != nil {
			return err
		}
	}
	return nil
}

func dropLibrary(r *request) (*answer, error) {
	l, err := r.libraries.Get(r.ctx, r.setKey())
	if err != nil || l == nil {
		return nil, err
	}
	for _, name := range l.Accounts { // all or none
		if err := r.unlent(name); err != nil {
			return nil, err
		}
	}
	if _, err := r.libraries.Delete(r.ctx, r.setKey()); err != nil {
		return nil, err
	}
	return nil, r.unmanage(l.Accounts)
}

// lib is the set of the path.
func (r *request) lib() (*library, error) {
	l, err := r.libraries.Get(r.ctx, r.setKey())
	if err == nil && l == nil {
		err = bad("%q doesn't exist", r.vars["set"])
	}
	return l, err
}
