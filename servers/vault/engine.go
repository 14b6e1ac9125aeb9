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
	opOther // nothing does it: OPTIONS
)

var operationNames = [...]string{"read", "list", "write", "patch", "delete", "help", "other"}

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
	case opOther:
		return 0
	}
	return policy.Read
}

// handler answers one operation on one path.
type handler func(*request) (*answer, error)

// pathSpec is one path of an engine.
type pathSpec struct {
	// pattern is the path below the mount: ":x" is one segment that is a name of
	// letters, digits, "_", "-" and ".", "@x" one that may have an "@" as well, "=x"
	// any one; "*x" is any number of any segments, "+x" of names; a list may leave
	// the last of these empty.
	pattern string
	name    string // of the operation in journal and faults: "data" → "kv.data.read"
	ops     map[operation]handler
	exists  func(*request) (bool, error) // nil: every write is an update
	public  bool                         // without a token
	sudo    bool
	login   bool // a token in the header is ignored
	leaf    bool // a list of what is below it is another path
	// arbitrary: any parameter is the client's data.
	arbitrary bool

	parts []string
	names [len(operationNames)]string // of the operations, with the engine's
	knows knows
}

// engine is a type of mount.
type engine struct {
	kind  string
	at    string // the mount at which a real server has described it
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

// find is the path that fits; its parameters are put into vars.
func (e *engine) find(rest string, op operation, vars map[string]string) *pathSpec {
	if op == opList {
		rest = strings.TrimSuffix(rest, "/")
	}
	for _, p := range e.paths {
		if p.leaf && op == opList {
			continue
		}
		if p.match(rest, op, vars) {
			return p
		}
		clear(vars)
	}
	return e.fallback
}

// match holds rest against the pattern; vars may have parameters of a part that
// fitted all the same.
func (p *pathSpec) match(rest string, op operation, vars map[string]string) bool {
	for i, part := range p.parts {
		if kind, name := part[:min(1, len(part))], part[min(1, len(part)):]; kind == "*" || kind == "+" {
			for j := len(p.parts) - 1; j > i; j-- { // what stands behind is literal
				var ok bool
				if rest, ok = strings.CutSuffix(rest, "/"+p.parts[j]); !ok {
					return false
				}
			}
			if rest == "" && op != opList || kind == "+" && rest != "" && !isName(rest, "/") {
				return false
			}
			vars[name] = rest
			return true
		}
		segment, after, more := strings.Cut(rest, "/")
		last := i == len(p.parts)-1
		if !last && !more && !(op == opList && i == len(p.parts)-2 && strings.ContainsAny(p.parts[i+1][:1], "*+")) || last && more {
			return false
		}
		switch part[0] {
		case ':', '@':
			if !isName(segment, strings.Trim(part[:1], ":")) {
				return false
			}
			vars[part[1:]] = segment
		case '=':
			if segment == "" {
				return false
			}
			vars[part[1:]] = segment
		default:
			if segment != part {
				return false
			}
		}
		rest = after
	}
	return true
}

// isName reports a name as most engines take them: letters, digits and "_", and
// but for its ends "-", "." and more.
func isName(s, more string) bool {
	word := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
	}
	for i := range len(s) {
		inside := i > 0 && i < len(s)-1 && (s[i] == '-' || s[i] == '.' || strings.IndexByte(more, s[i]) >= 0)
		if !word(s[i]) && !inside {
			return false
		}
	}
	return s != ""
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
	p.parts = strings.Split(p.pattern, "/")
	e.fallback = p
	return e
}
