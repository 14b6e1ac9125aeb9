package radius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// Why a datagram is dropped before its content matters.
var (
	errUnknownClient = errors.New("no client entry for this address")
	errCode          = errors.New("this port does not take that code")
	errStatusOff     = errors.New("status_server is off")
)

// exchange is one request on its way through the server.
type exchange struct {
	call   *dialect.Call
	on     listener
	peer   netip.AddrPort
	client *client
	secret *wire.Secret
	packet wire.Packet
	signed bool // the request has a Message-Authenticator, and it is right
	slot   *slot
}

// packet is the datagram function of one UDP port.
func (s *server) packet(on listener) func(context.Context, []byte, net.Addr) []byte {
	return func(ctx context.Context, b []byte, from net.Addr) []byte {
		x := &exchange{call: dialect.CallFrom(ctx), on: on}
		x.name(b)
		var known bool
		if x.peer, known = addrPort(from); known {
			x.client = s.clients.find(on, x.peer.Addr())
		}
		if x.client == nil {
			x.drop(fmt.Errorf("%w: %v", errUnknownClient, from))
			return nil
		}
		if x.call.Admit(ctx) != nil { // a fault that strikes before: nothing happens, nothing is said
			return nil
		}
		reply, err := s.answer(ctx, x, b)
		if err != nil {
			x.drop(err)
		}
		return reply
	}
}

// name sets the operation's name, so that even what is dropped has one.
func (x *exchange) name(b []byte) {
	if len(b) > 0 {
		x.call.Op = radius.Code(b[0]).String()
	}
}

// drop notes why there is silence on the wire. A wrong secret looks like a
// time-out to every client, so this note is the only diagnosis there is.
func (x *exchange) drop(err error) {
	x.call.Outcome, x.call.Why, x.call.Cause = dialect.Dropped, err.Error(), rootOf(err)
	if own := (failure{}); errors.As(err, &own) {
		x.call.Outcome = dialect.Internal
	}
}

// rootOf is the text of what is at the bottom of an error, where no address and no
// number of a packet is.
func rootOf(err error) string {
	for {
		switch wraps := err.(type) {
		case interface{ Unwrap() error }:
			if err = wraps.Unwrap(); err == nil {
				return ""
			}
		case interface{ Unwrap() []error }:
			err = wraps.Unwrap()[0]
		default:
			return err.Error()
		}
	}
}

