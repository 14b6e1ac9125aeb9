package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"counterpart/internal/plugins/pluginhost/headtail"
	"counterpart/internal/plugins/pluginhost/process"
)

// defaultLog is how much of the log a Result keeps, and lineCost what each line
// costs besides its text: a gigabyte of empty lines is one of bookkeeping.
const (
	defaultLog = 8 << 20
	lineCost   = 160
)

// The protocols, and what can be done on them.
var (
	allProtocols = []string{"ssh", "telnet", "rdp", "http", "ica", "vnc", "mssql", "tsg"}
	noAA         = []string{"http", "ica", "vnc"}
	prompting    = []string{"ssh", "telnet", "rdp", "tsg"}
)

// play is one session under way. Its hooks run strictly one after the other;
// only output of the running one comes in from another goroutine.
type play struct {
	ctx context.Context
	h   *Host
	s   Session
	r   *Result
	n   int // of the session, on this host

	mu    sync.Mutex // guards the log, and Event
	lines *headtail.Buffer[Line]

	failure error // of the host
	gone    error // why nobody waits for the session any more
	prompts int
	leg     int
	id      string
	conn    Connection
	who     identity
	kv      KeyValues
	known   bool // the server's user is known
	asset   string
	cookies map[string]json.RawMessage
	shared  json.RawMessage
	used    map[string]bool // plugin types called in this leg
	told    map[string]bool // plugin types whose absent hooks were told
}

// stop ends a leg: nil means go on.
type stop = *Outcome

func newPlay(ctx context.Context, h *Host, s Session, n int) *play {
	p := &play{ctx: ctx, h: h, s: s, n: n, told: map[string]bool{}, shared: json.RawMessage("{}")}
	p.r = &Result{Cookies: map[string]json.RawMessage{}, SessionCookie: p.shared, Log: []Line{}, GatewayGroups: []string{}}
	if p.s.MaxPrompts <= 0 {
		p.s.MaxPrompts = DefaultPrompts
	}
	if p.s.LogLimit <= 0 {
		p.s.LogLimit = defaultLog
	}
	p.s.Legs = max(1, p.s.Legs)
	p.lines = headtail.New(p.s.LogLimit, func(l Line) int { return len(l.Text) + lineCost })
	return p
}

// checkFacts refuses sessions that a box could not have.
func (p *play) checkFacts() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrFacts}, args...)...))
	}
	c := p.s.Connection
	if !slices.Contains(allProtocols, c.Protocol) {
		refuse("protocol %q is none of %s", c.Protocol, strings.Join(allProtocols, ", "))
	}
	if p.s.AA == nil && p.s.CredentialStore == nil {
		refuse("no plugin")
	}
	for kind, u := range map[string]*Use{AA: p.s.AA, CredentialStore: p.s.CredentialStore} {
		switch {
		case u != nil && u.Plugin == nil:
			refuse("the %s plugin is not installed", kind)
		case u != nil && u.Plugin.Type != kind:
			refuse("%s is a plugin of type %s, not %s", u.Plugin.Name, u.Plugin.Type, kind)
		}
	}
	if p.s.AA != nil && slices.Contains(noAA, c.Protocol) {
		refuse("there are no AA plugins on %s", c.Protocol)
	}
	if p.s.AA != nil && c.Gateway.Web {
		refuse("an AA plugin and web-based gateway authentication exclude each other")
	}
	if p.s.Legs > 1 && c.Protocol != "rdp" {
		refuse("only an RDP session has several legs")
	}
	for i, st := range p.s.During {
		set := 0
		for _, b := range []bool{st.RemoteApp != nil, st.TOTP, st.Wait > 0} {
			if b {
				set++
			}
		}
		if set != 1 {
			refuse("step %d has %d actions, not one", i+1, set)
		}
	}
	return errors.Join(errs...)
}

func (p *play) run() {
	p.notes()
	for p.leg = 1; p.leg <= p.s.Legs; p.leg++ {
		p.begin()
		outcome := p.play()
		if p.gone != nil { // to the box, whoever is gone has hung up
			outcome = Outcome{State: Disconnected, Plugin: outcome.Plugin, Hook: outcome.Hook}
		}
		outcome = p.end(outcome)
		p.r.Outcome = outcome
		p.emit(Event{Kind: Ended, Outcome: &outcome})
		if outcome.State != Connected || p.failure != nil || p.gone != nil {
			break
		}
	}
	p.r.SessionID, p.r.SessionCookie, p.r.KeyValues = p.id, p.shared, p.kv
	p.r.GatewayUser = p.who.user
	if p.who.groups != nil {
		p.r.GatewayGroups = p.who.groups
	}
}

// notes tells where this host is not the box that it plays.
func (p *play) notes() {
	python, sdk := p.h.PythonVersion()
	want := p.h.Profile
	note := func(format string, args ...any) { p.r.Notes = append(p.r.Notes, fmt.Sprintf(format, args...)) }
	if want.Python != "" && python != want.Python && !strings.HasPrefix(python, want.Python+".") {
		note("Python %s here, %s on SPS %s", python, want.Python, want.SPS)
	}
	if sdk != "" && want.SDK != "" && minor(sdk) != minor(want.SDK) {
		note("Plugin SDK %s here, %s on SPS %s", sdk, want.SDK, want.SPS)
	}
	for _, u := range []*Use{p.s.AA, p.s.CredentialStore} {
		if u != nil && p.h.Box.trusts(u.Plugin.Name) {
			note("%s was made to trust the injected CA, which a box does not do", u.Plugin.Name)
		}
	}
}

