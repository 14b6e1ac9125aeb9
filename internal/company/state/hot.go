package state

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Hot is a bounded map from text that is read far more often than it grows:
// readers of what it has had for a while do not wait for each other and allocate
// nothing. The zero Hot is ready.
type Hot[V any] struct {
	read  atomic.Pointer[map[string]*atomic.Pointer[V]]
	mu    sync.Mutex
	fresh map[string]*atomic.Pointer[V] // what readers do not see without the lock yet
	asked int                           // how often that was wanted
}

// hot is how many values a Hot keeps; beyond it all are forgotten.
const hot = 8192

// Load is the value of key; nil when there is none.
func (h *Hot[V]) Load(key string) *V {
	if slot := h.find(key); slot != nil {
		return slot.Load()
	}
	return nil
}

func (h *Hot[V]) find(key string) *atomic.Pointer[V] {
	if m := h.read.Load(); m != nil {
		if slot := (*m)[key]; slot != nil {
			return slot
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := h.fresh[key]
	if slot == nil {
		return nil
	}
	var old map[string]*atomic.Pointer[V]
	if m := h.read.Load(); m != nil {
		old = *m
	}
	if h.asked++; h.asked > (len(old)+len(h.fresh))/4 { // so that a copy costs each reader little
		all := maps.Clone(old)
		if all == nil {
			all = map[string]*atomic.Pointer[V]{}
		}
		maps.Copy(all, h.fresh)
		h.read.Store(&all)
		h.fresh, h.asked = nil, 0
	}
	return slot
}

// Store sets the value of key.
func (h *Hot[V]) Store(key string, v *V) {
	if slot := h.find(key); slot != nil {
		slot.Store(v)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := len(h.fresh)
	if m := h.read.Load(); m != nil {
		kept += len(*m)
	}
	if kept >= hot {
		h.read.Store(nil)
		h.fresh, h.asked = nil, 0
	}
	if h.fresh == nil {
		h.fresh = map[string]*atomic.Pointer[V]{}
	}
	slot := new(atomic.Pointer[V])
	slot.Store(v)
	h.fresh[key] = slot // of two that store one key at once the later one wins
}

// Len is how many values there are.
func (h *Hot[V]) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.fresh)
	if m := h.read.Load(); m != nil {
		n += len(*m)
	}
	return n
}
