package ticket

import (
	"cmp"
	"context"
	"slices"

	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// anybody is what a ticket of nobody in particular is found by; no name of a person or
// a group is like it.
const anybody = "*"

// index declares what tickets are found by, besides their key.
func (b *Service) index() {
	b.owned = b.tickets.By(b.Store, "owner", nil, func(t *Ticket) []string {
		if t.Requester == "" && t.Assignee == "" {
			return []string{anybody}
		}
		var out []string
		for _, name := range []string{t.Requester, t.Assignee} {
			if name = world.Fold(name); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
		return out
	})
	b.used = b.tickets.By(b.Store, "session", nil, func(t *Ticket) (out []string) {
		for _, s := range t.Sessions {
			if s.ClosedAt.IsZero() && s.SessionID != "" && !slices.Contains(out, s.SessionID) {
				out = append(out, s.SessionID)
			}
		}
		return out
	})
}

// ValidateAny looks for a ticket that permits an access; the first one that
// does, in List's order, is taken. With none the decision says so, without a ticket.
// What it costs follows from the tickets that are the user's, not from how many there are.
func (b *Service) ValidateAny(ctx context.Context, a Access) (Decision, error) {
	if a.OpenSession && a.SessionID != "" { // asked again for a session: the ticket that has it, also if that is full now
		for e, err := range b.used.All(ctx, a.SessionID, "") {
			if err != nil {
				return Decision{}, err
			}
			if t := e.Value; t.has(b.session(a, t.CreatedAt)) {
				a.system = t.System
				return b.Validate(ctx, t.ID, a)
			}
		}
	}
	candidates, err := b.candidates(ctx, a)
	if err != nil {
		return Decision{}, err
	}
	for _, e := range candidates {
		t := e.Value
		o, ordered, err := b.Decisions.Peek(ctx, b.subject(t.ID, a))
		if err != nil {
			return Decision{}, err
		}
		approved := ordered && o.Verb == decision.Approve
		if !approved && len(b.reasons(t, a, orNow(a.At, b.Clock.Now()))) > 0 {
			continue
		}
		a.system = t.System // two systems may number alike
		// An order about the person, not about one ticket, is about the whole question.
		if d, err := b.Validate(ctx, t.ID, a); err != nil || d.Allowed || ordered && o.Ticket == "" {
			return d, err
		}
	}
	a.system = ""
	d, err := b.Validate(ctx, "", a)
	if len(d.Reasons) > 0 {
		d.Reasons[0].Message = "no ticket permits this access"
	}
	return d, err
}

// candidates are the tickets that can permit the access, in List's order: those that
// are the user's or anybody's, and those that an order may make count.
func (b *Service) candidates(ctx context.Context, a Access) (out []state.Entry[Ticket], err error) {
	seen := map[string]bool{}
	add := func(e state.Entry[Ticket]) {
		if e.Value != nil && !seen[e.Key] {
			seen[e.Key] = true
			out = append(out, e)
		}
	}
	for _, name := range b.namesOf(a) {
		for e, err := range b.owned.All(ctx, name, "") {
			if err != nil {
				return nil, err
			}
			add(e)
		}
	}
	orders, err := b.Decisions.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		switch {
		case o.Verb != decision.Approve || o.On != "" && o.On != decision.Ticket:
		case o.Ticket == "": // whichever comes first
			for t, err := range b.All(ctx, "") {
				if err != nil {
					return nil, err
				}
				add(state.Entry[Ticket]{Key: b.key(t.System, t.ID), Value: &t})
				break
			}
		default:
			for _, key := range b.keysOf(o.Ticket) {
				t, err := b.tickets.Get(ctx, key)
				if err != nil {
					return nil, err
				}
				add(state.Entry[Ticket]{Key: key, Value: t})
			}
		}
	}
	slices.SortFunc(out, func(x, y state.Entry[Ticket]) int {
		i, one := b.place[x.Key]
		j, two := b.place[y.Key]
		switch {
		case one && two:
			return cmp.Compare(i, j)
		case one:
			return -1
		case two:
			return 1
		}
		return cmp.Compare(x.Key, y.Key)
	})
	return out, nil
}

// namesOf is what isFor would find in a ticket's requester or assignee.
func (b *Service) namesOf(a Access) []string {
	user := world.Fold(a.User)
	if u, ok := b.World.Login(a.User); ok {
		user = world.Fold(u.ID)
	}
	out := []string{anybody, user}
	for _, g := range b.World.GroupsOf(user) {
		out = append(out, world.Fold(g.ID))
	}
	for _, g := range a.Groups {
		out = append(out, world.Fold(g))
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(name string) bool { return name == "" })
}

// keysOf are the keys that a ticket of that number can have, in whichever system.
func (b *Service) keysOf(id string) []string {
	out := []string{world.Fold(id)}
	for _, system := range b.systems {
		if k := b.key(system, id); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}
