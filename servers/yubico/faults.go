package yubico

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
)

// The faults that only a validation server can play. Statuses of HTTP (before and after
// an OTP is used up), pages of HTML, delays, cut bodies and lost connections are the
// fleet's.
const (
	faultStatus    = "yubico-status"     // args.as: the protocol's word, by default BACKEND_ERROR; args.commit true: after the OTP is used up
	faultSignature = "yubico-signature"  // args.as: wrong (default), missing, empty-key
	faultEcho      = "yubico-echo"       // another otp or nonce is sent back, validly signed; args.as: otp, nonce (default), missing
	faultLines     = "yubico-lines"      // args.as: lf, bare (nothing after the last value; default), twice (a second status)
	faultKSM       = "yubico-ksm-down"   // the key storage module cannot be reached
	faultPlus      = "yubico-plus-lost"  // a proxy made blanks of the plus signs in the request's signature
	faultPeerDown  = "yubico-peer-down"  // args.peer: of the pool, by default all
	faultPeerLag   = "yubico-peer-lag"   // args.peer, args.for: how much longer it takes, by default 5s
	faultPeerAhead = "yubico-peer-ahead" // args.peer: it has seen a later OTP
)

// Faults implements dialect.Server.
func (s *Server) Faults() []string {
	return []string{faultStatus, faultSignature, faultEcho, faultLines, faultKSM, faultPlus, faultPeerDown, faultPeerLag, faultPeerAhead}
}

// overridden plays a status in place of the decision, before it or after it.
func (r *verification) overridden(committed bool) error {
	if r.call.NoFaults() || committed != r.late {
		return nil
	}
	if !committed {
		rule, hit := r.call.Fault(faultStatus)
		if !hit {
			return nil
		}
		if r.word = cmp.Or(rule.Args["as"], wordBackend); rule.Args["commit"] == "true" {
			r.late = true
			return nil
		}
	}
	i := slices.IndexFunc(overrides, func(c cause.Cause) bool { return protocol.Of[c] == r.word })
	if i < 0 {
		return cause.Because(cause.Malformed, "a fault says %s", r.word)
	}
	return cause.Because(overrides[i], "a fault says %s", r.word)
}

// overrides are causes by which a fault can say each word but BAD_OTP and OK.
var overrides = []cause.Cause{missing, noClient, badSignature, repeated, cause.Replayed, notEnough, backendError, cause.NotAllowed}

// spoilt is the body of an answer, broken where a fault wants it so.
func (s *Server) spoilt(c echo.Context, a answer) []byte {
	call, now := dialect.CallFrom(c.Request().Context()), s.Clock.Now()
	if call.NoFaults() {
		return a.body(now)
	}
	if rule, hit := call.Fault(faultEcho); hit {
		name := cmp.Or(rule.Args["as"], "nonce")
		a.members = slices.Clone(a.members)
		for i := range a.members {
			if m := &a.members[i]; m.name == name {
				m.value = m.value[1:] + m.value[:1] + "c"
			}
		}
		if name == "missing" {
			a.members = slices.DeleteFunc(a.members, func(m member) bool { return m.name == "otp" || m.name == "nonce" })
		}
	}
	sign, signHit := call.Fault(faultSignature)
	if signHit && sign.Args["as"] == "empty-key" {
		a.by = s.nobody
	}
	body := string(a.body(now))
	if signHit {
		end := strings.Index(body, "\r\n") + 2
		switch sign.Args["as"] {
		case "missing":
			body = body[end:]
		case "empty-key":
		default:
			body = "h=AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n" + body[end:]
		}
	}
	if rule, hit := call.Fault(faultLines); hit {
		switch rule.Args["as"] {
		case "lf":
			body = strings.ReplaceAll(body, "\r\n", "\n")
		case "twice":
			body = strings.TrimSuffix(body, "\r\n") + "status=" + wordBadOTP + "\r\n\r\n"
		default:
			body = strings.TrimRight(body, "\r\n")
		}
	}
	return []byte(body)
}

// storageDown reports that the key storage module cannot be reached.
func storageDown(ctx context.Context) bool {
	call := dialect.CallFrom(ctx)
	if call.NoFaults() {
		return false
	}
	_, hit := call.Fault(faultKSM)
	return hit
}

// poolFaults are what faults do to the pool in one request.
type poolFaults struct {
	down, lag, ahead *fault.Rule
}

// faultsOfPool asks once for a request: a rule may be for one peer of several.
func faultsOfPool(call *dialect.Call) (f poolFaults) {
	if call.NoFaults() {
		return f
	}
	for kind, to := range map[string]**fault.Rule{faultPeerDown: &f.down, faultPeerLag: &f.lag, faultPeerAhead: &f.ahead} {
		if rule, hit := call.Fault(kind); hit {
			*to = &rule
		}
	}
	return f
}

// about reports a rule that is for all peers, or for this one.
func about(rule *fault.Rule, p Peer) bool {
	return rule != nil && (rule.Args["peer"] == "" || rule.Args["peer"] == p.Name)
}

// of is a peer as the faults have it.
func (f poolFaults) of(p Peer) (_ Peer, ahead bool) {
	p.Down = p.Down || about(f.down, p)
	if about(f.lag, p) {
		d, err := time.ParseDuration(f.lag.Args["for"])
		if err != nil || d <= 0 {
			d = 5 * time.Second
		}
		p.Delay += d
	}
	return p, about(f.ahead, p)
}
