// Package policy is Vault's policy language: parsing, merging and the decision
// which rule speaks for a path.
// https://developer.hashicorp.com/vault/docs/concepts/policies
package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
)

// Capability is a set of things that a rule lets one do.
type Capability uint16

// The capabilities of the language.
const (
	Create Capability = 1 << iota
	Read
	Update
	Patch
	Delete
	List
	Sudo
	Deny
	Subscribe
	Recover
	Scan
)

// names are the capabilities in the order in which they sort.
var names = []struct {
	name string
	c    Capability
}{
	{"create", Create}, {"delete", Delete}, {"deny", Deny}, {"list", List}, {"patch", Patch}, {"read", Read},
	{"recover", Recover}, {"scan", Scan}, {"subscribe", Subscribe}, {"sudo", Sudo}, {"update", Update},
}

// legacy are the words of the keyword "policy".
var legacy = map[string]Capability{
	"deny": Deny, "read": Read | List,
	"write": Create | Read | Update | Delete | List,
	"sudo":  Create | Read | Update | Delete | List | Sudo,
}

// Names are the capabilities of c, sorted.
func (c Capability) Names() []string {
	var out []string
	for _, n := range names {
		if c&n.c != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// Rule is what a policy says about one path.
type Rule struct {
	Path     string // as written, without a leading slash
	Can      Capability
	Allowed  map[string][]any // parameters; nil: all. An empty list: any value
	Denied   map[string][]any
	Required []string
	MinWrap  time.Duration // 0: none
	MaxWrap  time.Duration
}

// Policy is a parsed policy.
type Policy struct {
	Name      string
	Text      string
	Rules     []Rule
	Templated bool // a path has {{…}}, so that it means something else for everybody
}

// Bounds of a policy: what nobody writes by hand, and what would exhaust a
// recursive parser.
const (
	maxText  = 1 << 20
	maxDepth = 64
)

// Parse reads a policy in HCL or JSON. Its errors are Vault's sentences.
func Parse(name, text string) (*Policy, error) {
	if err := bounded(text); err != nil {
		return nil, failed(err)
	}
	root, err := hcl.Parse(text)
	if err != nil {
		return nil, failed(err)
	}
	list, ok := root.Node.(*ast.ObjectList)
	if !ok {
		return nil, failed(errors.New("does not contain a root object"))
	}
	p := &Policy{Name: name, Text: text}
	for _, item := range list.Items {
		switch key := keyOf(item); key {
		case "name":
		case "path":
		default:
			return nil, failed(listed(fmt.Sprintf("invalid key %q on line %d", key, item.Assign.Line)))
		}
	}
	for _, item := range list.Filter("path").Items {
		r, err := rule(item)
		if err != nil {
			return nil, failed(err)
		}
		p.Templated = p.Templated || strings.Contains(r.Path, "{{")
		p.Rules = append(p.Rules, r)
	}
	return p, nil
}

// listed words an error the way Vault prints a list of one.
func listed(words string) error { return errors.New("1 error occurred:\n\t* " + words + "\n\n") }

func failed(err error) error { return fmt.Errorf("failed to parse policy: %w", err) }

// bounded refuses what would take a parser too long or too deep.
func bounded(text string) error {
	if len(text) > maxText {
		return fmt.Errorf("policy is longer than %d bytes", maxText)
	}
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("policy nests deeper than %d levels", maxDepth)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

func keyOf(item *ast.ObjectItem) string {
	if len(item.Keys) == 0 {
		return ""
	}
	key, _ := item.Keys[0].Token.Value().(string)
	return key
}

// block is the body of a path, as it is written.
type block struct {
	Policy       string           `hcl:"policy"`
	Capabilities []string         `hcl:"capabilities"`
	Allowed      map[string][]any `hcl:"allowed_parameters"`
	Denied       map[string][]any `hcl:"denied_parameters"`
	Required     []string         `hcl:"required_parameters"`
	MinWrap      any              `hcl:"min_wrapping_ttl"`
	MaxWrap      any              `hcl:"max_wrapping_ttl"`
}

var known = map[string]bool{
	"comment": true, "policy": true, "capabilities": true, "allowed_parameters": true, "denied_parameters": true,
	"required_parameters": true, "min_wrapping_ttl": true, "max_wrapping_ttl": true, "mfa_methods": true,
	"subscribe_event_types": true, "control_group": true, "expiration": true, "list_scan_response_keys_filter_path": true,
	"pagination_limit": true, "response_keys_filter_path": true,
}

// rule reads one path block.
func rule(item *ast.ObjectItem) (Rule, error) {
	path := "path"
	if key := keyOf(item); key != "" {
		path = key
	}
	wrong := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("path %q: %w", path, fmt.Errorf(format, args...))
	}
	body, ok := item.Val.(*ast.ObjectType)
	if !ok {
		return wrong("should be an object")
	}
	for _, field := range body.List.Items {
		if key := keyOf(field); !known[key] {
			return Rule{}, listed(fmt.Sprintf("path %q: invalid key %q on line %d", path, key, field.Assign.Line))
		}
	}
	var b block
	if err := hcl.DecodeObject(&b, item.Val); err != nil {
		return wrong("%w", err)
	}
	r := Rule{Path: strings.TrimPrefix(path, "/"), Allowed: lower(b.Allowed), Denied: lower(b.Denied), Required: b.Required}
	if !balanced(r.Path) {
		return Rule{}, errors.New("failed to validate policy templating: unbalanced templating characters")
	}
	if strings.Contains(r.Path, "+*") {
		return wrong("invalid use of wildcards ('+*' is forbidden)")
	}
	if b.Policy != "" {
		can, ok := legacy[b.Policy]
		if !ok {
			return wrong("invalid policy %q", b.Policy)
		}
		r.Can |= can
	}
	for _, c := range b.Capabilities {
		can, ok := capability(c)
		if !ok {
			return wrong("invalid capability %q", c)
		}
		r.Can |= can
	}
	if r.Can&Deny != 0 {
		r.Can = Deny
	}
	var err error
	if r.MinWrap, err = lasts(b.MinWrap); err != nil {
		return Rule{}, fmt.Errorf("error parsing min_wrapping_ttl: %w", err)
	}
	if r.MaxWrap, err = lasts(b.MaxWrap); err != nil {
		return Rule{}, fmt.Errorf("error parsing max_wrapping_ttl: %w", err)
	}
	if r.MaxWrap != 0 && r.MaxWrap < r.MinWrap {
		return Rule{}, errors.New("max_wrapping_ttl cannot be less than min_wrapping_ttl")
	}
	return r, nil
}

// balanced reports whether each template of a path is closed.
func balanced(path string) bool {
	for {
		before, rest, opens := strings.Cut(path, "{{")
		if strings.Contains(before, "}}") || !opens {
			return !strings.Contains(before, "}}")
		}
		_, after, closes := strings.Cut(rest, "}}")
		if !closes {
			return false
		}
		path = after
	}
}

func capability(name string) (Capability, bool) {
	for _, n := range names {
		if n.name == name {
			return n.c, true
		}
	}
	return 0, false
}

// lower folds the names of parameters, which are compared without their case.
func lower(m map[string][]any) map[string][]any {
	if m == nil {
		return nil
	}
	out := make(map[string][]any, len(m))
	for k, v := range m {
		out[strings.ToLower(k)] = v
	}
	return out
}

// lasts reads a length of time: seconds or a Go duration.
func lasts(v any) (time.Duration, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int:
		return time.Duration(v) * time.Second, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			return time.Duration(n) * time.Second, nil
		}
		return time.ParseDuration(v)
	}
	return 0, fmt.Errorf("invalid duration %v", v)
}
