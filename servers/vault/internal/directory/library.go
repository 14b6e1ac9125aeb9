package directory

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// library is a set of accounts that are checked out.
type library struct {
	Name     string        `json:"name"`
	Accounts []string      `json:"accounts"` // in the order in which they are lent
	TTL      time.Duration `json:"ttl"`
	Max      time.Duration `json:"max"`
	Open     bool          `json:"open,omitempty"` // anybody may check in
}

// slot is one account of a library: who has it.
type slot struct {
	Out    bool   `json:"out,omitempty"`
	Token  string `json:"token,omitempty"`  // accessor of the borrower's
	Secret string `json:"secret,omitempty"` // salted hash of it, as the status shows it
	Entity string `json:"entity,omitempty"`
	Lease  string `json:"lease,omitempty"`
	Lent   string `json:"lent,omitempty"` // the fleet's lease
	// Next is the password that a person's account gets when it comes back; an account
	// of the checkout service gets one there.
	Next *rotation.Pending `json:"next,omitempty"`
	// Stale are leases of the account that was checked in meanwhile. When one of
	// them ends it takes the account from whoever has it by then, as in the real
	// engine.
	Stale []string `json:"stale,omitempty"`
}

// libraryPaths are the paths of libraries, the same in ldap and ad; flat: without
// folders of them, as in ad and OpenBao.
func (b *Backend) libraryPaths(flat bool) []*core.Path {
	write := func(h core.Handler) map[core.Operation]core.Handler {
		return map[core.Operation]core.Handler{core.OpWrite: h}
	}
	paths := []*core.Path{
		{Pattern: "library/manage/+set/check-in", Name: "library.manage.check-in", Ops: write(func(r *core.Request) (*core.Answer, error) { return b.checkIn(r, true) })},
		{Pattern: "library/+set/check-out", Name: "library.check-out", Ops: write(b.checkOut)},
		{Pattern: "library/+set/check-in", Name: "library.check-in", Ops: write(func(r *core.Request) (*core.Answer, error) { return b.checkIn(r, false) })},
		{Pattern: "library/+set/status", Name: "library.status", Ops: map[core.Operation]core.Handler{core.OpRead: b.libraryStatus}},
		{Pattern: "library/+set", Name: "library", Exists: func(r *core.Request) (bool, error) {
			l, err := b.libraries.Get(r.Ctx, setKey(r))
			return l != nil, err
		}, Ops: map[core.Operation]core.Handler{core.OpRead: b.getLibrary, core.OpWrite: b.putLibrary, core.OpDelete: b.dropLibrary, core.OpList: b.listLibraries}},
		{Pattern: "library/*set", Name: "library", Ops: map[core.Operation]core.Handler{core.OpList: b.listLibraries}},
	}
	if flat {
		for _, p := range paths {
			p.Pattern = strings.Replace(p.Pattern, "+set", ":set", 1)
		}
		paths[len(paths)-2].Leaf = true
		delete(paths[len(paths)-2].Ops, core.OpList)
		paths[len(paths)-1].Pattern = "library"
	}
	return paths
}

func setKey(r *core.Request) string { return r.Mount.UUID + "/" + strings.ToLower(r.Vars["set"]) }

func slotKey(r *core.Request, account string) string {
	return r.Mount.UUID + "/" + strings.ToLower(account)
}

// judged is a slot after time has done its part: leases that ended by themselves,
// with their token, at another server, or that are stale.
func (b *Backend) judged(r *core.Request, account string) (slot, error) {
	s, err := b.slots.Get(r.Ctx, slotKey(r, account))
	if err != nil || s == nil {
		return slot{}, err
	}
	over := false
	for _, old := range s.Stale {
		_, alive, err := r.LiveLease(old)
		if err != nil {
			return *s, err
		}
		over = over || !alive
	}
	if s.Out && !over {
		_, alive, err := r.LiveLease(s.Lease)
		if err != nil {
			return *s, err
		}
		if over = !alive; alive {
			if over, err = takenBack(r, *s); err != nil {
				return *s, err
			}
		}
	}
	if !over {
		return *s, nil
	}
	if _, err := b.free(r, account, s.Lease, false); err != nil {
		return *s, err
	}
	if s, err = b.slots.Get(r.Ctx, slotKey(r, account)); err != nil || s == nil {
		return slot{}, err
	}
	return *s, nil
}

