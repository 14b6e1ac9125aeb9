package ldap

import "counterpart/internal/serving/dialect"

// Facts are what a client of the directory is configured with: where to search, and as
// whom it can do everything.
func Facts(of dialect.Server) []dialect.Fact {
	set := of.(*server).set
	out := []dialect.Fact{{Name: "base", Value: set.Base}, {Name: "rootdn", Value: set.RootDN}}
	if set.RootPW != "" {
		out = append(out, dialect.Fact{Name: "rootpw", Value: set.RootPW, Secret: true})
	}
	return out
}
