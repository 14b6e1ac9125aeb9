package radius

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
)

// failure is an error of our own: no reason of the world to say no. RADIUS has
// no word for it but silence.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// access answers an Access-Request.
func (s *server) access(ctx context.Context, x *exchange) (*wire.Reply, error) {
	var received time.Time
	if *s.set.RejectDelay > 0 {
		received = s.env.Clock.Now()
	}
	l := &login{s: s, x: x}
	name, _ := x.packet.Lookup(rfc2865.UserName_Type)
	l.name = string(name)
	l.user, l.known = s.resolve(l.name)
	x.call.Actor = l.user.ID
	var r *wire.Reply
	var err error
	if x.packet.Has(rfc2869.EAPMessage_Type) {
		r, err = s.eapAccess(ctx, l)
	} else {
		r, err = s.settle(ctx, l, s.judge(ctx, l))
	}
	if err != nil {
		return nil, err
	}
	if r.Code == radius.CodeAccessReject && *s.set.RejectDelay > 0 {
		// FreeRADIUS slows down guessing by holding rejects back.
		if err := s.wait(ctx, x, received.Add(*s.set.RejectDelay)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// wait holds the request until a moment of the fleet's clock, unless the client
// gives up on it before.
func (s *server) wait(ctx context.Context, x *exchange, until time.Time) error {
	held, release := s.cache.hold(ctx, x.slot)
	defer release()
	err := s.env.Clock.Wait(held, until)
	if err != nil && ctx.Err() == nil {
		return errSuperseded
	}
	return err
}

// resolve finds the person behind a User-Name. FreeRADIUS compares names to the
// letter, the others ignore case.
func (s *server) resolve(name string) (world.User, bool) {
	if name == "" {
		return world.User{}, false
	}
	u, ok := s.env.World.Login(name)
	if !ok || s.set.Flavour != "freeradius" {
		return u, ok
	}
	local := name[strings.LastIndexByte(name, '\\')+1:]
	if at := strings.LastIndexByte(local, '@'); at > 0 && !strings.EqualFold(local, u.Email) {
		local = local[:at]
	}
	if local == u.Name || slices.Contains(u.Aliases, local) || local == u.Email {
		return u, true
	}
	return world.User{}, false
}

// who is the person in the records of this server.
func (l *login) who() string {
	if l.known {
		return l.user.ID
	}
	return l.name
}

// judge decides a request without EAP: which proof it brings, and whether it
// opens a conversation or answers a challenge.
func (s *server) judge(ctx context.Context, l *login) verdict {
	if l.name == "" {
		return rejectf(cause.BadInput, "there is no User-Name")
	}
	var err error
	if l.proof, err = s.proofOf(l.x, l.name); err != nil {
		return reject(err)
	}
	st, answers := l.x.packet.Lookup(rfc2865.State_Type)
	if !answers {
		return s.flow.start(ctx, l)
	}
	l.stated = true
	if _, forgot := l.x.call.Fault(faultForgetState); forgot {
		return rejectf(cause.UnknownToken, "a fault made the server forget State %s", brief(st))
	}
	r, err := s.states.redeem(ctx, st, l.x.client.name, l.who())
	if err == nil && r.EAP != nil {
		err = cause.Because(cause.UnknownToken, "State %s belongs to an EAP conversation", brief(st))
	}
	if err != nil {
		return reject(err)
	}
	return s.carry(s.flow.answer(ctx, l, r), r)
}

// carry counts the rounds of a conversation and keeps what only its first round
// knew.
func (s *server) carry(v verdict, r round) verdict {
	if v.ending == challenged {
		v.next.Rounds = r.Rounds + 1
		for k, old := range r.Data {
			if _, set := v.next.Data[k]; !set {
				v = v.with(k, old)
			}
		}
	}
	return v
}

// settle turns a verdict into a reply.
func (s *server) settle(ctx context.Context, l *login, v verdict) (*wire.Reply, error) {
	if v.delay > 0 {
		if err := s.wait(ctx, l.x, s.env.Clock.Now().Add(v.delay)); err != nil {
			return nil, err
		}
	}
	switch v.ending {
	case accepted:
		return s.accept(l, v)
	case challenged:
		return s.challenge(ctx, l, v)
	}
	if err := s.refuse(l, v.err); err != nil {
		return nil, err
	}
	return s.reject(l, v)
}

// refuse notes a refusal on the call. What is no refusal but a failure of ours,
// or the client's loss of interest, is handed on: the wire stays silent.
func (s *server) refuse(l *login, err error) error {
	if errors.Is(err, errSuperseded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, world := cause.Of(err); !world {
		return failure{err}
	}
	l.x.call.Refuse(err)
	if errors.Is(err, cause.WrongPassword) {
		l.x.call.Why += l.proof.wrongSecretHint(l.x.signed)
	}
	return nil
}

// signs reports whether replies carry a Message-Authenticator: always where
// CVE-2024-3596 can strike, over TLS only where EAP needs it.
func (x *exchange) signs(eap bool) bool { return x.on != onRadSec || eap }

// accept grants access with the attributes of user, group and server.
func (s *server) accept(l *login, v verdict) (*wire.Reply, error) {
	l.x.call.Outcome = dialect.OK
	r := &wire.Reply{Code: radius.CodeAccessAccept, Signed: l.x.signs(false)}
	if _, fires := l.x.call.Fault(faultContradicted); fires {
		v.message = contradiction
	}
	if v.message != "" {
		r.Attributes = append(r.Attributes, wire.Text(rfc2865.ReplyMessage_Type, v.message))
	}
	r.Attributes = append(r.Attributes, v.extra...)
	if !v.bare {
		for _, a := range s.grants.of(l.user) {
			sealed, err := a.Seal(l.x.secret, l.x.packet.Authenticator(), s.env.Rand)
			if err != nil {
				return nil, failure{err}
			}
			r.Attributes = append(r.Attributes, sealed)
		}
	}
	if l.proof.mschap != nil {
		keys, err := s.mschapSuccess(l)
		if err != nil {
			return nil, failure{err}
		}
		r.Attributes = append(r.Attributes, keys...)
	}
	return r, nil
}

// reject refuses. Besides Reply-Message, EAP and MS-CHAP-Error nothing may be in
// it (RFC 2865 section 4.3).
func (s *server) reject(l *login, v verdict) (*wire.Reply, error) {
	r := &wire.Reply{Code: radius.CodeAccessReject, Signed: l.x.signs(false)}
	if text := orElse(v.message, s.words.refusal(v.err)); text != "" {
		r.Attributes = append(r.Attributes, wire.Text(rfc2865.ReplyMessage_Type, text))
	}
	if m := l.proof.mschap; m != nil {
		fresh, err := s.random(len(m.Challenge))
		if err != nil {
			return nil, failure{err}
		}
		text := m.Failure(mschapCode(v.err), fresh, s.words.mschapFailure)
		r.Attributes = append(r.Attributes, wire.Vendor(wire.Microsoft, wire.MSCHAPError, append([]byte{m.Ident}, text...)))
	}
	return r, nil
}

// challenge asks for another round. Clients show the first Reply-Message only,
// so the whole question is in it; State is never empty.
func (s *server) challenge(ctx context.Context, l *login, v verdict) (*wire.Reply, error) {
	l.x.call.Outcome = dialect.Challenge
	st, err := s.leave(ctx, l, v)
	if err != nil {
		return nil, failure{err}
	}
	text, echo := s.question(v)
	r := &wire.Reply{Code: radius.CodeAccessChallenge, Signed: l.x.signs(false), Attributes: []wire.Attribute{
		{Type: rfc2865.State_Type, Value: st}, wire.Text(rfc2865.ReplyMessage_Type, text), prompt(echo)}}
	if s.set.Challenge.SessionTimeout {
		r.Attributes = append(r.Attributes, wire.Integer(rfc2865.SessionTimeout_Type, uint32(s.set.Challenge.TTL.Seconds())))
	}
	r.Attributes = append(r.Attributes, v.extra...)
	return s.breakChallenge(l.x, r), nil
}

// leave stores the round that the next answer is held against.
func (s *server) leave(ctx context.Context, l *login, v verdict) (st []byte, err error) {
	if st, v, err = s.words.state(s, v); err != nil {
		return nil, err
	}
	v.next.Client, v.next.User = l.x.client.name, l.who()
	return st, s.states.issue(ctx, st, v.next)
}

// question is the text and echo of a challenge, as the settings want them.
func (s *server) question(v verdict) (text string, echo bool) {
	text, echo = v.message, v.echo
	if s.set.Challenge.Prompt != "" && !v.fixed {
		text = s.set.Challenge.Prompt
	}
	if s.set.Challenge.Echo != nil && !v.fixed {
		echo = *s.set.Challenge.Echo
	}
	return text, echo
}

// mschapSuccess proves to the peer that the server knows the password, and hands
// the NAS the session keys (RFC 2548 section 2.4).
func (s *server) mschapSuccess(l *login) ([]wire.Attribute, error) {
	m, secret, auth := l.proof.mschap, l.x.secret, l.x.packet.Authenticator()
	send, receive, err := m.Keys(l.proof.fitted)
	if err != nil {
		return nil, err
	}
	policy := []wire.Attribute{ // encryption allowed, RC4 with 40 or 128 bits
		wire.Vendor(wire.Microsoft, wire.MPPEEncryptionPolicy, radius.NewInteger(1)),
		wire.Vendor(wire.Microsoft, wire.MPPEEncryptionTypes, radius.NewInteger(6)),
	}
	if m.Version == 1 {
		return append(policy, wire.Vendor(wire.Microsoft, wire.MSCHAPMPPEKeys, secret.Hide(send, auth))), nil
	}
	text, err := m.Success(l.proof.fitted)
	if err != nil {
		return nil, err
	}
	keys, err := s.mppeKeys(l.x, send, receive)
	return slices.Concat([]wire.Attribute{wire.Vendor(wire.Microsoft, wire.MSCHAP2Success, append([]byte{m.Ident}, text...))},
		policy, keys), err
}

// mppeKeys are MS-MPPE-Send-Key and -Recv-Key, each with its own salt.
func (s *server) mppeKeys(x *exchange, send, receive []byte) ([]wire.Attribute, error) {
	salts, err := s.random(3)
	if err != nil {
		return nil, err
	}
	var out []wire.Attribute
	for i, k := range []struct {
		typ byte
		key []byte
	}{{wire.MPPESendKey, send}, {wire.MPPERecvKey, receive}} {
		// The top bit marks a salt; the lowest bit here keeps the two apart.
		salt := [2]byte{salts[0] | 0x80, salts[1]&^1 | byte(i)}
		sealed, err := x.secret.SaltHide(k.key, salt, x.packet.Authenticator())
		if err != nil {
			return nil, err
		}
		out = append(out, wire.Vendor(wire.Microsoft, k.typ, sealed))
	}
	return out, nil
}
