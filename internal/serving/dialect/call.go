package dialect

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fault/edit"
)

// Call is one operation in flight. The fleet opens it for each HTTP request
// and datagram; LDAP and SSH open theirs with Begin, Admit and End. Only its
// handler writes to it, and nobody keeps it: that of an HTTP request serves
// another one later.
type Call struct {
	Server, Port, Peer, Op string
	Actor, Object          string // IDs of seeded things, once known
	Outcome                Outcome
	Status                 string // in the protocol's words: "403", "49", "Access-Reject"
	Why                    string // for the operator only: "TOTP step 59143 was already used at 10:02:11"
	Cause                  string // what kind of refusal it is, the same words each time: "code was already used"
	Request, Response      string // what the journal shows of a protocol that is not HTTP; no secrets
	Packet                 bool   // it came in a datagram
	Unnamed                bool   // Op is a client's invention, no name of the server's
	Feature                string // of the real system that was asked for and is not played; see NotPlayed
	Fired                  []string
	Broken                 fault.Moment  // when a fault struck: whether the change that was asked for stands
	Look                   fault.Checked // which fault rules it was held against
	Started                time.Time     // by the fleet's clock
	Began                  time.Duration // in real time, since the fleet's clock was made
	// Wire is what the journal shows where Request or Response is empty: HTTP
	// messages in the fleet's own buffers, of which End keeps nothing.
	Wire struct{ Request, Response, RequestHead, ResponseHead []byte }

	line *Line
	over bool
}

// Outcome says in one word how an operation ended.
type Outcome string

// The outcomes.
const (
	OK            Outcome = "ok"
	DeniedOutcome Outcome = "denied"        // a refusal that the world justifies
	Challenge     Outcome = "challenge"     // another round is wanted
	Failed        Outcome = "failed"        // the request was malformed
	Dropped       Outcome = "dropped"       // silence on purpose
	Internal      Outcome = "error"         // our own failure
	Unimplemented Outcome = "unimplemented" // an operation outside the server's contract
	Unplayed      Outcome = "unplayed"      // the real system has it, this one does not play it
	Broken        Outcome = "broken"        // a fault broke the answer
)

// Errors of Admit and End: a fault wants the operation to go no further.
var (
	ErrReset = errors.New("dialect: a fault resets the connection")
	ErrDrop  = errors.New("dialect: a fault swallows the answer")
)

// Line is what the fleet puts behind the operations of one port or connection.
// Peer is empty where one line serves many.
type Line struct {
	Server, Port, Peer string
	Clock              clock.Clock
	Admit              func(context.Context, *Call) error
	Fault              func(c *Call, kind string) (fault.Rule, bool)
	NoFaults           func() bool // no fault rule is set
	Edit               func(*Call, edit.Message)
	End                func(context.Context, *Call) error
	// Final: a call that is not admitted is over, and goes into the journal at
	// once. Without it whoever opened the call ends it.
	Final bool
}

type lineKey struct{}
type callKey struct{}

// WithLine makes Begin open calls on l. The fleet calls it; servers do not.
func WithLine(ctx context.Context, l *Line) context.Context {
	return context.WithValue(ctx, lineKey{}, l)
}

// opened is the context of a call, and the call: one piece of memory.
type opened struct {
	context.Context
	call Call
}

// Value implements context.Context.
func (o *opened) Value(key any) any {
	switch key.(type) {
	case callKey:
		return &o.call
	case lineKey:
		if o.call.line != nil {
			return o.call.line
		}
	}
	return o.Context.Value(key)
}

// Begin opens a call on the line of ctx and puts it into the context. Without
// a line (in a unit test) the call leads nowhere, and all its methods work.
func Begin(ctx context.Context, op string) (context.Context, *Call) {
	l, ok := ctx.Value(lineKey{}).(*Line)
	if !ok {
		o := &opened{Context: ctx, call: Call{Op: op}}
		return o, &o.call
	}
	ctx, c := Open(ctx, l, cmp.Or(l.Peer, CallFrom(ctx).Peer))
	c.Op = op
	return ctx, c
}

// Open opens a call of peer on a line, which it may share with others. Its
// operation is yet to be named. The fleet calls it; servers do not.
func Open(ctx context.Context, l *Line, peer string) (context.Context, *Call) {
	o := &opened{Context: ctx}
	o.call.open(l, peer)
	return o, &o.call
}

