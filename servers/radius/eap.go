package radius

import (
	"context"
	"slices"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius/internal/eap"
)

// eapRound is where an EAP conversation stands; it is part of the round that its
// State leads to.
type eapRound struct {
	Method    string `json:"method"`
	ID        byte   `json:"id"`                  // of our request
	Challenge []byte `json:"challenge,omitempty"` // md5
	Asked     bool   `json:"asked,omitempty"`     // gtc: the flow has asked, this is its answer
	Tunnel    string `json:"tunnel,omitempty"`    // ttls, peap: which TLS session of this process
}

// eapMethods are the methods in the order in which they are offered.
func eapMethods() []string { return []string{"md5", "gtc", "ttls", "peap"} }

func eapType(method string) byte {
	return map[string]byte{"md5": eap.MD5, "gtc": eap.GTC, "ttls": eap.TTLS, "peap": eap.PEAP}[method]
}

// eapTalk is one EAP request on its way through a method.
type eapTalk struct {
	s    *server
	l    *login
	in   eap.Packet
	from round
}

// eapAccess answers an Access-Request with EAP-Message (RFC 3579).
func (s *server) eapAccess(ctx context.Context, l *login) (*wire.Reply, error) {
	joined, _ := l.x.packet.Joined(rfc2869.EAPMessage_Type)
	if len(joined) == 0 { // EAP-Start (RFC 3579 section 2.1)
		return s.eapAsk(ctx, l, eap.Packet{Type: eap.Identity}, round{EAP: &eapRound{Method: "identity"}})
	}
	t := &eapTalk{s: s, l: l}
	var err error
	if t.in, err = eap.Parse(joined); err != nil || t.in.Code != eap.Response {
		return nil, errMalformedEAP
	}
	if err := s.allow("eap"); err != nil {
		return t.finish(ctx, reject(err))
	}
	if t.in.Type == eap.Identity {
		if s.set.Flavour == "freeradius" && l.x.packet.Has(rfc2865.UserName_Type) && l.name != string(t.in.Data) {
			// rlm_eap ends such a conversation before there is one: no EAP-Failure.
			return s.settle(ctx, l, rejectf(cause.BadInput, "the EAP identity %.64q is not the User-Name %.64q", t.in.Data, l.name))
		}
		if l.name == "" {
			l.name = string(t.in.Data)
			l.user, l.known = s.resolve(l.name)
			l.x.call.Actor = l.user.ID
		}
		return t.propose(ctx, s.eapAllowed(l))
	}
	if err := t.resume(ctx); err != nil {
		return t.finish(ctx, reject(err))
	}
	return t.step(ctx)
}

// resume finds the conversation that the State belongs to.
func (t *eapTalk) resume(ctx context.Context) (err error) {
	st, found := t.l.x.packet.Lookup(rfc2865.State_Type)
	if !found {
		return cause.Because(cause.UnknownToken, "an EAP response without State")
	}
	if t.from, err = t.s.states.redeem(ctx, st, t.l.x.client.name, t.l.who()); err != nil {
		return err
	}
	switch {
	case t.from.EAP == nil:
		return cause.Because(cause.UnknownToken, "the State belongs to a conversation without EAP")
	case t.from.EAP.ID != t.in.ID:
		return cause.Because(cause.BadInput, "EAP response %d to request %d", t.in.ID, t.from.EAP.ID)
	}
	t.l.stated = true
	return nil
}

// eapAllowed are the methods a person may use, in the order of the settings.
func (s *server) eapAllowed(l *login) []string {
	list := s.set.EAP.Methods
	if len(list) == 0 {
		list = eapMethods()
	}
	if s.env.TLS == nil {
		list = slices.DeleteFunc(slices.Clone(list), func(m string) bool { return m == "ttls" || m == "peap" })
	}
	if own := l.user.Settings["radius.eap_methods"]; own != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(m string) bool { return !slices.Contains(split(own, ","), m) })
	}
	return list
}

// propose opens the first of methods.
func (t *eapTalk) propose(ctx context.Context, methods []string) (*wire.Reply, error) {
	if len(methods) == 0 {
		return t.finish(ctx, rejectf(cause.NotAllowed, "no EAP method that %s may use", t.l.who()))
	}
	r := round{EAP: &eapRound{Method: methods[0]}, Rounds: t.from.Rounds + 1}
	out := eap.Packet{ID: t.in.ID + 1, Type: eapType(methods[0])}
	switch methods[0] {
	case "md5":
		challenge, err := t.s.random(16)
		if err != nil {
			return nil, failure{err}
		}
		r.EAP.Challenge, out.Data = challenge, append([]byte{16}, challenge...)
	case "gtc":
		out.Data = []byte(t.s.opening())
	default:
		id, err := t.s.tunnels.open(ctx)
		if err != nil {
			return nil, failure{err}
		}
		r.EAP.Tunnel, out.Data = id, eap.Start()
	}
	return t.s.eapAsk(ctx, t.l, out, r)
}

