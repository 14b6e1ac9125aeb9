package duo

import "counterpart/internal/serving/dialect"

// Facts are what a client of the Duo service is configured with: the API host, and the keys
// of its first application.
func Facts(of dialect.Server) []dialect.Fact {
	set := of.(*Server).set
	first := set.Integrations[0]
	return []dialect.Fact{{Name: "api_host", Value: set.Host}, {Name: "ikey", Value: first.IKey}, {Name: "skey", Value: first.SKey, Secret: true}}
}
