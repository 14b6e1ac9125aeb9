// Package api has what a real Vault describes of itself: the paths of its engines,
// their operations and their parameters, as facts of the API. They are those of
// HashiCorp Vault 1.21.4, community edition.
package api

import (
	_ "embed"
	"iter"
	"strings"
	"sync"
)

// table is written by generate: an engine's lines stand behind "# engine", each with a
// template, its operations and marks, and its parameters.
//
//go:embed table.txt
var table string

// Path is one path of an engine.
type Path struct {
	Template string           // below the mount: "keys/{name}/config"; a listing's ends in "/"
	Ops      string           // of R(ead), L(ist), W(rite), P(atch), D(elete)
	Sudo     bool             // some operation needs sudo
	Public   bool             // some operation needs no token
	Captured []string         // the parameters that the path itself sets, also those that it may leave out
	Fields   map[string]Field // all others
}

// Field is a parameter's type.
type Field byte

// The types of parameters; a Text may be a duration as well.
const (
	Text    Field = 's'
	Bool    Field = 'b'
	Integer Field = 'i'
	Array   Field = 'a'
	Object  Field = 'o'
)

// Table gives the paths of engines, each of which is read when it is first asked for.
// The zero Table is ready.
type Table struct {
	mu      sync.Mutex
	engines map[string][]Path
}

// Engine are the paths of an engine, by the mount at which it was described: "sys",
// "auth/userpass", "secret" for version 2 of kv and "kv1" for version 1. Nobody may
// modify them.
func (t *Table) Engine(name string) []Path {
	t.mu.Lock()
	defer t.mu.Unlock()
	paths, known := t.engines[name]
	if !known {
		for line := range section(name) {
			paths = append(paths, read(line))
		}
		if t.engines == nil {
			t.engines = map[string][]Path{}
		}
		t.engines[name] = paths
	}
	return paths
}

// section are the lines of an engine.
func section(engine string) iter.Seq[string] {
	_, rest, _ := strings.Cut("\n"+table, "\n# "+engine+"\n")
	rest, _, _ = strings.Cut(rest, "\n#")
	return func(yield func(string) bool) {
		for line := range strings.Lines(rest) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// read takes a line apart.
func read(line string) Path {
	template, rest, _ := strings.Cut(line, "\t")
	marks, fields, _ := strings.Cut(rest, "\t")
	p := Path{Template: template, Ops: strings.TrimRight(marks, "su"), Fields: map[string]Field{},
		Sudo: strings.Contains(marks, "s"), Public: strings.Contains(marks, "u")}
	for part := range strings.SplitSeq(template, "/") {
		if strings.HasPrefix(part, "{") {
			p.Captured = append(p.Captured, strings.Trim(part, "{}"))
		}
	}
	for _, field := range strings.Fields(fields) {
		if name, isCaptured := strings.CutSuffix(field, "?"); isCaptured {
			p.Captured = append(p.Captured, name)
			continue
		}
		name, kind, typed := strings.Cut(field, ":")
		p.Fields[name] = Text
		if typed {
			p.Fields[name] = Field(kind[0])
		}
	}
	return p
}

// Fits reports a path below the mount that the template is the template of. A path
// at the end stands for all that follows, as a lease's ID does.
func (p *Path) Fits(rest string) bool {
	template := strings.TrimSuffix(p.Template, "/")
	rest = strings.TrimSuffix(rest, "/")
	for {
		part, after, more := strings.Cut(template, "/")
		if !more && (part == "{path}" || part == "{prefix}" || part == "{url_lease_id}") {
			return rest != ""
		}
		segment, left, deeper := strings.Cut(rest, "/")
		if strings.HasPrefix(part, "{") && segment == "" || !strings.HasPrefix(part, "{") && segment != part || more != deeper {
			return false
		}
		if !more {
			return true
		}
		template, rest = after, left
	}
}

// Same reports a template that differs from shape in the names of its parameters at
// most; shape has "{}" for each.
func (p *Path) Same(shape string) bool {
	template := strings.TrimSuffix(p.Template, "/")
	for {
		part, after, more := strings.Cut(template, "/")
		other, left, deeper := strings.Cut(shape, "/")
		if strings.HasPrefix(part, "{") {
			part = "{}"
		}
		if part != other || more != deeper {
			return false
		}
		if !more {
			return true
		}
		template, shape = after, left
	}
}
