package seed

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/world"
)

// sized is g with the number of groups that follows from that of the people.
func (g generate) sized() generate {
	if g.Groups == 0 && g.Users > 0 && !g.At.has("groups") {
		g.Groups = (g.Users + 999) / 1000
	}
	return g
}

// numbered is the name of the n-th generated thing.
func numbered(prefix string, n int) string {
	digits := strconv.Itoa(n)
	if pad := 6 - len(digits); pad > 0 {
		return prefix + "000000"[:pad] + digits
	}
	return prefix + digits
}

// generatedName is the n-th account of a generated asset.
func generatedName(n int) string {
	if n == 1 {
		return "root"
	}
	return "svc" + strconv.Itoa(n)
}

// expand adds what generate asks for. A hundred thousand people are a matter of
// memory: strings are parts of one text, devices and secrets parts of one array
// each, and people of the same group share the list that says so.
func (l *loader) expand(f *world.Facts) {
	g := l.file.Generate.sized()
	groups := make([][]string, g.Groups)
	for i := range groups {
		name := numbered("group", i+1)
		groups[i] = []string{name}
		f.Groups = append(f.Groups, world.Group{ID: name, Name: name, Description: "Generated group", GIDNumber: l.gid.next(), Scope: "global"})
	}
	l.expandUsers(f, g, groups)
	if l.ctx.Err() != nil { // nobody waits for it any more
		return
	}
	l.expandAssets(f, g)
	l.expandAccounts(f, g, groups)
}

func (l *loader) expandUsers(f *world.Facts, g generate, groups [][]string) {
	texts := userTexts(g, f.Organization.Domain)
	secrets := make([]byte, 20*g.Users)
	io.ReadFull(world.Derive(f.RandomSeed, "generate", "totp"), secrets)
	devices := make([]world.Device, g.Users)
	users := make([]world.User, len(f.Users), len(f.Users)+g.Users)
	copy(users, f.Users)
	for i := range g.Users {
		if i%10_000 == 0 && l.ctx.Err() != nil {
			return
		}
		t := texts[i]
		devices[i] = world.Device{ID: t.device, UserID: t.name, Kind: world.TOTP, Secret: secrets[20*i : 20*i+20 : 20*i+20],
			Algorithm: "SHA1", Digits: 6, Period: 30 * time.Second, Window: world.Window{Before: 1, After: 1},
			SyncWindow: 1000, MaxFail: 10, CodeTTL: 5 * time.Minute, MaxTries: 5}
		u := world.User{ID: t.name, Name: t.name, DisplayName: t.display, GivenName: "User", Surname: t.surname, Email: t.mail,
			Password: t.password, Status: world.Active, Devices: devices[i : i+1 : i+1], UIDNumber: l.uid.next(), GIDNumber: 100}
		if len(groups) > 0 {
			k := i % len(groups)
			u.Groups = groups[k]
			u.GIDNumber = f.Groups[len(f.Groups)-len(groups)+k].GIDNumber
		}
		users = append(users, u)
	}
	f.Users = users
}

// userText is the text of one generated person.
type userText struct{ name, device, display, surname, mail, password string }

// userTexts cuts the texts of all generated people out of one string.
func userTexts(g generate, domain string) []userText {
	if g.Users == 0 {
		return nil
	}
	pattern := g.Password
	if pattern == "" {
		pattern = "Pass-{name}"
	}
	parts := strings.Split(pattern, "{name}")
	one := len("user000001-totp") + len("User 000001") + len("user000001@") + len(domain) + len(pattern) + len("user000001")*len(parts)
	var all strings.Builder
	all.Grow(one * g.Users)
	ends := make([][4]int, g.Users)
	for i := range g.Users {
		name := numbered("user", i+1)
		all.WriteString(name)
		all.WriteString("-totp")
		ends[i][0] = all.Len()
		all.WriteString("User ")
		all.WriteString(name[len("user"):])
		ends[i][1] = all.Len()
		all.WriteString(name)
		all.WriteByte('@')
		all.WriteString(domain)
		ends[i][2] = all.Len()
		for j, part := range parts {
			if j > 0 {
				all.WriteString(name)
			}
			all.WriteString(part)
		}
		ends[i][3] = all.Len()
	}
	s, start := all.String(), 0
	out := make([]userText, g.Users)
	for i, e := range ends {
		device := s[start:e[0]]
		out[i] = userText{name: device[:len(device)-len("-totp")], device: device, display: s[e[0]:e[1]],
			surname: s[e[0]+len("User ") : e[1]], mail: s[e[1]:e[2]], password: s[e[2]:e[3]]}
		start = e[3]
	}
	return out
}

// benchmark is the network set aside for load tests (RFC 2544).
var benchmark = netip.MustParsePrefix("198.18.0.0/15")

func (l *loader) expandAssets(f *world.Facts, g generate) {
	address := benchmark.Addr()
	for i := range g.Assets {
		name := numbered("asset", i+1)
		address = address.Next()
		f.Assets = append(f.Assets, world.Asset{ID: name, Name: name, Address: address, Hostnames: []string{name + "." + f.Organization.Domain},
			Platform: "linux", Description: "Generated asset"})
	}
}

func (l *loader) expandAccounts(f *world.Facts, g generate, groups [][]string) {
	lend := world.Checkout{For: time.Hour, Rotate: world.RotateNever, Approval: "none", Approvals: 1, ApprovalFor: time.Hour, Reason: "optional"}
	for i := range min(g.Accounts, g.Accounts*g.Assets) { // none without an asset
		asset, name := numbered("asset", i%g.Assets+1), generatedName(i/g.Assets+1)
		id := name + "@" + asset
		a := world.Account{ID: id, Name: name, AssetID: asset, Checkout: lend, Description: "Generated account",
			Password: world.Password(world.Derive(f.RandomSeed, "account", id), 16)}
		if len(groups) > 0 {
			a.Access.Groups = groups[i%len(groups)]
		}
		f.Accounts = append(f.Accounts, a)
	}
}

// checkGenerate reports generators that cannot work together.
func (l *loader) checkGenerate() {
	g := l.file.Generate
	// A number of assets that cannot be read has been reported already.
	if none := !g.At.has("assets") || g.At.of("assets").Text == "0" || len(l.report.problems) == 0; g.Accounts > 0 && g.Assets == 0 && none {
		l.report.node(g.At.of("accounts"), "generated accounts need generated assets", "write `assets: 1000` as well")
	}
	if len(g.Password) > 128 {
		l.report.node(g.At.of("password"), fmt.Sprintf("`password` has %d octets", len(g.Password)), "the limit is 128")
	}
	if g.Assets == 0 {
		return
	}
	for i, a := range l.file.Assets {
		if n, inside := benchmarkNumber(a.Address); inside && n <= g.Assets {
			l.report.node(l.file.Assets[i].At.of("address"), fmt.Sprintf("`%s` is the address of the generated %s", a.Address, numbered("asset", n)), "choose one outside of 198.18.0.0/15")
		}
	}
}

// benchmarkNumber is the number of the generated asset with that address.
func benchmarkNumber(a netip.Addr) (int, bool) {
	if !a.Is4() || !benchmark.Contains(a) {
		return 0, false
	}
	b, first := a.As4(), benchmark.Addr().As4()
	n := (int(b[1])-int(first[1]))<<16 + int(b[2])<<8 + int(b[3])
	return n, n > 0
}
