package vault

import (
	"context"
	"counterpart/servers/vault/internal/catalog"
	"counterpart/servers/vault/internal/core"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Written are the records whose shared value, as requests get it, is no longer what
// the store holds or the seed says: somebody has written to it in place. Before is
// what Seeds returned when the server was new.
func (s *Server) Written(ctx context.Context, before map[string]string) (out []string, err error) {
	for name, c := range s.all() {
		wrong, err := c.Modified(ctx, before[name])
		if err != nil {
			return nil, err
		}
		out = append(out, wrong...)
	}
	return out, nil
}

// Seeds are the seeded records of every kind, as text.
func (s *Server) Seeds() map[string]string {
	out := map[string]string{}
	for name, c := range s.all() {
		out[name] = c.SeedText()
	}
	return out
}

type inspected interface {
	SeedText() string
	Modified(ctx context.Context, before string) ([]string, error)
}

// all are the kinds of records, by their room and field.
func (s *Server) all() map[string]inspected {
	out := map[string]inspected{}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		room, name := v.Field(i).Elem(), v.Type().Field(i).Name
		for j := range room.NumField() {
			if f := room.Field(j); f.Kind() == reflect.Pointer && !f.IsNil() {
				if c, is := reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem().Interface().(inspected); is {
					out[name+"."+room.Type().Field(j).Name] = c
				}
			}
		}
	}
	return out
}

// Undescribed are the played paths that the table of a real server's does not have.
func (s *Server) Undescribed() (out []string) {
	for name, e := range s.Engines {
		for _, p := range e.Paths {
			ops := ""
			for _, path := range s.Described.Engine(e.DescribedAt) {
				if path.Same(p.Shape()) {
					ops += path.Ops
				}
			}
			for op := range p.Ops {
				if !strings.Contains(ops, map[core.Operation]string{core.OpRead: "R", core.OpList: "L", core.OpWrite: "W", core.OpPatch: "P", core.OpDelete: "D"}[op]) {
					out = append(out, name+" "+op.String()+" "+p.Pattern)
				}
			}
		}
	}
	return out
}

// Played are the shapes of the played paths, behind the mount at which a real server
// describes them.
func (s *Server) Played() (out []string) {
	for _, e := range s.Engines {
		for _, p := range e.Paths {
			out = append(out, e.DescribedAt+" "+p.Shape())
		}
	}
	return out
}

// Parameter is one parameter of a played path.
type Parameter struct {
	Engine, Shape, Name string
	Declared            bool // as harmless or refused
}

// Parameters are those of all played paths, and the declarations that are about none.
func (s *Server) Parameters() (out []Parameter, unused []string) {
	used := map[string]bool{}
	for _, e := range s.Engines {
		for _, p := range e.Paths {
			shape := p.Shape()
			for name := range p.Fields(&s.Described, e) {
				x := Parameter{Engine: e.DescribedAt, Shape: shape, Name: name}
				for _, u := range unplayedParameters {
					if u.Covers(e.DescribedAt, shape) && u.About(name) {
						x.Declared, used[u.At+" "+name] = true, true
					}
				}
				out = append(out, x)
			}
		}
	}
	for _, u := range unplayedParameters {
		for name := range strings.FieldsSeq(u.Names) {
			if !used[u.At+" "+name] {
				unused = append(unused, u.At+" "+name)
			}
		}
	}
	return out, unused
}

// Features are what calls can be marked with: by their path, their parameters, or the
// type of a mount.
func (s *Server) Features() []string {
	out := map[string]bool{core.EnterpriseFeature: true}
	for _, e := range s.Engines {
		for _, path := range s.Described.Engine(e.DescribedAt) {
			played := e.Fallback != nil && path.Same(e.Fallback.Shape())
			for _, p := range e.Paths {
				played = played || path.Same(p.Shape())
			}
			if !played && !core.IsEnterprise(e.DescribedAt, path.Template) {
				out[s.FeatureOf(e.DescribedAt, path.Template)] = true
			}
		}
	}
	for _, u := range unplayedParameters {
		if u.Refusal != nil {
			out[u.Feature] = true
		}
	}
	for _, name := range catalog.Unplayed() {
		out[name] = true
	}
	return slices.Collect(maps.Keys(out))
}
