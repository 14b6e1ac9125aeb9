package state

// HeldBy counts the records of a table in memory, the dead ones included.
func HeldBy(t Table) int { return t.(*memoryTable).holds() }

// Kept is how many records c remembers.
func (c *records) Kept() int { return c.kept.Len() }
