package vault

import (
	"context"
	"io"
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

// all are the kinds of records, by their field.
func (s *Server) all() map[string]inspected {
	out := map[string]inspected{}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			if c, is := reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem().Interface().(inspected); is {
				out[v.Type().Field(i).Name] = c
			}
		}
	}
	return out
}

// Undescribed are the played paths that the table of a real server's does not have.
func (s *Server) Undescribed() (out []string) {
	for name, e := range s.engines {
		for _, p := range e.paths {
			ops := ""
			for _, path := range s.described.Engine(e.at) {
				if path.Same(p.shape()) {
					ops += path.Ops
				}
			}
			for op := range p.ops {
				if !strings.Contains(ops, map[operation]string{opRead: "R", opList: "L", opWrite: "W", opPatch: "P", opDelete: "D"}[op]) {
					out = append(out, name+" "+op.String()+" "+p.pattern)
				}
			}
		}
	}
	return out
}

// Played are the shapes of the played paths, behind the mount at which a real server
// describes them.
func (s *Server) Played() (out []string) {
	for _, e := range s.engines {
		for _, p := range e.paths {
			out = append(out, e.at+" "+p.shape())
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
	for _, e := range s.engines {
		for _, p := range e.paths {
			shape := p.shape()
			for name := range p.known(&s.described, e).fields {
				x := Parameter{Engine: e.at, Shape: shape, Name: name}
				for _, u := range unplayedParameters {
					if u.covers(e.at, shape) && u.about(name) {
						x.Declared, used[u.at+" "+name] = true, true
					}
				}
				out = append(out, x)
			}
		}
	}
	for _, u := range unplayedParameters {
		for name := range strings.FieldsSeq(u.names) {
			if !used[u.at+" "+name] {
				unused = append(unused, u.at+" "+name)
			}
		}
	}
	return out, unused
}

// Features are what calls can be marked with: by their path, their parameters, or the
// type of a mount.
func (s *Server) Features() []string {
	out := map[string]bool{enterpriseFeature: true}
	for _, e := range s.engines {
		for _, path := range s.described.Engine(e.at) {
			played := e.fallback != nil && path.Same(e.fallback.shape())
			for _, p := range e.paths {
				played = played || path.Same(p.shape())
			}
			if !played && !isEnterprise(e.at, path.Template) {
				out[s.featureOf(e.at, path.Template)] = true
			}
		}
	}
	for _, u := range unplayedParameters {
		if u.refusal != nil {
			out[u.feature] = true
		}
	}
	for _, name := range unplayedEngines() {
		out[name] = true
	}
	return slices.Collect(maps.Keys(out))
}

// PasswordOf makes a password by a policy's text; it is an error when the text is no
// policy.
func PasswordOf(text string, random io.Reader) (string, int, error) {
	p, err := parsePasswordPolicy(text)
	if err != nil {
		return "", 0, err
	}
	password, err := p.generate(random)
	return password, p.Length, err
}

// Batch works on a batch of n items.
func Batch(ctx context.Context, n int, one func()) error {
	r := &request{ctx: ctx}
	_, err := r.batched(make([]fields, n), true, 0, func(int, fields) (map[string]any, error) {
		one()
		return map[string]any{}, nil
	})
	return err
}
