package state

// Held counts the records in memory, the dead ones included.
func (m *Memory) Held() (n int) {
	for i := range m.shards {
		n += len(m.shards[i].live)
	}
	return n
}

// Kept is how many records c holds.
func (c *Cache[T]) Kept() int { return c.kept.Len() }
