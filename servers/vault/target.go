package vault

import (
	"context"
	"errors"
	"strings"
	"time"

	"counterpart/internal/cause"
	"counterpart/internal/checkout"
	"counterpart/internal/signin"
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

// setPassword changes it everywhere.
func (s *Server) setPassword(ctx context.Context, t target, password, why string) error {
	if t.account == "" {
		return s.Logins.SetPassword(ctx, t.user, signin.NewPassword{Password: password})
	}
	return s.Accounts.Set(ctx, t.account, password, why)
}

// borrower is who holds an account of a library, to the fleet.
func (r *request) borrower(t *token) checkout.Principal {
	name := t.Owner
	if name == "" {
		name = "vault token " + t.ID
	}
	return checkout.Principal{Client: name, Admin: true}
}

// lend takes an account for the caller alone. It returns the desk's lease.
func (r *request) lend(t target, lasts, most time.Duration) (string, error) {
	if t.account == "" {
		return "", nil
	}
	a, _ := r.World.AccountByID(t.account)
	if a.Checkout.Max > 0 {
		lasts = min(lasts, a.Checkout.Max)
	}
	l, err := r.Accounts.Checkout(r.ctx, r.borrower(r.token), checkout.Take{AccountID: t.account, Reason: "vault library", For: lasts, Max: most,
		Alone: true, Rotate: true})
	return l.ID, err
}

// giveBack ends the desk's lease, which changes the password; a person's is
// changed here.
func (r *request) giveBack(t target, deskLease string) error {
	if t.account == "" {
		return r.Logins.SetPassword(r.ctx, t.user, signin.NewPassword{Password: r.alphanumerics(64)})
	}
	_, err := r.Accounts.Force(r.ctx, checkout.Principal{Client: "vault " + r.Name, Admin: true}, deskLease)
	if errors.Is(err, cause.LeaseExpired) || errors.Is(err, cause.LeaseReturned) || errors.Is(err, cause.UnknownLease) {
		err = nil // it has ended by itself, and the password has changed
	}
	return err
}
