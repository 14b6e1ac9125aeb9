package fleet

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"counterpart/internal/dialect"
	"counterpart/internal/fault"
	"counterpart/internal/journal"
)

// subject is what fault rules see of a call.
func subject(c *dialect.Call) fault.Subject {
	return fault.Subject{Server: c.Server, Op: c.Op, Actor: c.Actor, Object: c.Object}
}

// admit plays the faults that come before an operation, for every protocol.
func (f *Fleet) admit(ctx context.Context, c *dialect.Call) error {
	if f.Faults.Idle() {
		return nil
	}
	if r, hit := f.Faults.Hit(subject(c), fault.Delay); hit {
		c.Fired = append(c.Fired, r.ID)
		d, _ := time.ParseDuration(r.Args["for"]) // checked when the rule was set
		if err := f.Clock.Wait(ctx, f.Clock.Now().Add(d)); err != nil {
			return dialect.ErrReset
		}
	}
	r, hit := f.Faults.Hit(subject(c), fault.Hang, fault.Reset, fault.Drop)
	if !hit {
		return nil
	}
	c.Fired = append(c.Fired, r.ID)
	c.Outcome, c.Why = dialect.Broken, "fault "+r.ID+": "+r.Kind
	switch r.Kind {
	case fault.Hang:
		<-ctx.Done()
		return dialect.ErrReset
	case fault.Drop:
		return dialect.ErrDrop
	}
	return dialect.ErrReset
}

// fault asks for a kind of a server's own.
func (f *Fleet) fault(c *dialect.Call, kind string) (fault.Rule, bool) {
	if f.Faults.Idle() {
		return fault.Rule{}, false
	}
	return f.Faults.Hit(subject(c), kind)
}

// end writes a call into the journal.
func (f *Fleet) end(_ context.Context, c *dialect.Call) error {
	if f.Journal == nil {
		return nil
	}
	if c.Outcome == "" {
		c.Outcome = dialect.OK
	}
	f.Journal.Record(journal.Entry{At: c.Started, Took: f.Clock.Now().Sub(c.Started), Server: c.Server, Port: c.Port, Peer: c.Peer,
		Op: c.Op, Actor: c.Actor, Object: c.Object, Outcome: string(c.Outcome), Status: c.Status, Why: c.Why,
		Faults: c.Fired, Request: c.Request, Response: c.Response})
	return nil
}

// recovered turns a panic of a server into one lost operation.
func (f *Fleet) recovered(c *dialect.Call, what any) {
	c.Outcome, c.Why = dialect.Internal, fmt.Sprintf("panic: %v", what)
	f.Log.Error("a server panicked; the operation is lost, the fleet goes on",
		"server", c.Server, "port", c.Port, "op", c.Op, "panic", what, "stack", string(debug.Stack()))
}
