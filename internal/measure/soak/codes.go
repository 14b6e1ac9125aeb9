package main

import (
	"encoding/base32"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/pquerna/otp/hotp"
)

// attempt is a code that somebody tries.
type attempt struct {
	user, code string
	n          int64
	excused    func() bool // whether a refusal needs no reason; nil: it does
}

// try shows a code at one face of one replica.
func (r *round) try(a attempt, chance *rand.Rand) event {
	face := []string{"native", "native", "radius"}[chance.IntN(3)]
	return r.do(event{replica: r.game.any(chance), face: face, what: "spend", arg: a.user, n: a.n}, func(x *replica, e *event) {
		if face == "radius" {
			if e.ended, e.why = x.radius(a.user, a.code); e.ended == unknown {
				e.said = silent
			}
		} else {
			got := x.ask(request{method: "POST", path: "/otp/v1/verify", body: fmt.Sprintf(`{"user":%q,"otp":%q}`, a.user, a.code)}).on(e)
			if got.ended == ok && !got.Valid {
				e.ended = refused
			}
			if got.ended == refused || e.ended == refused && got.Reason != "wrong" && got.Reason != "replayed" {
				r.game.fail(fmt.Errorf("a code of %s was answered %s", a.user, got.text))
			}
		}
		e.excused = a.excused != nil && a.excused()
	})
}

// crowd tries a code from several sides at once.
func (r *round) crowd(a attempt) {
	r.all(3+r.rand.IntN(3), func(_ int, chance *rand.Rand) { r.try(a, chance) })
}

// device is a generator of codes.
type device struct {
	kind string
	i    int
}

// code is the one of a counter.
func (d device) code(counter int64) string {
	code, err := hotp.GenerateCode(base32.StdEncoding.EncodeToString(secretOf(d.kind, d.i)), uint64(counter))
	if err != nil {
		panic(err) // it is our own secret
	}
	return code
}

// unlike is whether a code is no other one's, of those that might be taken for it.
func (d device) unlike(counter, near int64) bool {
	code := d.code(counter)
	for c := max(0, counter-near); c <= counter+near; c++ {
		if c != counter && d.code(c) == code {
			return false
		}
	}
	return true
}

// counted are HOTP codes.
type counted struct {
	pool
	mu   sync.Mutex
	last map[string]int64 // the code used last, from 1 on: one more than its counter
}

func newCounted() *counted {
	c := &counted{last: map[string]int64{}}
	for i := range hotps {
		c.put(name("hotp", i))
	}
	return c
}

func (c *counted) name() string { return "HOTP codes" }

func (c *counted) used(key string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[key]
}

func (c *counted) next(chance *rand.Rand) (string, porcupine.Model, bool) {
	key, found := c.take(chance)
	return key, spent(c.used(key)), found
}

func (c *counted) leave(key string, events []event) {
	c.mu.Lock()
	c.last[key] = max(c.last[key], newest(events))
	c.mu.Unlock()
	c.put(key)
}

// newest is the latest code that was tried.
func newest(events []event) (n int64) {
	for _, e := range events {
		n = max(n, e.n)
	}
	return n
}

// number is the one of a key.
func number(key string) (i int) {
	fmt.Sscanf(key[len(key)-3:], "%d", &i)
	return i
}

func (c *counted) race(r *round) {
	d, at := device{"hotp", number(r.key)}, c.used(r.key)
	for range 2 + r.rand.IntN(2) {
		for at++; !d.unlike(at-1, 12); at++ {
		}
		r.crowd(attempt{user: r.key, code: d.code(at - 1), n: at})
		if r.open(0) {
			return
		}
	}
}

func (c *counted) settle(r *round) bool {
	n := newest(r.events)
	return r.try(attempt{user: r.key, code: device{"hotp", number(r.key)}.code(n - 1), n: n}, r.rand).ended != unknown
}

// timed are TOTP codes.
type timed struct{ counted }

func newTimed() *timed {
	t := &timed{counted{last: map[string]int64{}}}
	for i := range totps {
		t.put(name("totp", i))
	}
	return t
}

func (t *timed) name() string { return "TOTP codes" }

func step() int64 { return time.Now().Unix() / 30 }

func (t *timed) next(chance *rand.Rand) (string, porcupine.Model, bool) {
	key, found := t.take(chance)
	if now := step(); found && (t.used(key) >= now || !(device{"totp", number(key)}).unlike(now, 3)) {
		t.put(key)
		return "", porcupine.Model{}, false
	}
	return key, spent(t.used(key)), found
}

func (t *timed) attempt(r *round, n int64) attempt {
	return attempt{user: r.key, code: device{"totp", number(r.key)}.code(n), n: n, excused: func() bool { return step() != n }}
}

func (t *timed) race(r *round) { r.crowd(t.attempt(r, step())) }

func (t *timed) settle(r *round) bool {
	return r.try(t.attempt(r, newest(r.events)), r.rand).ended != unknown
}

// backups are backup codes, each a key of its own; some are tried again later.
type backups struct {
	mu    sync.Mutex
	fresh []string
	used  []string
}

func newBackups(people int, chance *rand.Rand) *backups {
	b := &backups{}
	for i := range people {
		for n := range codesEach {
			b.fresh = append(b.fresh, backupCode(i, n))
		}
	}
	chance.Shuffle(len(b.fresh), func(i, j int) { b.fresh[i], b.fresh[j] = b.fresh[j], b.fresh[i] })
	return b
}

func (b *backups) name() string { return "backup codes" }

func (b *backups) next(chance *rand.Rand) (string, porcupine.Model, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.used) > 0 && chance.IntN(5) == 0 {
		i := chance.IntN(len(b.used))
		key := b.used[i]
		b.used = slices.Delete(b.used, i, i+1)
		return key, spent(1), true
	}
	if len(b.fresh) == 0 {
		return "", porcupine.Model{}, false
	}
	key := b.fresh[0]
	b.fresh = b.fresh[1:]
	return key, spent(0), true
}

func (b *backups) leave(key string, _ []event) {
	b.mu.Lock()
	b.used = append(b.used, key)
	b.mu.Unlock()
}

func (b *backups) attempt(r *round) attempt {
	return attempt{user: name("backup", number(r.key[:len("backup-000")])), code: r.key, n: 1}
}

func (b *backups) race(r *round) { r.crowd(b.attempt(r)) }

func (b *backups) settle(r *round) bool { return r.try(b.attempt(r), r.rand).ended != unknown }
