package vault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
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
	Next *rotation `json:"next,omitempty"`
	// Stale are leases of the account that was checked in meanwhile. When one of
	// them ends it takes the account from whoever has it by then, as in the real
	// engine.
	Stale []string `json:"stale,omitempty"`
}

// libraryPaths are the paths of libraries, the same in ldap and ad; flat: without
// folders of them, as in ad and OpenBao.
func libraryPaths(flat bool) []*pathSpec {
	write := func(h handler) map[operation]handler { return map[operation]handler{opWrite: h} }
	paths := []*pathSpec{
		{pattern: "library/manage/+set/check-in", name: "library.manage.check-in", ops: write(func(r *request) (*answer, error) { return r.checkIn(true) })},
		{pattern: "library/+set/check-out", name: "library.check-out", ops: write(checkOut)},
		{pattern: "library/+set/check-in", name: "library.check-in", ops: write(func(r *request) (*answer, error) { return r.checkIn(false) })},
		{pattern: "library/+set/status", name: "library.status", ops: map[operation]handler{opRead: libraryStatus}},
		{pattern: "library/+set", name: "library", exists: func(r *request) (bool, error) {
			l, err := r.libraries.Get(r.ctx, r.setKey())
			return l != nil, err
		}, ops: map[operation]handler{opRead: getLibrary, opWrite: putLibrary, opDelete: dropLibrary, opList: listLibraries}},
		{pattern: "library/*set", name: "library", ops: map[operation]handler{opList: listLibraries}},
	}
	if flat {
		for _, p := range paths {
			p.pattern = strings.Replace(p.pattern, "+set", ":set", 1)
		}
		paths[len(paths)-2].leaf = true
		delete(paths[len(paths)-2].ops, opList)
		paths[len(paths)-1].pattern = "library"
	}
	return paths
}

func (r *request) setKey() string { return r.mount.UUID + "/" + strings.ToLower(r.vars["set"]) }

func (r *request) slotKey(account string) string {
	return r.mount.UUID + "/" + strings.ToLower(account)
}

// judged is a slot after time has done its part: leases that ended by themselves,
// with their token, at another server, or that are stale.
func (r *request) judged(account string) (slot, error) {
	s, err := r.slots.Get(r.ctx, r.slotKey(account))
	if err != nil || s == nil {
		return slot{}, err
	}
	over := false
	for _, old := range s.Stale {
		_, alive, err := r.liveLease(old)
		if err != nil {
			return *s, err
		}
		over = over || !alive
	}
	if s.Out && !over {
		_, alive, err := r.liveLease(s.Lease)
		if err != nil {
			return *s, err
		}
		if over = !alive; alive {
			if over, err = r.takenBack(*s); err != nil {
				return *s, err
			}
		}
	}
	if !over {
		return *s, nil
	}
	if _, err := r.free(account, s.Lease, false); err != nil {
		return *s, err
	}
	if s, err = r.slots.Get(r.ctx, r.slotKey(account)); err != nil || s == nil {
		return slot{}, err
	}
	return *s, nil
}

