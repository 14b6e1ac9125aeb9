// Package seed reads the one YAML file that describes a fleet: the company's
// people, machines, accounts and tickets, and the servers to run. It is strict:
// every mistake of a file is reported at once, with its place and the way out.
package seed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"time"

	"counterpart/internal/company/world"
)

// Options are what a seed needs to know of the world around it.
type Options struct {
	Now   time.Time // the fleet's clock: -1h and +8h count from here
	FS    fs.FS     // where files named in the seed are; nil means there are none
	Kinds []string  // the kinds of server there are; nil means any is taken
	// Blocks are the zero values of the servers' settings by kind: with them the
	// mistakes in servers' blocks are reported with all others.
	Blocks map[string]any
}

// Seed is a file that was read and found right.
type Seed struct {
	Facts    world.Facts
	Servers  []ServerBlock
	Control  Control
	Egress   Egress
	Warnings []Problem // what works, but may not be meant
	// What goes wrong and what is decided from the start, and where an export stood.
	Faults    []Fault
	Decisions []Decision
	State     *State
	Started   time.Time // what relative times count from
	Digest    string    // of the file and those it names; replicas that share a store must agree

	source  []byte
	files   map[string][]byte
	name    string // of the file
	located located
}

// Egress is where the forward proxy listens, and what it asks for.
type Egress struct{ Listen, Username, Password string }

// Control is where the control API listens.
type Control struct {
	Listen string
	Token  string
	Given  bool // the seed says something about it
}

// ServerBlock is one entry of servers. What is in it is the server's affair.
type ServerBlock struct {
	Kind string
	Name string
	Pos  Pos

	n   *node
	env *environment
}

// environment is what decoding a server's block needs later.
type environment struct {
	file  string
	now   time.Time
	names *names
}

// Decode puts the block into v, a pointer to the server's settings, strictly:
// a key without a field is a mistake, and so is a value that does not fit. Tags
// as in this package's schema (yaml, doc, default, required, enum, min, max,
// format, ref) are obeyed; a default counts where v is still zero; durations may
// be negative unless min says otherwise. The error is an *Error with everything
// that is wrong.
func (b ServerBlock) Decode(v any) error { return b.decode(v, layouts{}) }

// decode is Decode with layouts that were read before.
func (b ServerBlock) decode(v any, known layouts) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("seed: cannot decode a server's block into %T", v)
	}
	report := &reporter{file: b.env.file}
	d := &decoder{report: report, layouts: known, now: b.env.now, keep: true}
	d.value(b.n, p.Elem(), field{key: b.Name})
	b.env.names.resolve(d.refs, report)
	return asError(report.problems)
}

// Load reads a seed. The name stands in messages. The error is an *Error with
// every mistake of the file.
func Load(name string, src []byte, opt Options) (*Seed, error) {
	return LoadContext(context.Background(), name, src, opt)
}

// LoadContext is Load for somebody who may go away before it is done. The error
// is that of the context then.
func LoadContext(ctx context.Context, name string, src []byte, opt Options) (*Seed, error) {
	report := &reporter{file: name}
	root := read(ctx, src, report)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if root == nil {
		return nil, asError(report.problems)
	}
	l := &loader{ctx: ctx, report: report, opt: opt, hash: sha256.New(), pems: map[*key]string{}, warnings: &reporter{file: name}}
	fmt.Fprintf(l.hash, "%d\n", len(src))
	l.hash.Write(src)
	var state *State
	if root.Kind == mapping {
		var err error
		if state, err = l.unpack(ctx, root); err != nil {
			report.node(root.Get("state"), fmt.Sprintf("the state cannot be read: %v", err), "take the file as an export wrote it, or leave the key out")
		}
	}
	d := &decoder{report: report, layouts: layouts{}, now: l.opt.Now, ctx: ctx}
	d.value(root, reflect.ValueOf(&l.file).Elem(), field{})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l.names = collect(&l.file, report)
	if root.Kind == mapping {
		l.names.resolve(d.refs, report)
		l.check()
	}
	blocks := l.servers(root.Get("servers"))
	l.settings(blocks)
	if err := asError(report.problems); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	facts := l.build()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := asError(report.problems); err != nil {
		return nil, err
	}
	s := &Seed{Facts: facts, Servers: blocks, Digest: hex.EncodeToString(l.hash.Sum(nil)),
		State: state, Started: l.opt.Now, source: src, files: l.files, name: name,
		Control: Control{Listen: l.file.Control.Listen, Token: l.file.Control.Token, Given: l.file.Control.At.n != nil},
		Egress:  Egress{Listen: l.file.Egress.Listen, Username: l.file.Egress.Username, Password: l.file.Egress.Password}}
	l.steer(s)
	if err, ok := asError(l.warnings.problems).(*Error); ok {
		s.Warnings = err.Problems
	}
	return s, nil
}

