// Package ticket decides whether a ticket permits an access: state machine,
// validity windows, approvals, "may X reach Y as Z now", sessions, notes. Every
// ticketing server of a fleet shows the same tickets in its own words.
package ticket

import (
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/decision"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Config is what a Service stands on.
type Config struct {
	World *world.World
	Store state.Store
	Clock clock.Clock
	Rand  io.Reader // decision identifiers
	// Started is when the seeded tickets count as made; zero: now.
	Started time.Time
	// Decisions are a person's or a test's orders; nil has none.
	Decisions *decision.Overrides
}

// Service is where tickets hang.
type Service struct {
	Config
	seeded  map[string]world.Ticket // by key
	keys    map[string]string       // "system/id" → key
	order   []string                // keys in the seed's order
	place   map[string]int          // key → where in that order
	systems []string                // of seeded tickets

	tickets *state.Collection[Ticket] // by key, the seeded ones below
	owned   *state.Index[Ticket]      // by whose they are, see namesOf
	used    *state.Index[Ticket]      // by their open sessions
	given   *state.Collection[int]    // the number that a marked request has, by mark
	numbers *state.Collection[int]    // the last one of each series, by its prefix
}

// New returns a Service over c.
func New(c Config) *Service {
	if c.Started.IsZero() {
		c.Started = c.Clock.Now()
	}
	b := &Service{Config: c, seeded: map[string]world.Ticket{}, keys: map[string]string{}, place: map[string]int{}}
	for t := range c.World.Tickets() {
		key := world.Fold(t.ID)
		if _, taken := b.seeded[key]; taken { // two systems may number alike
			key = world.Fold(t.System + ":" + t.ID)
		}
		b.seeded[key] = t
		b.keys[world.Fold(t.System+"/"+t.ID)] = key
		b.place[key] = len(b.order)
		b.order = append(b.order, key)
		if !slices.Contains(b.systems, t.System) {
			b.systems = append(b.systems, t.System)
		}
	}
	b.tickets = state.Of[Ticket](c.Store, "ticket").Seeded(seeds{b, slices.Sorted(maps.Keys(b.seeded))})
	b.index()
	b.numbers = state.Of[int](c.Store, "ticket-number")
	b.given = state.Of[int](c.Store, "ticket-given")
	return b
}

// State is where a ticket stands, whatever its own system calls it.
type State string

// The states of ticketing.md section 4.
const (
	Draft           State = "draft"
	PendingApproval State = "pending_approval"
	Approved        State = "approved"
	InProgress      State = "in_progress"
	OnHold          State = "on_hold"
	Closed          State = "closed"
	Cancelled       State = "cancelled"
	Rejected        State = "rejected"
)

// States lists them all.
func States() []State {
	return []State{Draft, PendingApproval, Approved, InProgress, OnHold, Closed, Cancelled, Rejected}
}

// Final reports whether nothing can follow.
func (s State) Final() bool { return s == Closed || s == Cancelled || s == Rejected }

// next lists what may follow a state by itself; any state that is not final
// may also be cancelled.
var next = map[State][]State{
	Draft:           {PendingApproval},
	PendingApproval: {Approved, Rejected, Draft},
	Approved:        {InProgress, OnHold},
	InProgress:      {OnHold, Closed},
	OnHold:          {Approved, InProgress},
}

// Ticket is a ticket as it stands now.
type Ticket struct {
	ID                string            `json:"id"`
	System            string            `json:"system"`
	Type              string            `json:"type"`
	Title             string            `json:"title"`
	Description       string            `json:"description"`
	State             State             `json:"state"`
	Requester         string            `json:"requester"`
	Assignee          string            `json:"assignee"`
	Approvers         []Approver        `json:"approvers"`
	MinApprovals      int               `json:"min_approvals"`
	AllowSelfApproval bool              `json:"allow_self_approval"`
	BreakGlass        bool              `json:"break_glass"`
	Targets           []Target          `json:"targets"`
	Window            Window            `json:"window"`
	MaxSessions       int               `json:"max_sessions"` // at once; 0 means no limit
	MaxUses           int               `json:"max_uses"`     // in total; 0 means no limit
	Uses              int               `json:"uses"`
	Notes             []Note            `json:"notes"`
	Sessions          []Session         `json:"sessions"`
	Labels            map[string]string `json:"labels"`
	Fields            map[string]string `json:"fields"` // what only its own system knows
	CreatedAt         time.Time         `json:"created_at"`
	UpdatedAt         time.Time         `json:"updated_at"`
	Revision          int               `json:"revision"`

	// Marks are in the record alone: nobody is handed them.
	Marks state.Marks `json:"marks,omitempty"`
}

// Approver is one person asked to approve.
type Approver struct {
	User     string    `json:"user"`
	Decision string    `json:"decision"` // "", approved, rejected
	At       time.Time `json:"at,omitzero"`
	Comment  string    `json:"comment,omitempty"`
}

// Target is what a ticket permits to reach.
type Target struct {
	Asset     string   `json:"asset"` // name, address, CIDR or glob
	Accounts  []string `json:"accounts"`
	Protocols []string `json:"protocols"`
	Ports     []int    `json:"ports"`
}

// Window is when a ticket may be used; NotBefore is inclusive, NotAfter
// exclusive, a zero side is open.
type Window struct {
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
}

// Note is a comment or work log entry.
type Note struct {
	ID        int       `json:"id"`
	Kind      string    `json:"kind"` // comment, worklog
	Text      string    `json:"text"`
	Author    string    `json:"author"`
	SessionID string    `json:"session_id,omitempty"`
	At        time.Time `json:"at"`
}

// Session is one use of a ticket.
type Session struct {
	SessionID string    `json:"session_id"`
	User      string    `json:"user"`
	Asset     string    `json:"asset"`
	Account   string    `json:"account"`
	Protocol  string    `json:"protocol,omitempty"`
	Client    string    `json:"client,omitempty"`
	OpenedAt  time.Time `json:"opened_at"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
	Outcome   string    `json:"outcome,omitempty"`
}

// What one ticket can hold.
const (
	maxNotes     = 1000
	maxSessions  = 1000 // open ones
	keptSessions = 200  // in all, as long as closed ones can go
	maxText      = 64 << 10
)

// key is the record of the ticket called id, in a system or, with an empty
// system, in any.
func (b *Service) key(system, id string) string {
	if system != "" {
		if k, ok := b.keys[world.Fold(system+"/"+id)]; ok {
			return k
		}
	}
	return world.Fold(id)
}

// Get returns a ticket of a system, or with an empty system of any.
func (b *Service) Get(ctx context.Context, system, id string) (Ticket, error) {
	t, found, err := b.tickets.Read(ctx, b.key(system, id))
	t.Marks = nil
	if err == nil && (!found || system != "" && !strings.EqualFold(t.System, system)) {
		err = cause.Because(cause.UnknownTicket, "there is no ticket %q", id)
	}
	return t, err
}

// edit changes one ticket as one decision and bumps its revision; an unchanged
// one (state.ErrKeep) keeps it. A repeated request changes it once (see state.Marks).
func (b *Service) edit(ctx context.Context, system, id string, f func(t *Ticket, now time.Time) error) (Ticket, error) {
	key := b.key(system, id)
	var out Ticket
	err := b.tickets.Edit(ctx, key, func(t *Ticket, found bool) (time.Time, error) {
		if !found {
			return time.Time{}, cause.Because(cause.UnknownTicket, "there is no ticket %q", id)
		}
		if system != "" && !strings.EqualFold(t.System, system) {
			return time.Time{}, cause.Because(cause.UnknownTicket, "ticket %q is not of %s", id, system)
		}
		now := b.Clock.Now()
		marks := t.Marks
		t.Marks = nil
		err := state.Once(ctx, &marks, state.Change[struct{}]{What: "edit", Now: now, Out: &struct{}{}, Make: func() error {
			err := f(t, now)
			if err == nil {
				t.UpdatedAt = now
				t.Revision++
			}
			return err
		}})
		out = *t // a repeated request is told how the ticket stands
		t.Marks = marks
		return time.Time{}, err
	})
	return out, err
}

// Filter chooses tickets; empty fields choose all.
type Filter struct {
	System, Requester, Assignee, Asset, Account, Text string
	State                                             State
	ActiveAt                                          time.Time // usable at that moment, by state and window
}

// List returns the tickets that match, the seeded ones first and in the seed's
// order, then the others by ID.
func (b *Service) List(ctx context.Context, f Filter) ([]Ticket, error) {
	out := []Ticket{}
	for t, err := range b.All(ctx, f.System) {
		if err != nil {
			return nil, err
		}
		if b.matches(t, f) {
			out = append(out, t)
		}
	}
	return out, nil
}

// All yields the tickets of a system, or with an empty system all, in List's
// order and one at a time: however many there are, only one is held. What is
// hung up meanwhile may be missing.
func (b *Service) All(ctx context.Context, system string) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		fits := func(t *Ticket) bool { return system == "" || strings.EqualFold(t.System, system) }
		for _, key := range b.order {
			if s := b.seeded[key].System; system != "" && s != "" && !strings.EqualFold(s, system) {
				continue
			}
			if t, found, err := b.tickets.Read(ctx, key); err != nil || found && fits(&t) {
				t.Marks = nil
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
		for e, err := range b.tickets.All(ctx, state.Range{}) {
			if err != nil {
				yield(Ticket{}, err)
				return
			}
			if b.isSeeded(e.Key) || !fits(e.Value) {
				continue
			}
			t := *e.Value
			if t.Marks = nil; !yield(t, nil) {
				return
			}
		}
	}
}

func (b *Service) isSeeded(key string) bool { _, ok := b.place[key]; return ok }

func (b *Service) matches(t Ticket, f Filter) bool {
	is := func(want, got string) bool { return want == "" || strings.EqualFold(want, got) }
	if !is(f.System, t.System) || !is(f.Requester, t.Requester) || !is(f.Assignee, t.Assignee) || !is(string(f.State), string(t.State)) {
		return false
	}
	if f.Text != "" && !strings.Contains(strings.ToLower(t.ID+" "+t.Title+" "+t.Description), strings.ToLower(f.Text)) {
		return false
	}
	if f.Asset != "" && !slices.ContainsFunc(t.Targets, func(g Target) bool { return b.reaches(g, Access{Asset: f.Asset}) }) {
		return false
	}
	if f.Account != "" && !slices.ContainsFunc(t.Targets, func(g Target) bool { return g.allowsAccount(f.Account) }) {
		return false
	}
	return f.ActiveAt.IsZero() || t.usableState() == "" && t.timing(f.ActiveAt) == ""
}

// normalize makes empty lists empty rather than null, for JSON.
func (t *Ticket) normalize() {
	if t.Approvers == nil {
		t.Approvers = []Approver{}
	}
	if t.Targets == nil {
		t.Targets = []Target{}
	}
	for i := range t.Targets {
		g := &t.Targets[i]
		g.Accounts, g.Protocols, g.Ports = orEmpty(g.Accounts), orEmpty(g.Protocols), orEmpty(g.Ports)
	}
	t.Notes, t.Sessions = orEmpty(t.Notes), orEmpty(t.Sessions)
	if t.Labels == nil {
		t.Labels = map[string]string{}
	}
	if t.Fields == nil {
		t.Fields = map[string]string{}
	}
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ETag is the entity tag of a revision.
func (t Ticket) ETag() string { return `"` + strconv.Itoa(t.Revision) + `"` }