// free gives an account back: first the password changes, then it is available. Of
// two that give it back one does, and hears so. by hand: its lease stays, and is
// stale.
func (b *Backend) free(r *core.Request, account, leaseID string, byHand bool) (did bool, err error) {
	t, there := rotation.TargetOf(r.Server, account)
	s, err := b.slots.Get(r.Ctx, slotKey(r, account))
	if err != nil || s == nil {
		return false, err
	}
	atService := false // what has a lease at the checkout service comes back there, once
	if s.Out && s.Lease == leaseID && there {
		if _, fails := r.Call.Fault("rotation-fails"); fails {
			return false, rotation.Failed(r)
		}
		if atService = t.Account != ""; atService {
			did, err = giveBack(r, *s)
		} else {
			err = b.turn(r, t, slotKey(r, account), leaseID)
		}
		if err != nil {
			return false, err
		}
	}
	alive := map[string]bool{}
	for _, id := range append(slices.Clone(s.Stale), leaseID) {
		if _, alive[id], err = r.LiveLease(id); err != nil {
			return false, err
		}
	}
	err = b.slots.Change(r.Ctx, slotKey(r, account), func(v *slot, found bool) error {
		if !found {
			return state.ErrKeep
		}
		var kept []string
		for _, old := range v.Stale {
			if alive[old] {
				kept = append(kept, old)
			}
		}
		mine := v.Out && v.Lease == leaseID
		if !atService {
			did = mine
		}
		if did && byHand && r.Settings.StaleLease && alive[leaseID] && !slices.Contains(kept, leaseID) {
			kept = append(kept, leaseID)
		}
		if mine {
			*v = slot{}
		}
		v.Stale = kept
		return nil
	})
	return did, err
}

// turn gives a person's account the password that it has when a lease of it is
// over: it is decided in the slot, so that all who end one lease make one change.
func (b *Backend) turn(r *core.Request, t rotation.Target, key, leaseID string) error {
	next, err := rotation.Decide(r, t)
	if err != nil {
		return err
	}
	edit := func(fn func(v *slot) bool) error {
		return b.slots.Change(r.Ctx, key, func(v *slot, found bool) error {
			if !found || !v.Out || v.Lease != leaseID || !fn(v) {
				return state.ErrKeep
			}
			return nil
		})
	}
	err = edit(func(v *slot) bool {
		decided := v.Next != nil
		if !decided {
			v.Next = next
		}
		return !decided
	})
	if err != nil {
		return err
	}
	return rotation.Finish(r, t, rotation.Record{Held: func() (*rotation.Pending, error) {
		s, err := b.slots.Get(r.Ctx, key)
		if err != nil || s == nil || !s.Out || s.Lease != leaseID {
			return nil, err
		}
		return s.Next, nil
	}, Moved: func(c rotation.Pending, now string) error {
		return edit(func(v *slot) bool {
			mine := v.Next != nil && *v.Next == c
			if mine {
				v.Next.Was = now
			}
			return mine
		})
	}, Done: func(rotation.Pending) error { return nil }})
}

func (b *Backend) checkOut(r *core.Request) (*core.Answer, error) {
	r.Ctx = state.Fresh(r.Ctx) // whoever has an account may have given it back elsewhere a moment ago
	l, err := b.lib(r)
	if err != nil {
		return nil, err
	}
	lasts, warnings := l.TTL, []string(nil)
	if r.Has("ttl") {
		wish, err := r.Duration("ttl")
		if err != nil {
			return nil, err
		}
		switch {
		case wish == 0: // the mount's default, which is too much
			lasts, _ = r.Mount.Lives()
			if lasts > l.Max {
				warnings, lasts = []string{core.Capped(lasts, l.Max)}, l.Max
			}
		case wish < lasts:
			lasts = wish
		}
	}
	for _, name := range l.Accounts {
		a, err := b.checkOutOne(r, l, name, lasts)
		if err != nil {
			return nil, err
		}
		if a != nil {
			a.Late = warnings
			return a, nil
		}
	}
	return nil, core.BadRequest("No service accounts available for check-out.")
}

