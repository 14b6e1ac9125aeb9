package radius

import (
	"crypto/md5"
	"encoding/binary"
	"slices"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"counterpart/internal/face/radius/wire"
)

// The faults that only a RADIUS server can play. Drop, delay, hang and duplicate
// are the fleet's.
const (
	faultNoCache        = "no-duplicate-cache"
	faultForgetState    = "forget-state"
	faultWrongSignature = "wrong-authenticator"
	faultNoMA           = "no-message-authenticator"
	faultWrongMA        = "wrong-message-authenticator"
	faultLateMA         = "message-authenticator-last"
	faultPadding        = "padding"
	faultTruncated      = "truncated"
	faultLong           = "long-reply"
	faultUnknownCode    = "unknown-code"
	faultProtocolError  = "protocol-error"
	faultWrongID        = "wrong-identifier"

	faultNoState      = "challenge-without-state"
	faultEmptyState   = "challenge-with-empty-state"
	faultLongState    = "challenge-with-long-state"
	faultHexState     = "challenge-with-0x-state"
	faultNoMessage    = "challenge-without-reply-message"
	faultTwoMessages  = "challenge-with-two-reply-messages"
	faultBadText      = "challenge-with-bad-utf8"
	faultNUL          = "challenge-with-nul"
	faultBadPrompt    = "challenge-with-bad-prompt"
	faultContradicted = "accept-with-contradiction"
)

// Faults implements dialect.Server.
func (s *server) Faults() []string {
	return append(append([]string{faultNoCache, faultForgetState, faultContradicted}, replyFaults()...), challengeFaults()...)
}

func replyFaults() []string {
	return []string{faultWrongSignature, faultNoMA, faultWrongMA, faultLateMA, faultPadding, faultTruncated, faultLong,
		faultUnknownCode, faultProtocolError, faultWrongID}
}

func challengeFaults() []string {
	return []string{faultNoState, faultEmptyState, faultLongState, faultHexState, faultNoMessage, faultTwoMessages,
		faultBadText, faultNUL, faultBadPrompt}
}

// breakReply plays the faults that change a finished reply. What comes out of it
// goes into the cache, so a retransmission gets the same broken octets.
func (s *server) breakReply(x *exchange, reply []byte) []byte {
	for _, kind := range replyFaults() {
		if _, fires := x.call.Fault(kind); fires {
			reply = x.broken(kind, slices.Clone(reply))
		}
	}
	return reply
}

func (x *exchange) broken(kind string, b []byte) []byte {
	secret := x.secret
	switch kind {
	case faultWrongSignature:
		b[4] ^= 0xff
	case faultNoMA:
		b = x.rebuild(b, func(list []wire.Attribute) []wire.Attribute { return without(list, rfc2869.MessageAuthenticator_Type) }, false)
	case faultLateMA:
		b = x.rebuild(b, func(list []wire.Attribute) []wire.Attribute {
			return append(without(list, rfc2869.MessageAuthenticator_Type), wire.Attribute{Type: rfc2869.MessageAuthenticator_Type, Value: make([]byte, 16)})
		}, true)
	case faultWrongMA:
		if p, err := wire.Check(b); err == nil {
			if v, found := p.Lookup(rfc2869.MessageAuthenticator_Type); found {
				v[0] ^= 0xff
				copy(b[4:], x.packet.Authenticator())
				secret.Sign(b)
			}
		}
	case faultPadding:
		b = append(b, 0, 0, 0, 0)
	case faultTruncated:
		b = b[:len(b)-1]
	case faultLong: // beyond what pam_radius_auth reads, within what RADIUS allows
		b = x.rebuild(b, func(list []wire.Attribute) []wire.Attribute {
			for range 8 {
				list = append(list, wire.Attribute{Type: rfc2865.Class_Type, Value: make([]byte, wire.MaxValue)})
			}
			return list
		}, true)
	case faultUnknownCode:
		b[0] = 99
		copy(b[4:], x.packet.Authenticator())
		secret.Sign(b)
	case faultProtocolError: // RFC 7930 section 4
		b[0] = 52
		copy(b[4:], x.packet.Authenticator())
		secret.Sign(b)
	case faultWrongID:
		b[1]++
	}
	return b
}

func without(list []wire.Attribute, t radius.Type) []wire.Attribute {
	return slices.DeleteFunc(list, func(a wire.Attribute) bool { return a.Type == t })
}

// rebuild changes the attributes of a reply and signs it again.
func (x *exchange) rebuild(b []byte, change func([]wire.Attribute) []wire.Attribute, mac bool) []byte {
	p, err := wire.Check(b)
	if err != nil {
		return b
	}
	var list []wire.Attribute
	for t, v := range p.All() {
		list = append(list, wire.Attribute{Type: t, Value: v})
	}
	out := append(slices.Clone(b[:4]), x.packet.Authenticator()...)
	at := 0
	for _, a := range change(list) {
		out = append(out, byte(a.Type), byte(len(a.Value)+2))
		if a.Type == rfc2869.MessageAuthenticator_Type && mac {
			at = len(out)
		}
		out = append(out, a.Value...)
	}
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	if at > 0 {
		copy(out[at:], make([]byte, md5.Size))
		x.secret.SignMessage(out, x.packet.Authenticator(), at)
	}
	x.secret.Sign(out)
	return out
}

// breakChallenge plays the faults that spoil a challenge before it is encoded.
func (s *server) breakChallenge(x *exchange, r *wire.Reply) *wire.Reply {
	for _, kind := range challengeFaults() {
		if _, fires := x.call.Fault(kind); fires {
			spoil(r, kind)
		}
	}
	return r
}

func spoil(r *wire.Reply, kind string) {
	set := func(t radius.Type, value []byte) {
		for i := range r.Attributes {
			if r.Attributes[i].Type == t {
				r.Attributes[i].Value = value
			}
		}
	}
	switch kind {
	case faultNoState:
		r.Attributes = without(r.Attributes, rfc2865.State_Type)
	case faultEmptyState:
		set(rfc2865.State_Type, nil)
	case faultLongState:
		set(rfc2865.State_Type, slices.Repeat([]byte{0xff}, wire.MaxValue))
	case faultHexState:
		set(rfc2865.State_Type, []byte("0x6162"))
	case faultNoMessage:
		r.Attributes = without(r.Attributes, rfc2865.ReplyMessage_Type)
	case faultTwoMessages:
		r.Attributes = append(r.Attributes, wire.Text(rfc2865.ReplyMessage_Type, "and a second message"))
	case faultBadText:
		set(rfc2865.ReplyMessage_Type, []byte("caf\xe9"))
	case faultNUL:
		set(rfc2865.ReplyMessage_Type, []byte("Code\x00:"))
	case faultBadPrompt:
		set(rfc2869.Prompt_Type, []byte{0})
	}
}