func (c *Call) open(l *Line, peer string) {
	c.Server, c.Port, c.Peer, c.line = l.Server, l.Port, peer, l
	c.Started, c.Began = l.Clock.Both()
}

// Connection is the context of a connection that serves one call after the other, so
// that the requests of a connection need no context of their own.
type Connection struct {
	context.Context
	Conn any // what the fleet keeps of the connection
	call atomic.Pointer[Call]
}

type connectionKey struct{}

// NewConnection is the context of a new connection. The fleet calls it; servers do not.
func NewConnection(ctx context.Context) *Connection { return &Connection{Context: ctx} }

// Value implements context.Context.
func (s *Connection) Value(key any) any {
	switch key.(type) {
	case connectionKey:
		return s
	case callKey:
		if c := s.call.Load(); c != nil {
			return c
		}
	case lineKey:
		if c := s.call.Load(); c != nil && c.line != nil {
			return c.line
		}
	}
	return s.Context.Value(key)
}

// ConnectionFrom is the connection that ctx belongs to; nil without one.
func ConnectionFrom(ctx context.Context) *Connection {
	s, _ := ctx.Value(connectionKey{}).(*Connection)
	return s
}

// Take is Open for the next call of the connection, in c, which is empty.
func (s *Connection) Take(c *Call, l *Line, peer string) {
	c.open(l, peer)
	s.call.Store(c)
}

// Leave ends what Take began: nobody is found in the context any more.
func (s *Connection) Leave() { s.call.Store(nil) }

// CallFrom is the call of ctx; a fresh one that leads nowhere when there is none.
func CallFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// Admit asks the faults whether the operation may run, and takes the time that
// a delay or hang wants. ErrReset and ErrDrop mean: close, or stay silent; the
// handler of an HTTP operation returns whatever error it gets. Call it as soon as
// the operation has its name, and again once its actor or object is known: no
// rule is held against one operation twice. Called after the operation was
// carried out (it has an outcome or a status) it plays what is left to break,
// the answer, and the journal says so.
func (c *Call) Admit(ctx context.Context) error {
	if c.line == nil || c.line.Admit == nil || c.over {
		return nil
	}
	err := c.line.Admit(ctx, c)
	if err != nil && c.line.Final {
		c.End(ctx)
	}
	return err
}

// NoFaults reports that no fault rule is set, so that a server with many kinds need not
// ask for each.
func (c *Call) NoFaults() bool { return c.line == nil || c.line.NoFaults != nil && c.line.NoFaults() }

// Fault reports whether a rule of a server's own kind fires for this call.
func (c *Call) Fault(kind string) (fault.Rule, bool) {
	if c.line == nil || c.line.Fault == nil {
		return fault.Rule{}, false
	}
	r, ok := c.line.Fault(c, kind)
	if ok {
		c.Fired = append(c.Fired, r.ID)
	}
	return r, ok
}

// Edit lets the fault rules that change single parts of an answer do so. A server that
// speaks another protocol than HTTP calls it once for each answer, when all of it is
// decided and before what protects it is reckoned; what is not asked for costs nothing.
func (c *Call) Edit(m edit.Message) {
	if c.line != nil && c.line.Edit != nil && !c.NoFaults() {
		c.line.Edit(c, m)
	}
}

// End closes the call into the journal, once. ErrReset and ErrDrop mean that a
// fault wants the answer, which stands, to be lost.
func (c *Call) End(ctx context.Context) error {
	if c.over {
		return nil
	}
	c.over = true
	if c.line == nil || c.line.End == nil {
		return nil
	}
	return c.line.End(ctx, c)
}

// Because notes why the operation ends as it does, where err is not its outcome: a
// verdict in an answer that is none of an error's.
func (c *Call) Because(err error) { c.Why, c.Cause = cause.Why(err), cause.Kind(err) }

// Refuse notes err on the call: denied when the world has a reason to say no,
// an error of our own otherwise. It returns err, so that handlers can end in it.
func (c *Call) Refuse(err error) error {
	if err == nil {
		return nil
	}
	if c.Because(err); c.Outcome == Unimplemented || c.Outcome == Unplayed {
		return err
	}
	c.Outcome = Internal
	if reason, ok := cause.Of(err); ok {
		c.Outcome = DeniedOutcome
		if reason == cause.BadInput {
			c.Outcome = Failed
		}
	}
	return err
}
