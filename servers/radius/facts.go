package radius

import "counterpart/internal/serving/dialect"

// Facts are what a RADIUS client is configured with: the secret that it shares with the
// server, as the first client of the seed has it.
func Facts(of dialect.Server) []dialect.Fact {
	set := of.(*server).set
	if len(set.Clients) == 0 {
		return nil
	}
	return []dialect.Fact{{Name: "secret", Value: set.Clients[0].Secret, Secret: true}}
}
