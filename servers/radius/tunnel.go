package radius

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/ids"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius/internal/eap"
)

var errMalformedEAP = errors.New("EAP-Message is no EAP response")

// maxTunnels bounds the TLS sessions that wait for their peers.
const maxTunnels = 1024

// tunnels are the TLS sessions inside EAP. They cannot be stored: a conversation
// of TTLS or PEAP stays with the process it began with.
type tunnels struct {
	env      dialect.Env
	mu       sync.Mutex
	sessions map[string]*tunnel
}

// tunnel is one of them and what its inner method knows.
type tunnel struct {
	mu      sync.Mutex // its peer's packets come one by one, but a liar's may not
	gone    atomic.Bool
	tls     *eap.Tunnel
	expires time.Time
	inner   peapInner
	forget  func() bool // stops waiting for the port's end
}

// end closes a session, or leaves that to whoever is just using it.
func (s *tunnel) end() {
	s.gone.Store(true)
	s.forget()
	if s.mu.TryLock() {
		s.tls.Close()
		s.mu.Unlock()
	}
}

// release gives a session back.
func (s *tunnel) release() {
	s.mu.Unlock()
	if s.gone.Load() {
		s.end()
	}
}

func newTunnels(env dialect.Env) *tunnels { return &tunnels{env: env, sessions: map[string]*tunnel{}} }

// open starts a session and forgets those whose peers have gone. The session ends
// with ctx, which is the port's or the connection's and outlives the request.
func (t *tunnels) open(ctx context.Context) (id string, err error) {
	if t.env.TLS == nil {
		return "", errors.New("there is no certificate for EAP")
	}
	id = ids.UUID(t.env.Rand)
	now := t.env.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := ""
	for k, s := range t.sessions {
		if !now.Before(s.expires) {
			s.end()
			delete(t.sessions, k)
		} else if oldest == "" || s.expires.Before(t.sessions[oldest].expires) {
			oldest = k
		}
	}
	if len(t.sessions) >= maxTunnels {
		t.sessions[oldest].end()
		delete(t.sessions, oldest)
	}
	s := &tunnel{tls: eap.NewTunnel(t.env.TLS), expires: now.Add(time.Minute)}
	s.forget = context.AfterFunc(ctx, func() { t.close(id) })
	t.sessions[id] = s
	return id, nil
}

func (t *tunnels) find(id string) (*tunnel, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sessions[id]; s != nil {
		return s, nil
	}
	return nil, cause.Because(cause.UnknownToken, "the TLS session has ended or lives in another process")
}

func (t *tunnels) close(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.sessions[id]; s != nil {
		s.end()
		delete(t.sessions, id)
	}
}

// tunnelled plays one round of TTLS or PEAP.
func (t *eapTalk) tunnelled(ctx context.Context) (*wire.Reply, error) {
	e := t.from.EAP
	s, err := t.s.tunnels.find(e.Tunnel)
	if err != nil {
		return t.finish(ctx, reject(err))
	}
	s.mu.Lock()
	defer s.release()
	got, err := s.tls.Receive(t.in.Data)
	if err != nil {
		return t.finish(ctx, rejectf(cause.BadInput, "%s: %v", e.Method, err))
	}
	if got.Plain == nil && got.Reply != nil {
		return t.onwards(ctx, got.Reply)
	}
	if !got.Up {
		return t.finish(ctx, rejectf(cause.BadInput, "%s: the peer stopped in the middle of the handshake", e.Method))
	}
	if e.Method == "peap" {
		return t.peap(ctx, s, got.Plain)
	}
	return t.ttls(ctx, s, got.Plain)
}

// onwards sends the next piece of TLS. A handshake takes more rounds than a
// person would, so they do not count.
func (t *eapTalk) onwards(ctx context.Context, data []byte) (*wire.Reply, error) {
	e := *t.from.EAP
	r := round{EAP: &e, Rounds: t.from.Rounds}
	return t.s.eapAsk(ctx, t.l, eap.Packet{ID: t.in.ID + 1, Type: eapType(e.Method), Data: data}, r)
}

// ttls judges what came through a TTLS tunnel: PAP (RFC 5281 section 11.2.5).
func (t *eapTalk) ttls(ctx context.Context, s *tunnel, plain []byte) (*wire.Reply, error) {
	avps, err := eap.AVPs(plain)
	if err != nil {
		return t.finish(ctx, rejectf(cause.BadInput, "ttls: %v", err))
	}
	var name, password []byte
	shown := false
	for _, a := range avps {
		switch {
		case a.Vendor == 0 && a.Code == 1:
			name = a.Value
		case a.Vendor == 0 && a.Code == 2:
			password, shown = bytes.TrimRight(a.Value, "\x00"), true
		}
	}
	if !shown {
		return t.finish(ctx, rejectf(cause.NotAllowed, "ttls: only PAP is done inside"))
	}
	inner := t.within(string(name), typed("EAP-TTLS/PAP", slices.Clone(password)))
	v := t.s.flow.start(ctx, inner)
	t.l.proof, t.l.user = inner.proof, inner.user
	if v.ending == accepted {
		return t.grant(ctx, s, v, eap.LabelTTLS)
	}
	return t.finish(ctx, v)
}

// within is the login of the person inside the tunnel; the name outside of it is
// anybody's.
func (t *eapTalk) within(name string, p proof) *login {
	inner := *t.l
	inner.name, inner.proof, inner.stated = name, p, false
	inner.user, inner.known = t.s.resolve(name)
	inner.x.call.Actor = inner.user.ID
	return &inner
}

// grant accepts with the keys of the tunnel: the first half of the MSK is what
// the NAS receives with, the second what it sends with (RFC 3579 section 3.16).
func (t *eapTalk) grant(ctx context.Context, s *tunnel, v verdict, label string) (*wire.Reply, error) {
	msk, err := s.tls.Keys(label)
	if err != nil {
		return t.finish(ctx, rejectf(cause.BadInput, "%v", err))
	}
	keys, err := t.s.mppeKeys(t.l.x, msk[32:], msk[:32])
	if err != nil {
		return nil, failure{err}
	}
	v.extra = append(v.extra, keys...)
	return t.finish(ctx, v)
}
