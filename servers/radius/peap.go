package radius

import (
	"context"
	"slices"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/radius/wire"
	"counterpart/servers/radius/internal/eap"
)

// peapInner is where the conversation inside a PEAPv0 tunnel stands. Packets in
// there have no EAP header (draft-kamath-pppext-peapv0 section 1.1.2), except for
// the result at the end.
type peapInner struct {
	stage     int
	challenge []byte
	login     *login
	verdict   verdict
}

// The stages of PEAPv0 with EAP-MSCHAPv2: what the peer's next packet answers.
const (
	peapTunnel   = iota // the last flight of the handshake
	peapIdentity        // the inner identity request
	peapProof           // the challenge
	peapAck             // success or failure
	peapResult          // the result TLV
)

// peap plays one round inside the tunnel.
func (t *eapTalk) peap(ctx context.Context, s *tunnel, plain []byte) (*wire.Reply, error) {
	in := &s.inner
	if in.stage != peapTunnel && len(plain) == 0 {
		return t.finish(ctx, rejectf(cause.BadInput, "peap: nothing came through the tunnel"))
	}
	id := t.in.ID + 1
	switch in.stage {
	case peapTunnel:
		return t.inside(ctx, s, peapIdentity, []byte{eap.Identity})
	case peapIdentity:
		if plain[0] != eap.Identity {
			return t.finish(ctx, rejectf(cause.BadInput, "peap: type %d in answer to Identity", plain[0]))
		}
		challenge, err := t.s.random(16)
		if err != nil {
			return nil, failure{err}
		}
		in.challenge, in.login = challenge, t.within(string(plain[1:]), proof{method: "PEAP/MSCHAPv2"})
		return t.inside(ctx, s, peapProof, append([]byte{eap.MSCHAPv2}, eap.MSCHAPv2Challenge(id, challenge, "counterpart")...))
	case peapProof:
		return t.peapJudge(ctx, s, plain)
	case peapAck:
		return t.inside(ctx, s, peapResult, eap.Result(id, in.verdict.ending == accepted))
	}
	t.l.user, t.l.proof = in.login.user, proof{method: in.login.proof.method}
	if in.verdict.ending == accepted {
		return t.grant(ctx, s, in.verdict, eap.LabelPEAP)
	}
	return t.finish(ctx, in.verdict)
}

// peapJudge holds the MS-CHAPv2 response against the flow.
func (t *eapTalk) peapJudge(ctx context.Context, s *tunnel, plain []byte) (*wire.Reply, error) {
	in := &s.inner
	if plain[0] != eap.MSCHAPv2 {
		return t.finish(ctx, rejectf(cause.NotAllowed, "peap: the peer does not want MSCHAPv2"))
	}
	peer, response, name, err := eap.MSCHAPv2Answer(plain[1:])
	if err != nil {
		return t.finish(ctx, rejectf(cause.BadInput, "peap: %v", err))
	}
	m := wire.MSCHAP{Version: 2, Challenge: in.challenge, Peer: slices.Clone(peer), Response: slices.Clone(response),
		User: wire.WithoutDomain(slices.Clone(name))}
	in.login.proof = mschapProof("PEAP/MSCHAPv2", m)
	in.verdict = t.s.flow.start(ctx, in.login)
	if in.verdict.ending == challenged {
		in.verdict = rejectf(cause.WrongKind, "PEAP/MSCHAPv2 cannot ask %q", in.verdict.message)
	}
	id := plain[2]
	if in.verdict.ending != accepted {
		fresh, err := t.s.random(16)
		if err != nil {
			return nil, failure{err}
		}
		text := m.Failure(mschapCode(in.verdict.err), fresh, t.s.words.mschapFailure)
		return t.inside(ctx, s, peapAck, append([]byte{eap.MSCHAPv2}, eap.MSCHAPv2Failure(id, text)...))
	}
	text, err := m.Success(in.login.proof.fitted)
	if err != nil {
		return nil, failure{err}
	}
	return t.inside(ctx, s, peapAck, append([]byte{eap.MSCHAPv2}, eap.MSCHAPv2Success(id, text+" M=OK")...))
}

// inside sends a packet through the tunnel.
func (t *eapTalk) inside(ctx context.Context, s *tunnel, stage int, plain []byte) (*wire.Reply, error) {
	s.inner.stage = stage
	data, err := s.tls.Send(plain)
	if err != nil {
		return nil, failure{err}
	}
	return t.onwards(ctx, data)
}
