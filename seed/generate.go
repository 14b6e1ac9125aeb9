package seed

import (
	"cmp"
	"fmt"

	"counterpart/internal/company/world"
)

// sized is what generate asks for: the number of groups follows from that of the
// people.
func (g generate) sized(domain string) world.Generated {
	if g.Groups == 0 && g.Users > 0 && !g.At.has("groups") {
		g.Groups = (g.Users + 999) / 1000
	}
	return world.Generated{Users: g.Users, Groups: g.Groups, Assets: g.Assets, Accounts: g.Accounts,
		Password: cmp.Or(g.Password, "Pass-{name}"), Domain: domain}
}

// expand adds what generate asks for: the groups, and how many of the rest there
// are. A World makes those when somebody asks.
func (l *loader) expand(f *world.Facts) {
	g := l.names.generated
	for i := range g.Groups {
		name := world.Numbered("group", i+1)
		f.Groups = append(f.Groups, world.Group{ID: name, Name: name, Description: "Generated group", GIDNumber: l.gid.next(), Scope: "global"})
	}
	g.UIDs = l.uid.rest()
	f.Generated = g
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
		if n, taken := l.names.generated.AddressNumber(a.Address); taken {
			l.report.node(l.file.Assets[i].At.of("address"), fmt.Sprintf("`%s` is the address of the generated %s", a.Address, world.Numbered("asset", n+1)), "choose one outside of 198.18.0.0/15")
		}
	}
}
