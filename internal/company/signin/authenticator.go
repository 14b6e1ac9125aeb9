// Package signin decides who somebody is: passwords, lock-out, account status,
// API clients, and tokens with lifetimes and revocation, for every server of a
// fleet alike. A password changed through one server is the one that all of
// them check.
package signin

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"iter"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Config is what an Authenticator stands on.
type Config struct {
	World *world.World
	Store state.Store
	Clock clock.Clock
	Rand  io.Reader // token secrets
	// Started is when the seeded passwords count as set; zero: now.
	Started time.Time
	// Managed serves the people whose password a vault manages: the account's
	// secret is then their password, so that there is one truth. May be zero.
	Managed Managed
	// Decisions are a person's or a test's orders; nil has none.
	Decisions *decision.Overrides
	// Secret hears of every token and password that is not the seed's; nil does
	// not care.
	Secret func(whose, secret string)
}

// Managed reads and writes the secret of an account that belongs to a person.
type Managed struct {
	Secret func(ctx context.Context, accountID string) (password string, since time.Time, err error)
	// Set changes the secret, unless it is no longer was: cause.WrongPassword then.
	Set func(ctx context.Context, accountID string, was *string, password string) error
}

// Authenticator checks passwords and tokens.
type Authenticator struct {
	Config
	people *state.Collection[person] // by user
	// realms list the sessions of each kind; they are complete before anybody asks.
	realms []func(context.Context) iter.Seq2[Token, error]
}

// New returns an Authenticator over c.
func New(c Config) *Authenticator {
	if c.Started.IsZero() {
		c.Started = c.Clock.Now()
	}
	return &Authenticator{Config: c, people: state.Of[person](c.Store, "person")}
}

// person is what has changed about somebody since the seed.
type person struct {
	Password    *string       `json:"password,omitempty"`
	SetAt       time.Time     `json:"set_at,omitzero"`
	Old         []string      `json:"old,omitempty"` // earlier passwords, newest first
	MustChange  *bool         `json:"must_change,omitempty"`
	Status      *world.Status `json:"status,omitempty"`
	Failures    int           `json:"failures,omitempty"`
	LastFailure time.Time     `json:"last_failure,omitzero"`
	LockedAt    time.Time     `json:"locked_at,omitzero"`
}

// Standing is how somebody stands now.
type Standing struct {
	UserID        string
	Status        world.Status // what would be refused with the right password; Active if nothing
	MustChange    bool
	Failures      int       // wrong passwords that count towards the lock-out
	LastFailure   time.Time // zero: none
	LockedAt      time.Time // zero: not locked, or locked by the seed
	PasswordSetAt time.Time
}

// Login resolves name in any form of world.Login and checks the password. An
// unknown name is cause.UnknownUser and counts against nobody.
func (g *Authenticator) Login(ctx context.Context, name, password string) (world.User, error) {
	u, ok := g.World.Login(name)
	if !ok {
		return world.User{}, cause.Because(cause.UnknownUser, "nobody is called %q", name)
	}
	return u, g.Check(ctx, u.ID, func(want string) bool { return Same(want, password) })
}