// checkOutOne tries one account; no answer means that somebody has it.
func (b *Backend) checkOutOne(r *core.Request, l *library, name string, lasts time.Duration) (*core.Answer, error) {
	s, err := b.judged(r, name)
	if err != nil || s.Out {
		return nil, err
	}
	t, there := rotation.TargetOf(r.Server, name)
	if !there {
		return nil, nil
	}
	lasts = longest(r.Server, t, lasts)
	taken, err := lend(r, t, within(lasts, r.Token, r.Clock.Now()), l.Max)
	if reason, refused := cause.Of(err); refused {
		r.Call.Why = fmt.Sprintf("%s is not to be had: %s", t.Object(), reason)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := &core.Answer{}
	held := false // by the slot: or else the checkout service gets the account back
	defer func() {
		if taken != "" && !held {
			r.Accounts.Force(r.Ctx, principal(r.Server), taken)
		}
	}()
	lent, err := r.LeaseOf(a, core.Lease{TTL: lasts, Usual: l.TTL, Max: l.Max, Renewable: true, Data: map[string]string{"account": name, "set": l.Name}})
	if err != nil {
		return nil, err
	}
	errTaken := errors.New("taken meanwhile")
	err = b.slots.Change(r.Ctx, slotKey(r, name), func(v *slot, _ bool) error {
		if v.Out {
			return errTaken
		}
		*v = slot{Out: true, Token: r.Token.ID, Secret: core.TokenHash(r.Token.ID)[:40], Entity: r.Token.Data.Entity, Lease: lent.ID, Lent: taken, Stale: v.Stale}
		return nil
	})
	if errors.Is(err, errTaken) {
		_, err = r.Leases.Delete(r.Ctx, lent.ID)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	held = true
	r.Call.Object = t.Object()
	password, err := rotation.Password(r.Ctx, r.Server, t)
	if err != nil {
		return nil, err
	}
	a.Data = map[string]any{"password": password, "service_account_name": name}
	return a, nil
}

func (b *Backend) libraryStatus(r *core.Request) (*core.Answer, error) {
	l, err := b.lib(r)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, name := range l.Accounts {
		s, err := b.judged(r, name)
		if err != nil {
			return nil, err
		}
		shown := map[string]any{"available": !s.Out}
		if s.Out {
			shown["borrower_client_token"] = s.Secret
			if s.Entity != "" {
				shown["borrower_entity_id"] = s.Entity
			}
		}
		out[name] = shown
	}
	return core.OK(out)
}

// mine reports whether the caller may check an account in: the same entity as the
// borrower's, or the very token.
func mine(r *core.Request, s slot) bool {
	entity := r.Token.Data.Entity
	return entity != "" && entity == s.Entity || r.Token.ID == s.Token
}

// checkIn gives accounts back. managing: without asking who has them.
func (b *Backend) checkIn(r *core.Request, managing bool) (*core.Answer, error) {
	r.Ctx = state.Fresh(r.Ctx) // what was lent elsewhere a moment ago must not be taken for free
	config, err := r.Configs.Get(r.Ctx, r.Mount.UUID)
	if err != nil {
		return nil, err
	}
	if config == nil && r.Mount.Type != "ad" {
		return nil, core.Faulty("missing LDAP configuration")
	}
	l, err := b.lib(r)
	if err != nil {
		return nil, err
	}
	names := r.List("service_account_names")
	byName := len(names) > 0
	if !byName {
		names = l.Accounts
	}
	var back []string
	leases := map[string]string{}
	for _, name := range names {
		if set, err := b.managed.Get(r.Ctx, slotKey(r, name)); err != nil {
			return nil, err
		} else if set == nil { // one of another set may be named, too
			return nil, core.Faulty("not found")
		}
		s, err := b.judged(r, name)
		if err != nil {
			return nil, err
		}
		if !s.Out {
			continue
		}
		allowed := managing || l.Open || mine(r, s)
		if !allowed && byName {
			return nil, core.Refuse(http.StatusBadRequest, "%q can't be checked in because it wasn't checked out by the caller", name)
		}
		if allowed {
			back, leases[name] = append(back, name), s.Lease
		}
	}
	if !byName && len(back) > 1 {
		return nil, core.BadRequest(`when multiple service accounts are checked out, the "service_account_names" to check in must be provided`)
	}
	done := []string{}
	for _, name := range back {
		if t, there := rotation.TargetOf(r.Server, name); there {
			r.Call.Object = t.Object()
		}
		did, err := b.free(r, name, leases[name], true)
		if err != nil {
			return nil, err
		}
		if did {
			done = append(done, name)
		}
	}
	return core.OK(map[string]any{"check_ins": done})
}
