// Package boot puts a fleet together from a seed: world, store, domain, servers,
// ports, control port. It is the one place where everything meets; commands and
// tests call it.
package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/company/state"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
	"counterpart/internal/serving/journal"
	"counterpart/internal/serving/pki"
	"counterpart/internal/serving/replica"
	"counterpart/internal/steering/control"
	"counterpart/seed"
)

// Options are how a fleet is to run.
type Options struct {
	Kinds        []dialect.Kind // servers.Table()
	Host         string         // default 127.0.0.1
	Auto         bool           // free port numbers
	NoJournal    bool
	JournalBytes int // of what is remembered; default 6 MiB
	NoControl    bool
	Profiles     bool // the runtime's profiles on the control port
	// Plugins runs sessions of plugins for the control port; nil: there are none. It is asked
	// once the company is built.
	Plugins      func(*Company) *control.Plugins
	ControlToken string
	Fixed        map[string]string // with Auto: ports by their IDs that keep the number they had
	// Load takes another seed in place of this one, once it has answered; nil: not
	// to be had. It returns the seed's digest.
	Load  func(ctx context.Context, text []byte) (digest string, err error)
	Clock *clock.Virtual // default: real time
	// Store is where what changes is kept, perhaps by several processes; default: the
	// memory of this one. The seed is then loaded for the moment that Started tells.
	Store state.Store
	// Lasting says that the store outlives the process, which is the only one that has it.
	Lasting bool
	// Wall is the machine's clock; default: time.Now.
	Wall func() time.Time
	// Unplayed hears of each feature once that a client asked for and that a server
	// does not play; may be nil.
	Unplayed func(server, feature string)
	Log      *slog.Logger
}

// Company is a fleet with everything behind it.
type Company struct {
	World    *world.World
	Clock    *clock.Virtual
	Store    state.Store
	Accounts *checkout.Service
	Factors  *factor.Service
	Logins   *signin.Authenticator
	Tickets  *ticket.Service
	// Decisions are the standing orders that all of the above obey.
	Decisions *decision.Overrides
	Faults    *fault.Table
	Journal   *journal.Journal
	Meter     journal.Metrics
	Secrets   *journal.Secrets // what the journal hides
	PKI       *pki.Authority
	Fleet     *fleet.Fleet // nil until Bind
	Replicas  *replica.Group
	opt       Options
	began     time.Time    // what orders and faults of the seed count from
	times     atomic.Int64 // how often the fleet here has begun again because its store was emptied
	joined    bool         // others of this fleet have written to the store, or this one before it was started again
	seed      *seed.Seed
	servers   []fleet.Instance
	drawn     []*locked             // sources of identifiers that follow from the random seed
	anew      sync.Mutex            // held by whoever takes the fleet back to its seed
	hindered  atomic.Pointer[error] // why the fleet is not ready here
}

// controlListen is where the control port is unless the seed says otherwise.
const controlListen = ":8099"

