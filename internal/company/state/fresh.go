package state

import "context"

// fresh is the key of what Fresh notes in a context.
type fresh struct{}

// Fresh is ctx for somebody who writes and decides on what is read before, outside of an
// Update: that there is nothing to do, or that it is refused. Reads under it are past what
// a store keeps of other processes' records, and no write that was answered before is
// missing in them. They cost a round trip each; mere readers can do without.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, fresh{}, true) }

// IsFresh is whether ctx comes from Fresh.
func IsFresh(ctx context.Context) bool { return ctx.Value(fresh{}) != nil }
