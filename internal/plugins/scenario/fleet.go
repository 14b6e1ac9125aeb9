package scenario

import (
	"context"
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

	"go.yaml.in/yaml/v4"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
)

// backends is the fresh fleet of one case.
type backends struct {
	*boot.Company
	tree values
	kind map[string]string // server → kind
	// started is the fleet's time when it began.
	started time.Time
	stop    func() error
}

// up starts the fleet that a case talks to, on free ports.
func (c Case) up(kinds []dialect.Kind) (*backends, error) {
	text, name, files, err := c.seedText()
	if err != nil {
		return nil, err
	}
	now := clock.New()
	if c.Seed != nil && !c.Seed.Started.IsZero() {
		now = clock.Frozen(c.Seed.Started)
		now.Resume()
	}
	s, err := seed.Load(name, text, seed.Options{Now: now.Now(), FS: files, Kinds: names(kinds)})
	if err != nil {
		return nil, err
	}
	company, err := boot.New(s, boot.Options{Kinds: kinds, Auto: true, Clock: now, NoControl: true, Log: slog.New(slog.DiscardHandler)})
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
	b := &backends{Company: company, started: now.Now(), kind: map[string]string{}, stop: func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}}
	for _, block := range s.Servers {
		b.kind[block.Name] = block.Kind
	}
	if b.tree, err = b.plant(text, c.Fleet.Off); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func names(kinds []dialect.Kind) (out []string) {
	for _, k := range kinds {
		out = append(out, k.Name)
	}
	return out
}

// seedText is the case's seed with its own values laid over it.
func (c Case) seedText() (text []byte, name string, files fs.FS, err error) {
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
	if err != nil || len(c.Fleet.Merge) == 0 {
		return text, name, files, err
	}
	m, err := seedMap(name, text)
	if err != nil {
		return nil, "", nil, err
	}
	over := c.Fleet.Merge
	if fleet, ok := c.raw["fleet"].(map[string]any); ok {
		if written, ok := fleet["merge"].(map[string]any); ok {
			over = written // 0042 is still 0042 there
		}
	}
	text, err = yaml.Marshal(merge(m, over))
	return text, name + " with fleet.merge", files, err
}

// seedMap is a seed as a map.
func seedMap(name string, text []byte) (map[string]any, error) {
	wrong := &strictyaml.Errors{}
	root := strictyaml.Parse(context.Background(), text, strictyaml.Config{What: "seed", Limits: strictyaml.SeedLimits()},
		func(_ *strictyaml.Node, p strictyaml.Problem) { wrong.Add(p) })
	if len(wrong.Problems) > 0 {
		return nil, named(name, wrong)
	}
	m, ok := root.Written().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: a seed is a block of keys, not %s", name, root.Kind)
	}
	return m, nil
}

// plant makes the tree of values: each server with its seeded settings and
// addresses, people, accounts and clients.
func (b *backends) plant(text []byte, off []string) (values, error) {
	raw, err := seedMap("seed", text)
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
	for _, f := range facts["egress"] {
		proxy[f.Name] = f.Value
	}
	if b.addresses(proxy, "egress", slices.Contains(off, "egress")); len(proxy) > 0 {
		tree["egress"] = proxy
	}
	for _, name := range off {
		if _, ok := tree[name]; !ok {
			return nil, fmt.Errorf("fleet.off: there is no server %q", name)
		}
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

func (b *backends) people() map[string]any {
	out := map[string]any{}
	for u := range b.World.Users() {
		id := u.ID
		devices, yubikeys := map[string]any{}, map[string]any{}
		for _, d := range b.World.DevicesOf(id) {
			if factor.Can(d.Kind) {
				devices[d.ID] = b.code(d.ID)
			}
			if d.Kind == world.Yubikey {
				devices[d.ID], yubikeys[d.ID] = b.press(d.ID, ""), b.yubikey(d)
			}
		}
		out[u.Name] = map[string]any{"name": u.Name, "email": u.Email, "phone": u.Phone, "devices": devices, "yubikeys": yubikeys,
			"password": func() (string, error) { return b.Logins.Password(context.Background(), id) },
			"otp":      func() (string, error) { return b.first(id) }}
	}
	return out
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
