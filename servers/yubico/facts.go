package yubico

import (
	"strconv"

	"counterpart/internal/serving/dialect"
)

// Facts are what a relying party is configured with: the number and the key of the first
// client.
func Facts(of dialect.Server) []dialect.Fact {
	first := of.(*Server).set.Clients[0]
	return []dialect.Fact{{Name: "client_id", Value: strconv.Itoa(first.ID)}, {Name: "api_key", Value: first.Secret, Secret: true}}
}
