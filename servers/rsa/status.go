package rsa

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// status is how an attempt stands, whoever has begun it. One that has ended is known if its
// client wanted it kept.
func (s *Server) status(c echo.Context, _ Client, body []byte) error {
	in, err := readEnd(body)
	if err != nil {
		return err
	}
	ctx, call := c.Request().Context(), dialect.CallFrom(c.Request().Context())
	a, found, err := s.attempts.Read(ctx, in.AuthnAttemptID)
	if err != nil {
		return err
	}
	if found {
		call.Actor = a.who()
	}
	if err := call.Admit(ctx); err != nil {
		return err
	}
	if !found || a.over() && !a.Keep || !s.Clock.Now().Before(a.Expires) {
		call.Outcome = dialect.DeniedOutcome
		call.Because(cause.Because(unknownAttempt, "there is no such attempt, or none any more"))
		return c.JSON(http.StatusOK, standing{Response: failure, Reason: noAttempt})
	}
	if in.RemoveAttemptID {
		if _, err := s.attempts.Delete(ctx, a.ID); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, standing{Response: a.Response, Reason: a.Reason, Subject: a.Subject, Policy: a.Policy, Attributes: a.Session, Methods: a.Done,
		Expires: a.Expires.UTC().Format(time.RFC3339)})
}

// cancel ends an attempt that the client has begun.
func (s *Server) cancel(c echo.Context, who Client, body []byte) error {
	in, err := readEnd(body)
	if err != nil {
		return err
	}
	if in.Reason != "" && in.Reason != "USER_ACTION" && in.Reason != "TIME_OUT" {
		return cause.Because(cause.BadInput, "reason is USER_ACTION or TIME_OUT, not %.40q", in.Reason)
	}
	ctx, call := c.Request().Context(), dialect.CallFrom(c.Request().Context())
	a, found, err := s.attempts.Read(ctx, in.AuthnAttemptID)
	if err != nil {
		return err
	}
	if found {
		call.Actor = a.who()
	}
	if err := call.Admit(ctx); err != nil {
		return err
	}
	refusal := s.mine(&a, found, who.AccessID)
	if refusal == nil && a.over() {
		refusal = cause.Because(unknownAttempt, "the attempt has ended: %s", a.Response)
	}
	if refusal != nil {
		a.ID, a.Message = in.AuthnAttemptID, ids.RandomUUID(s.Rand)
		a.end(failure, noAttempt)
		return s.answer(c, turn{attempt: &a, err: refusal})
	}
	if err := s.withdraw(ctx, &a); err != nil {
		return err
	}
	err = s.attempts.Change(ctx, a.ID, func(now *attempt, found bool) error {
		if !found {
			return state.ErrKeep
		}
		now.end(failure, cancelled)
		a = *now
		return nil
	})
	if err == nil && in.RemoveAttemptID {
		_, err = s.attempts.Delete(ctx, a.ID)
	}
	if err != nil {
		return err
	}
	if err := s.answer(c, turn{attempt: &a}); err != nil {
		return err
	}
	call.Outcome = dialect.OK
	return nil
}

func readEnd(body []byte) (in endRequest, err error) {
	if err = (httpapi.Lenient{}).Decode(body, &in); err != nil {
		return in, err
	}
	if in.AuthnAttemptID == "" {
		err = cause.Because(cause.BadInput, "authnAttemptId is missing")
	}
	return in, err
}
