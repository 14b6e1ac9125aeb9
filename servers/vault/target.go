package vault

import (
	"context"
	"errors"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/checkout"
	"counterpart/internal/company/signin"
)

// target is an account whose password an engine manages: one of the company's
// accounts, which every other vault sees, too, or a person of the directory whose
// password nobody else manages.
type target struct {
	account string // ID; "" for a person without
	user    string
}

// targetOf finds the account that a name of the directory, or name@asset, means.
func (s *Server) targetOf(name string) (target, bool) {
	if u, ok := s.World.Login(name); ok {
		t := target{user: u.ID}
		if a, managed := s.World.AccountOfUser(u.ID); managed {
			t.account = a.ID
		}
		return t, true
	}
	if a, ok := s.World.AccountByID(strings.ToLower(name)); ok {
		return target{account: a.ID, user: a.UserID}, true
	}
	a, ok := s.World.AccountByID(name)
	return target{account: a.ID, user: a.UserID}, ok
}

// object is what the journal calls it.
func (t target) object() string {
	if t.account != "" {
		return t.account
	}
	return t.user
}

// password is what it is now.
func (s *Server) password(ctx context.Context, t target) (string, error) {
	if t.account == "" {
		return s.Logins.Password(ctx, t.user)
	}
	secret, err := s.Accounts.Reveal(ctx, t.account, checkout.Which{})
	return secret.Value, err
}

// change is a new password for an account.
type change struct {
	password string
	was      *string // what it must be until then, or else cause.WrongPassword; nil: whatever it is
	why      string
}

// setPassword changes it everywhere.
func (s *Server) setPassword(ctx context.Context, t target, c change) error {
	if t.account == "" {
		return s.Logins.SetPassword(ctx, t.user, signin.NewPassword{Password: c.password, Was: c.was})
	}
	return s.Accounts.Replace(ctx, t.account, c.was, c.password, c.why)
}

// borrower is who holds an account of a library, to the fleet.
func (r *request) borrower(t *token) checkout.Principal {
	name := t.Owner
	if name == "" {
		name = "vault token " + t.ID
	}
	return checkout.Principal{Client: name, Admin: true}
}

// longest is how long an account can be lent at once.
func (s *Server) longest(t target, wish time.Duration) time.Duration {
	if a, there := s.World.AccountByID(t.account); there && a.Checkout.Max > 0 {
		return min(wish, a.Checkout.Max)
	}
	return wish
}

// lend takes an account for the caller alone. It returns that service's lease.
func (r *request) lend(t target, lasts, most time.Duration) (string, error) {
	if t.account == "" {
		return "", nil
	}
	l, err := r.Accounts.Checkout(r.ctx, r.borrower(r.token), checkout.Take{AccountID: t.account, Reason: "vault library", For: lasts, Max: most,
		Exclusive: true, Rotate: true})
	return l.ID, err
}

// giveBack ends the checkout service's lease of what a library has lent, which changes the
// password. did is whether it was not over already.
func (r *request) giveBack(out slot) (did bool, err error) {
	_, err = r.Accounts.Force(r.ctx, r.principal(), out.Lent)
	if errors.Is(err, cause.LeaseExpired) || errors.Is(err, cause.LeaseReturned) || errors.Is(err, cause.UnknownLease) {
		return false, nil // it has ended by itself, and the password has changed
	}
	return err == nil, err
}

// principal is who this server is to the checkout service.
func (s *Server) principal() checkout.Principal {
	return checkout.Principal{Client: "vault " + s.Name, Admin: true}
}

// takenBack reports whether the fleet has ended what a library has lent: somebody
// has forced it back through another server.
func (r *request) takenBack(out slot) (bool, error) {
	if out.Lent == "" {
		return false, nil
	}
	l, err := r.Accounts.Lease(r.ctx, r.principal(), out.Lent)
	if errors.Is(err, cause.UnknownLease) {
		return true, nil
	}
	return l.State != checkout.Active, err
}