// settings reads each server's block as the server will, so that its mistakes
// stand with all others and not behind them.
func (l *loader) settings(blocks []ServerBlock) {
	known := layouts{}
	for _, b := range blocks {
		if l.report.full() || l.ctx.Err() != nil { // each block has a report of its own
			return
		}
		zero, ok := l.opt.Blocks[b.Kind]
		if !ok || zero == nil {
			continue
		}
		var wrong *Error
		if err := b.decode(reflect.New(reflect.TypeOf(zero)).Interface(), known); errors.As(err, &wrong) {
			for _, p := range wrong.Problems {
				l.report.add(p)
			}
		}
	}
}

// servers separates what all blocks have from what belongs to the server.
func (l *loader) servers(n *node) []ServerBlock {
	env := &environment{file: l.report.file, now: l.opt.Now, names: l.names}
	taken := map[string]*node{}
	for i, s := range l.file.Servers {
		if s.Name == "" {
			continue
		}
		at := l.file.Servers[i].At.of("name")
		if first, twice := taken[s.Name]; twice {
			l.report.node(at, fmt.Sprintf("two servers are called `%s`", s.Name), fmt.Sprintf("the first is in line %d", first.Line))
			continue
		}
		taken[s.Name] = at
	}
	for _, c := range l.file.Clients {
		if l.opt.Kinds != nil && c.System != "" && !slices.Contains(l.opt.Kinds, c.System) {
			l.report.node(c.At.of("system"), fmt.Sprintf("there is no server of the kind `%s`", short(c.System)), didYouMean(c.System, sorted(l.opt.Kinds)))
		}
	}
	var out []ServerBlock
	unnamed := map[string]int{} // by kind: the last number given out
	for _, s := range l.file.Servers {
		if s.Kind == "" {
			continue
		}
		if l.opt.Kinds != nil && !slices.Contains(l.opt.Kinds, s.Kind) {
			l.report.node(s.At.of("kind"), fmt.Sprintf("there is no server of the kind `%s`", short(s.Kind)), didYouMean(s.Kind, sorted(l.opt.Kinds)))
			continue
		}
		name := s.Name
		for name == "" {
			unnamed[s.Kind]++
			try := s.Kind
			if i := unnamed[s.Kind]; i > 1 {
				try = fmt.Sprintf("%s-%d", s.Kind, i)
			}
			if taken[try] == nil {
				name, taken[try] = try, s.At.n
			}
		}
		out = append(out, ServerBlock{Kind: s.Kind, Name: name, Pos: Pos{l.report.file, s.At.n.Line, s.At.n.Column}, n: own(s.At.n), env: env})
	}
	return out
}

// own is a server's block without the keys that all servers have.
func own(n *node) *node {
	out := *n
	out.Entries = nil
	for _, e := range n.Entries {
		if e.Name != "kind" && e.Name != "name" {
			out.Entries = append(out.Entries, e)
		}
	}
	return &out
}

// fromNode takes the common keys and leaves the others to the server.
func (s *server) fromNode(d *decoder, n *node) {
	if n.Kind != mapping {
		d.mismatchHint(n, field{key: "servers", inList: true}, "a block of keys", "write `- {kind: native}`")
		return
	}
	d.fields(n, reflect.ValueOf((*plainServer)(s)).Elem())
}

// plainServer is server without its own decoder.
type plainServer server
