package factor

import (
	"context"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
)

// ordered holds an attempt with a code against the orders in force. A refusal by
// order neither counts as a failure nor uses the code up: it is the operator's
// word, not the person's mistake, and the same code may be good a moment later.
// The refusal's By is the order.
func (b *Service) ordered(ctx context.Context, userID string, devices ...string) error {
	s := decision.Subject{On: decision.Code, User: userID, Devices: devices}
	if len(devices) == 1 {
		s.Device = devices[0]
	}
	o, ok, err := b.Decisions.Apply(ctx, s)
	if err != nil || !ok {
		return err
	}
	switch o.Verb {
	case decision.Deny:
		return &cause.Refusal{Cause: cause.WrongCode, Why: o.Why(), By: o.ID}
	case decision.Lock:
		return &cause.Refusal{Cause: cause.DeviceLocked, Why: o.Why(), By: o.ID}
	case decision.Expire:
		return &cause.Refusal{Cause: cause.Expired, Why: o.Why(), By: o.ID}
	}
	return nil // a delay, which is over
}

func ids(devices []Device) []string {
	out := make([]string, len(devices))
	for i, d := range devices {
		out[i] = d.ID
	}
	return out
}

// orderedAsk is the order that a request to a device meets: what its owner will
// do, whatever the policy of the seed. Locked and expired devices are not asked.
func (b *Service) orderedAsk(ctx context.Context, d Device) (*decision.Decision, error) {
	o, ok, err := b.Decisions.Take(ctx, decision.Subject{On: decision.Push, User: d.UserID, Device: d.ID})
	if err != nil || !ok {
		return nil, err
	}
	switch {
	case o.Verb == decision.Lock:
		return nil, cause.Because(cause.DeviceLocked, "%s", o.Why())
	case o.Verb == decision.Expire && o.After == 0:
		return nil, cause.Because(cause.Expired, "%s", o.Why())
	}
	return &o, nil
}

// obey replaces what the policy planned by what an order says.
func (a *Approval) obey(o *decision.Decision) {
	if o == nil {
		return
	}
	if o.Verb == decision.Delay { // what happens, happens later
		if a.Order = o.ID; a.Will != "" {
			a.WillAt = a.WillAt.Add(o.After)
		}
		return
	}
	a.Will, a.WillAt, a.Report, a.Order = "", a.Created.Add(o.After), false, o.ID
	if o.Verb == decision.Interactive && o.After > 0 { // so long a person has
		a.Expires = a.WillAt
	}
	switch o.Verb {
	case decision.Approve:
		a.Will = Approved
	case decision.Deny:
		a.Will = Denied
	case decision.Fraud:
		a.Will, a.Report = Denied, true
	case decision.Expire: // the request itself ends early
		a.Expires = a.WillAt
	}
	if a.Will == "" { // nobody answers
		a.WillAt = time.Time{}
	}
}
