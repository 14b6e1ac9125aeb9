package radius

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
)

// round is what a challenge leaves behind, under its State (RFC 2865 section
// 4.4). It is good for one answer of the same person through the same client.
type round struct {
	Client  string            `json:"client"`
	User    string            `json:"user"` // ID, or the name as sent when nobody has it
	Step    string            `json:"step,omitempty"`
	Data    map[string]string `json:"data,omitempty"`
	Rounds  int               `json:"rounds"`
	Expires time.Time         `json:"expires"`
	Used    bool              `json:"used,omitempty"`
	EAP     *eapRound         `json:"eap,omitempty"`
}

const (
	maxRounds = 10
	maxStates = 100_000
	// remembered is how long a used or expired State can still be told from one
	// that never was, for the operator's sake.
	remembered = time.Minute
)

// states issues and redeems States. The records are in the store, so that any
// replica can take the answer; this process remembers only in which order it
// issued, to forget the oldest when there are too many.
type states struct {
	env    dialect.Env
	ttl    time.Duration
	rounds *state.Collection[round] // by State, in hexadecimal digits

	mu     sync.Mutex
	issued []string // a ring once it is full
	at     int
}

func newStates(env dialect.Env, ttl time.Duration) *states {
	return &states{env: env, ttl: ttl, rounds: state.Of[round](env.Store, "state")}
}

// issue stores r under st.
func (t *states) issue(ctx context.Context, st []byte, r round) error {
	r.Expires = t.env.Clock.Now().Add(t.ttl)
	k := hex.EncodeToString(st)
	err := t.rounds.Put(ctx, k, r, r.Expires.Add(remembered))
	if old := t.remember(k); err == nil && old != "" {
		_, err = t.rounds.Delete(ctx, old)
	}
	return err
}

// remember notes a key and returns the one that has to go for it.
func (t *states) remember(k string) (old string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.issued) < maxStates {
		t.issued = append(t.issued, k)
		return ""
	}
	old, t.issued[t.at] = t.issued[t.at], k
	t.at = (t.at + 1) % maxStates
	return old
}

// redeem takes the answer to a challenge: of two that race with one State, one
// gets the round. A State that belongs to somebody else stays good for its owner.
func (t *states) redeem(ctx context.Context, st []byte, clientName, userID string) (round, error) {
	var out round
	err := t.rounds.Edit(ctx, hex.EncodeToString(st), func(r *round, found bool) (time.Time, error) {
		now := t.env.Clock.Now()
		switch {
		case !found:
			return time.Time{}, cause.Because(cause.UnknownToken, "State %s was never issued or is long gone", brief(st))
		case r.Client != clientName:
			return time.Time{}, cause.Because(cause.NotHolder, "State %s was issued to client %s", brief(st), r.Client)
		case r.User != userID:
			return time.Time{}, cause.Because(cause.NotHolder, "State %s was issued for %s", brief(st), r.User)
		case r.Used:
			return time.Time{}, cause.Because(cause.TokenUsedUp, "State %s was answered before", brief(st))
		case !now.Before(r.Expires):
			return time.Time{}, cause.Because(cause.TokenExpired, "State %s was good until %s", brief(st), r.Expires.Format(time.TimeOnly))
		case r.Rounds >= maxRounds:
			return time.Time{}, cause.Because(cause.RateLimited, "more than %d rounds", maxRounds)
		}
		r.Used = true
		out = *r
		return r.Expires.Add(remembered), nil
	})
	return out, err
}

// brief is enough of a State to find it in a trace.
func brief(st []byte) string {
	if len(st) > 8 {
		return fmt.Sprintf("0x%x…", st[:8])
	}
	return fmt.Sprintf("0x%x", st)
}

// newState makes State octets that no client mistakes for something else: 16
// random ones with the top bit of the first set, because pyrad reads a State that
// starts with "0x" as hexadecimal text.
func (s *server) newState() ([]byte, error) {
	b, err := s.random(16)
	if err == nil {
		b[0] |= 0x80
	}
	return b, err
}
