package state

import (
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// order is the keys of a table, sorted.
type order struct {
	mu   sync.RWMutex
	keys btree.Set[string]
}

func (o *order) add(key string) {
	o.mu.Lock()
	o.keys.Insert(key)
	o.mu.Unlock()
}

func (o *order) remove(key string) {
	o.mu.Lock()
	o.keys.Delete(key)
	o.mu.Unlock()
}

// after lists at most n keys (0: all) that start with prefix and come after one.
func (o *order) after(prefix, after string, n int) []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var out []string
	o.keys.Ascend(max(prefix, after), func(key string) bool {
		if !strings.HasPrefix(key, prefix) {
			return key < prefix
		}
		if key != after || after == "" {
			out = append(out, key)
		}
		return n <= 0 || len(out) < n
	})
	return out
}
