// Package factor verifies second factors.
package factor

// Bench is where devices are verified.
type Bench struct{}
