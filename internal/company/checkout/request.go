package checkout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// RequestState is where a request for an account stands.
type RequestState string

// The states; Waiting and Granted can still change.
const (
	Waiting   RequestState = "pending"
	Granted   RequestState = "approved"
	Refused   RequestState = "denied"
	Lapsed    RequestState = "expired"
	Spent     RequestState = "used"
	Withdrawn RequestState = "cancelled"
)

// Request asks the approvers of an account for leave to check it out.
type Request struct {
	ID        string       `json:"id"`
	AccountID string       `json:"account"`
	UserID    string       `json:"user"`
	Reason    string       `json:"reason,omitempty"`
	Ticket    string       `json:"ticket,omitempty"`
	Made      time.Time    `json:"made"`
	Expires   time.Time    `json:"expires"` // unanswered or unused by then, it lapses
	State     RequestState `json:"state"`
	Needed    int          `json:"needed"`
	Decisions []Decision   `json:"decisions,omitempty"`

	// A request that an order made: who gave it, when it approves itself (zero:
	// never), how long that holds.
	Order   string        `json:"order,omitempty"`
	At      time.Time     `json:"approves_at,omitzero"`
	Holds   time.Duration `json:"holds,omitzero"`
	Adopted bool          `json:"adopted,omitempty"` // its person has asked for it since
}

// Decision is one approver's word on a request.
type Decision struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Approve bool      `json:"approve"`
	Comment string    `json:"comment,omitempty"`
}

func (r *Request) over() bool { return r.State != Waiting && r.State != Granted }

func (r *Request) settle(now time.Time) {
	if r.State == Waiting && !r.At.IsZero() && !now.Before(r.At) && r.At.Before(r.Expires) { // else it had lapsed by then
		r.State, r.Expires = Granted, r.At.Add(r.Holds)
		r.Decisions = append(r.Decisions, Decision{By: r.Order, At: r.At, Approve: true})
	}
	if !r.over() && !now.Before(r.Expires) {
		r.State = Lapsed
	}
}

// approvalFor is how long a request, and then its approval, lives.
func approvalFor(a world.Account) time.Duration {
	if a.Checkout.ApprovalFor == 0 {
		return time.Hour
	}
	return a.Checkout.ApprovalFor
}

func needsApproval(a world.Account) bool { return a.Checkout.Approval == "required" }

// Request asks for an account. One open request per person and account is
// enough: cause.Exists for a second.
func (d *Service) Request(ctx context.Context, p Principal, t Take) (Request, error) {
	a, err := d.usable(p, t.AccountID)
	if err != nil {
		return Request{}, err
	}
	if _, err := length(a, t); err != nil {
		return Request{}, err
	}
	var out Request
	err = once(ctx, d, a, &out, func(l *ledger, now time.Time) error {
		open := 0
		for _, r := range l.Requests {
			if r.over() {
				continue
			}
			if open++; r.UserID == p.Name() {
				if l.adopt(r.ID, t, &out) {
					return nil
				}
				return cause.Because(cause.Exists, "%s is open already", r.ID)
			}
		}
		if open >= maxPending {
			return cause.Because(cause.RateLimited, "%s has %d open requests", a.ID, open)
		}
		l.LastRequest++
		out = Request{ID: identifier("request", l.LastRequest, a.ID), AccountID: a.ID, UserID: p.Name(), Reason: t.Reason,
			Ticket: t.Ticket, Made: now, Expires: now.Add(approvalFor(a)), State: Waiting, Needed: max(a.Checkout.Approvals, 1)}
		l.Requests = append(l.Requests, out)
		return nil
	})
	return out, err
}

// spend uses up an approved request of p when the account needs one.
func (l *ledger) spend(a world.Account, p Principal, now time.Time) (string, error) {
	if !needsApproval(a) && !l.ordered(p) {
		return "", nil
	}
	refused := cause.Because(cause.ApprovalRequired, "%s needs an approved request first", a.ID)
	for i := range l.Requests {
		r := &l.Requests[i]
		if r.UserID != p.Name() {
			continue
		}
		switch r.State {
		case Granted:
			r.State = Spent
			return r.ID, nil
		case Waiting:
			refused = cause.Because(cause.ApprovalRequired, "%s has %d of %d approvals", r.ID, r.approvals(), r.Needed)
		case Refused:
			refused = cause.Because(cause.NotApproved, "%s was denied by %s", r.ID, r.Decisions[len(r.Decisions)-1].By)
		case Lapsed:
			refused = cause.Because(cause.ApprovalRequired, "%s lapsed at %s", r.ID, r.Expires.Format(time.RFC3339))
		}
	}
	return "", refused
}