// free gives an account back: first the password changes, then it is available. Of
// two that give it back one does, and hears so. by hand: its lease stays, and is
// stale.
func (r *request) free(account, leaseID string, byHand bool) (did bool, err error) {
	t, there := r.targetOf(account)
	s, err := r.slots.Get(r.ctx, r.slotKey(account))
	if err != nil || s == nil {
		return false, err
	}
	atService := false // what has a lease at the checkout service comes back there, once
	if s.Out && s.Lease == leaseID && there {
		if _, fails := r.call.Fault("rotation-fails"); fails {
			return false, r.errRotation()
		}
		if atService = t.account != ""; atService {
			did, err = r.giveBack(*s)
		} else {
			err = r.turn(t, r.slotKey(account), leaseID)
		}
		if err != nil {
			return false, err
		}
	}
	alive := map[string]bool{}
	for _, id := range append(slices.Clone(s.Stale), leaseID) {
		if _, alive[id], err = r.liveLease(id); err != nil {
			return false, err
		}
	}
	err = r.slots.Change(r.ctx, r.slotKey(account), func(v *slot, found bool) error {
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
		if did && byHand && r.settings.StaleLease && alive[leaseID] && !slices.Contains(kept, leaseID) {
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
func (r *request) turn(t target, key, leaseID string) error {
	next, err := r.newRotation(t)
	if err != nil {
		return err
	}
	edit := func(fn func(v *slot) bool) error {
		return r.slots.Change(r.ctx, key, func(v *slot, found bool) error {
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
	return r.finish(t, func() (*rotation, error) {
		s, err := r.slots.Get(r.ctx, key)
		if err != nil || s == nil || !s.Out || s.Lease != leaseID {
			return nil, err
		}
		return s.Next, nil
	}, func(c rotation, now string) error {
		return edit(func(v *slot) bool {
			mine := v.Next != nil && *v.Next == c
			if mine {
				v.Next.Was = now
			}
			return mine
		})
	}, func(rotation) error { return nil })
}

func checkOut(r *request) (*answer, error) {
	l, err := r.lib()
	if err != nil {
		return nil, err
	}
	lasts, warnings := l.TTL, []string(nil)
	if r.has("ttl") {
		wish, err := r.lasts("ttl")
		if err != nil {
			return nil, err
		}
		switch {
		case wish == 0: // the mount's default, which is too much
			lasts, _ = r.mount.lives()
			if lasts > l.Max {
				warnings, lasts = []string{capped(lasts, l.Max)}, l.Max
			}
		case wish < lasts:
			lasts = wish
		}
	}
	for _, name := range l.Accounts {
		a, err := r.checkOutOne(l, name, lasts)
		if err != nil {
			return nil, err
		}
		if a != nil {
			a.late = warnings
			return a, nil
		}
	}
	return nil, bad("No service accounts available for check-out.")
}

// checkOutOne tries one account; no answer means that somebody has it.
func (r *request) checkOutOne(l *library, name string, lasts time.Duration) (*answer, error) {
	s, err := r.judged(name)
	if err != nil || s.Out {
		return nil, err
	}
	t, there := r.targetOf(name)
	if !there {
		return nil, nil
	}
	lasts = r.longest(t, lasts)
	taken, err := r.lend(t, within(lasts, r.token, r.Clock.Now()), l.Max)
	if reason, refused := cause.Of(err); refused {
		r.call.Why = fmt.Sprintf("%s is not to be had: %s", t.object(), reason)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := &answer{}
	held := false // by the slot: or else the checkout service gets the account back
	defer func() {
		if taken != "" && !held {
			r.Accounts.Force(r.ctx, r.principal(), taken)
		}
	}()
	lent, err := r.leaseOf(a, lease{TTL: lasts, Usual: l.TTL, Max: l.Max, Renewable: true, Data: map[string]string{"account": name, "set": l.Name}})
	if err != nil {
		return nil, err
	}
	errTaken := errors.New("taken meanwhile")
	err = r.slots.Change(r.ctx, r.slotKey(name), func(v *slot, _ bool) error {
		if v.Out {
			return errTaken
		}
		*v = slot{Out: true, Token: r.token.ID, Secret: wrapKey(r.token.ID)[:40], Entity: r.token.Data.Entity, Lease: lent.ID, Lent: taken, Stale: v.Stale}
		return nil
	})
	if errors.Is(err, errTaken) {
		_, err = r.leases.Delete(r.ctx, lent.ID)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	held = true
	r.call.Object = t.object()
	password, err := r.password(r.ctx, t)
	if err != nil {
		return nil, err
	}
	a.data = map[string]any{"password": password, "service_account_name": name}
	return a, nil
}

func libraryStatus(r *request) (*answer, error) {
	l, err := r.lib()
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, name := range l.Accounts {
		s, err := r.judged(name)
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
	return ok(out)
}

// mine reports whether the caller may check an account in: the same entity as the
// borrower's, or the very token.
func (r *request) mine(s slot) bool {
	entity := r.token.Data.Entity
	return entity != "" && entity == s.Entity || r.token.ID == s.Token
}

// checkIn gives accounts back. managing: without asking who has them.
func (r *request) checkIn(managing bool) (*answer, error) {
	config, err := r.configs.Get(r.ctx, r.mount.UUID)
	if err != nil {
		return nil, err
	}
	if config == nil && r.mount.Type != "ad" {
		return nil, faulty("missing LDAP configuration")
	}
	l, err := r.lib()
	if err != nil {
		return nil, err
	}
	names := r.list("service_account_names")
	byName := len(names) > 0
	if !byName {
		names = l.Accounts
	}
	var back []string
	leases := map[string]string{}
	for _, name := range names {
		if set, err := r.managed.Get(r.ctx, r.slotKey(name)); err != nil {
			return nil, err
		} else if set == nil { // one of another set may be named, too
			return nil, faulty("not found")
		}
		s, err := r.judged(name)
		if err != nil {
			return nil, err
		}
		if !s.Out {
			continue
		}
		allowed := managing || l.Open || r.mine(s)
		if !allowed && byName {
			return nil, refuse(http.StatusBadRequest, "%q can't be checked in because it wasn't checked out by the caller", name)
		}
		if allowed {
			back, leases[name] = append(back, name), s.Lease
		}
	}
	if !byName && len(back) > 1 {
		return nil, bad(`when multiple service accounts are checked out, the "service_account_names" to check in must be provided`)
	}
	done := []string{}
	for _, name := range back {
		if t, there := r.targetOf(name); there {
			r.call.Object = t.object()
		}
		did, err := r.free(name, leases[name], true)
		if err != nil {
			return nil, err
		}
		if did {
			done = append(done, name)
		}
	}
	return ok(map[string]any{"check_ins": done})
}
