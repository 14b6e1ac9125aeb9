package rsa

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
)

// attempt is a login from initialize on.
type attempt struct {
	ID       string      `json:"id"`
	Key      string      `json:"key"`            // access ID of the client that began it
	Client   string      `json:"client"`         // clientId
	Subject  string      `json:"subject"`        // as it was typed
	User     string      `json:"user,omitempty"` // the person's ID; empty: nobody has that name
	Message  string      `json:"message"`        // the server's last, which the next request answers
	Expires  time.Time   `json:"expires"`
	Keep     bool        `json:"keep,omitempty"` // status knows it after its end
	Policy   string      `json:"policy,omitempty"`
	Session  []attribute `json:"session,omitempty"`
	Response string      `json:"response"` // challenge, in process, or how it ended
	Reason   string      `json:"reason"`
	Wants    string      `json:"wants,omitempty"` // the one method that goes on; empty: any that is offered
	Since    time.Time   `json:"since,omitzero"`  // when the next tokencode was asked for
	PIN      string      `json:"pin,omitempty"`   // a new one that the server made up
	Bad      int         `json:"bad,omitempty"`   // wrong answers
	Push     string      `json:"push,omitempty"`  // the method whose approval waits
	Approval string      `json:"approval,omitempty"`
	Refers   string      `json:"refers,omitempty"` // what a poll names
	Sent     string      `json:"sent,omitempty"`   // the method whose code is on its way
	Done     []string    `json:"done,omitempty"`   // methods that went well
}

// who is the person, or the name that nobody has.
func (a *attempt) who() string {
	if a.User == "" {
		return a.Subject
	}
	return a.User
}

// over reports that the attempt has ended.
func (a *attempt) over() bool { return a.Response == success || a.Response == failure }

// end is the last word of an attempt.
func (a *attempt) end(response, reason string) {
	a.Response, a.Reason, a.Wants, a.Push, a.PIN = response, reason, "", "", ""
}

// remembered is how long an attempt whose time is over still counts as one of that name.
const remembered = time.Minute

// begin stores a new attempt.
func (s *Server) begin(ctx context.Context, a *attempt) error {
	a.ID, a.Message = ids.RandomUUID(s.Rand), ids.RandomUUID(s.Rand)
	a.Response, a.Reason = challenge, required
	return s.attempts.Put(ctx, a.ID, *a, a.Expires.Add(remembered))
}

// claim takes the turn of a verify: who answers the last message takes it, so that of two
// requests that answer the same one is judged. Any other ends the attempt.
func (s *Server) claim(ctx context.Context, key string, at chain) (attempt, error) {
	next := ids.RandomUUID(s.Rand)
	var got attempt
	var refusal error
	err := s.attempts.Edit(ctx, at.AuthnAttemptID, func(a *attempt, found bool) (time.Time, error) {
		refusal = s.mine(a, found, key)
		switch {
		case refusal != nil:
			return time.Time{}, state.ErrKeep
		case a.over():
			refusal = cause.Because(unknownAttempt, "the attempt has ended: %s", a.Response)
			return time.Time{}, state.ErrKeep
		case a.Message != at.InResponseTo:
			refusal = cause.Because(outOfStep, "it answers %.40q, not the last message", at.InResponseTo)
			a.end(failure, verifyError)
		default:
			a.Message = next
		}
		got = *a
		return a.Expires.Add(remembered), nil
	})
	if err != nil {
		return got, err
	}
	return got, refusal
}

// mine refuses an attempt that a client has not begun, or whose time is over.
func (s *Server) mine(a *attempt, found bool, key string) error {
	switch {
	case !found || a.Key != key:
		return cause.Because(unknownAttempt, "this client has no such attempt")
	case !s.Clock.Now().Before(a.Expires):
		return cause.Because(unknownAttempt, "the attempt was good until %s", a.Expires.Format(time.RFC3339))
	}
	return nil
}

// settle writes down what a judged answer has made of an attempt, unless it was ended
// meanwhile.
func (s *Server) settle(ctx context.Context, a *attempt) error {
	return s.attempts.Edit(ctx, a.ID, func(now *attempt, found bool) (time.Time, error) {
		if !found || now.over() || now.Message != a.Message {
			a.end(failure, verifyError)
			return time.Time{}, state.ErrKeep
		}
		*now = *a
		return a.Expires.Add(remembered), nil
	})
}
