package state

// Kept is how many records c holds.
func (c *Cache[T]) Kept() int { return len(c.kept) }