// answer runs one request of a known client. An error means silence, and on a
// stream the end of the connection when it is errMalformed.
func (s *server) answer(ctx context.Context, x *exchange, b []byte) ([]byte, error) {
	x.call.Object, x.secret = x.client.name, x.client.shared(x.on)
	if err := s.verify(x, b); err != nil {
		return nil, err
	}
	x.call.Request = s.dict.Line(x.packet)
	k := cacheKey{peer: x.peer, on: x.on, id: x.packet.ID()}
	slot, again, err := s.cache.begin(k, x.packet, s.env.Clock.Now())
	if again != nil || errors.Is(err, errDuplicate) {
		if _, off := x.call.Fault(faultNoCache); off {
			slot, again, err = s.cache.apart(k), nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if again != nil {
		x.repeat(s, again)
		return again, nil
	}
	x.slot = slot
	defer s.cache.forget(slot) // when a handler panics or chooses silence
	if s.shared != nil && !slot.apart && x.retransmits() {
		return s.once(ctx, x)
	}
	return s.process(ctx, x)
}

// process decides about a request and keeps the reply for its retransmissions.
func (s *server) process(ctx context.Context, x *exchange) ([]byte, error) {
	r, err := s.handle(ctx, x)
	if err != nil || r == nil {
		return nil, err
	}
	reply, err := x.secret.Encode(make([]byte, 0, 256), *r, x.packet)
	if err != nil {
		return nil, err
	}
	x.call.Status = r.Code.String()
	x.call.Response = s.dict.Line(reply)
	if reply = s.editReply(x, s.breakReply(x, reply)); !s.cache.finish(x.slot, reply, s.env.Clock.Now()) {
		return nil, errSuperseded
	}
	return reply, nil
}

// once processes a request that no other process of the fleet has had.
func (s *server) once(ctx context.Context, x *exchange) (reply []byte, err error) {
	key := x.key()
	by, err := s.random(8)
	if err != nil {
		return nil, failure{err}
	}
	again, err := s.shared.claim(ctx, key, by, s.env.Clock.Now())
	if again != nil || errors.Is(err, errDuplicate) {
		if _, off := x.call.Fault(faultNoCache); off {
			return s.process(ctx, x)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case again != nil:
		x.repeat(s, again)
		if !s.cache.finish(x.slot, again, s.env.Clock.Now()) {
			return nil, errSuperseded
		}
		return again, nil
	}
	defer func() { // also when a handler panics
		if reply == nil {
			s.shared.forget(ctx, key, by)
		}
	}()
	if reply, err = s.process(ctx, x); reply != nil {
		s.shared.finish(ctx, key, reply, s.env.Clock.Now())
	}
	return reply, err
}

// repeat describes a retransmission that is answered from the cache.
func (x *exchange) repeat(s *server, reply []byte) {
	x.call.Why, x.call.Cause = "retransmission: the kept reply is sent again", "kept reply"
	x.call.Status, x.call.Outcome = radius.Code(reply[0]).String(), outcomeOf(radius.Code(reply[0]))
	if p, err := wire.Check(reply); err == nil {
		x.call.Response = s.dict.Line(p)
	}
}

func outcomeOf(c radius.Code) dialect.Outcome {
	switch c {
	case radius.CodeAccessReject:
		return dialect.DeniedOutcome
	case radius.CodeAccessChallenge:
		return dialect.Challenge
	}
	return dialect.OK
}

// errMalformed is wrapped by what makes a stream unusable (RFC 6613 section
// 2.6.4): its framing or its authenticators cannot be trusted any more.
var errMalformed = errors.New("malformed packet")

// verify checks a packet in the order of the contract's section 2.2, on the raw
// octets and before anything is allocated for it.
func (s *server) verify(x *exchange, b []byte) error {
	if len(b) >= wire.HeaderLength && !x.on.takes(radius.Code(b[0])) {
		return fmt.Errorf("%w: %s on %s", errCode, radius.Code(b[0]), x.on)
	}
	p, err := wire.Check(b)
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	x.packet = p
	if x.signed, err = x.secret.VerifyMessage(p); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	switch p.Code() {
	case radius.CodeAccountingRequest:
		if err := x.secret.VerifyAccounting(p); err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
	case radius.CodeStatusServer:
		if !x.signed {
			return errNeedMAStatus
		}
		if !s.status {
			return errStatusOff
		}
	case radius.CodeAccessRequest:
		if err := soundEAP(p, x.signed); err != nil {
			return err
		}
		if x.on != onRadSec { // TLS protects what CVE-2024-3596 attacks
			return x.client.admit(p, x.signed)
		}
	}
	return nil
}

// takes reports whether a port takes a code. Streams carry both kinds.
func (l listener) takes(c radius.Code) bool {
	switch c {
	case radius.CodeStatusServer:
		return true
	case radius.CodeAccessRequest:
		return l != onAcct
	case radius.CodeAccountingRequest:
		return l != onAuth
	}
	return false
}

// soundEAP is RFC 3579 section 3.1 and 3.2: EAP-Message needs a
// Message-Authenticator and stands alone.
func soundEAP(p wire.Packet, signed bool) error {
	if !p.Has(rfc2869.EAPMessage_Type) {
		return nil
	}
	if !signed {
		return errNeedMAEAP
	}
	if p.Has(rfc2865.UserPassword_Type) || p.Has(rfc2865.CHAPPassword_Type) || p.Has(rfc2869.ARAPPassword_Type) {
		return errEAPAndMore
	}
	return nil
}

// handle finds the answer. nil without an error cannot happen; an error is
// silence.
func (s *server) handle(ctx context.Context, x *exchange) (*wire.Reply, error) {
	switch x.packet.Code() {
	case radius.CodeStatusServer:
		return s.statusServer(x), nil
	case radius.CodeAccountingRequest:
		return s.accounting(ctx, x)
	}
	return s.access(ctx, x)
}

// statusServer answers "are you alive" (RFC 5997 section 3): with an Accept
// where logins are answered, with an Accounting-Response where accounting is.
// On a stream, which serves both, it is the Accept.
func (s *server) statusServer(x *exchange) *wire.Reply {
	x.call.Outcome = dialect.OK
	code := radius.CodeAccessAccept
	if x.on == onAcct {
		code = radius.CodeAccountingResponse
	}
	return &wire.Reply{Code: code, Signed: true}
}
