package factor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// ApprovalState is where a push, call or other approval stands.
type ApprovalState string

// The states; all but Pending are final.
const (
	Pending   ApprovalState = "pending"
	Approved  ApprovalState = "approved"
	Denied    ApprovalState = "denied"
	Expired   ApprovalState = "expired"
	Cancelled ApprovalState = "cancelled"
)

// Approval is one request to a person's device. It is a record judged when
// polled: nothing runs while it waits.
type Approval struct {
	ID      string            `json:"id"`
	System  string            `json:"system"`
	UserID  string            `json:"user"`
	Device  string            `json:"device"`
	Message string            `json:"message,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Created time.Time         `json:"created"`
	Expires time.Time         `json:"expires"`
	State   ApprovalState     `json:"state"`
	Fraud   bool              `json:"fraud,omitempty"` // denied, and reported
	// Number is what the login shows and the owner must type to approve.
	Number  string    `json:"number,omitempty"`
	Decided time.Time `json:"decided,omitzero"`
	By      string    `json:"by,omitempty"` // policy, a decision's ID, or who clicked

	// What the owner will do, unless somebody decides before.
	Will   ApprovalState `json:"will,omitempty"` // empty: nothing by itself
	WillAt time.Time     `json:"will_at,omitzero"`
	Report bool          `json:"report,omitempty"`
	Order  string        `json:"order,omitempty"` // the decision that says so, instead of the policy
}

// Ask is a request to be made.
type Ask struct {
	System           string // the server's name
	UserID, DeviceID string // DeviceID may be empty: the first push device that is on
	Message          string
	Details          map[string]string
	Number           string        // to be typed by who approves; empty: a tap is enough
	TTL              time.Duration // 0: the device's own, 60 s by default
	// Off lets a device be asked that is switched off: to be activated.
	Off bool
}

// forgotten is how long a decided approval can still be looked up.
const forgotten = time.Hour

// Ask opens a request. How it will be answered is the device's policy of the
// seed; "interactive" waits for Decide.
func (b *Service) Ask(ctx context.Context, a Ask) (Approval, error) {
	d, err := b.pushDevice(ctx, a)
	if err != nil {
		return Approval{}, err
	}
	if state.MarkOf(ctx) != "" {
		if made, err := b.Approval(ctx, b.drawn(ctx, "approval")); !errors.Is(err, cause.UnknownRequest) {
			return made, err
		}
	}
	order, err := b.orderedAsk(ctx, d)
	if err != nil {
		return Approval{}, err
	}
	n := 0
	var verdict error
	err = b.progress.Edit(ctx, d.ID, func(p *progress, _ bool) (time.Time, error) {
		if verdict = usable(d.Device, p, b.Clock.Now()); verdict != nil && !(a.Off && errors.Is(verdict, cause.DeviceOff)) {
			return time.Time{}, state.ErrKeep
		}
		verdict = nil
		n, p.Asked = p.Asked, p.Asked+1
		return time.Time{}, nil
	})
	if err != nil || verdict != nil {
		return Approval{}, first(err, verdict)
	}
	policy := world.Approval{Policy: "interactive"}
	if d.Approval != nil {
		policy = *d.Approval
	}
	now := b.Clock.Now()
	out := Approval{ID: b.drawn(ctx, "approval"), System: a.System, UserID: d.UserID, Device: d.ID, Message: a.Message,
		Details: a.Details, Number: a.Number, Created: now, State: Pending,
		Expires: now.Add(orElse(a.TTL, orElse(policy.TTL, time.Minute)))}
	out.plan(policy, n)
	out.obey(order)
	return out, b.approvals.Put(ctx, out.ID, out, out.Expires.Add(forgotten))
}

func (b *Service) pushDevice(ctx context.Context, a Ask) (Device, error) {
	if a.DeviceID != "" {
		d, err := b.Find(ctx, a.DeviceID)
		if err == nil && d.Kind != world.Push && d.Kind != world.Call {
			err = cause.Because(cause.WrongKind, "%s is a %s device and cannot be asked", d.ID, d.Kind)
		}
		return d, err
	}
	devices, err := b.Devices(ctx, a.UserID)
	if err != nil {
		return Device{}, err
	}
	for _, d := range devices {
		if d.Kind == world.Push && !d.Disabled {
			return d, nil
		}
	}
	return Device{}, cause.Because(cause.NoDevice, "%s has no push device", a.UserID)
}

// plan notes what the policy will do with the n-th request.
func (a *Approval) plan(p world.Approval, n int) {
	if len(p.Sequence) > 0 {
		step := p.Sequence[min(n, len(p.Sequence)-1)]
		step.Delay = orElse(step.Delay, p.Delay)
		step.Sequence = nil
		a.plan(step, 0)
		return
	}
	a.WillAt = a.Created.Add(p.Delay)
	switch p.Policy {
	case "approve":
		a.Will = Approved
	case "deny":
		a.Will = Denied
	case "fraud":
		a.Will, a.Report = Denied, true
	case "approve_if":
		a.Will = Approved
		for k, want := range p.When {
			if a.Details[strings.TrimPrefix(k, "details.")] != want {
				a.Will = Denied
			}
		}
	default: // timeout, interactive
		a.WillAt = time.Time{}
	}
}

// judged is the approval as it stands at now: who decides first wins, and an
// end that came before a decision stays.
func (a Approval) judged(now time.Time) Approval {
	if a.State != Pending {
		return a
	}
	if a.Will != "" && a.WillAt.Before(a.Expires) && !now.Before(a.WillAt) {
		a.State, a.Fraud, a.Decided, a.By = a.Will, a.Report, a.WillAt, "policy"
		if a.Order != "" {
			a.By = a.Order
		}
	} else if !now.Before(a.Expires) {
		a.State, a.Decided = Expired, a.Expires
	}
	return a
}

// Approval returns a request as it stands now.
func (b *Service) Approval(ctx context.Context, id string) (Approval, error) {
	a, found, err := b.approvals.Read(ctx, id)
	if err != nil {
		return Approval{}, err
	}
	if !found {
		return Approval{}, cause.Because(cause.UnknownRequest, "there is no approval %q", id)
	}
	return a.judged(b.Clock.Now()), nil
}

// Verdict is a decision of a person or a test.
type Verdict struct {
	State ApprovalState // Approved, Denied, Expired or Cancelled
	Fraud bool          // with Denied
	By    string
	// Number is what the owner typed, with Approved of a request that wants one.
	Number string
}

// Decide ends a pending request; cause.Decided when it is over already, and
// cause.WrongNumber, with the request still pending, for another number than the
// one that the login shows.
func (b *Service) Decide(ctx context.Context, id string, v Verdict) (Approval, error) {
	var out Approval
	err := b.approvals.Edit(ctx, id, func(a *Approval, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, cause.Because(cause.UnknownRequest, "there is no approval %q", id)
		}
		now := b.Clock.Now()
		if *a = a.judged(now); a.State != Pending {
			out = *a
			return time.Time{}, cause.Because(cause.Decided, "approval %s was %s at %s", id, a.State, a.Decided.Format(time.RFC3339))
		}
		if v.State == Approved && a.Number != "" && v.Number != a.Number {
			return time.Time{}, cause.Because(cause.WrongNumber, "%q was typed, and approval %s is still pending", v.Number, id)
		}
		a.State, a.Fraud, a.By, a.Decided = v.State, v.Fraud && v.State == Denied, v.By, now
		out = *a
		return a.Expires.Add(forgotten), nil
	})
	if err != nil {
		return out, err
	}
	return out, nil
}

// Cancel withdraws a request; one that is over stays as it is.
func (b *Service) Cancel(ctx context.Context, id string) (Approval, error) {
	return b.Decide(ctx, id, Verdict{State: Cancelled})
}

// Await returns a request once it is over, or the context's error. Time is the
// fleet's: a frozen clock decides nothing.
func (b *Service) Await(ctx context.Context, id string) (Approval, error) {
	return b.AwaitUntil(ctx, id, time.Time{})
}

// AwaitUntil is Await for a poll that is held: it also returns, with the request
// still pending, when the fleet's time reaches end (zero: never).
func (b *Service) AwaitUntil(ctx context.Context, id string, end time.Time) (Approval, error) {
	if err := b.Wait(ctx, id, end); err != nil {
		a, _ := b.Approval(context.WithoutCancel(ctx), id)
		return a, err
	}
	return b.Approval(ctx, id)
}

// Wait is AwaitUntil for somebody who looks at the request afterwards: it returns nil when
// there is nothing to wait for any more, or the context's error.
func (b *Service) Wait(ctx context.Context, id string, end time.Time) error {
	for {
		until, changed := b.next(ctx, id, end)
		if until.IsZero() {
			return nil
		}
		if err := b.Clock.WaitFor(ctx, until, changed); err != nil {
			return err
		}
	}
}

// next is when to look again at a request that is pending, unless it has changed before,
// by whichever process; zero: there is nothing to wait for. Nothing of the request itself
// stands on the stack while somebody waits, of whom there may be very many.
//
//go:noinline
func (b *Service) next(ctx context.Context, id string, end time.Time) (until time.Time, changed <-chan struct{}) {
	a, found, changed, err := b.approvals.Watch(ctx, id)
	now := b.Clock.Now()
	if a = a.judged(now); err != nil || !found || a.State != Pending || !end.IsZero() && !now.Before(end) {
		return time.Time{}, nil
	}
	until = a.Expires
	if !end.IsZero() && end.Before(until) {
		until = end
	}
	if a.Will != "" && a.WillAt.Before(until) {
		until = a.WillAt
	}
	return until, changed
}

// Approvals returns the requests on record, oldest first: those of one person,
// or with an empty ID everybody's.
func (b *Service) Approvals(ctx context.Context, userID string) ([]Approval, error) {
	found := b.approvals.All(ctx, state.Range{})
	if userID != "" {
		found = b.byUser.All(ctx, userID, "")
	}
	var out []Approval
	for a, err := range found {
		if err != nil {
			return nil, err
		}
		out = append(out, a.Value.judged(b.Clock.Now()))
	}
	slices.SortStableFunc(out, func(x, y Approval) int { return x.Created.Compare(y.Created) })
	return out, nil
}
