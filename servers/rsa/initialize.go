package rsa

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// initialize begins an attempt, and judges what comes with it.
func (s *Server) initialize(c echo.Context, who Client, body []byte) error {
	var in startRequest
	if err := (httpapi.Lenient{}).Decode(body, &in); err != nil {
		return err
	}
	if err := in.check(s.cloud()); err != nil {
		return err
	}
	ctx, call := c.Request().Context(), dialect.CallFrom(c.Request().Context())
	a := &attempt{Key: who.AccessID, Client: in.ClientID, Subject: in.SubjectName, Keep: in.KeepAttempt, Policy: in.AssurancePolicyID,
		Session: in.SessionAttributes, Expires: s.Clock.Now().Add(s.lifetime(time.Duration(in.AuthnAttemptTimeout) * time.Second))}
	if u, known := s.person(in.SubjectName); known {
		a.User = u.ID
	}
	call.Actor = a.who()
	if err := call.Admit(ctx); err != nil {
		return err
	}
	if !s.cloud() && !s.set.isAgent(in.ClientID) {
		a.ID, a.Message = ids.RandomUUID(s.Rand), ids.RandomUUID(s.Rand) // of no attempt
		a.end(failure, verifyError)
		return s.answer(c, turn{attempt: a, to: in.Context, err: cause.Because(unknownAgent, "no agent is called %.80q", in.ClientID)})
	}
	if err := s.begin(ctx, a); err != nil {
		return err
	}
	t := turn{attempt: a, to: in.Context}
	if len(in.SubjectCredentials) == 1 {
		if err := s.judge(ctx, &t, in.SubjectCredentials[0]); err != nil {
			return err
		}
		if err := s.settle(ctx, a); err != nil {
			return err
		}
	}
	return s.answer(c, t)
}

// lifetime is how long an attempt lives of which a client wants so much; 0: nothing.
func (s *Server) lifetime(wanted time.Duration) time.Duration {
	if wanted <= 0 || wanted > s.set.Policy.AttemptTimeout {
		return s.set.Policy.AttemptTimeout
	}
	return wanted
}

// turn is one request to an attempt and what it comes to.
type turn struct {
	attempt *attempt
	to      chain
	results []result
	err     error // why the answer is no
}

// answer is the reply to a turn.
func (s *Server) answer(c echo.Context, t turn) error {
	a, call := t.attempt, dialect.CallFrom(c.Request().Context())
	out := reply{Context: chain{a.ID, a.Message, t.to.MessageID}, Results: t.results, Response: a.Response, Reason: a.Reason}
	out.ChallengeMethods.Challenges = s.ways(a)
	if out.Results == nil {
		out.Results = []result{}
	}
	switch a.Response {
	case failure:
		call.Outcome = dialect.DeniedOutcome
	case challenge, inProcess:
		call.Outcome = dialect.Challenge
		if t.err != nil {
			call.Outcome = dialect.DeniedOutcome
		}
	}
	if t.err != nil {
		call.Because(t.err)
	}
	if !call.NoFaults() {
		s.spoil(call, &out)
	}
	return c.JSON(http.StatusOK, out)
}

// spoil plays this server's own faults.
func (s *Server) spoil(call *dialect.Call, out *reply) {
	if _, hit := call.Fault(noReason); hit {
		out.Reason = ""
	}
	if _, hit := call.Fault(emptyFail); hit {
		out.Response, out.Reason, out.ChallengeMethods.Challenges = failure, verifyError, []methodSet{}
	}
	if _, hit := call.Fault(lostChain); hit {
		out.Context.MessageID = ids.RandomUUID(s.Rand)
	}
}
