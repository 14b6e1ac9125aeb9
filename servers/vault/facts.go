package vault

import "counterpart/internal/serving/dialect"

// Facts are what a client of the vault starts with: its root token.
func Facts(of dialect.Server) []dialect.Fact {
	return []dialect.Fact{{Name: "token", Value: of.(*Server).Settings.Token, Secret: true}}
}
