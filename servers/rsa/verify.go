package rsa

import (
	"context"
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/face/ids"
	"counterpart/internal/serving/dialect"
)

// verify judges the answer to the last message of an attempt.
func (s *Server) verify(c echo.Context, who Client, body []byte) error {
	var in verifyRequest
	if err := (httpapi.Lenient{}).Decode(body, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	ctx, call := c.Request().Context(), dialect.CallFrom(c.Request().Context())
	if a, found, err := s.attempts.Read(ctx, in.Context.AuthnAttemptID); err != nil {
		return err
	} else if found {
		call.Actor = a.who()
	}
	if err := call.Admit(ctx); err != nil {
		return err
	}
	a, err := s.claim(ctx, who.AccessID, in.Context)
	t := turn{attempt: &a, to: in.Context, err: err}
	if err != nil {
		if _, refused := cause.Of(err); !refused {
			return err
		}
		if errors.Is(err, outOfStep) { // it has ended the attempt
			if err := s.withdraw(ctx, &a); err != nil {
				return err
			}
		}
		a.ID, a.Message = in.Context.AuthnAttemptID, ids.RandomUUID(s.Rand)
		a.end(failure, verifyError)
		t.results = answered(in.SubjectCredentials[0].MethodID, failure)
		return s.answer(c, t)
	}
	if err := s.judge(ctx, &t, in.SubjectCredentials[0]); err != nil {
		return err
	}
	if err := s.settle(ctx, &a); err != nil {
		return err
	}
	if a.Response == failure && t.err == nil {
		t.err, t.results = cause.Because(outOfStep, "another request ended the attempt meanwhile"), answered(in.SubjectCredentials[0].MethodID, failure)
	}
	return s.answer(c, t)
}

// answered is how one method was answered.
func answered(method, response string, values ...attribute) []result {
	if values == nil {
		values = []attribute{}
	}
	return []result{{MethodID: method, Response: response, Attributes: values}}
}

// judge holds an answer against what the attempt wants. An error is the store's; why the
// answer is no stands in the turn.
func (s *Server) judge(ctx context.Context, t *turn, in credential) error {
	a := t.attempt
	m, err := s.chosen(a, in)
	if err == nil {
		err = s.standing(ctx, a)
	}
	if err == nil {
		switch {
		case m.id == nextTokencode:
			err = s.nextCode(ctx, t, in)
		case m.id == newPIN:
			err = s.newPIN(ctx, t, in)
		case m.push:
			err = s.push(ctx, t, m, in)
		case m.id == securID:
			err = s.passcode(ctx, t, in)
		default:
			err = s.code(ctx, t, m, in)
		}
	}
	if err == nil {
		return nil
	}
	if _, refused := cause.Of(err); !refused {
		return err
	}
	t.err, t.results = err, answered(in.MethodID, failure)
	if a.Bad++; a.Bad < s.set.Policy.Tries && !m.push && m.id != nextTokencode {
		a.Response, a.Reason = challenge, verifyError
		return nil
	}
	a.end(failure, verifyError)
	return s.withdraw(ctx, a)
}

// withdraw takes back what an attempt has asked a phone for, if nobody has answered yet.
func (s *Server) withdraw(ctx context.Context, a *attempt) error {
	if a.Approval == "" {
		return nil
	}
	_, err := s.Factors.Cancel(ctx, a.Approval)
	if _, decided := cause.Of(err); decided {
		return nil
	}
	return err
}

// chosen is the method of an answer, if the attempt takes it.
func (s *Server) chosen(a *attempt, in credential) (method, error) {
	if a.Wants != "" {
		m, known := among(append(steps(), methods()...), in.MethodID)
		if !known || in.MethodID != a.Wants {
			return m, cause.Because(notOffered, "%.40q is not %s, which is wanted now", in.MethodID, a.Wants)
		}
		return m, nil
	}
	list, usable := s.offered(a)
	m, known := among(list, in.MethodID)
	if !known || !usable[m.id] {
		return m, cause.Because(notOffered, "%s has no method %.40q", a.Subject, in.MethodID)
	}
	return m, nil
}

// standing refuses somebody whom no factor helps.
func (s *Server) standing(ctx context.Context, a *attempt) error {
	if a.User == "" {
		return cause.Because(cause.UnknownUser, "nobody is called %.80q", a.Subject)
	}
	st, err := s.Logins.Standing(ctx, a.User)
	if err != nil {
		return err
	}
	switch st.Status {
	case world.Disabled:
		return cause.Because(cause.Disabled, "%s is disabled", a.User)
	case world.Locked:
		return cause.Because(cause.Locked, "%s is locked out", a.User)
	case world.AccountExpired:
		return cause.Because(cause.AccountExpired, "the account of %s has expired", a.User)
	}
	return nil
}

// tally is what this server holds against a person.
func (s *Server) tally(a *attempt) factor.Tally {
	return factor.Tally{System: s.Name, UserID: a.User, Threshold: s.set.Policy.LockoutAfter}
}

// counted judges an answer under the lock-out: it counts as wrong before it is looked at, so
// that parallel guesses cannot outrun it.
func (s *Server) counted(ctx context.Context, a *attempt, judge func() error) error {
	if s.set.Policy.LockoutAfter == 0 {
		return judge()
	}
	if _, err := s.Factors.Attempt(ctx, s.tally(a)); err != nil {
		return err
	}
	if err := judge(); err != nil {
		return err
	}
	return s.Factors.Passed(ctx, s.tally(a))
}

// passcode judges PIN and tokencode, which may lead on to a new PIN or the next tokencode.
func (s *Server) passcode(ctx context.Context, t *turn, in credential) error {
	text, given := in.value()
	if !given {
		return cause.Because(cause.Malformed, "there is no input SECURID")
	}
	var token factor.Token
	err := s.counted(ctx, t.attempt, func() (err error) {
		token, err = s.Factors.Passcode(ctx, t.attempt.User, strings.TrimSpace(text), func(code string) error {
			_, err := s.Factors.VerifyUser(ctx, t.attempt.User, code, world.TOTP, world.HOTP)
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	t.results = answered(securID, success)
	switch {
	case token.Mode == factor.TokenNewPIN:
		t.attempt.leadOn(newPIN)
		if s.set.Policy.PIN.Generated {
			t.attempt.PIN = ids.Text(s.Rand, ids.Decimal, s.set.Policy.PIN.Max)
		}
	case token.Mode == factor.TokenNextCode || token.Bad >= s.set.Policy.BadBeforeNext:
		t.attempt.leadOn(nextTokencode)
		t.attempt.Since = s.Clock.Now()
	default:
		if token.Bad > 0 {
			if err := s.Factors.TokenPassed(ctx, t.attempt.User); err != nil {
				return err
			}
		}
		t.attempt.passed(securID)
	}
	return nil
}

// leadOn lets the attempt go on with one method.
func (a *attempt) leadOn(to string) {
	a.Response, a.Reason, a.Wants = challenge, required, to
}

// passed ends the attempt well.
func (a *attempt) passed(method string) {
	a.Done = append(a.Done, method)
	a.end(success, verified)
}

// nextCode judges the tokencode that comes next, without the PIN: a used one is no next one.
func (s *Server) nextCode(ctx context.Context, t *turn, in credential) error {
	text, given := in.value()
	if !given {
		return cause.Because(cause.Malformed, "there is no input %s", nextTokencode)
	}
	if end := t.attempt.Since.Add(s.set.Policy.NextWindow); s.Clock.Now().After(end) {
		return cause.Because(cause.Expired, "the next tokencode was waited for until %s", end.Format("15:04:05"))
	}
	err := s.counted(ctx, t.attempt, func() error {
		_, err := s.Factors.VerifyUser(ctx, t.attempt.User, strings.TrimSpace(text), world.TOTP, world.HOTP)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.Factors.TokenPassed(ctx, t.attempt.User); err != nil {
		return err
	}
	t.results = answered(nextTokencode, success)
	t.attempt.passed(securID)
	return nil
}

// newPIN sets a PIN, and has the person log in with it and the code that comes next.
func (s *Server) newPIN(ctx context.Context, t *turn, in credential) error {
	a := t.attempt
	pin, given := in.value()
	if err := s.set.Policy.PIN.allows(pin, a.PIN); !given || err != nil {
		t.err, t.results = err, answered(newPIN, failure)
		if err == nil {
			t.err = cause.Because(badPIN, "there is no input %s", newPIN)
		}
		a.Reason = verifyError // and it is asked for again
		return nil
	}
	if err := s.Factors.SetPIN(ctx, a.User, pin); err != nil {
		return err
	}
	a.PIN = ""
	a.leadOn(securID)
	t.results = answered(newPIN, success)
	return nil
}

// allows refuses a PIN that the policy does not allow, or that is not the one made up.
func (p PINPolicy) allows(pin, generated string) error {
	switch {
	case p.Generated:
		if pin != generated {
			return cause.Because(badPIN, "the PIN that was made up has to be confirmed")
		}
		return nil
	case len(pin) < p.Min || len(pin) > p.Max:
		return cause.Because(badPIN, "a PIN has %d to %d characters", p.Min, p.Max)
	}
	for _, r := range pin {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !(r >= '0' && r <= '9' || p.Alphanumeric && letter) {
			return cause.Because(badPIN, "%q has no place in a PIN", r)
		}
	}
	return nil
}

// code judges a code without a PIN; one that has to be sent first is sent by an answer
// without a value.
func (s *Server) code(ctx context.Context, t *turn, m method, in credential) error {
	a := t.attempt
	text, given := in.value()
	if m.sent && (!given || text == "") {
		for _, d := range s.World.DevicesOf(a.User) {
			if d.Kind != m.kinds[0] {
				continue
			}
			if err := s.Factors.Send(ctx, d.ID, s.Name); err != nil {
				return err
			}
			a.Sent, a.Response, a.Reason = m.id, challenge, required
			t.results = answered(m.id, inProcess)
			return nil
		}
		return cause.Because(cause.NoDevice, "%s has nothing that a code can be sent to", a.User)
	}
	if !given {
		return cause.Because(cause.Malformed, "there is no input %s", m.id)
	}
	err := s.counted(ctx, a, func() error {
		_, err := s.Factors.VerifyUser(ctx, a.User, strings.TrimSpace(text), m.kinds...)
		return err
	})
	if err != nil {
		return err
	}
	t.results = answered(m.id, success)
	a.passed(m.id)
	return nil
}

// push opens a request on the phone, or says how it stands.
func (s *Server) push(ctx context.Context, t *turn, m method, in credential) error {
	a := t.attempt
	if in.ReferenceID == "" {
		return s.open(ctx, t, m)
	}
	if a.Push != m.id || in.ReferenceID != a.Refers {
		return cause.Because(cause.UnknownRequest, "%.40q refers to nothing that waits", in.ReferenceID)
	}
	got, err := s.Factors.Approval(ctx, a.Approval)
	if err != nil {
		return err
	}
	switch {
	case got.State == factor.Pending:
		s.waits(t, m)
		return nil
	case got.State == factor.Approved:
		t.results = answered(m.id, success)
		a.passed(m.id)
		return nil
	case got.Fraud:
		return cause.Because(cause.Fraud, "%s reported it, by %s", a.User, got.By)
	case got.State == factor.Denied:
		return cause.Because(cause.Denied, "%s denied it, by %s", a.User, got.By)
	}
	return cause.Because(cause.Expired, "nobody answered")
}

// open asks the phone. What another method of the same attempt has asked is withdrawn.
func (s *Server) open(ctx context.Context, t *turn, m method) error {
	a := t.attempt
	if err := s.withdraw(ctx, a); err != nil {
		return err
	}
	a.Refers = ids.RandomUUID(s.Rand)
	details := map[string]string{"client": a.Client, "user": a.Subject, "method": m.display}
	if m.id == qrCode {
		details["QR code"] = a.scanned()
	}
	got, err := s.Factors.Ask(ctx, factor.Ask{System: s.Name, UserID: a.User, Message: "Sign in to " + a.Client, Details: details, TTL: a.Expires.Sub(s.Clock.Now())})
	if err != nil {
		return err
	}
	a.Push, a.Approval = m.id, got.ID
	s.waits(t, m)
	return nil
}

// scanned is the content of a QR code (unverified).
func (a *attempt) scanned() string { return "securid://" + a.ID + "/" + a.Refers }

// waits says that somebody has to answer on a phone. The content of a QR code is in every
// answer, since clients look for it there.
func (s *Server) waits(t *turn, m method) {
	t.attempt.Response, t.attempt.Reason = inProcess, required
	var shown []attribute
	if m.id == qrCode {
		shown = []attribute{{Name: "qrCode", Value: t.attempt.scanned(), DataType: "STRING"}}
	}
	t.results = answered(m.id, inProcess, shown...)
}
