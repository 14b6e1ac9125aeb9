package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

// backends is the fleet of one case, which has seen no other.
type backends struct {
	*boot.Company
	tree values
	kind map[string]string // server → kind
	stop func() error
	// started is when it was; its seed's times count from there.
	started time.Time
}

// source is the seed of a case.
type source struct {
	text []byte
	name string
	file fs.FS
	from time.Time // when it begins, by its own clock; zero: now

	control bool // it has a control port
}

// up is the fleet that a case talks to, on free ports.
func (r *run) up(o Options) (*backends, error) {
	if o.against != nil {
		return r.attach(o.against)
	}
	text, name, files, err := r.seedText()
	if err != nil {
		return nil, err
	}
	s := source{text: text, name: name, file: files, control: o.control}
	if r.Case.Seed != nil {
		s.from = r.Case.Seed.Started
	}
	r.seed = s
	b, err := o.fleets.take(r.Path, r.mode, s)
	if b == nil && err == nil {
		b, err = s.start(o.Kinds)
	}
	if err != nil {
		return nil, r.relocate(err, s)
	}
	if b.tree, err = b.plant(text, r.Fleet.Off); err != nil {
		b.stop()
		return nil, err
	}
	for i, server := range r.Fleet.Off {
		if _, ok := b.tree[server]; !ok {
			b.stop()
			return nil, (&run{Case: r.Case, fleet: b}).server(fmt.Sprintf("fleet.off[%d]", i), server)
		}
	}
	return b, nil
}

