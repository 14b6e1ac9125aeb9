package checkout

import (
	"context"
	"slices"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/world"
)

// ordered holds a checkout against the orders in force. An order for an approval
// makes the request that it wants; until that is used or over, the same person's
// next attempts are about that request and meet no further order.
func (d *Service) ordered(ctx context.Context, a world.Account, p Principal, t Take) error {
	s := decision.Subject{On: decision.Checkout, User: p.UserID, Account: a.ID}
	o, found, err := d.Decisions.Peek(ctx, s)
	if err != nil || !found {
		return err
	}
	l, err := d.read(ctx, a)
	if err != nil || l.ordered(p) {
		return err
	}
	if o, found, err = d.Decisions.Take(ctx, s); err != nil || !found {
		return err
	}
	switch o.Verb {
	case decision.Deny:
		if err := d.Decisions.Wait(ctx, o); err != nil {
			return err
		}
		return cause.Because(cause.NotAllowed, "%s", o.Why())
	case decision.Delay:
		return d.Decisions.Wait(ctx, o)
	}
	return d.demand(ctx, a, p, demanded{o, t})
}

// demanded is an order for an approval and the wish that met it.
type demanded struct {
	order decision.Decision
	wish  Take
}

// demand makes the request that an order wants, unless the person has one open,
// and refuses the checkout until it is approved.
func (d *Service) demand(ctx context.Context, a world.Account, p Principal, o demanded) error {
	var refused error
	err := d.edit(ctx, a, func(l *ledger, now time.Time) error {
		i := slices.IndexFunc(l.Requests, func(r Request) bool { return r.UserID == p.Name() && !r.over() })
		if i < 0 {
			l.LastRequest++
			l.Requests = append(l.Requests, Request{ID: identifier("request", l.LastRequest, a.ID), AccountID: a.ID, UserID: p.Name(),
				Reason: o.wish.Reason, Ticket: o.wish.Ticket, Made: now, Expires: now.Add(o.order.After + approvalFor(a)), State: Waiting, Needed: 1})
			i = len(l.Requests) - 1
		}
		r := &l.Requests[i]
		if r.State == Granted {
			return nil // it has what the order wants
		}
		if r.Order, r.Holds = o.order.ID, approvalFor(a); o.order.After > 0 {
			r.At = now.Add(o.order.After)
		}
		refused = &cause.Refusal{Cause: cause.ApprovalRequired, Why: o.order.Why() + "; " + r.ID + " waits for it", Until: r.At}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// ordered reports whether p has a request open that an order made.
func (l *ledger) ordered(p Principal) bool {
	return slices.ContainsFunc(l.Requests, func(r Request) bool { return r.Order != "" && r.UserID == p.Name() && !r.over() })
}

// adopt lets the person's own request be the one that an order made before, once.
func (l *ledger) adopt(id string, t Take, out *Request) bool {
	i := slices.IndexFunc(l.Requests, func(r Request) bool { return r.ID == id })
	r := &l.Requests[i]
	if r.Order == "" || r.Adopted {
		return false
	}
	r.Adopted, r.Reason, r.Ticket = true, t.Reason, t.Ticket
	*out = *r
	return true
}
