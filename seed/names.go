package seed

import (
	"fmt"
	"slices"
	"strings"

	"counterpart/internal/company/world"
)

// names knows what everything is called, to find what is named twice and what
// is named but not there. Generated things are known by their pattern.
type names struct {
	users      map[string]named // by folded name and alias
	groups     map[string]named
	assets     map[string]named    // by name, host name and address
	accounts   map[string]named    // by "name@asset"
	accountsOn map[string][]string // names of the accounts of an asset
	devices    map[string]named
	yubikeys   map[string]named // by public ID in modhex
	clients    map[string]named
	generated  world.Generated
	domain     string
	// A section that could not be read says nothing about what is in it.
	unread map[string]bool
}

// named is where a name was given, and to what.
type named struct {
	id    string
	n     *node
	owner *node // the block of the thing
}

// collect registers all names of f and reports those given twice.
func collect(f *file, report *reporter) *names {
	c := &names{users: map[string]named{}, groups: map[string]named{}, assets: map[string]named{}, accounts: map[string]named{}, accountsOn: map[string][]string{},
		devices: map[string]named{}, yubikeys: map[string]named{}, clients: map[string]named{}, unread: map[string]bool{}, generated: f.Generate.sized(f.Organization.Domain), domain: f.Organization.Domain}
	c.readable(f)
	put := func(m map[string]named, what, name string, x named) { c.put(report, m, naming{what, name, x}) }
	for _, g := range f.Groups {
		put(c.groups, "groups", g.Name, named{world.Fold(g.Name), g.At.of("name"), g.At.n})
	}
	for _, u := range f.Users {
		id := world.Fold(u.Name)
		put(c.users, "users", u.Name, named{id, u.At.of("name"), u.At.n})
		aliases := u.At.of("aliases")
		for i, a := range u.Aliases {
			put(c.users, "users", a, named{id, aliases.Item(i), u.At.n})
		}
	}
	for _, u := range f.Users {
		for _, d := range u.Devices {
			put(c.devices, "devices", d.ID, named{d.ID, d.At.of("id"), d.At.n})
			if id, ok := world.PublicID(d.PublicID); ok && d.Kind == string(world.Yubikey) {
				put(c.yubikeys, "YubiKeys", id, named{id, d.At.of("public_id"), d.At.n})
			}
		}
	}
	for _, a := range f.Assets {
		id := world.Fold(a.Name)
		put(c.assets, "assets", a.Name, named{id, a.At.of("name"), a.At.n})
		hostnames := a.At.of("hostnames")
		for i, h := range a.Hostnames {
			put(c.assets, "assets", h, named{id, hostnames.Item(i), a.At.n})
		}
		if a.Address.IsValid() {
			put(c.assets, "assets", a.Address.String(), named{id, a.At.of("address"), a.At.n})
		}
	}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		if a.Asset != "" && a.Name != "" {
			c.accountsOn[c.asset(a.Asset)] = append(c.accountsOn[c.asset(a.Asset)], a.Name)
		}
		if id := c.accountID(a); id != "" {
			put(c.accounts, "accounts", id, named{id, a.At.of("name"), a.At.n})
		}
	}
	for _, k := range f.Clients {
		put(c.clients, "clients", k.Name, named{world.Fold(k.Name), k.At.of("name"), k.At.n})
	}
	return c
}

// readable notes the sections that were not lists, so that a slip in one line
// does not make every reference to the section a mistake.
func (c *names) readable(f *file) {
	for kind, section := range map[string]string{"user": "users", "group": "groups", "asset": "assets", "account": "accounts", "client": "clients"} {
		n := f.At.n.Get(section)
		if n == nil {
			continue
		}
		if n.Kind != list && n.Kind != null {
			c.unread[kind] = true
		}
		for _, item := range n.Items {
			if name := item.Get("name"); item.Kind != mapping || kind != "account" && (name == nil || name.Kind != text) {
				c.unread[kind] = true
			}
		}
	}
}

// naming is one name being given to something.
type naming struct {
	what, name string
	to         named
}

