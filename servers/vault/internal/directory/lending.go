package directory

import (
	"errors"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/rotation"
)

// borrower is who holds an account of a library, to the fleet.
func borrower(r *core.Request, t *core.Token) checkout.Principal {
	name := t.Owner
	if name == "" {
		name = "vault token " + t.ID
	}
	return checkout.Principal{Client: name, Admin: true}
}

// longest is how long an account can be lent at once.
func longest(s *core.Server, t rotation.Target, wish time.Duration) time.Duration {
	if a, there := s.World.AccountByID(t.Account); there && a.Checkout.Max > 0 {
		return min(wish, a.Checkout.Max)
	}
	return wish
}

// lend takes an account for the caller alone. It returns that service's lease.
func lend(r *core.Request, t rotation.Target, lasts, most time.Duration) (string, error) {
	if t.Account == "" {
		return "", nil
	}
	l, err := r.Accounts.Checkout(r.Ctx, borrower(r, r.Token), checkout.Take{AccountID: t.Account, Reason: "vault library", For: lasts, Max: most,
		Exclusive: true, Rotate: true})
	return l.ID, err
}

// giveBack ends the checkout service's lease of what a library has lent, which changes the
// password. did is whether it was not over already.
func giveBack(r *core.Request, out slot) (did bool, err error) {
	_, err = r.Accounts.Force(r.Ctx, principal(r.Server), out.Lent)
	if errors.Is(err, cause.LeaseExpired) || errors.Is(err, cause.LeaseReturned) || errors.Is(err, cause.UnknownLease) {
		return false, nil // it has ended by itself, and the password has changed
	}
	return err == nil, err
}

// principal is who this server is to the checkout service.
func principal(s *core.Server) checkout.Principal {
	return checkout.Principal{Client: "vault " + s.Name, Admin: true}
}

// takenBack reports whether the fleet has ended what a library has lent: somebody
// has forced it back through another server.
func takenBack(r *core.Request, out slot) (bool, error) {
	if out.Lent == "" {
		return false, nil
	}
	l, err := r.Accounts.Lease(r.Ctx, principal(r.Server), out.Lent)
	if errors.Is(err, cause.UnknownLease) {
		return true, nil
	}
	return l.State != checkout.Active, err
}
