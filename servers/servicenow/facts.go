package servicenow

import "counterpart/internal/serving/dialect"

// Facts are what a client of the instance is configured with: its host name, and the keys of
// its first OAuth application.
func Facts(of dialect.Server) []dialect.Fact {
	set := of.(*Server).settings
	out := []dialect.Fact{{Name: "instance", Value: set.Instance}, {Name: "api_host", Value: set.Instance + ".service-now.com"}}
	if len(set.OAuth) > 0 {
		out = append(out, dialect.Fact{Name: "client_id", Value: set.OAuth[0].ClientID}, dialect.Fact{Name: "client_secret", Value: set.OAuth[0].ClientSecret, Secret: true})
	}
	return out
}