// opening is the first question of GTC: for a flow that starts with a code, the
// code's.
func (s *server) opening() string {
	if f, ok := s.flow.(*steps); ok && f.asksNoPassword() {
		if f.list[0].has("push") {
			return s.words.otpOrPush
		}
		return s.words.otp
	}
	return s.words.password
}

// eapAsk sends an EAP request in a challenge. State is mandatory there, a
// Reply-Message does not belong there (RFC 3579 section 2.6.5).
func (s *server) eapAsk(ctx context.Context, l *login, out eap.Packet, r round) (*wire.Reply, error) {
	l.x.call.Outcome = dialect.Challenge
	out.Code = eap.Request
	r.EAP.ID = out.ID
	st, err := s.leave(ctx, l, verdict{next: r})
	if err != nil {
		return nil, failure{err}
	}
	reply := &wire.Reply{Code: radius.CodeAccessChallenge, Signed: true,
		Attributes: append(wire.Split(rfc2869.EAPMessage_Type, out.Bytes()), wire.Attribute{Type: rfc2865.State_Type, Value: st})}
	if s.set.Challenge.SessionTimeout {
		reply.Attributes = append(reply.Attributes, wire.Integer(rfc2865.SessionTimeout_Type, uint32(s.set.Challenge.TTL.Seconds())))
	}
	return s.breakChallenge(l.x, reply), nil
}

// step plays one round of the method that is under way.
func (t *eapTalk) step(ctx context.Context) (*wire.Reply, error) {
	e := t.from.EAP
	if t.in.Type == eap.Nak {
		t.s.tunnels.close(e.Tunnel)
		return t.renegotiate(ctx)
	}
	if t.in.Type != eapType(e.Method) {
		return t.finish(ctx, rejectf(cause.BadInput, "EAP type %d in answer to %s", t.in.Type, e.Method))
	}
	switch e.Method {
	case "md5":
		value, err := eap.MD5Value(t.in.Data)
		if err != nil {
			return t.finish(ctx, rejectf(cause.BadInput, "%v", err))
		}
		hashed := append([]byte{t.in.ID}, value...)
		t.l.proof = proof{method: "EAP-MD5", fits: func(clear []byte) bool { return wire.CHAPMatches(hashed, e.Challenge, clear) }}
		t.l.stated = false
		return t.finish(ctx, t.s.flow.start(ctx, t.l))
	case "gtc":
		t.l.proof = typed("EAP-GTC", slices.Clone(t.in.Data))
		if e.Asked {
			return t.finish(ctx, t.s.carry(t.s.flow.answer(ctx, t.l, t.from), t.from))
		}
		t.l.stated = false
		return t.finish(ctx, t.s.flow.start(ctx, t.l))
	}
	return t.tunnelled(ctx)
}

// renegotiate takes the first method of a NAK that the person may use (RFC 3748
// section 5.3.1).
func (t *eapTalk) renegotiate(ctx context.Context) (*wire.Reply, error) {
	allowed := t.s.eapAllowed(t.l)
	for _, wanted := range t.in.Data {
		for _, m := range allowed {
			if eapType(m) == wanted && m != t.from.EAP.Method {
				return t.propose(ctx, []string{m})
			}
		}
	}
	if name, known := foreignOf(t.in.Data); known {
		t.l.x.call.NotPlayed(name)
	}
	return t.finish(ctx, rejectf(cause.NotAllowed, "the peer wants EAP types %v, allowed are %s", t.in.Data, strings.Join(allowed, ", ")))
}

// finish turns a flow's verdict into EAP. A question can be asked by GTC only.
func (t *eapTalk) finish(ctx context.Context, v verdict) (*wire.Reply, error) {
	l := t.l
	if v.ending == challenged {
		if l.proof.method != "EAP-GTC" {
			v = rejectf(cause.WrongKind, "%s cannot ask %q", l.proof.method, v.message)
		} else {
			text, _ := t.s.question(v)
			v.next.EAP = &eapRound{Method: "gtc", Asked: true}
			return t.s.eapAsk(ctx, l, eap.Packet{ID: t.in.ID + 1, Type: eap.GTC, Data: []byte(text)}, v.next)
		}
	}
	if t.from.EAP != nil {
		defer t.s.tunnels.close(t.from.EAP.Tunnel)
	}
	v.message = "" // RFC 3579 section 2.6.5
	r, err := t.s.settle(ctx, l, v)
	if err != nil {
		return nil, err
	}
	end := eap.Packet{Code: eap.Failure, ID: t.in.ID}
	if r.Code == radius.CodeAccessAccept {
		end.Code = eap.Success
		r.Attributes = append(without(r.Attributes, rfc2865.UserName_Type), wire.Text(rfc2865.UserName_Type, l.name))
	}
	r.Signed = true
	r.Attributes = slices.Insert(without(r.Attributes, rfc2865.ReplyMessage_Type), 0,
		wire.Attribute{Type: rfc2869.EAPMessage_Type, Value: end.Bytes()})
	return r, nil
}