// minor is a version's first two numbers.
func minor(v string) string {
	parts := strings.SplitN(v, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// begin sets a leg's facts up. Of the leg before, only the session cookie stays.
func (p *play) begin() {
	p.conn = p.s.Connection
	p.id = p.s.ID
	if p.id == "" || p.leg > 1 {
		p.id = p.newID()
	}
	p.cookies = map[string]json.RawMessage{}
	p.used = map[string]bool{}
	p.kv, p.asset, p.prompts = nil, "", 0
	g := p.conn.Gateway
	p.who = identity{user: g.User, password: g.Password, domain: g.Domain, groups: g.Groups}
	p.readLogin()
	// Without gateway authentication, an RDP client's user is just data until
	// the destination is known.
	p.known = true
	if p.conn.Protocol == "rdp" && g.User == "" && p.s.AA != nil {
		p.known = false
		if _, typed := p.kv.Get("username"); !typed && p.conn.Server.User != "" {
			p.kv = p.kv.With("username", p.conn.Server.User)
		}
	}
	for _, kv := range p.s.Connection.KeyValues {
		p.kv = p.kv.With(kv.Key, kv.Value)
	}
	p.emit(Event{Kind: LegStarted})
}

// readLogin fills in what was typed and not said elsewhere.
func (p *play) readLogin() {
	if p.conn.Login == "" {
		return
	}
	l := ParseLogin(p.conn.Protocol, p.conn.Login)
	for _, kv := range l.KeyValues {
		p.kv = p.kv.With(kv.Key, kv.Value)
	}
	s := &p.conn.Server
	if s.User == "" {
		s.User = l.User
	}
	if s.Domain == "" {
		s.Domain = l.Domain
	}
	if l.Host == "" || s.IP != "" || s.Hostname != "" {
		return
	}
	host := l.Host
	if h, port, err := net.SplitHostPort(l.Host); err == nil {
		host = h
		if n, err := strconv.Atoi(port); err == nil && s.Port == 0 {
			s.Port = n
		}
	}
	if net.ParseIP(host) != nil {
		s.IP = host
	} else {
		s.Hostname = host
	}
}

// base58 is the alphabet of session ids.
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// newID makes a session id with the slashes and the colon that plugins have to
// expect in it.
func (p *play) newID() string {
	random := make([]byte, 22)
	p.h.mu.Lock()
	_, err := p.h.Rand.Read(random)
	p.h.mu.Unlock()
	if err != nil {
		p.fail(fmt.Errorf("session id: %w", err))
	}
	for i, b := range random {
		random[i] = base58[int(b)%len(base58)]
	}
	policy := p.conn.Policy
	if policy == "" {
		policy = "policy"
	}
	return fmt.Sprintf("svc/%s/%s:%d/%s", random, policy, p.n, p.conn.Protocol)
}

// leave notes that nobody waits for the session any more, if that is so.
func (p *play) leave() bool {
	if p.gone == nil {
		p.gone = p.ctx.Err()
	}
	return p.gone != nil
}

// fail notes that the host itself cannot go on.
func (p *play) fail(err error) {
	if p.failure == nil {
		p.failure = err
	}
}

// emit tells an event; mu keeps it in order with the log.
func (p *play) emit(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(e)
}

func (p *play) tell(e Event) {
	if p.s.Event == nil {
		return
	}
	e.At, e.SessionID, e.Leg = p.h.Now(), p.id, p.leg
	p.s.Event(e)
}

func (p *play) warn(format string, args ...any) {
	before := len(p.r.Warnings)
	p.r.warn(format, args...)
	if len(p.r.Warnings) > before {
		p.emit(Event{Kind: Warned, Text: p.r.Warnings[before]})
	}
}

// log notes a line of output.
func (p *play) log(l Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.At, l.SessionID, l.Leg = p.h.Now(), p.id, p.leg
	p.lines.Add(l)
	p.tell(Event{Kind: Logged, Line: &l})
}

// keepLog puts what was kept of the output into the result.
func (p *play) keepLog() {
	p.mu.Lock()
	defer p.mu.Unlock()
	head, missing, tail := p.lines.Kept()
	p.r.Log = append(append([]Line{}, head...), tail...)
	p.r.LogDropped = missing
	if missing > 0 {
		p.r.LogHead = len(head)
	}
}

// boxLog notes a line that the box itself logs.
func (p *play) boxLog(plugin string, h Hook, text string) {
	p.log(Line{Plugin: plugin, Hook: h, Text: text, Box: true})
}

// process is how the host's mode runs a job.
func (h *Host) process(ctx context.Context, j process.Job) process.Reply {
	if h.Mode == Worker {
		return h.runner.Kept(ctx, j)
	}
	if h.gate != nil { // waiting is not part of the call's time
		select {
		case h.gate <- struct{}{}:
			defer func() { <-h.gate }()
		case <-ctx.Done():
			return process.Reply{Fault: process.Cancelled, Detail: context.Cause(ctx).Error()}
		}
	}
	return h.runner.Fresh(ctx, j)
}

// pause is a "wait" step.
func (p *play) pause(d time.Duration) error {
	if p.s.Wait != nil {
		return p.s.Wait(p.ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}
