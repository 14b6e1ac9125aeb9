package scenario

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"counterpart/internal/company/world"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/pluginhost/headtail"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// Stage is a company and a box that stay up, so that one case can be played many times
// without paying for them each time. Before each play both go back to what they were at
// first, but for the company's clock. It plays one session at a time.
type Stage struct {
	c       Case
	o       Options
	mode    string
	fleet   *backends
	host    *pluginhost.Host
	session pluginhost.Session // of the first play: its plugins are installed
	configs []string
	played  bool
	spent   bool
}

// Twist is what is different in one play.
type Twist struct {
	Rules []fault.Rule          // in force beside those of the scenario
	Kill  bool                  // when one of them fires, the process of the hook that runs is killed
	Jumps map[int]time.Duration // before the n-th call of a hook, from 1 on, so much of the company's time passes
	Watch bool                  // Take.Seen is wanted
}

// Take is what happened in one play.
type Take struct {
	Result  Result
	Played  *pluginhost.Result // nil if the session could not be played
	Seen    []Answered
	Entries []journal.Entry
	Fired   int // how often a rule of the twist struck
	// Call is that during which one struck first; 0 if none did.
	Call int
	Left []Leftover
}

// Answered is an operation with its answer as it was before anything changed it.
type Answered struct {
	fault.Seen
	Call   int // number of the call of a hook during which it came, from 1 on
	Hook   pluginhost.Hook
	Late   bool // the hook was over before it was answered
	Leases int  // that were held then, after the operation
	Tokens int  // that were alive then
}

// Leftover is something that a session should not leave behind.
type Leftover struct {
	Kind string `json:"kind"` // lease, token, logged
	What string `json:"what"`
}

// NewStage brings a company and a box up for a case. A hook may take as long as the
// scenario says, and at most most; 0 is no bound beside that.
func NewStage(ctx context.Context, c Case, mode string, most time.Duration, o Options) (*Stage, error) {
	if o.interpreter == (pluginhost.Python{}) {
		o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
	}
	o.longest = most
	s := &Stage{c: c, o: o, mode: mode}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// FindPython asks the interpreter of the options who it is, once for all stages.
func (o *Options) FindPython(ctx context.Context) {
	o.interpreter, o.noPython = pluginhost.FindPython(ctx, o.Python)
}

func (s *Stage) run() *run {
	return &run{Case: s.c, mode: s.mode, began: time.Now(), fleet: s.fleet, started: s.fleet.Clock.Now(), where: map[string]origins{},
		mask:    &mask{show: s.o.ShowSecrets, known: s.fleet.Secrets},
		moments: headtail.New(timelineLimit, func(m Moment) int { return len(m.Text) + momentCost })}
}

func (s *Stage) open(ctx context.Context) error {
	r := &run{Case: s.c, mode: s.mode, began: time.Now(), where: map[string]origins{}, mask: &mask{show: s.o.ShowSecrets}}
	host, session, err := r.prepare(ctx, s.o)
	s.fleet, s.host, s.session, s.configs = r.fleet, host, session, r.configs
	return err
}

// ErrRejected means that SPS would refuse a plugin at upload.
var ErrRejected = errRejected

// Configs are the plugins' configurations, filled in.
func (s *Stage) Configs() []string { return s.configs }

// Limit is how long a hook may take.
func (s *Stage) Limit() time.Duration { return s.host.HookTimeout() }

// Spent reports that the stage should not be used again: the company's time has moved.
func (s *Stage) Spent() bool { return s.spent }

// World is whom and what the company knows.
func (s *Stage) World() *world.World { return s.fleet.World }

// Proto is what a port of the company speaks: http, https, tcp, tls or udp.
func (s *Stage) Proto(server, port string) string {
	for _, e := range s.fleet.Company.Fleet.Endpoints() {
		if e.Server == server && e.Port == port {
			return e.Proto
		}
	}
	return ""
}

// WorkerMode keeps interpreters from one play to the next.
const WorkerMode = string(pluginhost.Worker)

// Suits reports whether another case can be played here: the same company, box and
// plugins are wanted.
func (s *Stage) Suits(c Case) bool { return !s.spent && c.Surroundings() == s.c.Surroundings() }

// Change has the next plays play another case, which the stage suits.
func (s *Stage) Change(c Case) { s.c = c }

// surroundings are the keys of a scenario that say where it is played.
var surroundings = []string{"sps", "mode", "proxy_timeout", "python", "fleet", "plugins", "limits", "box"}

// Surroundings say where a case is played, apart from who does what there. Equal ones are
// equal texts.
func (c Case) Surroundings() string {
	parts, all := map[string]any{}, c.Written()
	for _, k := range surroundings {
		if v, ok := all[k]; ok {
			parts[k] = v
		}
	}
	return fmt.Sprintf("%s\n%v", filepath.Dir(c.Path), parts)
}

// KindOf is the kind of a server of the company; that of none is its name.
func (s *Stage) KindOf(server string) string { return orDefault(s.fleet.kind[server], server) }

// Close takes both down.
func (s *Stage) Close() {
	if s.host != nil {
		s.host.Close()
	}
	if s.fleet != nil {
		s.fleet.stop()
	}
}
