package strictyaml

import (
	"strconv"
	"strings"
)

// Kind is what a node of a text is.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Text
	Integer
	Float
	Boolean
	List
	Mapping
)

// String names the kind as a message needs it.
func (k Kind) String() string {
	return [...]string{"nothing", "text", "a whole number", "a number with a fraction", "true or false", "a list", "a block of keys"}[k]
}

// Node is one value of a text, with anchors, aliases and merge keys resolved.
type Node struct {
	Kind         Kind
	Style        Style
	Reported     bool // what is wrong has been said; nothing more to say
	Line, Column int
	Index        int    // the place in a list
	Text         string // of a scalar, as written when it is not quoted
	Tag          string // if one was written and Config.Lenient allows it
	Name         string // the key in a mapping, else ""
	Parent       *Node
	Entries      []Entry
	Items        []*Node
}

// Style is how a value is written.
type Style uint8

// The styles.
const (
	Plain  Style = iota // of a scalar: no quotes; of a collection: one line per entry
	Quoted              // in quotes of either kind
	Block               // a scalar behind | or >
	Flow                // a collection in brackets
)

// Entry is one key of a mapping.
type Entry struct {
	Name         string
	Line, Column int
	Value        *Node
}

// Get returns the value of a key, nil when there is none.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Name == key {
			return n.Entries[i].Value
		}
	}
	return nil
}

// Item returns the i-th item of a list, else the node itself.
func (n *Node) Item(i int) *Node {
	if n != nil && i < len(n.Items) {
		return n.Items[i]
	}
	return n
}

// longestPath bounds the text of a path in octets: keys may be as long as a file.
const longestPath = 400

// Path is the way from the top of the text: users[2].devices[0].digits.
func (n *Node) Path() string {
	var steps []string
	for ; n != nil && n.Parent != nil; n = n.Parent {
		if n.Parent.Kind == List {
			steps = append(steps, "["+strconv.Itoa(n.Index)+"]")
		} else {
			steps = append(steps, "."+n.Name)
		}
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0 && b.Len() < longestPath; i-- {
		b.WriteString(Short(steps[i]))
	}
	return strings.TrimPrefix(b.String(), ".")
}

// Join is the path of a key below a path.
func Join(path, key string) string { return strings.TrimPrefix(path+"."+Short(key), ".") }

// Short cuts a text that is quoted in a message.
func Short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	if r := []rune(s[:min(len(s), 4*most+4)]); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
