package state

// What a store needs of Memory that keeps its records somewhere else besides.

// Removed sets who hears of each record that goes without an Update: because it is dead
// and was swept, or because of a Drop; not because of Close. f is called while the record
// is locked, so it must not call the store. It is set before the store is used.
func (m *Memory) Removed(f func(table, key string, was Record)) { m.removed = f }

// Load puts a record in place as it is, dead or not, before anybody uses the store.
func (m *Memory) Load(table, key string, r Record) {
	t := m.table(table)
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		s.live = map[string]*stored{}
	}
	s.live[key] = &stored{value: r.Value, expires: r.Expires}
}
