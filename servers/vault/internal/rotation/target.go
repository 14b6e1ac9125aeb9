package rotation

import (
	"context"
	"strings"

	"counterpart/internal/company/checkout"
	"counterpart/internal/company/signin"
	"counterpart/servers/vault/internal/core"
)

// Target is an account whose password an engine manages: one of the company's
// accounts, which every other vault sees, too, or a person of the directory whose
// password nobody else manages.
type Target struct {
	Account string // ID; "" for a person without
	user    string
}

// TargetOf finds the account that a name of the directory, or name@asset, means.
func TargetOf(s *core.Server, name string) (Target, bool) {
	if u, ok := s.World.Login(name); ok {
		t := Target{user: u.ID}
		if a, managed := s.World.AccountOfUser(u.ID); managed {
			t.Account = a.ID
		}
		return t, true
	}
	if a, ok := s.World.AccountByID(strings.ToLower(name)); ok {
		return Target{Account: a.ID, user: a.UserID}, true
	}
	a, ok := s.World.AccountByID(name)
	return Target{Account: a.ID, user: a.UserID}, ok
}

// Object is what the journal calls it.
func (t Target) Object() string {
	if t.Account != "" {
		return t.Account
	}
	return t.user
}

// Password is what it is now.
func Password(ctx context.Context, s *core.Server, t Target) (string, error) {
	if t.Account == "" {
		return s.Logins.Password(ctx, t.user)
	}
	secret, err := s.Accounts.Reveal(ctx, t.Account, checkout.Which{})
	return secret.Value, err
}

// Change is a new password for an account.
type Change struct {
	Password string  // the new one
	was      *string // what it must be until then, or else cause.WrongPassword; nil: whatever it is
	Why      string  // for the journal
}

// SetPassword changes it everywhere.
func SetPassword(ctx context.Context, s *core.Server, t Target, c Change) error {
	if t.Account == "" {
		return s.Logins.SetPassword(ctx, t.user, signin.NewPassword{Password: c.Password, Was: c.was})
	}
	return s.Accounts.Replace(ctx, t.Account, c.was, c.Password, c.Why)
}
