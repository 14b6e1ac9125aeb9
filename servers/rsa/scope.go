package rsa

import "counterpart/internal/serving/dialect"

// Scope is what this server plays: the four operations that the API has.
func Scope() dialect.Scope { return dialect.Scope{Plays: dialect.Names((&Server{}).routes())} }
