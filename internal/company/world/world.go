package world

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// World is the indexed, immutable form of Facts. Look-ups ignore case and take
// the names that clients use. Values it returns share memory with the world and
// must not be modified.
type World struct {
	facts    Facts
	users    map[string]int // by ID, alias
	mails    map[string]int
	groups   map[string]int
	assets   map[string]int // by ID, name, host name, address
	accounts map[string]int // by ID
	byName   map[string][]int
	byOwner  map[string]int // linked user → account
	devices  map[string]deviceAt
	tickets  map[string]int // by system/id
	clients  map[string]int
	parents  map[string][]int // group ID → indexes of the groups that contain it

	enclosing map[string][]int // group ID → itself and all groups around it
}

type deviceAt struct{ user, device int }

// New indexes f. It returns an error for facts that name one thing twice or
// something that is not there; a seed has been checked for that before, with
// better messages, so only programs that build Facts themselves see it.
func New(f Facts) (*World, error) {
	w := &World{facts: f,
		users: make(map[string]int, len(f.Users)), mails: make(map[string]int, len(f.Users)),
		groups: make(map[string]int, len(f.Groups)), assets: make(map[string]int, 4*len(f.Assets)),
		accounts: make(map[string]int, len(f.Accounts)), byName: map[string][]int{}, byOwner: map[string]int{},
		devices: make(map[string]deviceAt, len(f.Users)), tickets: map[string]int{},
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
	for i := range w.facts.Users {
		u := &w.facts.Users[i]
		for _, name := range append([]string{u.ID}, u.Aliases...) {
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
		for j, d := range u.Devices {
			if _, taken := w.devices[d.ID]; taken {
				return fmt.Errorf("world: two devices are called %q", d.ID)
			}
			w.devices[d.ID] = deviceAt{i, j}
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
			if err := put(w.assets, "assets", n, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *World) indexAccounts() error {
	for i, a := range w.facts.Accounts {
		if err := put(w.accounts, "accounts", a.ID, i); err != nil {
			return err
		}
		if _, ok := w.assets[Fold(a.AssetID)]; a.AssetID != "" && !ok {
			return fmt.Errorf("world: account %q is on the unknown asset %q", a.ID, a.AssetID)
		}
		if a.UserID != "" {
			if _, ok := w.users[Fold(a.UserID)]; !ok {
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

// User finds a person by name, alias or ID.
func (w *World) User(name string) (User, bool) { return at(w.facts.Users, w.users, name) }

// UserByMail finds a person by e-mail address.
func (w *World) UserByMail(mail string) (User, bool) { return at(w.facts.Users, w.mails, mail) }

// Login finds the person meant by any of the forms people log in with: a name
// or alias, DOMAIN\name, name@domain of the organization, an e-mail address.
func (w *World) Login(name string) (User, bool) {
	if u, ok := w.User(name); ok {
		return u, true
	}
	if domain, user, ok := strings.Cut(name, `\`); ok {
		o := w.facts.Organization
		if strings.EqualFold(domain, o.NetBIOS) || strings.EqualFold(domain, o.Domain) {
			return w.User(user)
		}
		return User{}, false
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 && strings.EqualFold(name[i+1:], w.facts.Organization.Domain) {
		if u, ok := w.User(name[:i]); ok {
			return u, true
		}
	}
	return w.UserByMail(name)
}

// Users yields all people in the seed's order.
func (w *World) Users() iter.Seq[User] { return slices.Values(w.facts.Users) }

// UserCount is the number of people.
func (w *World) UserCount() int { return len(w.facts.Users) }

// Group finds a group by name.
func (w *World) Group(name string) (Group, bool) { return at(w.facts.Groups, w.groups, name) }

// Groups yields all groups in the seed's order.
func (w *World) Groups() iter.Seq[Group] { return slices.Values(w.facts.Groups) }

// GroupsOf returns the groups a person is in, directly ones first, then those
// that contain them, each once; cycles end by themselves.
func (w *World) GroupsOf(userID string) []Group {
	u, ok := w.User(userID)
	if !ok {
		return nil
	}
	var out []Group
	for _, i := range w.around(w.direct(u)) {
		out = append(out, w.facts.Groups[i])
	}
	return out
}

// direct lists the indexes of the groups that name u.
func (w *World) direct(u User) []int {
	out := make([]int, 0, len(u.Groups))
	for _, g := range u.Groups {
		out = append(out, w.groups[Fold(g)])
	}
	return out
}

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

// InAnyGroup reports whether a person is, directly or not, in one of groups.
func (w *World) InAnyGroup(userID string, groups []string) bool {
	i, ok := w.users[Fold(userID)]
	if !ok || len(groups) == 0 {
		return false
	}
	for _, g := range w.facts.Users[i].Groups {
		for _, j := range w.enclosing[Fold(g)] {
			id := w.facts.Groups[j].ID
			if slices.ContainsFunc(groups, func(name string) bool { return name == id || Fold(name) == id }) {
				return true
			}
		}
	}
	return false
}

// Asset finds an asset by name, host name or address.
func (w *World) Asset(addressOrName string) (Asset, bool) {
	if a, ok := at(w.facts.Assets, w.assets, addressOrName); ok {
		return a, true
	}
	if ip, err := netip.ParseAddr(addressOrName); err == nil { // another spelling of an IPv6 address
		return at(w.facts.Assets, w.assets, ip.Unmap().String())
	}
	return Asset{}, false
}

// Assets yields all assets in the seed's order.
func (w *World) Assets() iter.Seq[Asset] { return slices.Values(w.facts.Assets) }

// Account finds an account by the asset's and its own name.
func (w *World) Account(asset, name string) (Account, bool) {
	a, ok := w.Asset(asset)
	if !ok {
		return Account{}, false
	}
	return w.AccountByID(name + "@" + a.ID)
}

// AccountByID finds an account by ID, "root@db01".
func (w *World) AccountByID(id string) (Account, bool) { return at(w.facts.Accounts, w.accounts, id) }

// AccountsNamed returns the accounts of that name on every asset.
func (w *World) AccountsNamed(name string) []Account {
	var out []Account
	for _, i := range w.byName[Fold(name)] {
		out = append(out, w.facts.Accounts[i])
	}
	return out
}

// AccountOfUser finds the account that manages the password of a directory user.
func (w *World) AccountOfUser(userID string) (Account, bool) {
	return at(w.facts.Accounts, w.byOwner, userID)
}

// Accounts yields all accounts in the seed's order.
func (w *World) Accounts() iter.Seq[Account] { return slices.Values(w.facts.Accounts) }

// AccountCount is the number of accounts.
func (w *World) AccountCount() int { return len(w.facts.Accounts) }

// Device finds a seeded device by ID.
func (w *World) Device(id string) (Device, bool) {
	p, ok := w.devices[id]
	if !ok {
		return Device{}, false
	}
	return w.facts.Users[p.user].Devices[p.device], true
}

// DevicesOf returns the seeded devices of a person.
func (w *World) DevicesOf(userID string) []Device {
	u, _ := w.User(userID)
	return u.Devices
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
