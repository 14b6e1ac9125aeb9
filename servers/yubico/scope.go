package yubico

import "counterpart/internal/serving/dialect"

// Scope is what this server plays: all that ykval and ykksm answer to clients and peers.
// What they have besides (ykval-ping, the pages for Munin and Nagios) asks for no
// credentials and is not known here.
func Scope() dialect.Scope {
	return dialect.Scope{Plays: []string{opVerify, opDecrypt, opRevoke, opSync, opResync}}
}
