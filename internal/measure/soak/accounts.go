package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"

	"github.com/anishathalye/porcupine"
)

// pool is keys that nobody plays with.
type pool struct {
	mu   sync.Mutex
	keys []string
}

// take is any of them.
func (p *pool) take(chance *rand.Rand) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) == 0 {
		return "", false
	}
	i, last := chance.IntN(len(p.keys)), len(p.keys)-1
	key := p.keys[i]
	p.keys[i] = p.keys[last]
	p.keys = p.keys[:last]
	return key, true
}

func (p *pool) put(key string) {
	p.mu.Lock()
	p.keys = append(p.keys, key)
	p.mu.Unlock()
}

// holders are exclusive accounts, of native and of vault's libraries.
type holders struct{ pool }

func newHolders() *holders {
	h := &holders{}
	for i := range accounts {
		h.put("root@" + name("host", i))
	}
	return h
}

func (h *holders) name() string { return "checkout, checkin" }

func (h *holders) next(chance *rand.Rand) (string, porcupine.Model, bool) {
	key, found := h.take(chance)
	return key, alone(false), found
}

func (h *holders) leave(key string, _ []event) { h.put(key) }

// checkout returns the lease that it got.
func checkout(r *round, at int, who string) (event, string) {
	lease := ""
	e := r.do(event{replica: at, face: "native", what: "take", arg: who}, func(x *replica, e *event) {
		a := x.ask(request{method: "POST", path: "/vault/v1/accounts/" + r.key + "/checkout", body: fmt.Sprintf(`{"reason":%q}`, who)}).on(e)
		switch {
		case a.ended == ok:
			lease = fmt.Sprint(a.ID)
		case a.ended == refused && a.Code == "checked_out":
			if m := leaseOf.FindStringSubmatch(a.Detail); m != nil {
				lease = m[1]
			}
		case a.ended == refused:
			r.game.fail(fmt.Errorf("a checkout of %s was answered %s", r.key, a.text))
		}
	})
	return e, lease
}

// leaseOf is the lease that stands in the way of a checkout.
var leaseOf = regexp.MustCompile(`\((lease-[0-9]+\.[^()]+)\)`)

func checkin(r *round, at int, who, lease string) event {
	return r.do(event{replica: at, face: "native", what: "give", arg: who}, func(x *replica, e *event) {
		x.ask(request{method: "POST", path: "/vault/v1/leases/" + lease + "/checkin"}).on(e)
	})
}

// inLibrary is whether vault lends an account, too.
func inLibrary(key string) bool { return number(key) < libraries }

// lend checks an account out of a library of vault, or in.
func lend(r *round, at int, what string) event {
	path, body := "/check-out", "{}"
	if what == "give" {
		path, body = "/check-in", fmt.Sprintf(`{"service_account_names":[%q]}`, r.key)
	}
	return r.do(event{replica: at, face: "vault", what: what, arg: byVault}, func(x *replica, e *event) {
		a := x.ask(request{method: "POST", port: vault, path: "/v1/lent/library/" + r.key[len("root@"):] + path, body: body}).on(e)
		switch {
		case what == "give" && a.ended == ok && len(a.Data.CheckIns) == 0:
			e.ended = refused
		case a.ended == refused && a.status != 400:
			r.game.fail(fmt.Errorf("%s of the library of %s was answered %s", what, r.key, a.text))
		}
	})
}

// byVault is the reason of a lease that a library has.
const byVault = "vault library"

func (h *holders) race(r *round) {
	r.all(3+r.rand.IntN(2), func(i int, chance *rand.Rand) {
		for n := range 2 {
			if inLibrary(r.key) && chance.IntN(3) == 0 {
				e := lend(r, (i+n)%len(r.game.replicas), "take")
				if e.ended == unknown || e.ended == ok && lend(r, r.game.any(chance), "give").ended != ok {
					return
				}
				continue
			}
			who := fmt.Sprintf("%d.%d.%d", i, n, r.game.since())
			e, lease := checkout(r, (i+n)%len(r.game.replicas), who)
			if e.ended == unknown {
				return
			}
			if e.ended == refused {
				continue
			}
			var twice sync.WaitGroup
			if chance.IntN(4) == 0 { // given back through two at once
				other := r.game.any(chance)
				twice.Go(func() { checkin(r, other, who, lease) })
			}
			e = checkin(r, r.game.any(chance), who, lease)
			twice.Wait()
			if e.ended == unknown {
				return
			}
		}
	})
}

func (h *holders) settle(r *round) bool {
	for range 10 {
		who := fmt.Sprint("settled.", int64(r.game.since()))
		e, lease := checkout(r, r.game.any(r.rand), who)
		switch e.ended {
		case unknown:
			return false
		case ok:
			return checkin(r, r.game.any(r.rand), who, lease).ended == ok
		}
		e = r.do(event{replica: r.game.any(r.rand), face: "native", what: "free", arg: lease}, func(x *replica, e *event) {
			if a := x.ask(request{method: "POST", path: "/vault/v1/leases/" + lease + "/force"}).on(e); a.ended == ok {
				e.said = a.Reason
			}
		})
		if e.ended == unknown {
			return false
		}
	}
	r.game.fail(fmt.Errorf("%s cannot be had:\n%s", r.key, told(r.events)))
	return false
}

// visits are tickets that take one session at a time.
type visits struct{ pool }

func newVisits() *visits {
	v := &visits{}
	for i := range tickets {
		v.put(incident(i))
	}
	return v
}

func (v *visits) name() string { return "ticket sessions" }

func (v *visits) next(chance *rand.Rand) (string, porcupine.Model, bool) {
	key, found := v.take(chance)
	return key, alone(true), found
}

func (v *visits) leave(key string, _ []event) { v.put(key) }

func session(r *round, at int, what, who string) event {
	return r.do(event{replica: at, face: "native", what: what, arg: who}, func(x *replica, e *event) {
		path, body := "/tickets/v1/tickets/"+r.key+"/sessions", fmt.Sprintf(`{"session_id":%q,"user":"alice"}`, who)
		if what == "give" {
			path, body = path+"/"+who+"/end", "{}"
		}
		a := x.ask(request{method: "POST", path: path, body: body}).on(e)
		if a.ended == refused && !slices.Contains([]string{"session_limit", "unknown_session"}, a.Code) {
			r.game.fail(fmt.Errorf("a session of %s was answered %s", r.key, a.text))
		}
	})
}

func (v *visits) race(r *round) {
	r.all(3+r.rand.IntN(2), func(i int, chance *rand.Rand) {
		for n := range 2 {
			who := fmt.Sprintf("s%d-%d-%d", i, n, r.game.since())
			if e := session(r, (i+n)%len(r.game.replicas), "take", who); e.ended == unknown {
				return
			} else if e.ended == ok && session(r, r.game.any(chance), "give", who).ended == unknown {
				return
			}
		}
	})
}

func (v *visits) settle(r *round) bool {
	for _, e := range slices.Clone(r.events) {
		if e.ended == unknown && session(r, r.game.any(r.rand), "give", e.arg).ended == unknown {
			return false
		}
	}
	return true
}
