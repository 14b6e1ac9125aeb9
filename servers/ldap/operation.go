package ldap

import (
	"context"
	"errors"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
)

// answer runs an operation from Begin to its response; false ends the
// connection. A panic is our own failure and costs only this operation.
func (op *operation) answer(ctx context.Context, name string, tag byte, run handler) bool {
	ctx, call := dialect.Begin(ctx, name)
	call.Actor, op.call = op.who.actor(), call
	var res proto.Result
	err := call.Admit(ctx)
	if err == nil {
		res, err = op.guarded(ctx, call, run)
	} else if !op.canceled.Load() {
		return op.lost(err)
	}
	switch {
	case errors.Is(err, ber.ErrMalformed):
		return op.broken(ctx, call, "decoding error")
	case errors.Is(err, filter.ErrDepth):
		return op.broken(ctx, call, "filter nested too deeply")
	case errors.Is(err, errClose):
		call.Outcome = dialect.Broken
		call.End(ctx)
		return false
	case err != nil && !errors.Is(err, context.Canceled):
		res = op.c.s.failed(err)
		if call.Refuse(err); call.Outcome == dialect.Internal && !ours(res.Code) {
			call.Outcome = "" // no cause of the company's, but a rule of the directory's: the result says what it is
		}
	}
	if op.silent.Load() {
		call.Outcome, call.Status = dialect.Dropped, "abandoned"
		call.End(context.WithoutCancel(ctx))
		return true
	}
	if op.canceled.Load() && tag != proto.ExtendedResponse {
		res = result(goldap.LDAPResultCanceled, "")
	}
	finish(call, res)
	cut := !call.NoFaults() && op.edited(call, &res)
	if err := call.End(ctx); err != nil {
		return op.lost(err)
	}
	if op.pooled == nil {
		op.pooled = buffers.Get().(*[]byte)
		op.pending = (*op.pooled)[:0]
	}
	b := proto.AppendResult(op.pending, op.msg.ID, tag, res)
	if cut {
		op.send(b[:len(b)/2])
		return false
	}
	sent := op.send(b) == nil || op.silent.Load()
	if cap(b) <= 2*flushAt {
		*op.pooled = b[:0]
		buffers.Put(op.pooled)
	}
	return sent
}

// edited lets fault rules change what is about to leave; cut: only half of it does.
func (op *operation) edited(call *dialect.Call, res *proto.Result) (cut bool) {
	o := outcome{Result: res, pending: op.pending}
	call.Edit(&o)
	if o.entries != nil && o.entries.changed {
		op.pending = o.entries.appendTo(nil)
	}
	return o.cut
}

// guarded turns a panic into an error.
func (op *operation) guarded(ctx context.Context, call *dialect.Call, run handler) (res proto.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			if op.c.s.env.Log != nil {
				op.c.s.env.Log.Error("ldap: an operation panicked", "op", call.Op, "panic", p)
			}
			res, err = proto.Result{}, errInternal
		}
	}()
	if rule, hit := call.Fault(faultNotice); hit {
		op.c.send(notice(goldap.LDAPResultUnavailable, rule.Args["text"]))
		return res, errClose
	}
	if rule, hit := call.Fault(faultResult); hit {
		return faultedResult(rule), nil
	}
	return run(op, ctx, call)
}

// errClose ends the connection without an answer.
var errClose = errors.New("ldap: the connection is closed on purpose")

// lost handles what faults do to an answer: silence, or the end.
func (op *operation) lost(err error) bool {
	return errors.Is(err, dialect.ErrDrop) || op.silent.Load()
}

// broken ends the connection over a request that cannot be read.
func (op *operation) broken(ctx context.Context, call *dialect.Call, text string) bool {
	call.Outcome, call.Status, call.Why = dialect.Failed, statusOf(goldap.LDAPResultProtocolError), text
	call.End(ctx)
	op.silent.Store(true)
	op.c.send(notice(goldap.LDAPResultProtocolError, text))
	return false
}

// finish notes a result on the call.
func finish(call *dialect.Call, res proto.Result) {
	call.Status = statusOf(res.Code)
	if call.Outcome != "" {
		return
	}
	switch res.Code {
	case goldap.LDAPResultSuccess, goldap.LDAPResultCompareTrue, goldap.LDAPResultCompareFalse:
		call.Outcome = dialect.OK
	case goldap.LDAPResultProtocolError, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultInvalidAttributeSyntax:
		call.Outcome = dialect.Failed
	default:
		call.Outcome = dialect.DeniedOutcome
		if ours(res.Code) {
			call.Outcome = dialect.Internal
		}
	}
}

// ours reports a result that is our own failure.
func ours(code uint16) bool {
	return code == goldap.LDAPResultOther || code == goldap.LDAPResultUnavailable
}

// failed journals octets that are no request.
func (c *client) failed(why string) {
	ctx, call := dialect.Begin(c.ctx, "connection")
	call.Actor, call.Outcome, call.Why = c.identity().actor(), dialect.Failed, why
	call.End(ctx)
}

// quiet journals an operation that has no answer.
func (c *client) quiet(name, object string) {
	ctx, call := dialect.Begin(c.ctx, name)
	call.Actor, call.Object, call.Outcome = c.identity().actor(), object, dialect.OK
	call.End(ctx)
}
