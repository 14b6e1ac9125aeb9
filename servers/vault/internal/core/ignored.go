package core

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"counterpart/servers/vault/internal/api"
)

// knows are the parameters that a path has.
type knows struct {
	once     sync.Once
	fields   map[string]api.Field
	captured []string
	any      bool // it takes whatever comes
}

// Shape is the pattern with "{}" for each of its parameters.
func (p *Path) Shape() string {
	parts := slices.Clone(p.parts)
	for i, part := range parts {
		if part != "" && strings.ContainsAny(part[:1], ":@=*+") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// known are the parameters of the path, which are looked up when they are first
// needed.
func (p *Path) known(t *api.Table, e *Engine) *knows {
	p.knows.once.Do(func() {
		k := &p.knows
		k.fields = map[string]api.Field{}
		shape, found := p.Shape(), false
		for _, path := range t.Engine(e.DescribedAt) {
			if !path.Same(shape) {
				continue
			}
			found = true
			for name, kind := range path.Fields {
				k.fields[name] = kind
			}
			for _, name := range path.Captured {
				if !slices.Contains(k.captured, name) {
					k.captured = append(k.captured, name)
				}
			}
		}
		k.any = p.Arbitrary || !found
	})
	return &p.knows
}

// Fields are the parameters of the path, by their name, as t describes them.
func (p *Path) Fields(t *api.Table, e *Engine) map[string]api.Field { return p.known(t, e).fields }

// overlooked are the warnings about parameters that a path does not have, and about
// those that the path itself sets (sdk/framework, Backend.HandleRequest).
func (r *Request) overlooked(p *Path) (warnings []string) {
	if p == nil || r.Mount == nil || r.Flavour.Old {
		return nil
	}
	k := p.known(&r.Described, r.engineOf(r.Mount))
	if k.any {
		return nil
	}
	var ignored, replaced []string
	for name, value := range r.Raw {
		_, known := k.fields[name]
		captured := slices.Contains(k.captured, name)
		if !known && !captured {
			ignored = append(ignored, name)
		}
		if captured && value != nil {
			replaced = append(replaced, name)
		}
	}
	slices.Sort(ignored)
	slices.Sort(replaced)
	if len(ignored) > 0 {
		warnings = append(warnings, fmt.Sprintf("Endpoint ignored these unrecognized parameters: %v", ignored))
	}
	if len(replaced) > 0 {
		warnings = append(warnings, fmt.Sprintf("Endpoint replaced the value of these parameters with the values captured from the endpoint's path: %v", replaced))
	}
	return warnings
}
