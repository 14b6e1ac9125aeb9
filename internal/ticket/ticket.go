// Package ticket decides whether a ticket permits an access.
package ticket

// Board is where tickets hang.
type Board struct{}
