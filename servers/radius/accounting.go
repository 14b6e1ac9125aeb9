package radius

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/company/state"
	"counterpart/internal/face/radius/attr"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// Session is what accounting has told about one session (RFC 2866). Sessions are
// told apart by client, Acct-Session-Id and User-Name.
type Session struct {
	Client  string      `json:"client"`
	ID      string      `json:"id"`
	User    string      `json:"user"`
	Events  []AcctEvent `json:"events"`            // in the order of arrival, the newest 50
	Dropped int         `json:"dropped,omitempty"` // events before those
}

// AcctEvent is one Accounting-Request.
type AcctEvent struct {
	At         time.Time   `json:"at"`     // when it was received, less Acct-Delay-Time
	Status     string      `json:"status"` // Start, Interim-Update, Stop, …
	Input      uint64      `json:"input"`  // octets, gigawords included (RFC 2869 section 5.1)
	Output     uint64      `json:"output"`
	Flags      []string    `json:"flags,omitempty"`
	Attributes [][2]string `json:"attributes"`
	Digest     string      `json:"digest"` // of all that makes it this event and not another
}

// The flags of an event that does not fit what came before.
const (
	FlagNoStart   = "stop without start"
	FlagRestart   = "duplicate start"
	FlagBackwards = "counter went backwards"
	FlagAfterStop = "after stop"
)

const (
	maxSessions = 10_000
	maxEvents   = 50
	// sessionLife is how long a session is kept after its last event.
	sessionLife = 24 * time.Hour
)

// Why accounting is not acknowledged.
var (
	errNoStatusType = errors.New("no Acct-Status-Type")
	errNoSessionID  = errors.New("no Acct-Session-Id")
)

// ledger keeps sessions in the store; this process remembers their order, to
// forget the oldest when there are too many.
type ledger struct {
	sessions *state.Collection[Session] // by digest, see record
	dict     *attr.Dictionary

	mu    sync.Mutex
	known map[string]bool
	order []string // a ring once it is full
	at    int
}

func newLedger(s state.Store, d *attr.Dictionary) *ledger {
	return &ledger{sessions: sessionsIn(s), dict: d, known: map[string]bool{}}
}

// Sessions lists what accounting has recorded in a RADIUS server's store.
func Sessions(ctx context.Context, s state.Store) ([]Session, error) {
	var out []Session
	for e, err := range sessionsIn(s).All(ctx, state.Range{}) {
		if err != nil {
			return nil, err
		}
		out = append(out, *e.Value)
	}
	return out, nil
}

func sessionsIn(s state.Store) *state.Collection[Session] { return state.Of[Session](s, "acct") }

// accounting records an event and only then acknowledges it (RFC 2866 section
// 4.1). The response has nothing but Proxy-State in it.
func (s *server) accounting(ctx context.Context, x *exchange) (*wire.Reply, error) {
	p := x.packet
	status, ok := p.Integer(rfc2866.AcctStatusType_Type)
	if !ok {
		return nil, errNoStatusType
	}
	id, ok := p.Lookup(rfc2866.AcctSessionID_Type)
	if !ok || len(id) == 0 {
		return nil, errNoSessionID
	}
	name, _ := p.Lookup(rfc2865.UserName_Type)
	if u, known := s.env.World.Login(string(name)); known {
		x.call.Actor = u.ID
	}
	e := s.acct.event(p, status, s.env.Clock.Now())
	flags, err := s.acct.record(ctx, Session{Client: x.client.name, ID: text(id), User: text(name)}, e)
	if err != nil {
		return nil, failure{err}
	}
	x.call.Outcome = dialect.OK
	if len(flags) > 0 {
		x.call.Why = fmt.Sprintf("%s: %s", e.Status, strings.Join(flags, ", "))
	}
	return &wire.Reply{Code: radius.CodeAccountingResponse, Signed: x.signed && x.signs(false)}, nil
}

