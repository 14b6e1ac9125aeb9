package rsa

import "counterpart/internal/serving/dialect"

// Facts are what a client is configured with: its keys, and the agent that it is.
func Facts(of dialect.Server) []dialect.Fact {
	s := of.(*Server)
	first := s.set.Clients[0]
	return []dialect.Fact{{Name: "access_id", Value: first.AccessID}, {Name: "access_key", Value: first.AccessKey, Secret: true}, {Name: "client_id", Value: s.set.agent()}}
}
