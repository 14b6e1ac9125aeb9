package strictyaml

import (
	"strconv"
	"strings"
)

// Plain is a tree as the types that YAML itself has: nil, bool, int, uint64,
// float64, string, []any and map[string]any.
func (n *Node) Plain() any {
	switch n.Kind {
	case Null:
		return nil
	case List:
		out := make([]any, len(n.Items))
		for i, c := range n.Items {
			out[i] = c.Plain()
		}
		return out
	case Mapping:
		out := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			out[e.Name] = e.Value.Plain()
		}
		return out
	}
	return n.scalar()
}

// scalar is a scalar as the type that YAML gives it.
func (n *Node) scalar() any {
	switch n.Kind {
	case Boolean:
		return strings.EqualFold(n.Text, "true")
	case Integer:
		if i, err := ParseInteger(n.Text); err == nil {
			return int(i)
		}
		if u, err := strconv.ParseUint(n.Text, 0, 64); err == nil {
			return u
		}
	case Float:
		if x, err := strconv.ParseFloat(strings.ReplaceAll(n.Text, "_", ""), 64); err == nil {
			return x
		}
	}
	return n.Text
}

// ParseInteger reads a whole number as YAML 1.2 writes one, and 010 as ten:
// nobody means octal.
func ParseInteger(s string) (int64, error) {
	if strings.HasPrefix(strings.TrimLeft(s, "+-"), "_") {
		return 0, strconv.ErrSyntax
	}
	plain := strings.ReplaceAll(s, "_", "")
	digits := strings.TrimLeft(plain, "+-")
	if len(digits) > 1 && digits[0] == '0' && !strings.ContainsAny(digits[:2], "xXoObB") {
		return strconv.ParseInt(plain, 10, 64)
	}
	return strconv.ParseInt(plain, 0, 64)
}
