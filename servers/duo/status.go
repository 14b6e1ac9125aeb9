package duo

import (
	"cmp"
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
)

// transaction is an authentication that is polled.
type transaction struct {
	ID       string    `json:"id"`
	IKey     string    `json:"ikey"`
	User     string    `json:"user"`   // the domain's ID
	Factor   string    `json:"factor"` // push, phone, sms, passcode
	Number   string    `json:"number,omitempty"`
	Verify   string    `json:"verify,omitempty"` // what has to be typed on the phone
	Approval string    `json:"approval,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	Final    *outcome  `json:"final,omitempty"`
	Said     string    `json:"said,omitempty"` // the status of the last poll
}

// remembered is how long a transaction answers after its end.
const remembered = 5 * time.Minute

// keep stores a transaction for its polls.
func (s *Server) keep(ctx context.Context, t *transaction) error {
	return s.transactions.Put(ctx, t.ID, *t, s.dies(t))
}

func (s *Server) dies(t *transaction) time.Time {
	end := s.Clock.Now()
	if t.Until.After(end) {
		end = t.Until
	}
	return end.Add(remembered)
}

// finish holds a synchronous login until it is over. A client that goes away
// leaves the request on the phone; what becomes of it matters to nobody.
func (s *Server) finish(r *request, t *transaction) (any, error) {
	ctx := r.Request().Context()
	if t.Final == nil {
		a, err := s.Factors.Await(ctx, t.Approval)
		if ctx.Err() != nil {
			return nil, cause.Because(cause.Unavailable, "the client went away, or the fleet stops, before anybody answered %s", t.Approval)
		}
		if err != nil {
			return nil, err
		}
		final := t.end(a)
		if t.Final = &final; a.By != "" {
			r.call().Why = "decided by " + a.By
		}
		if err := s.settle(ctx, t, a); err != nil {
			return nil, err
		}
	}
	return s.reply(r, *t.Final), nil
}

// reply puts an outcome on the call and into words.
func (s *Server) reply(r *request, o outcome) outcome {
	if o.Result == deny && o.Status != sentSMS.Status {
		r.call().Outcome = dialect.DeniedOutcome
		r.call().Cause = cmp.Or(r.call().Cause, o.Status)
	}
	o.Message = s.say(r, o.Message)
	return o
}

// end is the outcome of a request to a device that is over.
func (t *transaction) end(a factor.Approval) outcome {
	switch {
	case a.State == factor.Approved:
		return approved
	case a.Fraud:
		return fraudulent
	case a.State == factor.Denied:
		return denied
	case t.Factor == "phone":
		return callTimeout
	}
	return timedOut
}

// settle does what the end of a request brings with it: failures in a row count,
// a trusted device gets its token.
func (s *Server) settle(ctx context.Context, t *transaction, a factor.Approval) error {
	p, err := s.owner(ctx, t)
	if err != nil {
		return err
	}
	switch a.State {
	case factor.Approved:
		if err := s.Factors.Passed(ctx, s.tally(p)); err != nil {
			return err
		}
		return s.trust(ctx, t.Final, p)
	case factor.Denied:
		if a.Order != "" { // somebody's word, not the person's
			return nil
		}
		_, err = s.Factors.Attempt(ctx, s.tally(p))
		if _, locked := cause.Of(err); locked {
			err = nil // by another login meanwhile
		}
	}
	return err
}

// owner is the person of a transaction.
func (s *Server) owner(ctx context.Context, t *transaction) (*person, error) {
	if u, ok := s.World.User(t.User); ok {
		return s.ofCompany(ctx, u)
	}
	return &person{id: t.User, guest: true}, nil
}

// view is how a transaction stands, and when that may change by itself.
func (t *transaction) view(a factor.Approval) (o outcome, next time.Time) {
	switch {
	case t.Final != nil:
		return *t.Final, time.Time{}
	case t.Verify != "":
		return showing(t.Verify), time.Time{}
	case t.Factor == "phone":
		if a.Will == "" {
			return dialing(t.Number), time.Time{}
		}
		picked := a.Created.Add(a.WillAt.Sub(a.Created) / 2) // the phone rings for half the time
		return dialing(t.Number), picked
	}
	return pushed, time.Time{}
}

// poll answers when a transaction stands otherwise than it was last said to, or
// when the hold is over.
func (s *Server) poll(r *request) (outcome, error) {
	ctx := r.Request().Context()
	id, err := r.need("txid")
	if err != nil {
		return outcome{}, err
	}
	hold := s.Clock.Now().Add(s.set.StatusHold)
	for {
		t, found, err := s.transactions.Read(ctx, id)
		if err != nil {
			return outcome{}, err
		}
		if !found || t.IKey != r.in.IKey {
			return outcome{}, cause.Because(unknownTx, "%s has no transaction %.40q", r.in.Name, id)
		}
		r.call().Actor = t.User
		if t.Final != nil {
			return *t.Final, nil
		}
		a, err := s.Factors.Approval(ctx, t.Approval)
		if err != nil {
			return outcome{}, err
		}
		if a.State != factor.Pending {
			return s.close(ctx, &t, a)
		}
		now := s.Clock.Now()
		o, next := t.view(a)
		if !next.IsZero() && !now.Before(next) {
			o, next = answered, time.Time{}
		}
		if t.Said != o.Status || !now.Before(hold) {
			return o, s.said(ctx, t.ID, o.Status)
		}
		until := hold
		if !next.IsZero() && next.Before(hold) {
			until = next
		}
		_, err = s.Factors.AwaitUntil(ctx, t.Approval, until)
		if ctx.Err() != nil {
			return outcome{}, cause.Because(cause.Unavailable, "the client went away, or the fleet stops, while %s was polled", id)
		}
		if err != nil {
			return outcome{}, err
		}
	}
}

// said notes what the last poll was told.
func (s *Server) said(ctx context.Context, id, status string) error {
	return s.transactions.Edit(ctx, id, func(t *transaction, found bool) (time.Time, error) {
		if !found || t.Said == status {
			return time.Time{}, state.ErrKeep
		}
		t.Said = status
		return s.dies(t), nil
	})
}

// close ends a transaction; of several polls at once one settles it.
func (s *Server) close(ctx context.Context, t *transaction, a factor.Approval) (outcome, error) {
	first := false
	final := t.end(a)
	err := s.transactions.Edit(ctx, t.ID, func(v *transaction, found bool) (time.Time, error) {
		if first = found && v.Final == nil; !first {
			return time.Time{}, state.ErrKeep
		}
		v.Final = &final
		return s.Clock.Now().Add(remembered), nil
	})
	if err != nil || !first {
		return final, err
	}
	t.Final = &final
	if err := s.settle(ctx, t, a); err != nil || final.Trusted == "" {
		return final, err
	}
	return final, s.transactions.Edit(ctx, t.ID, func(v *transaction, _ bool) (time.Time, error) {
		v.Final = &final
		return s.Clock.Now().Add(remembered), nil
	})
}

func (s *Server) authStatus(r *request) (any, error) {
	o, err := s.poll(r)
	if err != nil {
		return nil, err
	}
	return s.reply(r, o), nil
}
