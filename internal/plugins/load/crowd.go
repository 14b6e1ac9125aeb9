package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/serving/strictyaml"
)

// Crowd is the people of a company, and what they have on them.
type Crowd struct {
	World *world.World
	// Now is the fleet's time, by which codes are shown.
	Now func() time.Time

	counters sync.Map // ID of a device that counts → *counter
}

// counter is how far a HOTP device or a YubiKey has got here.
type counter struct {
	sync.Mutex
	next uint64
}

// draw is who comes next, and what they ask for. The order is followed without being kept:
// the n-th is a·n + b modulo the number of all.
type draw struct {
	crowd    *Crowd
	people   cycle
	accounts cycle
	bare     bool            // no step asks for an account
	written  []int           // people by their numbers; nil: all from first on
	first    int             // of the people who are not written
	named    []world.Account // accounts by name; nil: the generated ones, or all
}

// cycle is an order of n things.
type cycle struct {
	n, a, b uint64
	random  bool
	at      atomic.Uint64
	seed    uint64
}

func (c *cycle) set(n int, how string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	c.n, c.random, c.seed = uint64(n), how == "random", seed
	if n < 2 {
		return
	}
	for c.a = r.Uint64N(c.n-1) + 1; gcd(c.a, c.n) != 1; c.a = r.Uint64N(c.n-1) + 1 {
	}
	c.b = r.Uint64N(c.n)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// next is the number of the next one.
func (c *cycle) next() int {
	i := c.at.Add(1) - 1
	switch {
	case c.n < 2:
		return 0
	case c.random:
		return int(rand.NewPCG(c.seed, i).Uint64() % c.n)
	}
	return int((c.a*(i%c.n) + c.b) % c.n)
}

// lacks is whom or what a company does not have, and which key of the plan wants it.
type lacks struct{ path, what string }

// drawing is a draw of a company, or what it lacks.
func (c *Crowd) drawing(p plan.People, a plan.Accounts, seed uint64) (*draw, *lacks) {
	d := &draw{crowd: c}
	written := c.World.WrittenCount()
	switch {
	case len(p.From) > 0:
		for _, name := range p.From {
			i, ok := c.World.UserNumber(world.Fold(name))
			if !ok {
				return nil, &lacks{"people.from", fmt.Sprintf("the company has no %q%s", strictyaml.Short(name), c.meant(name))}
			}
			d.written = append(d.written, i)
		}
		d.people.set(len(d.written), p.Draw, seed)
	case c.World.Generated().Users > 0:
		d.first = written
		d.people.set(c.World.Generated().Users, p.Draw, seed)
	case written == 0:
		return nil, &lacks{"fleet.seed", "nobody lives in the company, give the seed `users`, or `generate: {users: 1000}`"}
	default:
		d.people.set(written, p.Draw, seed)
	}
	for _, id := range a.From {
		account, ok := c.World.AccountByID(id)
		if !ok {
			return nil, &lacks{"accounts.from", fmt.Sprintf("the company has no account %q", strictyaml.Short(id))}
		}
		d.named = append(d.named, account)
	}
	if len(a.From) == 0 && c.World.MadeAccounts() == 0 {
		d.named = slices.Collect(c.World.WrittenAccounts())
	}
	n := len(d.named)
	if n == 0 {
		n = c.World.MadeAccounts()
	}
	d.accounts.set(n, a.Draw, seed+1)
	return d, nil
}

// meant is the hint for a name that nobody has.
func (c *Crowd) meant(name string) string {
	var names []string
	for u := range c.World.Written() {
		if names = append(names, u.Name); len(names) == 100 {
			break
		}
	}
	if best, ok := strictyaml.Nearest(name, names); ok {
		return fmt.Sprintf(", did you mean `%s`?", best)
	}
	return ""
}

// next is the next person, and the account that they ask for.
func (d *draw) next() (step.Person, step.Account) {
	i := d.people.next()
	if d.written != nil {
		i = d.written[i]
	} else {
		i += d.first
	}
	return d.crowd.person(i), d.account()
}

// person is the i-th of the company.
func (c *Crowd) person(i int) step.Person {
	if made := i - c.World.WrittenCount(); made >= 0 { // most of it is wanted by nobody
		name := world.Numbered("user", made+1)
		g := c.World.Generated()
		return step.Person{Number: i, ID: name, Name: name, Password: g.UserPassword(made), Email: name + "@" + g.Domain, Fate: step.May, Second: step.May,
			Code: func(of string) (string, error) { return c.code(name, of) }}
	}
	u := c.World.UserAt(i)
	return step.Person{Number: i, ID: u.ID, Name: u.Name, Password: u.Password, Email: u.Email, Phone: u.Phone, Fate: fate(u), Second: c.second(u),
		Code: func(of string) (string, error) { return c.code(u.ID, of) }}
}

// fate is what the company demands of a login with the right password. Of a person who must
// change it, systems think differently.
func fate(u world.User) step.Fate {
	switch u.Status {
	case world.Active, "":
		return step.May
	case world.MustChange:
		return step.Unknown
	}
	return step.MayNot
}

// second is the same of a login that wants a code besides: of mallory, whose authenticator
// is disabled, it demands a refusal.
func (c *Crowd) second(u world.User) step.Fate {
	disabled := false
	for _, d := range c.World.DevicesOf(u.ID) {
		if !showsCodes(d.Kind) {
			continue
		}
		if !d.Disabled {
			return fate(u)
		}
		disabled = true
	}
	if disabled {
		return step.MayNot
	}
	return fate(u)
}

func showsCodes(k world.DeviceKind) bool {
	return k == world.TOTP || k == world.HOTP || k == world.Yubikey
}

func (d *draw) account() step.Account {
	var a world.Account
	if d.bare {
		return step.Account{}
	}
	switch n := d.accounts.next(); {
	case len(d.named) > 0:
		a = d.named[n]
	case d.accounts.n > 0:
		a = d.crowd.World.MadeAccount(n)
	default:
		return step.Account{}
	}
	out := step.Account{ID: a.ID, Name: a.Name, Exclusive: a.Checkout.Exclusive}
	if asset, ok := d.crowd.World.Asset(a.AssetID); ok {
		out.Asset = asset.Name
		if asset.Address.IsValid() {
			out.Address = asset.Address.String()
		}
	}
	return out
}

// code is what a person's device shows: of a kind, or with an ID. One that is disabled shows
// codes, too, which nobody may take; it is asked where there is no other.
func (c *Crowd) code(userID, of string) (string, error) {
	devices := c.World.DevicesOf(userID)
	for _, disabled := range []bool{false, true} {
		for _, d := range devices {
			if d.Disabled == disabled && (string(d.Kind) == of || d.ID == of) && showsCodes(d.Kind) {
				return c.shown(d)
			}
		}
	}
	return "", step.ErrNoDevice
}

// shown is what a device shows, or types.
func (c *Crowd) shown(d world.Device) (string, error) {
	switch d.Kind {
	case world.TOTP:
		return factor.CodeAt(d, uint64(max(factor.Step(d, c.Now().Add(d.Drift)), 0)))
	case world.HOTP:
		return factor.CodeAt(d, c.count(d.ID, d.Counter))
	}
	n := c.count(d.ID, uint64(d.FirstUse))
	k := factor.Keystroke{PrivateID: [6]byte(d.PrivateID), Session: uint16(d.Counter + n>>8), Use: uint8(n),
		Timestamp: uint32(c.Now().UnixMilli()*8/1000) & 0xffffff, Random: uint16(n*40503 + d.Counter)}
	return k.Typed(d)
}

// count is the next number of a device.
func (c *Crowd) count(id string, from uint64) uint64 {
	made, _ := c.counters.LoadOrStore(id, &counter{next: from})
	n := made.(*counter)
	n.Lock()
	defer n.Unlock()
	n.next++
	return n.next - 1
}
