package seed

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"counterpart/internal/company/world"
)

func (l *loader) checkTickets() {
	seen := map[string]*node{}
	for i := range l.file.Tickets {
		t := &l.file.Tickets[i]
		l.checkTicket(t)
		if t.ID == "" || t.System == "" {
			continue
		}
		id := t.System + "/" + world.Fold(t.ID)
		if first := seen[id]; first != nil {
			l.report.node(t.At.of("id"), fmt.Sprintf("two tickets of %s are called `%s`", t.System, t.ID), fmt.Sprintf("the first is in line %d", first.Line))
			continue
		}
		seen[id] = t.At.of("id")
	}
}

func (l *loader) checkTicket(t *ticket) {
	if !t.From.IsZero() && !t.Until.IsZero() && !t.From.Before(t.Until) {
		l.report.node(t.At.of("until"), "the window closes before it opens", "`until` must be later than `from`")
	}
	approvers := map[string]bool{}
	for _, a := range t.Approvers {
		id := l.names.user(a.User)
		if a.User != "" && approvers[id] {
			l.report.node(a.At.of("user"), fmt.Sprintf("`%s` is asked twice", short(a.User)), "remove one")
		}
		approvers[id] = true
	}
	if t.MinApprovals > len(t.Approvers) && (!t.At.has("approvers") || t.At.of("approvers").Kind == list) {
		l.report.node(t.At.of("min_approvals"), fmt.Sprintf("%d approvals are needed, but `approvers` names %d", t.MinApprovals, len(t.Approvers)), "name more in `approvers`")
	}
	switch {
	case t.At.has("targets") && (t.At.has("asset") || t.At.has("account")):
		n := t.At.of("asset")
		if !t.At.has("asset") {
			n = t.At.of("account")
		}
		l.report.node(n, "`asset` and `account` are short for one of `targets`", "write one or the other")
	case t.At.has("account") && !t.At.has("asset"):
		l.report.node(t.At.of("account"), "`account` needs `asset`", "write where the account is")
	case t.Asset != "":
		accounts := []spot{}
		if t.Account != "" {
			accounts = append(accounts, spot{t.Account, t.At.of("account")})
		}
		l.checkTarget(spot{t.Asset, t.At.of("asset")}, accounts)
	}
	for _, x := range t.Targets {
		accounts := []spot{}
		for i, a := range x.Accounts {
			accounts = append(accounts, spot{a, x.At.item("accounts", i)})
		}
		if x.Asset != "" {
			l.checkTarget(spot{x.Asset, x.At.of("asset")}, accounts)
		}
	}
}

// spot is a text and where it is written.
type spot struct {
	text string
	n    *node
}

// checkTarget holds a target against the assets there are, and the accounts on
// those that it matches.
func (l *loader) checkTarget(asset spot, accounts []spot) {
	if l.names.unread["asset"] {
		return
	}
	matched, generated, ok := l.match(asset.text)
	switch {
	case !ok:
		l.report.node(asset.n, fmt.Sprintf("`%s` is no pattern", short(asset.text)), "`*` is any text, `?` any character, `[a-z]` one of these")
		return
	case len(matched) == 0 && !generated && isPattern(asset.text):
		l.report.node(asset.n, fmt.Sprintf("`%s` matches no asset", short(asset.text)), didYouMean(asset.text, known(l.names.assets)))
		return
	case len(matched) == 0 && !generated:
		l.names.resolveOne(reference{"asset", asset.text, asset.n}, l.report)
		return
	}
	if generated || l.names.unread["account"] {
		return
	}
	for _, a := range accounts {
		if a.text == "*" || a.text == "" || l.report.full() {
			continue
		}
		var there []string
		for id := range matched {
			there = append(there, l.names.accountsOn[id]...)
		}
		if slices.ContainsFunc(there, func(s string) bool { return world.Fold(s) == world.Fold(a.text) }) {
			continue
		}
		hint := "there is none at all"
		if len(there) > 0 {
			hint = didYouMean(a.text, sorted(there))
		}
		l.report.node(a.n, fmt.Sprintf("there is no account `%s` on `%s`", short(a.text), short(asset.text)), hint)
	}
}

// isPattern tells patterns and networks from names.
func isPattern(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil || strings.ContainsAny(s, "*?[")
}

// match finds the assets that a target means: IDs of those in the file, and
// whether some generated one is among them.
func (l *loader) match(pattern string) (ids map[string]bool, generated, ok bool) {
	ids = map[string]bool{}
	key := world.Fold(pattern)
	if x, found := l.names.assets[key]; found {
		ids[x.id] = true
		return ids, false, true
	}
	if a, err := netip.ParseAddr(key); err == nil {
		if x, found := l.names.assets[a.Unmap().String()]; found {
			ids[x.id] = true
		}
		_, made := l.names.generated.AddressNumber(a.Unmap())
		return ids, made, true
	}
	if p, err := netip.ParsePrefix(key); err == nil {
		for i := range l.file.Assets {
			if a := &l.file.Assets[i]; a.Address.IsValid() && p.Contains(a.Address) {
				ids[world.Fold(a.Name)] = true
			}
		}
		return ids, l.names.generated.Meets(p), true
	}
	if _, err := path.Match(key, ""); err != nil {
		return nil, false, false
	}
	for name, x := range l.names.assets {
		if hit, _ := path.Match(key, name); hit {
			ids[x.id] = true
		}
	}
	if l.names.makes("assets", key) {
		return ids, true, true
	}
	for i := 1; isPattern(key) && i <= l.names.generated.Assets; i++ {
		if hit, _ := path.Match(key, world.Numbered("asset", i)); hit {
			return ids, true, true
		}
	}
	return ids, false, true
}