// text makes octets safe to be stored as JSON.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// event reads an Accounting-Request. Acct-Delay-Time changes with every
// retransmission, and with it Identifier and authenticator; packets that differ
// in nothing else are one event (RFC 5080 section 2.2.1).
func (l *ledger) event(p wire.Packet, status uint32, now time.Time) AcctEvent {
	number := func(t radius.Type) uint64 { n, _ := p.Integer(t); return uint64(n) }
	e := AcctEvent{At: now.Add(-time.Duration(number(rfc2866.AcctDelayTime_Type)) * time.Second),
		Status: statusName(status), Attributes: l.dict.Pairs(p),
		Input:  number(rfc2869.AcctInputGigawords_Type)<<32 | number(rfc2866.AcctInputOctets_Type),
		Output: number(rfc2869.AcctOutputGigawords_Type)<<32 | number(rfc2866.AcctOutputOctets_Type)}
	for i := range e.Attributes {
		e.Attributes[i][1] = text([]byte(e.Attributes[i][1]))
	}
	h := sha256.New()
	for t, v := range p.All() {
		if t != rfc2866.AcctDelayTime_Type && t != rfc2865.ProxyState_Type && t != rfc2869.MessageAuthenticator_Type {
			h.Write([]byte{byte(t), byte(len(v))})
			h.Write(v)
		}
	}
	e.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return e
}

func statusName(n uint32) string {
	switch n {
	case 1:
		return "Start"
	case 2:
		return "Stop"
	case 3:
		return "Interim-Update"
	case 7:
		return "Accounting-On"
	case 8:
		return "Accounting-Off"
	}
	return fmt.Sprint(n) // recorded and acknowledged like any other
}

// record adds an event to its session, unless it is there already.
func (l *ledger) record(ctx context.Context, s Session, e AcctEvent) ([]string, error) {
	sum := sha256.Sum256([]byte(s.Client + "\x00" + s.ID + "\x00" + s.User))
	k := hex.EncodeToString(sum[:16])
	var flags []string
	err := l.sessions.Edit(ctx, k, func(v *Session, found bool) (time.Time, error) {
		if !found {
			*v = s
		}
		if slices.ContainsFunc(v.Events, func(o AcctEvent) bool { return o.Digest == e.Digest }) {
			flags = []string{"the same event again"}
			return time.Time{}, state.ErrKeep
		}
		added := e
		flags = v.odd(e)
		added.Flags = flags
		v.Events = append(v.Events, added)
		if over := len(v.Events) - maxEvents; over > 0 {
			v.Events, v.Dropped = v.Events[over:], v.Dropped+over
		}
		return e.At.Add(sessionLife), nil
	})
	if err != nil {
		return nil, err
	}
	if old := l.remember(k); old != "" {
		_, err = l.sessions.Delete(ctx, old)
	}
	return flags, err
}

// odd says what is strange about the next event of a session.
func (s *Session) odd(e AcctEvent) (flags []string) {
	var started, stopped, backwards bool
	for _, o := range s.Events {
		started = started || o.Status == "Start"
		stopped = stopped || o.Status == "Stop"
		backwards = backwards || o.Input > e.Input || o.Output > e.Output
	}
	started = started || s.Dropped > 0
	switch {
	case e.Status == "Start" && started:
		flags = append(flags, FlagRestart)
	case e.Status == "Stop" && !started:
		flags = append(flags, FlagNoStart)
	}
	if stopped {
		flags = append(flags, FlagAfterStop)
	}
	if backwards && e.Status != "Start" {
		flags = append(flags, FlagBackwards)
	}
	return flags
}

// remember notes a session and returns the one that has to go for it.
func (l *ledger) remember(k string) (old string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[k] {
		return ""
	}
	l.known[k] = true
	if len(l.order) < maxSessions {
		l.order = append(l.order, k)
		return ""
	}
	old, l.order[l.at] = l.order[l.at], k
	l.at = (l.at + 1) % maxSessions
	delete(l.known, old)
	return old
}
