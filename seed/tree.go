package seed

import (
	"strconv"
	"strings"
)

// kind is what a node of the file is.
type kind uint8

const (
	null kind = iota
	text
	integer
	float
	boolean
	list
	mapping
)

// String names the kind as a message needs it.
func (k kind) String() string {
	return [...]string{"nothing", "text", "a whole number", "a number with a fraction", "true or false", "a list", "a block of keys"}[k]
}

// node is one value of the file, with anchors, aliases and merge keys already
// resolved. What the YAML library thinks stays in yaml.go.
type node struct {
	kind      kind
	line, col int
	text      string // of a scalar, as written when it is not quoted
	entries   []entry
	items     []*node
	parent    *node
	name      string // the key in a mapping, else ""
	index     int    // the place in a list
	reported  bool   // what is wrong has been said; nothing more to say
}

// entry is one key of a mapping.
type entry struct {
	name      string
	line, col int
	value     *node
}

// get returns the value of a key, nil when there is none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].name == key {
			return n.entries[i].value
		}
	}
	return nil
}

// item returns the i-th item of a list, else the node itself.
func (n *node) item(i int) *node {
	if n != nil && i < len(n.items) {
		return n.items[i]
	}
	return n
}

// path is the way from the top of the file: users[2].devices[0].digits.
func (n *node) path() string {
	var steps []string
	for ; n != nil && n.parent != nil; n = n.parent {
		if n.parent.kind == list {
			steps = append(steps, "["+strconv.Itoa(n.index)+"]")
		} else {
			steps = append(steps, "."+n.name)
		}
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		b.WriteString(steps[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}

// place is embedded, as a field At, in the structs of the schema: the decoder
// notes there where the struct was written, for the checks that come later.
type place struct{ n *node }

// of is the node of a key, or the whole block when the key is not there.
func (p place) of(key string) *node {
	if n := p.n.get(key); n != nil {
		return n
	}
	return p.n
}

// has reports whether a key was written.
func (p place) has(key string) bool { return p.n.get(key) != nil }

// item is the i-th item of the list at key.
func (p place) item(key string, i int) *node { return p.of(key).item(i) }
