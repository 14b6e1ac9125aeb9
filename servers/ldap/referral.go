package ldap

import (
	"slices"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/proto"
)

// Referrals are entries of OpenLDAP that lead to other servers (RFC 3296): searches
// around them have references, operations at or below them are answered with the
// result referral, as slapd 2.5 does. ManageDsaIT makes them entries like others.

var scopeWords = [...]string{dir.BaseObject: "base", dir.SingleLevel: "one", dir.WholeSubtree: "sub", dir.Subordinate: "subordinate"}

// referralURLs are a referral's addresses in a reference of a search.
func referralURLs(r dir.Referral, scope dir.Scope) []string {
	word := "sub"
	if scope == dir.SingleLevel {
		word = "base"
	}
	return rewritten(r.URLs, "", "??"+word)
}

// rewritten puts what is left of a name in front of the DN in each address.
func rewritten(urls []string, rest, suffix string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		if at := strings.Index(u, "://"); at >= 0 && rest != "" {
			if slash := strings.IndexByte(u[at+3:], '/'); slash >= 0 {
				at += 4 + slash
				u = u[:at] + rest + "," + u[at:]
			}
		}
		out[i] = u + suffix
	}
	return out
}

// elsewhere is the answer to an operation on a name that another server has; nil
// when this one has it. With manage the referral itself is an entry.
func (s *server) elsewhere(snap *dir.Snapshot, name dn.DN, manage bool, suffix string) *proto.Result {
	all := snap.Referrals(dir.None, dir.WholeSubtree)
	if len(all) == 0 {
		return nil
	}
	var rest []string
	for at := name; len(at) > 0; at = at.Parent() {
		id, _, err := snap.FindDN(at)
		i := slices.IndexFunc(all, func(r dir.Referral) bool { return r.ID == id })
		if err == nil && i >= 0 && (len(rest) > 0 || !manage) {
			return &proto.Result{Code: goldap.LDAPResultReferral, Matched: snap.DN(id), Referrals: rewritten(all[i].URLs, strings.Join(rest, ","), suffix)}
		}
		rest = append(rest, at[0].String(s.schema.Style()))
	}
	return nil
}
