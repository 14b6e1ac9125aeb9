package strictyaml

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Plain is a tree as the types that YAML itself has: nil, bool, int, uint64,
// float64, string, []any and map[string]any.
func (n *Node) Plain() any { return n.with((*Node).scalar) }

// with is a tree as maps and lists, with scalars as one likes.
func (n *Node) with(scalar func(*Node) any) any {
	switch n.Kind {
	case Null:
		return nil
	case List:
		out := make([]any, len(n.Items))
		for i, c := range n.Items {
			out[i] = c.with(scalar)
		}
		return out
	case Mapping:
		out := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			out[e.Name] = e.Value.with(scalar)
		}
		return out
	}
	return scalar(n)
}

// Written is Plain for what becomes a text again: a number or truth that is not
// written as Go would write it is a Literal, because whoever reads it may want a
// text (7.10, 1e3). Digits behind a zero are one: people write codes like that.
func (n *Node) Written() any { return n.with((*Node).written) }

func (n *Node) written() any {
	v := n.scalar()
	switch {
	case n.Kind == Integer && zeroFirst(n.Text):
		return n.Text
	case n.Kind != Text && fmt.Sprint(v) != n.Text:
		return Literal(n.Text)
	}
	return v
}

// Literal is a scalar of YAML exactly as it is written.
type Literal string

// MarshalYAML implements yaml.Marshaler.
func (l Literal) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: string(l)}, nil
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
		if u, err := ParseUnsigned(n.Text); err == nil {
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
	return strconv.ParseInt(plain, base(plain), 64)
}

// ParseUnsigned is ParseInteger for numbers that are never negative.
func ParseUnsigned(s string) (uint64, error) {
	if strings.HasPrefix(strings.TrimPrefix(s, "+"), "_") {
		return 0, strconv.ErrSyntax
	}
	plain := strings.TrimPrefix(strings.ReplaceAll(s, "_", ""), "+")
	return strconv.ParseUint(plain, base(plain), 64)
}

// base is ten for digits behind a zero, else what the text says.
func base(s string) int {
	if zeroFirst(s) {
		return 10
	}
	return 0
}

// zeroFirst reports whether a whole number is written in digits behind a zero.
func zeroFirst(s string) bool {
	digits := strings.TrimLeft(s, "+-")
	return len(digits) > 1 && digits[0] == '0' && !strings.ContainsAny(digits[:2], "xXoObB")
}
