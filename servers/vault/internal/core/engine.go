package core

import (
	"net/http"
	"strings"

	"counterpart/servers/vault/internal/policy"
)

// Operation is what a method means.
type Operation int

// What a request may do. opHelp asks for help, and opOther is done by nothing: OPTIONS.
const (
	OpRead Operation = iota
	OpList
	OpWrite // create or update: the path's existence check decides
	OpPatch
	OpDelete
	opHelp
	opOther
)

var operationNames = [...]string{"read", "list", "write", "patch", "delete", "help", "other"}

// String is the operation as names of operations have it: read, list, write.
func (o Operation) String() string { return operationNames[o] }

// capability is what the ACL must grant.
func (o Operation) capability(exists bool) policy.Capability {
	switch o {
	case OpList:
		return policy.List
	case OpPatch:
		return policy.Patch
	case OpDelete:
		return policy.Delete
	case OpWrite:
		if exists {
			return policy.Update
		}
		return policy.Create
	case opOther:
		return 0
	}
	return policy.Read
}

// Handler answers one operation on one path.
type Handler func(*Request) (*Answer, error)

// Path is one path of an engine.
type Path struct {
	// Pattern is the path below the mount: ":x" is one segment that is a name of
	// letters, digits, "_", "-" and ".", "@x" one that may have an "@" as well, "=x"
	// any one; "*x" is any number of any segments, "+x" of names; a list may leave
	// the last of these empty.
	Pattern   string
	Name      string                       // of the operation in journal and faults: "data" → "kv.data.read"
	Ops       map[Operation]Handler        // what can be done there
	Exists    func(*Request) (bool, error) // whether a write is an update; nil: every write is one
	Public    bool                         // without a token
	Sudo      bool                         // the policies must grant sudo, too
	Login     bool                         // a token in the header is ignored
	Leaf      bool                         // a list of what is below it is another path
	Arbitrary bool                         // any parameter is the client's data

	parts []string
	names [len(operationNames)]string // of the operations, with the engine's
	knows knows
}

// OperationName is an operation on the path as journal, faults and metrics call it.
func (p *Path) OperationName(op Operation) string { return p.names[op] }

// Engine is a type of mount: a secrets engine, an auth method, or one of those that are
// there by themselves. The functions that are nil have nothing to do. The core knows an
// engine by them alone.
type Engine struct {
	kind        string
	DescribedAt string  // the mount at which a real server has described it
	Paths       []*Path // the first that fits answers
	Fallback    *Path   // answers every path that no pattern fits, if set
	Accessor    string  // key of an answer's data that is an accessor, which a wrapping token names

	// Renew may refuse that a lease of the engine is renewed.
	Renew func(*Request, *Lease) error
	// Renewed hears that a lease of the engine ends at another moment now.
	Renewed func(*Request, *Lease) error
	// Revoke hears that a lease of the engine was revoked, once for each.
	Revoke func(*Request, *Lease) error
	// Relogin is what an auth method says about a token of it that is to be renewed;
	// nil: the user is gone, and nothing is to happen.
	Relogin func(*Request, *Mount, *Token) (*TokenFields, error)
	// TokenRenewed hears that a token ends at another moment now.
	TokenRenewed func(*Request, *Token) error
	// TokenRevoked hears that the token of an accessor has ended: what only it could
	// read goes.
	TokenRevoked func(r *Request, accessor string) error
	// Upgrade moves what is kept under the mount at a path to the engine's next
	// version: before the mount changes, and after.
	Upgrade func(r *Request, path string, after bool) error
}

// NewEngine prepares the patterns of an engine.
func NewEngine(kind string, paths ...*Path) *Engine {
	e := &Engine{kind: kind, Paths: paths}
	for _, p := range paths {
		p.parts = strings.Split(p.Pattern, "/")
		p.nameIn(e)
	}
	return e
}

// find is the path that fits; its parameters are put into vars.
func (e *Engine) find(rest string, op Operation, vars map[string]string) *Path {
	if op == OpList {
		rest = strings.TrimSuffix(rest, "/")
	}
	for _, p := range e.Paths {
		if p.Leaf && op == OpList {
			continue
		}
		if p.match(rest, op, vars) {
			return p
		}
		clear(vars)
	}
	return e.Fallback
}

// match holds rest against the pattern; vars may have parameters of a part that
// fitted all the same.
func (p *Path) match(rest string, op Operation, vars map[string]string) bool {
	for i, part := range p.parts {
		if kind, name := part[:min(1, len(part))], part[min(1, len(part)):]; kind == "*" || kind == "+" {
			for j := len(p.parts) - 1; j > i; j-- { // what stands behind is literal
				var ok bool
				if rest, ok = strings.CutSuffix(rest, "/"+p.parts[j]); !ok {
					return false
				}
			}
			if rest == "" && op != OpList || kind == "+" && rest != "" && !isName(rest, "/") {
				return false
			}
			vars[name] = rest
			return true
		}
		segment, after, more := strings.Cut(rest, "/")
		last := i == len(p.parts)-1
		if !last && !more && !(op == OpList && i == len(p.parts)-2 && strings.ContainsAny(p.parts[i+1][:1], "*+")) || last && more {
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
func (p *Path) nameIn(e *Engine) {
	prefix := e.kind + "."
	if p.Name != "" {
		prefix += p.Name + "."
	}
	for op, name := range operationNames {
		p.names[op] = prefix + name
	}
}

// Otherwise sets what answers every path that no pattern fits.
func (e *Engine) Otherwise(p *Path) *Engine {
	p.nameIn(e)
	p.parts = strings.Split(p.Pattern, "/")
	e.Fallback = p
	return e
}

// VaultOnly is a path that OpenBao does not have.
func VaultOnly(do Handler) Handler {
	return func(r *Request) (*Answer, error) {
		switch {
		case !r.Flavour.Bao:
			return do(r)
		case r.Token == nil && r.Rest == "internal/ui/feature-flags":
			return nil, Refuse(http.StatusForbidden, "permission denied")
		case r.Token == nil:
			return nil, Refuse(http.StatusNotFound, "unsupported path")
		}
		return nil, Refuse(http.StatusNotFound, "%s", OneError("unsupported path"))
	}
}
