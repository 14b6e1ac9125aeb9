// Package signin decides who somebody is: passwords, lock-out, account status,
// and tokens with lifetimes and revocation, for every server of a fleet alike.
package signin

// Guard checks passwords and tokens.
type Guard struct{}
