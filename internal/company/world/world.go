package world

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// World is the indexed, immutable form of Facts. Look-ups ignore case and take
// the names that clients use. Values it returns share memory with the world and
// must not be modified. What is generated is not indexed: it is made anew each
// time, and costs no memory until then.
type World struct {
	facts    Facts
	made     *maker
	people   []User         // those that are written, without their devices
	owned    [][]Device     // theirs
	users    map[string]int // by ID, alias
	mails    map[string]int
	groups   map[string]int
	assets   map[string]int // by ID, name, host name, address
	accounts map[string]int // by ID
	byName   map[string][]int
	byOwner  map[string]int // linked user → account
	devices  map[string]deviceAt
	yubikeys map[string]deviceAt // by public ID
	tickets  map[string]int      // by system/id
	clients  map[string]int
	parents  map[string][]int // group ID → indexes of the groups that contain it

	enclosing map[string][]int // group ID → itself and all groups around it
}

type deviceAt struct{ user, device int }

// New indexes f. It returns an error for facts that name one thing twice or
// something that is not there; a seed has been checked for that before, with
// better messages, so only programs that build Facts themselves see it.
func New(f Facts) (*World, error) {
	if f.Generated.Groups > len(f.Groups) {
		return nil, fmt.Errorf("world: %d of %d groups are generated", f.Generated.Groups, len(f.Groups))
	}
	w := &World{facts: f, made: newMaker(&f), people: slices.Clone(f.Users), owned: make([][]Device, len(f.Users)),
		users: make(map[string]int, len(f.Users)), mails: make(map[string]int, len(f.Users)),
		groups: make(map[string]int, len(f.Groups)), assets: make(map[string]int, 4*len(f.Assets)),
		accounts: make(map[string]int, len(f.Accounts)), byName: map[string][]int{}, byOwner: map[string]int{},
		devices: make(map[string]deviceAt, len(f.Users)), yubikeys: map[string]deviceAt{}, tickets: map[string]int{},
		clients: map[string]int{}, parents: map[string][]int{},
	}
	for _, index := range []func() error{w.indexGroups, w.indexUsers, w.indexAssets, w.indexAccounts, w.indexRest} {
		if err := index(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Fold is the form in which names are compared: trimmed, lower case.
func Fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func put(m map[string]int, what, key string, i int) error {
	key = Fold(key)
	if j, taken := m[key]; taken && j != i {
		return fmt.Errorf("world: two %s are called %q", what, key)
	}
	m[key] = i
	return nil
}

func (w *World) indexGroups() error {
	for i, g := range w.facts.Groups {
		if err := put(w.groups, "groups", g.ID, i); err != nil {
			return err
		}
	}
	for i, g := range w.facts.Groups {
		for _, m := range g.MemberGroups {
			if _, ok := w.groups[Fold(m)]; !ok {
				return fmt.Errorf("world: group %q contains the unknown group %q", g.ID, m)
			}
			w.parents[Fold(m)] = append(w.parents[Fold(m)], i)
		}
	}
	w.enclosing = make(map[string][]int, len(w.facts.Groups))
	for i, g := range w.facts.Groups {
		w.enclosing[Fold(g.ID)] = w.around([]int{i})
	}
	return nil
}

func (w *World) indexUsers() error {
	for i := range w.people {
		u := &w.people[i]
		w.owned[i], u.Devices = u.Devices, nil
		for _, name := range append([]string{u.ID}, u.Aliases...) {
			if _, taken := w.made.UserNumber(Fold(name)); taken {
				return fmt.Errorf("world: two users are called %q", name)
			}
			if err := put(w.users, "users", name, i); err != nil {
				return err
			}
		}
		if u.Email != "" {
			w.mails[Fold(u.Email)] = i
		}
		for _, g := range u.Groups {
			if _, ok := w.groups[Fold(g)]; !ok {
				return fmt.Errorf("world: user %q is in the unknown group %q", u.ID, g)
			}
		}
		for j, d := range w.owned[i] {
			_, taken := w.devices[d.ID]
			if _, generated := w.made.DeviceNumber(d.ID); taken || generated {
				return fmt.Errorf("world: two devices are called %q", d.ID)
			}
			w.devices[d.ID] = deviceAt{i, j}
			if d.Kind != Yubikey {
				continue
			}
			if _, taken := w.yubikeys[d.PublicID]; taken {
				return fmt.Errorf("world: two YubiKeys have the public ID %q", d.PublicID)
			}
			w.yubikeys[d.PublicID] = deviceAt{i, j}
		}
	}
	return nil
}

func (w *World) indexAssets() error {
	for i, a := range w.facts.Assets {
		names := append([]string{a.ID, a.Name}, a.Hostnames...)
		if a.Address.IsValid() {
			names = append(names, a.Address.String())
		}
		for _, n := range names {
			_, taken := w.made.AssetNumber(Fold(n))
			if _, there := w.made.AddressNumber(a.Address); taken || there {
				return fmt.Errorf("world: two assets are called %q", n)
			}
			if err := put(w.assets, "assets", n, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *World) indexAccounts() error {
	for i, a := range w.facts.Accounts {
		if _, taken := w.made.AccountNumber(Fold(a.ID)); taken {
			return fmt.Errorf("world: two accounts are called %q", a.ID)
		}
		if err := put(w.accounts, "accounts", a.ID, i); err != nil {
			return err
		}
		if _, ok := w.Asset(a.AssetID); a.AssetID != "" && !ok {
			return fmt.Errorf("world: account %q is on the unknown asset %q", a.ID, a.AssetID)
		}
		if a.UserID != "" {
			if _, ok := w.UserNumber(a.UserID); !ok {
				return fmt.Errorf("world: account %q belongs to the unknown user %q", a.ID, a.UserID)
			}
			if err := put(w.byOwner, "accounts", a.UserID, i); err != nil {
				return err
			}
		}
		w.byName[Fold(a.Name)] = append(w.byName[Fold(a.Name)], i)
	}
	return nil
}

func (w *World) indexRest() error {
	for i, t := range w.facts.Tickets {
		if err := put(w.tickets, "tickets", t.System+"/"+t.ID, i); err != nil {
			return err
		}
	}
	for i, c := range w.facts.Clients {
		if err := put(w.clients, "clients", c.ID, i); err != nil {
			return err
		}
	}
	return nil
}

// at looks key up in an index of list.
func at[T any](list []T, index map[string]int, key string) (T, bool) {
	if i, ok := index[Fold(key)]; ok {
		return list[i], true
	}
	var none T
	return none, false
}

// Organization is the company.
func (w *World) Organization() Organization { return w.facts.Organization }

// RandomSeed is the number that all generated values follow from.
func (w *World) RandomSeed() uint64 { return w.facts.RandomSeed }

// Group finds a group by name.
func (w *World) Group(name string) (Group, bool) { return at(w.facts.Groups, w.groups, name) }

// Groups yields all groups in the seed's order.
func (w *World) Groups() iter.Seq[Group] { return slices.Values(w.facts.Groups) }

// around lists groups and those that contain them, nearest first.
func (w *World) around(queue []int) (out []int) {
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		if slices.Contains(out, i) {
			continue
		}
		out = append(out, i)
		queue = append(queue, w.parents[w.facts.Groups[i].ID]...)
	}
	return out
}

// Ticket finds a seeded ticket; what became of it is in the store.
func (w *World) Ticket(system, id string) (Ticket, bool) {
	return at(w.facts.Tickets, w.tickets, system+"/"+id)
}

// Tickets yields all seeded tickets in the seed's order.
func (w *World) Tickets() iter.Seq[Ticket] { return slices.Values(w.facts.Tickets) }

// Client finds an API client by name.
func (w *World) Client(name string) (Client, bool) { return at(w.facts.Clients, w.clients, name) }

// Clients yields all API clients in the seed's order.
func (w *World) Clients() iter.Seq[Client] { return slices.Values(w.facts.Clients) }
