package vault

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

// shape is the pattern with "{}" for each of its parameters.
func (p *pathSpec) shape() string {
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
func (p *pathSpec) known(t *api.Table, e *engine) *knows {
	p.knows.once.Do(func() {
		k := &p.knows
		k.fields = map[string]api.Field{}
		shape, found := p.shape(), false
		for _, path := range t.Engine(e.at) {
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
		k.any = p.arbitrary || !found
	})
	return &p.knows
}

// overlooked are the warnings about parameters that a path does not have, and about
// those that the path itself sets (sdk/framework, Backend.HandleRequest).
func (r *request) overlooked(p *pathSpec) (warnings []string) {
	if p == nil || r.mount == nil || r.flavour.old {
		return nil
	}
	k := p.known(&r.described, r.engines[r.mount.engine()])
	if k.any {
		return nil
	}
	var ignored, replaced []string
	for name, value := range r.raw {
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
