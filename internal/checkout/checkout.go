// Package checkout decides who holds which secret until when.
package checkout

// Desk is where accounts are checked out and in.
type Desk struct{}
