package ticket

import "counterpart/internal/company/decision"

// subject is what an access looks like to the orders in force.
func (b *Service) subject(id string, a Access) decision.Subject {
	user := a.User
	if b.Decisions != nil {
		if u, ok := b.World.Login(a.User); ok {
			user = u.ID
		}
	}
	return decision.Subject{On: decision.Ticket, User: user, Ticket: id}
}

// byOrder is what an order says in place of the ticket's own rules.
func byOrder(o decision.Decision) []Reason {
	switch o.Verb {
	case decision.Deny:
		return []Reason{{NotApproved, "state", o.Why()}}
	case decision.Expire:
		return []Reason{{TooLate, "window.not_after", o.Why()}}
	case decision.Lock:
		return []Reason{{IsOnHold, "state", o.Why()}}
	}
	return []Reason{} // approved
}