// Same compares two secrets in constant time.
func Same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Check runs ok on the current clear password (CHAP and its kin need it) and
// then holds the person's standing against the attempt. The order is Active
// Directory's: locked beats a wrong password, which beats disabled, account
// expired, password expired and must-change. Reading, counting and locking are
// one decision, so parallel guesses cannot outrun the lock-out. ok may run more
// than once.
func (g *Authenticator) Check(ctx context.Context, userID string, ok func(password string) bool) error {
	u, known := g.World.User(userID)
	if !known {
		return cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	if err := g.ordered(ctx, u.ID); err != nil {
		return err
	}
	managed, err := g.managed(ctx, u.ID)
	if err != nil {
		return err
	}
	var verdict error
	id := u.ID
	err = g.edit(ctx, id, func(p *person) error {
		u, _ := g.World.User(id) // found again: kept by this function, all that is known of a person would be copied to the heap
		verdict = g.judge(u, p, managed, ok)
		return changed(p, verdict)
	})
	if err != nil {
		return err
	}
	return verdict
}

// changed says whether judge left something to write.
func changed(p *person, verdict error) error {
	if p.LastFailure.IsZero() {
		return state.ErrKeep
	}
	if verdict == nil {
		p.Failures, p.LastFailure, p.LockedAt = 0, time.Time{}, time.Time{}
	}
	return nil
}

// judge decides one attempt and counts it on p.
func (g *Authenticator) judge(u world.User, p *person, managed *kept, ok func(string) bool) error {
	now := g.Clock.Now()
	lock := g.World.Organization().Lockout
	if at, locked := g.locked(u, p, now); locked {
		return &cause.Refusal{Cause: cause.Locked, Why: fmt.Sprintf("%s is locked out since %s", u.ID, at), Until: lockEnd(p.LockedAt, lock.Duration)}
	}
	if !p.LockedAt.IsZero() { // the lock has run out
		p.LockedAt, p.Failures = time.Time{}, 0
	}
	if !ok(g.password(u, p, managed)) {
		if lock.Window > 0 && now.Sub(p.LastFailure) > lock.Window {
			p.Failures = 0
		}
		p.Failures, p.LastFailure = p.Failures+1, now
		if lock.Threshold > 0 && p.Failures >= lock.Threshold {
			p.LockedAt = now
		}
		return cause.Because(cause.WrongPassword, "wrong password for %s, failure %d", u.ID, p.Failures)
	}
	return g.standing(u, p, managed, now)
}

// standing is the refusal that awaits somebody who knows the password.
func (g *Authenticator) standing(u world.User, p *person, managed *kept, now time.Time) error {
	switch status := effective(u, p); {
	case status == world.Disabled:
		return cause.Because(cause.Disabled, "%s is disabled", u.ID)
	case status == world.AccountExpired, !u.Expires.IsZero() && !now.Before(u.Expires):
		return cause.Because(cause.AccountExpired, "the account of %s has expired", u.ID)
	case status == world.Expired, g.tooOld(p, managed, now):
		return cause.Because(cause.PasswordExpired, "the password of %s has expired", u.ID)
	case mustChange(u, p):
		return cause.Because(cause.MustChange, "%s must change the password first", u.ID)
	}
	return nil
}

func effective(u world.User, p *person) world.Status {
	if p.Status != nil {
		return *p.Status
	}
	return u.Status
}

func mustChange(u world.User, p *person) bool {
	if p.MustChange != nil {
		return *p.MustChange
	}
	return effective(u, p) == world.MustChange
}

func (g *Authenticator) tooOld(p *person, managed *kept, now time.Time) bool {
	age := g.World.Organization().Policy.MaxAge
	return age > 0 && now.Sub(g.setAt(p, managed)) >= age
}

func (g *Authenticator) setAt(p *person, managed *kept) time.Time {
	switch {
	case managed != nil:
		return managed.since
	case p.SetAt.IsZero():
		return g.Started
	}
	return p.SetAt
}

// locked reports since when somebody is locked out now.
func (g *Authenticator) locked(u world.User, p *person, now time.Time) (since string, locked bool) {
	if effective(u, p) == world.Locked {
		return "the seed or an administrator said so", true
	}
	if p.LockedAt.IsZero() {
		return "", false
	}
	if end := lockEnd(p.LockedAt, g.World.Organization().Lockout.Duration); !end.IsZero() && !now.Before(end) {
		return "", false
	}
	return p.LockedAt.Format(time.RFC3339), true
}

func lockEnd(at time.Time, lasts time.Duration) time.Time {
	if at.IsZero() || lasts == 0 {
		return time.Time{}
	}
	return at.Add(lasts)
}

// kept is a password that a vault manages, and since when it is.
type kept struct {
	password string
	since    time.Time
}

// managed is the password of a person whom a vault account serves, nil for
// everybody else.
func (g *Authenticator) managed(ctx context.Context, userID string) (*kept, error) {
	a, ok := g.World.AccountOfUser(userID)
	if !ok || g.Managed.Secret == nil {
		return nil, nil
	}
	secret, since, err := g.Managed.Secret(ctx, a.ID)
	return &kept{secret, since}, err
}

func (g *Authenticator) password(u world.User, p *person, managed *kept) string {
	switch {
	case managed != nil:
		return managed.password
	case p.Password != nil:
		return *p.Password
	}
	return u.Password
}

// Password is somebody's current password. Only what must compute with it
// (NTLM keys, a test's accessor) may ask; everything else uses Check.
func (g *Authenticator) Password(ctx context.Context, userID string) (string, error) {
	u, ok := g.World.User(userID)
	if !ok {
		return "", cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	managed, err := g.managed(ctx, u.ID)
	if err != nil {
		return "", err
	}
	p, _, err := g.people.Read(ctx, u.ID)
	return g.password(u, &p, managed), err
}

// Standing tells how somebody stands, without an attempt.
func (g *Authenticator) Standing(ctx context.Context, userID string) (Standing, error) {
	u, ok := g.World.User(userID)
	if !ok {
		return Standing{}, cause.Because(cause.UnknownUser, "nobody has the ID %q", userID)
	}
	p, _, err := g.people.Read(ctx, u.ID)
	if err != nil {
		return Standing{}, err
	}
	managed, err := g.managed(ctx, u.ID)
	if err != nil {
		return Standing{}, err
	}
	now := g.Clock.Now()
	s := Standing{UserID: u.ID, Status: world.Active, MustChange: mustChange(u, &p),
		Failures: p.Failures, LastFailure: p.LastFailure, PasswordSetAt: g.setAt(&p, managed)}
	if _, locked := g.locked(u, &p, now); locked {
		s.Status, s.LockedAt = world.Locked, p.LockedAt
		return s, nil
	}
	reason, _ := cause.Of(g.standing(u, &p, managed, now))
	if status, ok := statusOf[reason]; ok {
		s.Status = status
	}
	return s, nil
}

var statusOf = map[cause.Cause]world.Status{
	cause.Disabled: world.Disabled, cause.AccountExpired: world.AccountExpired,
	cause.PasswordExpired: world.Expired, cause.MustChange: world.MustChange,
}

// report passes on a secret that the seed does not have.
func (g *Authenticator) report(whose, secret string) {
	if g.Secret != nil {
		g.Secret(whose, secret)
	}
}

// edit changes what is on record of a person.
func (g *Authenticator) edit(ctx context.Context, userID string, f func(*person) error) error {
	return g.people.Edit(ctx, userID, func(p *person, _ bool) (time.Time, error) { return time.Time{}, f(p) })
}

// Client checks the secret of an API client.
func (g *Authenticator) Client(name, secret string) (world.Client, error) {
	c, ok := g.World.Client(name)
	if !ok {
		return world.Client{}, cause.Because(cause.UnknownClient, "no client is called %q", name)
	}
	if !Same(c.Secret, secret) {
		return world.Client{}, cause.Because(cause.WrongSecret, "wrong secret for client %q", c.ID)
	}
	return c, nil
}
