package fleet

import (
	"context"
	"fmt"
	"runtime/debug"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/journal"
)

// fault asks for a kind of a server's own.
func (f *Fleet) fault(c *dialect.Call, kind string) (fault.Rule, bool) {
	if f.Faults.Idle() {
		return fault.Rule{}, false
	}
	return f.Faults.Hit(subject(c), kind)
}

// end writes a call into the journal.
func (f *Fleet) end(_ context.Context, c *dialect.Call) error {
	if c.Outcome == "" {
		c.Outcome = dialect.OK
	}
	op := c.Op
	if c.Unnamed {
		op = "unknown"
	}
	now, real := f.Clock.Both()
	f.Meter.Count(journal.Series{Server: c.Server, Op: op, Outcome: string(c.Outcome)}, real-c.Began)
	if c.Feature != "" && f.Meter.Unplayed(c.Server, c.Feature) && f.Unplayed != nil {
		f.Unplayed(c.Server, c.Feature)
	}
	if f.Journal == nil {
		return nil
	}
	e := journal.Entry{At: c.Started, Took: now.Sub(c.Started), Server: c.Server, Port: c.Port, Peer: c.Peer,
		Op: c.Op, Actor: c.Actor, Object: c.Object, Outcome: string(c.Outcome), Status: c.Status, Why: c.Why, Cause: c.Cause,
		Feature: c.Feature, Faults: c.Fired, Broken: string(c.Broken), Request: c.Request, Response: c.Response}
	f.Journal.RecordRaw(&e, journal.Raw(c.Wire))
	return nil
}

// recovered turns a panic of a server into one lost operation.
func (f *Fleet) recovered(c *dialect.Call, what any) {
	c.Outcome, c.Why = dialect.Internal, fmt.Sprintf("panic: %v", what)
	f.Log.Error("a server panicked; the operation is lost, the fleet goes on",
		"server", c.Server, "port", c.Port, "op", c.Op, "panic", what, "stack", string(debug.Stack()))
}