// start starts a fleet.
func (s source) start(kinds []dialect.Kind) (*backends, error) {
	now := clock.New()
	if !s.from.IsZero() {
		now = clock.Frozen(s.from)
		now.Resume()
	}
	loaded, err := seed.Load(s.name, s.text, seed.Options{Now: now.Now(), FS: s.file, Kinds: names(kinds)})
	if err != nil {
		return nil, err
	}
	company, err := boot.New(loaded, boot.Options{Kinds: kinds, Auto: true, Clock: now, NoControl: !s.control, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := company.Bind(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- company.Serve(ctx) }()
	var once sync.Once
	b := &backends{Company: company, started: time.Now(), kind: map[string]string{}, stop: func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}}
	for _, block := range loaded.Servers {
		b.kind[block.Name] = block.Kind
	}
	return b, nil
}

// relocate moves mistakes of a seed with fleet.merge to where the author wrote
// them: the seed that is loaded is in no file.
func (r *run) relocate(err error, s source) error {
	var list *seed.Error
	if !errors.As(err, &list) || len(r.Fleet.Merge) == 0 {
		return err
	}
	over := at(r.node, "fleet.merge")
	text, name, _, unread := r.base()
	if unread != nil {
		return err
	}
	base := strictyaml.Parse(context.Background(), text, strictyaml.Config{What: "seed", Limits: strictyaml.SeedLimits()}, func(*strictyaml.Node, strictyaml.Problem) {})
	var out []seed.Problem
	for _, p := range list.Problems {
		if n := closestTo(over, p.Path); n != nil && n != over {
			p.File = r.from.file(n)
			if p.Line, p.Column = n.Line, n.Column; strings.HasPrefix(p.Message, "unknown key") {
				p.Line, p.Column = keyOf(n)
			}
		} else if n := at(base, p.Path); n != nil && p.Path != "" {
			p.File, p.Line, p.Column = name, n.Line, n.Column
		} else if over != nil {
			p.File, p.Line, p.Column = r.from.file(over), over.Line, over.Column
		}
		out = append(out, p)
	}
	return sorted(out)
}

// keyOf is where the key of a value stands.
func keyOf(n *strictyaml.Node) (line, column int) {
	for _, e := range entriesOf(n.Parent) {
		if e.Value == n {
			return e.Line, e.Column
		}
	}
	return n.Line, n.Column
}

// closestTo is the value of a path, or of the longest part of it that there is,
// from its top on: a mistake may be that something is missing.
func closestTo(n *strictyaml.Node, path string) *strictyaml.Node {
	for path != "" {
		if found := at(n, path); found != nil {
			return found
		}
		end := strings.LastIndexAny(path, ".[")
		if end < 0 {
			return nil
		}
		path = path[:end]
	}
	return nil
}

func names(kinds []dialect.Kind) (out []string) {
	for _, k := range kinds {
		out = append(out, k.Name)
	}
	return out
}

// base is the case's seed as it is in its file.
func (c Case) base() (text []byte, name string, files fs.FS, err error) {
	if c.Seed != nil {
		return c.Seed.Text, c.Seed.Name, nil, nil
	}
	name = c.Fleet.Seed
	if name == "" {
		name = "demo"
	}
	path := filepath.Join(filepath.Dir(c.Path), name)
	if slices.Contains(worlds.Names(), name) && !exists(path) {
		text, err = worlds.Open(name)
		name, files = name+".yaml", worlds.FS
	} else {
		text, err = slurp(path, seed.MaxSize)
		name, files = path, os.DirFS(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		var problem error = &seed.Error{Problems: []seed.Problem{c.from.problem(at(c.node, "fleet.seed"), fmt.Sprintf("there is no seed %q", c.Fleet.Seed), strictyaml.DidYouMean(c.Fleet.Seed, worlds.Names()))}}
		return nil, "", nil, problem
	}
	return text, name, files, err
}

// seedText is the case's seed with its own values laid over it.
func (c Case) seedText() (text []byte, name string, files fs.FS, err error) {
	text, name, files, err = c.base()
	if err != nil || len(c.Fleet.Merge) == 0 {
		return text, name, files, err
	}
	over, _ := at(c.node, "fleet.merge").Written().(map[string]any) // 0042 is still 0042 there
	text, err = seed.Overlay(name, text, over)
	return text, name + " with fleet.merge", files, err
}

// plant makes the tree of values: each server with its seeded settings and
// addresses, people, accounts and clients.
func (b *backends) plant(text []byte, off []string) (values, error) {
	raw, err := seed.Written("seed", text)
	if err != nil {
		return nil, err
	}
	servers, _ := raw["servers"].([]any)
	facts := b.Facts()
	tree := values{"users": b.people(), "accounts": b.accounts(), "clients": b.clients(), "ca": string(b.PKI.PEM())}
	for i := range servers {
		block, _ := servers[i].(map[string]any)
		in := b.instance(i)
		server := map[string]any{}
		for k, v := range block {
			server[k] = v
		}
		for _, f := range facts[in] { // with what the seed leaves to the server
			server[f.Name] = f.Value
		}
		b.addresses(server, in, slices.Contains(off, in))
		tree[in] = server
	}
	proxy := map[string]any{} // it is no server of the seed
	for _, f := range facts[egressName] {
		proxy[f.Name] = f.Value
	}
	if b.addresses(proxy, egressName, slices.Contains(off, egressName)); len(proxy) > 0 {
		tree[egressName] = proxy
	}
	return tree, nil
}

// instance is the name of the i-th server of the seed.
func (b *backends) instance(i int) string {
	var order []string
	for _, e := range b.Company.Fleet.Endpoints() {
		if !slices.Contains(order, e.Server) {
			order = append(order, e.Server)
		}
	}
	if i < len(order) {
		return order[i]
	}
	return ""
}

// nobody is an address where nothing answers: the discard port of loopback.
const nobody = "127.0.0.1:9"

// addresses adds where a server's ports are; its first one also without name.
func (b *backends) addresses(server map[string]any, name string, off bool) {
	first := true
	for _, e := range b.Company.Fleet.Endpoints() {
		if e.Server != name {
			continue
		}
		addr, base := e.Addr, e.URL()
		if off {
			addr, base = nobody, strings.Replace(base, e.Addr, nobody, 1)
		}
		host, number, _ := net.SplitHostPort(addr)
		port, _ := strconv.Atoi(number)
		at := map[string]any{"host": host, "port": port, "address": addr, "url": base}
		server[e.Port] = at
		if first {
			for k, v := range at {
				server[k] = v
			}
			first = false
		}
	}
}

// mostPeople are listed; more are made when a hole asks for them.
const mostPeople = 5000

// people are those of the company by their names.
func (b *backends) people() any {
	if b.World.UserCount() > mostPeople {
		return func(name string) (any, bool) {
			u, ok := b.World.User(name)
			if !ok || u.Name != name {
				return nil, false
			}
			return b.person(u), true
		}
	}
	out := map[string]any{}
	for u := range b.World.Users() {
		out[u.Name] = b.person(u)
	}
	return out
}

// person is what holes may ask of somebody.
func (b *backends) person(u world.User) map[string]any {
	devices, yubikeys := map[string]any{}, map[string]any{}
	for _, d := range b.World.DevicesOf(u.ID) {
		if factor.Can(d.Kind) {
			devices[d.ID] = b.code(d.ID)
		}
		if d.Kind == world.Yubikey {
			devices[d.ID], yubikeys[d.ID] = b.press(d.ID, ""), b.yubikey(d)
		}
	}
	return map[string]any{"name": u.Name, "email": u.Email, "phone": u.Phone, "devices": devices, "yubikeys": yubikeys,
		"password": func() (string, error) { return b.Logins.Password(context.Background(), u.ID) },
		"otp":      func() (string, error) { return b.first(u.ID) }}
}

// code is what a device shows when it is asked for.
func (b *backends) code(device string) func() (string, error) {
	return func() (string, error) {
		code, _, err := b.Factors.Current(context.Background(), device)
		return code, err
	}
}

// press is what a YubiKey types when it is touched, which it is each time.
func (b *backends) press(device, policy string) func() (string, error) {
	return func() (string, error) { return b.Factors.Press(context.Background(), device, policy) }
}

// yubikey is a YubiKey's public ID, and what it types by each policy.
func (b *backends) yubikey(d world.Device) map[string]any {
	out := map[string]any{"public_id": d.PublicID}
	for _, policy := range factor.PressPolicies() {
		out[policy] = b.press(d.ID, policy)
	}
	return out
}

// first is the code of somebody's first device that shows one now, or of the first
// YubiKey.
func (b *backends) first(userID string) (string, error) {
	devices, err := b.Factors.Devices(context.Background(), userID)
	if err != nil {
		return "", err
	}
	for _, d := range devices {
		if code, _, err := b.Factors.Current(context.Background(), d.ID); err == nil {
			return code, nil
		}
	}
	for _, d := range devices {
		if d.Kind == world.Yubikey {
			return b.press(d.ID, "")()
		}
	}
	return "", fmt.Errorf("%s has no device that shows a code", userID)
}

func (b *backends) accounts() map[string]any {
	out := map[string]any{}
	for a := range b.World.Accounts() {
		id := a.ID
		out[id] = map[string]any{"name": a.Name, "password": func() (string, error) {
			secret, _, err := b.SecretOf(context.Background(), id)
			return secret, err
		}}
	}
	return out
}

func (b *backends) clients() map[string]any {
	out := map[string]any{}
	for c := range b.World.Clients() {
		out[c.Name] = map[string]any{"name": c.Name, "secret": c.Secret}
	}
	return out
}
