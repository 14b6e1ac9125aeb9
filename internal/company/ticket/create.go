package ticket

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// Create hangs up a new ticket. With an empty ID it gets the next free number.
func (b *Service) Create(ctx context.Context, t Ticket) (Ticket, error) {
	return b.CreateNumbered(ctx, t, Series{Prefix: "TCK-", Digits: 4, After: 1000})
}

// Series is how a system numbers its tickets: a prefix and at least so many
// digits, the first number after After and after those that the seed has.
type Series struct {
	Prefix        string
	Digits, After int
}

// CreateNumbered is Create with the next free number of a series.
func (b *Service) CreateNumbered(ctx context.Context, t Ticket, s Series) (Ticket, error) {
	if t.State == "" {
		t.State = Draft
	}
	if err := b.check(t); err != nil {
		return Ticket{}, err
	}
	now := b.Clock.Now()
	t.CreatedAt, t.UpdatedAt, t.Revision = now, now, 1
	notes := t.Notes
	t.Notes, t.Sessions, t.Uses = []Note{}, []Session{}, 0
	if err := t.take(notes, now); err != nil {
		return Ticket{}, err
	}
	t.normalize()
	if t.ID != "" {
		return t, b.insert(ctx, t)
	}
	for {
		number, err := b.number(ctx, s)
		if err != nil {
			return Ticket{}, err
		}
		t.ID = fmt.Sprintf("%s%0*d", s.Prefix, s.Digits, number)
		if err := b.insert(ctx, t); err == nil || !isTaken(err) {
			return t, err
		}
	}
}

func isTaken(err error) bool { c, _ := cause.Of(err); return c == cause.Exists }

func (b *Service) insert(ctx context.Context, t Ticket) error {
	key := b.key("", t.ID)
	return b.tickets.Edit(ctx, key, func(v *Ticket, found bool) (time.Time, error) {
		if found || b.isSeeded(key) {
			return time.Time{}, cause.Because(cause.Exists, "there is a ticket %q", t.ID)
		}
		*v = t
		return time.Time{}, nil
	})
}

// number draws the next number of a series.
func (b *Service) number(ctx context.Context, s Series) (n int, err error) {
	err = b.numbers.Edit(ctx, world.Fold(s.Prefix), func(v *int, found bool) (time.Time, error) {
		if !found {
			*v = max(s.After, b.highest(s))
		}
		*v++
		n = *v
		return time.Time{}, nil
	})
	return n, err
}

// highest is the highest number of a series that the seed has.
func (b *Service) highest(s Series) (top int) {
	for _, t := range b.seeded {
		if digits, ok := strings.CutPrefix(t.ID, s.Prefix); ok && len(digits) <= 12 {
			if n, err := strconv.Atoi(digits); err == nil {
				top = max(top, n)
			}
		}
	}
	return top
}

// check refuses a ticket that makes no sense.
func (b *Service) check(t Ticket) error {
	bad := func(format string, args ...any) error { return cause.Because(cause.BadInput, format, args...) }
	switch {
	case !slices.Contains(States(), t.State):
		return bad("state %q is unknown", t.State)
	case t.MinApprovals < 0 || t.MaxSessions < 0 || t.MaxUses < 0:
		return bad("min_approvals, max_sessions and max_uses must be at least 0")
	case !t.Window.NotBefore.IsZero() && !t.Window.NotAfter.IsZero() && !t.Window.NotBefore.Before(t.Window.NotAfter):
		return bad("the window ends before it begins")
	case strings.ContainsAny(t.ID, "/ \t\r\n") || len(t.ID) > 100:
		return bad("an id has at most 100 characters, no blanks and no slash")
	case len(t.Title)+len(t.Description) > maxText:
		return bad("title and description are longer than %d octets", maxText)
	}
	for i, a := range t.Approvers {
		if _, ok := b.World.Login(a.User); !ok {
			return bad("approvers[%d]: nobody is called %q", i, a.User)
		}
		if slices.ContainsFunc(t.Approvers[:i], func(x Approver) bool { return strings.EqualFold(x.User, a.User) }) {
			return bad("approvers[%d]: %q is named twice", i, a.User)
		}
	}
	for i, g := range t.Targets {
		if g.Asset == "" {
			return bad("targets[%d]: asset is missing", i)
		}
	}
	return nil
}