func (r *Request) approvals() (n int) {
	for _, x := range r.Decisions {
		if x.Approve {
			n++
		}
	}
	return n
}

// Decide approves or denies a request. One denial ends it; approval takes as
// many approvers as the account wants, each once, never the requester.
func (d *Service) Decide(ctx context.Context, p Principal, requestID string, approve bool, comment string) (Request, error) {
	return d.withRequest(ctx, requestID, func(a world.Account, _ *ledger, r *Request, now time.Time) error {
		switch {
		case !d.mayManage(p, a):
			return d.notYourRequest(p, a, r)
		case r.UserID == p.Name():
			return cause.Because(cause.SelfApproval, "%s made %s", p.Name(), r.ID)
		case r.State == Lapsed:
			return cause.Because(cause.Expired, "%s lapsed at %s", r.ID, r.Expires.Format(time.RFC3339))
		case r.State != Waiting, slices.ContainsFunc(r.Decisions, func(x Decision) bool { return x.By == p.Name() }):
			return cause.Because(cause.Decided, "%s is %s", r.ID, r.State)
		}
		r.Decisions = append(r.Decisions, Decision{By: p.Name(), At: now, Approve: approve, Comment: comment})
		switch {
		case !approve:
			r.State = Refused
		case r.approvals() >= r.Needed:
			r.State, r.Expires = Granted, now.Add(approvalFor(a))
		}
		return nil
	})
}

// Withdraw ends a request by whoever made it.
func (d *Service) Withdraw(ctx context.Context, p Principal, requestID string) (Request, error) {
	return d.withRequest(ctx, requestID, func(a world.Account, _ *ledger, r *Request, _ time.Time) error {
		if r.UserID != p.Name() && !p.Admin {
			return d.notYourRequest(p, a, r)
		}
		if r.over() {
			return cause.Because(cause.Decided, "%s is %s", r.ID, r.State)
		}
		r.State = Withdrawn
		return nil
	})
}

func (d *Service) notYourRequest(p Principal, a world.Account, r *Request) error {
	if !d.MaySee(p, a) {
		return cause.Because(cause.UnknownRequest, "%s may not see %s", p.Name(), a.ID)
	}
	return cause.Because(cause.NotApprover, "%s does not decide about %s", p.Name(), r.ID)
}

// withRequest edits one request of one account.
func (d *Service) withRequest(ctx context.Context, id string, f func(world.Account, *ledger, *Request, time.Time) error) (Request, error) {
	return within(ctx, d, part[Request]{"request", id, cause.UnknownRequest, func(l *ledger) []Request { return l.Requests }}, f)
}

func (r Request) called() string { return r.ID }

// FindRequest returns one request: the maker's own, or any for those who manage
// the account.
func (d *Service) FindRequest(ctx context.Context, p Principal, id string) (Request, error) {
	a, err := d.accountOf("request", id, cause.UnknownRequest)
	if err != nil {
		return Request{}, err
	}
	l, err := d.read(ctx, a)
	if err != nil {
		return Request{}, err
	}
	for _, r := range l.Requests {
		if strings.EqualFold(r.ID, id) && (r.UserID == p.Name() || d.mayManage(p, a)) {
			return r, nil
		}
	}
	return Request{}, cause.Because(cause.UnknownRequest, "there is no request %q for %s", id, p.Name())
}

// Requests returns the requests that p made or may decide, oldest first per
// account.
func (d *Service) Requests(ctx context.Context, p Principal) ([]Request, error) {
	var out []Request
	err := d.eachLedger(ctx, func(a world.Account, l *ledger) {
		for _, r := range l.Requests {
			if r.UserID == p.Name() || d.mayManage(p, a) {
				out = append(out, r)
			}
		}
	})
	return out, err
}

// String is for logs.
func (r Request) String() string { return fmt.Sprintf("%s (%s)", r.ID, r.State) }
