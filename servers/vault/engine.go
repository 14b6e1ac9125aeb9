package vault

import (
	"strings"

	"counterpart/servers/vault/internal/policy"
)

// operation is what a method means.
type operation int

const (
	opRead operation = iota
	opList
	opWrite // create or update: the path's existence check decides
	opPatch
	opDelete
	opHelp
)

var operationNames = [...]string{"read", "list", "write", "patch", "delete", "help"}

func (o operation) String() string { return operationNames[o] }

// capability is what the ACL must grant.
func (o operation) capability(exists bool) policy.Capability {
	switch o {
	case opList:
		return policy.List
	case opPatch:
		return policy.Patch
	case opDelete:
		return policy.Delete
	case opWrite:
		if exists {
			return policy.Update
		}
		return policy.Create
	}
	return policy.Read
}

// handler answers one operation on one path.
type handler func(*request) (*answer, error)

// pathSpec is one path of an engine.
type pathSpec struct {
	// pattern is the path below the mount: ":x" is one segment, "*x" any number of
	// them; a list may leave the last "*x" empty.
	pattern string
	name    string // of the operation in journal and faults: "data" → "kv.data.read"
	ops     map[operation]handler
	exists  func(*request) (bool, error) // nil: every write is an update
	public  bool                         // without a token
	sudo    bool
	login   bool // a token in the header is ignored

	parts []string
	names [len(operationNames)]string // of the operations, with the engine's
}

// engine is a type of mount.
type engine struct {
	kind  string
	paths []*pathSpec
	// fallback answers every path that no pattern fits, if set.
	fallback *pathSpec
	// What follows the leases of the engine; nil: nothing to do. renew may refuse,
	// renewed and revoke hear what has happened, sweep looks for leases that have
	// ended by themselves or with their token.
	renew   func(*request, *lease) error
	renewed func(*request, *lease) error
	revoke  func(*request, *lease) error
	sweep   func(*request) error
	// relogin is what an auth method says about a token of it that is to be renewed;
	// nil: the user is gone, and nothing is to happen.
	relogin func(*request, *mount, *token) (*tokenFields, error)
	// tokenRenewed hears that a token ends at another moment now.
	tokenRenewed func(*request, *token) error
}

// newEngine prepares the patterns of an engine.
func newEngine(kind string, paths ...*pathSpec) *engine {
	e := &engine{kind: kind, paths: paths}
	for _, p := range paths {
		p.parts = strings.Split(p.pattern, "/")
		p.nameIn(e)
	}
	return e
}

// find is the path that fits, with its parameters.
func (e *engine) find(rest string, op operation) (*pathSpec, map[string]string) {
	if op == opList {
		rest = strings.TrimSuffix(rest, "/")
	}
	for _, p := range e.paths {
		if vars, ok := p.match(rest, op); ok {
			return p, vars
		}
	}
	return e.fallback, nil
}

// match holds rest against the pattern.
func (p *pathSpec) match(rest string, op operation) (map[string]string, bool) {
	var vars map[string]string
	set := func(name, value string) {
		if vars == nil {
			vars = map[string]string{}
		}
		vars[name] = value
	}
	for i, part := range p.parts {
		if name, isRest := strings.CutPrefix(part, "*"); isRest {
			for j := len(p.parts) - 1; j > i; j-- { // what stands behind is literal
				var ok bool
				if rest, ok = strings.CutSuffix(rest, "/"+p.parts[j]); !ok {
					return nil, false
				}
			}
			if rest == "" && op != opList {
				return nil, false
			}
			set(name, rest)
			return vars, true
		}
		segment, after, more := strings.Cut(rest, "/")
		last := i == len(p.parts)-1
		if !last && !more && !(op == opList && i == len(p.parts)-2 && strings.HasPrefix(p.parts[i+1], "*")) || last && more {
			return nil, false
		}
		if name, isVar := strings.CutPrefix(part, ":"); isVar {
			if segment == "" {
				return nil, false
			}
			set(name, segment)
		} else if segment != part {
			return nil, false
		}
		rest = after
	}
	return vars, true
}

// nameIn gives the operations the names that journal, faults and metrics use.
func (p *pathSpec) nameIn(e *engine) {
	prefix := e.kind + "."
	if p.name != "" {
		prefix += p.name + "."
	}
	for op, name := range operationNames {
		p.names[op] = prefix + name
	}
}

// otherwise sets what answers every path that no pattern fits.
func (e *engine) otherwise(p *pathSpec) *engine {
	p.nameIn(e)
	e.fallback = p
	return e
}