// New builds all servers of a seed without opening a port. The error has every
// mistake in any server's block.
func New(s *seed.Seed, opt Options) (made *Company, err error) {
	if opt.Host == "" {
		opt.Host = "127.0.0.1"
	}
	if opt.Clock == nil {
		opt.Clock = clock.New()
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Wall == nil {
		opt.Wall = time.Now
	}
	if s.State != nil { // an export goes on where it stopped, whatever time it is here
		if opt.Store == nil {
			opt.Clock = clock.Frozen(s.State.Started)
		} else {
			opt.Clock.Begin(s.State.Started) // the store has it, too
		}
	}
	w, err := world.New(s.Facts)
	if err != nil {
		return nil, err
	}
	if opt.Store == nil {
		opt.Store = state.NewMemory(opt.Clock)
	}
	c := &Company{World: w, Clock: opt.Clock, Store: opt.Store, opt: opt, seed: s}
	if err := c.begin(context.Background()); err != nil {
		return nil, err
	}
	c.group()
	defer func() {
		if err != nil {
			c.Replicas.Leave()
		}
	}()
	if s.State == nil {
		if err := c.Replicas.Join(context.Background()); err != nil {
			return nil, err
		}
	}
	c.Secrets = journal.NewSecrets(func(add func(whose, secret string)) { known(w, add) })
	c.Secrets.Generated = w
	c.Secrets.Public = func(value string) bool { return public(w, value) }
	if !opt.NoJournal {
		c.Journal = journal.New(journal.Limits{Bytes: opt.JournalBytes}, &journal.Mask{Secrets: c.Secrets, Cut: fleet.Shown, Places: places(s, opt.Kinds)})
	}
	if c.Journal != nil {
		c.Journal.Acts = func(actor string) (string, bool) {
			u, ok := w.User(actor)
			return u.ID, ok
		}
	}
	if c.Replicas.Several() {
		c.Journal.Share(c.Store, replica.Tables+"/journal", c.Replicas.ID)
	}
	c.domain()
	if !c.joined { // or it is there, and has gone on
		if err := c.restore(context.Background()); err != nil {
			return nil, err
		}
	}
	if err := c.build(s); err != nil {
		return nil, err
	}
	if err := c.goOn(); err != nil {
		return nil, err
	}
	if err := c.steer(context.Background(), false); err != nil {
		return nil, err
	}
	if err := c.attach(context.Background()); err != nil {
		return nil, err
	}
	if err := c.addControl(s.Control); err != nil {
		return nil, err
	}
	return c, nil
}

// domain makes the rules that all servers share.
func (c *Company) domain() {
	shared := state.Under(c.Store, "domain/")
	c.Decisions = decision.New(c.World, shared, c.Clock)
	c.Accounts = checkout.New(checkout.Config{World: c.World, Store: shared, Clock: c.Clock, Started: c.seed.Started, Decisions: c.Decisions, Secret: c.Secrets.Issue})
	c.Factors = factor.New(factor.Config{World: c.World, Store: shared, Clock: c.Clock, Rand: c.random("factor"), Decisions: c.Decisions, Secret: c.Secrets.Issue})
	c.Tickets = ticket.New(ticket.Config{World: c.World, Store: shared, Clock: c.Clock, Rand: c.random("ticket"), Started: c.seed.Started, Decisions: c.Decisions})
	c.Logins = signin.New(signin.Config{World: c.World, Store: shared, Clock: c.Clock, Rand: c.random("signin"), Started: c.seed.Started, Managed: c.managed(),
		Decisions: c.Decisions, Secret: c.Secrets.Issue})
}

// managed lets a vault's account be the password of a directory user.
func (c *Company) managed() signin.Managed {
	return signin.Managed{
		Secret: c.SecretOf,
		Set: func(ctx context.Context, id string, was *string, password string) error {
			return c.Accounts.Replace(ctx, id, was, password, "changed in the directory")
		},
	}
}

func (c *Company) build(s *seed.Seed) error {
	var wrong []error
	var kinds, hosts []string
	taken := map[string]string{} // address → the port of this seed that listens there
	authority := &late{}
	for _, block := range s.Servers {
		i := slices.IndexFunc(c.opt.Kinds, func(k dialect.Kind) bool { return k.Name == block.Kind })
		if i < 0 {
			wrong = append(wrong, fmt.Errorf("%s: there is no server of the kind %q", block.Pos, block.Kind))
			continue
		}
		srv, err := c.opt.Kinds[i].New(c.env(block, authority))
		if err != nil {
			wrong = append(wrong, at(block, err))
			continue
		}
		in := fleet.Instance{Name: block.Name, Kind: block.Kind, Server: srv}
		if facts := c.opt.Kinds[i].Facts; facts != nil {
			in.Facts = facts(srv)
		}
		c.servers = append(c.servers, in)
		kinds = append(kinds, srv.Faults()...)
		for _, p := range srv.Ports() {
			hosts = append(hosts, p.Hosts...)
			if err := c.claim(taken, block.Name, p); err != nil {
				wrong = append(wrong, at(block, err))
			}
		}
	}
	if len(hosts) > 0 {
		proxy := c.proxy(s.Egress)
		kinds = append(kinds, proxy.Server.Faults()...)
		c.servers = append(c.servers, proxy)
		if err := c.claim(taken, proxy.Name, proxy.Server.Ports()[0]); err != nil {
			wrong = append(wrong, fmt.Errorf("egress: %w", err))
		}
	}
	if err := seed.Merge(wrong...); err != nil {
		return err
	}
	c.Faults = fault.New(c.World.RandomSeed(), kinds...)
	c.Faults.Now = c.Clock.Now
	if !c.Replicas.Alone() {
		c.Faults.Share(c.Store, faultTable)
	}
	var err error
	c.PKI, err = pki.New(pki.Config{RandomSeed: c.World.RandomSeed(), Organization: c.World.Organization(), Hosts: hosts, Clock: c.Clock})
	authority.set(c.PKI)
	return err
}

// Facts are what each server's clients are configured with, by the server's name.
func (c *Company) Facts() map[string][]dialect.Fact {
	out := map[string][]dialect.Fact{}
	for _, in := range c.servers {
		if len(in.Facts) > 0 {
			out[in.Name] = in.Facts
		}
	}
	return out
}

// claim refuses a port where another one of the same seed listens.
func (c *Company) claim(taken map[string]string, server string, p dialect.Port) error {
	host, number, err := net.SplitHostPort(p.Listen)
	if err != nil || number == "0" || c.opt.Auto {
		return nil
	}
	if host == "" {
		host = c.opt.Host
	}
	addr := "tcp " + net.JoinHostPort(host, number)
	if p.Packet != nil {
		addr = "udp " + net.JoinHostPort(host, number)
	}
	if other, ok := taken[addr]; ok {
		return fmt.Errorf("its port %s listens on %s, and so does %s; give one of them another address", p.Name, addr, other)
	}
	taken[addr] = server + "/" + p.Name
	return nil
}

// at says where the block stands whose server refused it, unless the error
// knows that better.
func at(block seed.ServerBlock, err error) error {
	var known *seed.Error
	if errors.As(err, &known) {
		return err
	}
	return &seed.Error{Problems: []seed.Problem{{File: block.Pos.File, Line: block.Pos.Line, Column: block.Pos.Column,
		Path: "servers." + block.Name, Message: err.Error()}}}
}

func (c *Company) env(block seed.ServerBlock, authority *late) dialect.Env {
	return dialect.Env{
		Name: block.Name, World: c.World, Accounts: c.Accounts, Factors: c.Factors, Logins: c.Logins, Tickets: c.Tickets,
		Store: state.Under(c.Store, "server/"+block.Name+"/"), Clock: c.Clock, Started: c.seed.Started, Rand: c.random("server/" + block.Name),
		Log: c.opt.Log.With("server", block.Name), TLS: authority.config(), Decode: block.Decode,
		URL: func(port string) string { return c.url(block.Name, port) },
	}
}

// url is how clients reach a port: known once the ports are bound.
func (c *Company) url(server, port string) string {
	if c.Fleet == nil {
		return ""
	}
	for _, e := range c.Fleet.Endpoints() {
		if e.Server == server && e.Port == port {
			return e.URL()
		}
	}
	return ""
}

func (c *Company) addControl(s seed.Control) error {
	if c.opt.NoControl {
		return nil
	}
	listen, token := s.Listen, s.Token
	if listen == "" {
		listen = controlListen
	}
	if c.opt.ControlToken != "" {
		token = c.opt.ControlToken
	}
	if token != "" {
		if err := control.CheckToken(token); err != nil {
			return err
		}
	}
	if listen[0] == ':' { // without a token it stays at home, wherever the rest goes
		host := c.opt.Host
		if token == "" {
			host = "127.0.0.1"
		}
		listen = net.JoinHostPort(host, listen[1:])
	}
	var plugins *control.Plugins
	if c.opt.Plugins != nil {
		plugins = c.opt.Plugins(c)
	}
	srv, err := control.New(control.Config{Listen: listen, Token: token, World: c.World, Factors: c.Factors, Journal: c.Journal,
		PKI: c.PKI, Clock: c.Clock, Fleet: func() *fleet.Fleet { return c.Fleet }, Accounts: c.Accounts, Logins: c.Logins, Tickets: c.Tickets,
		Decisions: c.Decisions, Facts: c.Facts, Rules: c.Faults, Counted: c.counted, Secrets: c.Secrets, Replicas: c.Replicas, Store: c.Store, Health: c.Health, Reset: c.Reset, Export: c.Export, Load: c.opt.Load, Digest: c.seed.Digest,
		Locate: c.locate, Plugins: plugins, Profiles: c.opt.Profiles})
	if err != nil {
		return err
	}
	c.servers = append(c.servers, fleet.Instance{Name: "control", Kind: "control", Server: srv})
	return nil
}

// SeedText is the seed that the fleet was made from, as it was read.
func (c *Company) SeedText() []byte { return c.seed.Source() }

// Kinds are the kinds of the servers, by their names.
func (c *Company) Kinds() map[string]string {
	out := map[string]string{}
	for _, in := range c.servers {
		out[in.Name] = in.Kind
	}
	return out
}

// locate is where the seed says something, for explanations.
func (c *Company) locate(in, name string, keys ...string) (control.Place, bool) {
	at, written, ok := c.seed.Locate(in, name, keys...)
	return control.Place{File: at.File, Line: at.Line, Column: at.Column, Written: written}, ok
}

// Keep lets the next Bind give ports the numbers that they had.
func (c *Company) Keep(ports map[string]string) { c.opt.Fixed = ports }

// Bind opens every port; none stays open when one cannot be opened.
func (c *Company) Bind() (err error) {
	c.Fleet, err = fleet.Bind(fleet.Config{Host: c.opt.Host, Auto: c.opt.Auto, Fixed: c.opt.Fixed, Servers: c.servers, Faults: c.Faults,
		Journal: c.Journal, Meter: &c.Meter, PKI: c.PKI, Clock: c.Clock, Log: c.opt.Log, Unplayed: c.opt.Unplayed})
	return err
}

// Rest lets go what nobody needs any more, when the fleet has nothing to do.
func (c *Company) Rest() {
	c.Journal.Rest()
	c.Fleet.Rest()
	if s, ok := c.Store.(interface{ Sweep() }); ok {
		s.Sweep()
	}
}

// Serve answers until ctx ends and everything has stopped.
func (c *Company) Serve(ctx context.Context) error {
	err := c.Fleet.Serve(ctx)
	return errors.Join(err, c.Close(), c.Store.Close())
}
