package native

import "counterpart/internal/serving/dialect"

// Scope is all operations: the interface is our own, and has nothing that is not
// played.
func Scope() dialect.Scope {
	return dialect.Scope{Plays: dialect.Names((&Server{}).routes())}
}
