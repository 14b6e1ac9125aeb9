package ticket

import (
	"context"
	"strings"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
)

// Page is a part of a list of tickets.
type Page struct {
	Tickets []Ticket
	Next    string // where to go on; "" at the end
}

// looks is how many tickets one Page reads: what it costs does not grow with their number.
const looks = 500

// Page returns at most most tickets that match, in List's order and from where a page
// before ended; "" begins. It may be short of that, or empty, and yet have a Next.
func (b *Service) Page(ctx context.Context, f Filter, after string, most int) (Page, error) {
	out, looked := Page{Tickets: []Ticket{}}, 0
	where, after, ok := strings.Cut(after, ":")
	if where != "" && (!ok || where != "seed" && where != "made") {
		return out, cause.Because(cause.BadInput, "after is what a page before had as next")
	}
	at := 0
	if where == "seed" {
		place, ok := b.place[after]
		if !ok {
			return out, cause.Because(cause.BadInput, "after is what a page before had as next")
		}
		at, after = place+1, ""
	}
	for ; where != "made" && at < len(b.order); at++ {
		t, found, err := b.tickets.Read(ctx, b.order[at])
		if err != nil {
			return out, err
		}
		if t.Marks = nil; found && b.matches(t, f) {
			out.Tickets = append(out.Tickets, t)
		}
		if looked++; looked == looks || len(out.Tickets) == most {
			out.Next = "seed:" + b.order[at]
			return out, nil
		}
	}
	for e, err := range b.tickets.All(ctx, state.Range{After: after}) {
		if err != nil {
			return out, err
		}
		if b.isSeeded(e.Key) {
			continue
		}
		t := *e.Value
		if t.Marks = nil; b.matches(t, f) {
			out.Tickets = append(out.Tickets, t)
		}
		if looked++; looked == looks || len(out.Tickets) == most {
			out.Next = "made:" + e.Key
			return out, nil
		}
	}
	return out, nil
}
