package ticket

import (
	"iter"
	"maps"
	"strings"

	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// fromSeed is a seeded ticket as it hung on the first day.
func (b *Service) fromSeed(s world.Ticket) Ticket {
	t := Ticket{ID: s.ID, System: s.System, Type: s.Kind, Title: s.Title, Description: s.Description, State: StateOf(s),
		Requester: s.Requester, Assignee: s.Assignee, MinApprovals: s.MinApprovals, AllowSelfApproval: s.AllowSelfApproval,
		BreakGlass: s.BreakGlass, Window: Window{NotBefore: s.From, NotAfter: s.Until}, MaxSessions: s.MaxSessions, MaxUses: s.MaxUses,
		Labels: maps.Clone(s.Labels), Fields: maps.Clone(s.Fields), CreatedAt: s.Created, UpdatedAt: s.Created, Revision: 1}
	if t.CreatedAt.IsZero() {
		t.CreatedAt, t.UpdatedAt = b.Started, b.Started
	}
	if t.System == "" {
		t.System = "native"
	}
	for _, a := range s.Approvers {
		t.Approvers = append(t.Approvers, Approver{User: a.User, Decision: a.Decision, At: a.At, Comment: a.Comment})
	}
	for _, g := range s.Targets {
		t.Targets = append(t.Targets, Target{Asset: g.Asset, Accounts: g.Accounts, Protocols: g.Protocols, Ports: g.Ports})
	}
	t.normalize()
	return t
}

// StateOf translates what a seed says in another system's words: its own state
// where that is final or on hold, its approval otherwise.
func StateOf(s world.Ticket) State {
	word := strings.ReplaceAll(strings.ToLower(s.State), " ", "_")
	for _, known := range States() {
		if word == string(known) {
			return known
		}
	}
	switch word {
	case "done", "resolved", "complete", "completed", "3", "6", "7":
		return Closed
	case "canceled", "4", "8":
		return Cancelled
	case "declined":
		return Rejected
	case "hold", "pending":
		return OnHold
	}
	switch strings.ToLower(s.Approval) {
	case "approved":
		return Approved
	case "rejected":
		return Rejected
	case "requested":
		return PendingApproval
	case "not_requested", "not requested":
		return Draft
	}
	switch word {
	case "implement", "implementing", "in_progress", "approved", "work_in_progress", "scheduled", "-1", "-2", "2":
		return Approved
	}
	return Draft
}

// Seeded is a ticket as the seed has it, whatever became of it.
func (b *Service) Seeded(system, id string) (Ticket, bool) {
	s, ok := b.seeded[b.key(system, id)]
	return b.fromSeed(s), ok
}

// seeds are the tickets of the seed, made when somebody asks for one.
type seeds struct {
	b    *Service
	keys []string // sorted
}

// Get implements state.Seeds.
func (s seeds) Get(key string) *Ticket {
	seeded, ok := s.b.seeded[key]
	if !ok {
		return nil
	}
	t := s.b.fromSeed(seeded)
	return &t
}

// After implements state.Seeds.
func (s seeds) After(prefix, after string) iter.Seq[string] {
	return state.SortedAfter(s.keys, prefix, after)
}
