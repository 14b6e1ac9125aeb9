package ticket

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
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
		return b.insert(ctx, t)
	}
	for {
		number, err := b.numberOf(ctx, s)
		if err != nil {
			return Ticket{}, err
		}
		t.ID = fmt.Sprintf("%s%0*d", s.Prefix, s.Digits, number)
		out, err := b.insert(ctx, t)
		if !isTaken(err) {
			return out, err
		}
		if err := b.forget(ctx, s); err != nil {
			return Ticket{}, err
		}
	}
}

// numberOf draws a number. A marked request keeps it before its ticket is hung up, so that
// a repetition finds the ticket, or hangs it up under the same number. A number that was
// drawn and not kept is nobody's.
func (b *Service) numberOf(ctx context.Context, s Series) (n int, err error) {
	mark := givenKey(ctx, s)
	if mark == "" {
		return b.number(ctx, s)
	}
	if n, found, err := b.given.Read(ctx, mark); err != nil || found {
		return n, err
	}
	if n, err = b.number(ctx, s); err != nil {
		return 0, err
	}
	err = b.given.Edit(ctx, mark, func(v *int, found bool) (time.Time, error) {
		if found { // the same request, at the same time
			n = *v
			return time.Time{}, state.ErrKeep
		}
		*v = n
		return b.Clock.Now().Add(state.MarksLive), nil
	})
	return n, err
}

// forget lets go of a number under which somebody else has hung up a ticket by name.
func (b *Service) forget(ctx context.Context, s Series) error {
	mark := givenKey(ctx, s)
	if mark == "" {
		return nil
	}
	_, err := b.given.Delete(ctx, mark)
	return err
}

// givenKey is where the number of a marked request stands.
func givenKey(ctx context.Context, s Series) string {
	mark := state.MarkOf(ctx)
	if mark != "" {
		mark = world.Fold(s.Prefix) + "/" + mark
	}
	return mark
}

func isTaken(err error) bool { c, _ := cause.Of(err); return c == cause.Exists }

// insert adds a new ticket, once for a marked request, which is told how it stands.
func (b *Service) insert(ctx context.Context, t Ticket) (Ticket, error) {
	key := b.key("", t.ID)
	var out Ticket
	err := b.tickets.Edit(ctx, key, func(v *Ticket, found bool) (time.Time, error) {
		marks := v.Marks
		err := state.Once(ctx, &marks, state.Change[struct{}]{What: "create", Now: b.Clock.Now(), Out: &struct{}{}, Make: func() error {
			if found || b.isSeeded(key) {
				return cause.Because(cause.Exists, "there is a ticket %q", t.ID)
			}
			*v = t
			return nil
		}})
		out, v.Marks = *v, marks
		out.Marks = nil
		return time.Time{}, err
	})
	if err != nil {
		return t, err
	}
	return out, nil
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