// put registers a name, unless something else has it already. A thing may have
// one name twice: an asset called like its address.
func (c *names) put(report *reporter, m map[string]named, x naming) {
	key := world.Fold(x.name)
	if key == "" {
		return
	}
	first, taken := m[key]
	switch {
	case taken && first.owner == x.to.owner:
	case taken:
		report.node(x.to.n, fmt.Sprintf("two %s are called `%s`", x.what, short(x.name)), c.first(first, x))
	case c.makes(x.what, key):
		report.node(x.to.n, fmt.Sprintf("`%s` is the name of one of the generated %s", short(x.name), x.what), "choose another")
	default:
		m[key] = x.to
	}
}

// first says where the name was given before.
func (c *names) first(first named, x naming) string {
	hint := fmt.Sprintf("the first is in line %d", first.n.Line)
	if first.n.Kind == text && x.to.n.Kind == text && first.n.Text != x.to.n.Text && strings.EqualFold(first.n.Text, x.to.n.Text) {
		hint += "; upper and lower case are the same"
	}
	return hint
}

// makes reports whether generate makes something of that name.
func (c *names) makes(what, key string) (ok bool) {
	switch what {
	case "users":
		_, ok = c.generated.UserNumber(key)
	case "devices":
		_, ok = c.generated.DeviceNumber(key)
	case "groups":
		_, ok = c.generated.GroupNumber(key)
	case "assets":
		_, ok = c.generated.AssetNumber(key)
	case "accounts":
		_, ok = c.generated.AccountNumber(key)
	}
	return ok
}

// accountID is the ID of an account, "" when the file does not say enough.
func (c *names) accountID(a *account) string {
	switch {
	case a.User != "" && a.Asset == "":
		name := a.Name
		if name == "" {
			name = c.user(a.User)
		}
		return world.Fold(name + "@" + c.domain)
	case a.Asset != "" && a.Name != "":
		return world.Fold(a.Name + "@" + c.asset(a.Asset))
	}
	return ""
}

// user, group and asset turn any name into the ID; an unknown name stays.
func (c *names) user(name string) string  { return id(c.users, name) }
func (c *names) group(name string) string { return id(c.groups, name) }
func (c *names) asset(name string) string {
	if i, ok := c.generated.AssetNumber(world.Fold(name)); ok { // by its host name
		return world.Numbered("asset", i+1)
	}
	return id(c.assets, name)
}

func id(m map[string]named, name string) string {
	if x, ok := m[world.Fold(name)]; ok {
		return x.id
	}
	return world.Fold(name)
}

// resolve reports the references to things that are not there.
func (c *names) resolve(refs []reference, report *reporter) {
	for _, r := range refs {
		if report.full() { // finding what was meant takes time
			return
		}
		c.resolveOne(r, report)
	}
}

func (c *names) resolveOne(r reference, report *reporter) {
	kind, name := r.kind, r.name
	if kind == "user or group" {
		kind = "user"
		if g, ok := strings.CutPrefix(name, "group:"); ok {
			kind, name = "group", g
		}
	}
	m, what := map[string]named{}, kind+"s"
	switch kind {
	case "user":
		m = c.users
	case "group":
		m = c.groups
	case "asset":
		m = c.assets
	case "account":
		m = c.accounts
	case "client":
		m = c.clients
	}
	key := world.Fold(name)
	if _, ok := m[key]; ok || c.unread[kind] || c.makes(what, key) {
		return
	}
	hint := didYouMean(name, known(m))
	if kind == "account" && c.unread["asset"] {
		return
	}
	if len(m) == 0 {
		hint = fmt.Sprintf("the seed has no %s", what)
	}
	if other := c.elsewhere(key, kind); other != "" {
		hint = fmt.Sprintf("there is %s of that name", other)
	}
	report.node(r.n, fmt.Sprintf("there is no %s `%s`", kind, short(name)), hint)
}

// elsewhere finds a thing of another kind with the same name.
func (c *names) elsewhere(key, kind string) string {
	if _, ok := c.users[key]; ok && kind != "user" {
		return "a user"
	}
	if _, ok := c.groups[key]; ok && kind != "group" {
		return "a group"
	}
	return ""
}

// known lists names for suggestions. Comparing with all of a large company
// would take longer than reading it.
func known(m map[string]named) []string {
	const most = 2000
	if len(m) > most {
		return nil
	}
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
