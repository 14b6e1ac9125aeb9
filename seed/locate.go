package seed

import (
	"context"
	"slices"
	"strings"
	"sync"

	"counterpart/internal/company/world"
)

// Largest seeds, in octets, in which places are looked up, and whose tree is kept for that.
const (
	mostLocated = 1 << 20
	keptLocated = 64 << 10
)

// located is the tree of a seed, for those who ask where it says something.
type located struct {
	mu   sync.Mutex
	root *node
}

// Locate finds where the seed says something: the entry of a list of it ("users", "groups",
// "assets", "accounts", "tickets", "clients", "faults") that has a name, an ID or, of
// accounts, is name@asset; and below it the value at keys. Where a key is not written the
// place is that of what it would stand in, and written is false: a default holds. ok is
// false for what is not in the file (generated people), and for files above 1 MiB.
func (s *Seed) Locate(in, name string, keys ...string) (at Pos, written, ok bool) {
	if s == nil || len(s.source) > mostLocated {
		return Pos{}, false, false
	}
	root := s.tree()
	if root == nil {
		return Pos{}, false, false
	}
	n := root
	if in != "" {
		if n = itemCalled(root.Get(in), in, name); n == nil {
			return Pos{}, false, false
		}
	}
	written = true
	for _, key := range keys {
		next := n.Get(key)
		if next == nil && n.Kind == list { // of devices
			next = itemCalled(n, "", key)
		}
		if next == nil {
			written = false
			break
		}
		n = next
	}
	return Pos{s.name, n.Line, n.Column}, written, true
}

// Source is the file as it was read.
func (s *Seed) Source() []byte { return s.source }

// tree is the seed's tree, which is kept if it is small.
func (s *Seed) tree() *node {
	s.located.mu.Lock()
	defer s.located.mu.Unlock()
	if s.located.root != nil {
		return s.located.root
	}
	root := read(context.Background(), s.source, &reporter{})
	if len(s.source) <= keptLocated {
		s.located.root = root
	}
	return root
}

// itemCalled is the item of a list that is called so.
func itemCalled(items *node, in, name string) *node {
	if items == nil {
		return nil
	}
	name = world.Fold(name)
	for _, item := range items.Items {
		is := func(key string) bool { n := item.Get(key); return n != nil && world.Fold(n.Text) == name }
		switch {
		case in == "accounts":
			if accountOf(item) == name {
				return item
			}
		case is("name"), is("id"):
			return item
		case in == "users" && item.Get("aliases") != nil:
			if slices.ContainsFunc(item.Get("aliases").Items, func(n *node) bool { return world.Fold(n.Text) == name }) {
				return item
			}
		}
	}
	return nil
}

// accountOf is the ID of an account that is written.
func accountOf(n *node) string {
	part := func(key string) string {
		if v := n.Get(key); v != nil {
			return world.Fold(v.Text)
		}
		return ""
	}
	if asset := part("asset"); asset != "" {
		return part("name") + "@" + asset
	}
	if name := part("name"); name != "" && !strings.Contains(name, "@") {
		return name
	}
	return part("user")
}
