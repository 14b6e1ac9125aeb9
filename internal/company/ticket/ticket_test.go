package ticket_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func board(t *testing.T, tickets ...world.Ticket) (*ticket.Service, *clock.Virtual) {
	t.Helper()
	w, err := world.New(world.Facts{RandomSeed: 1, Organization: world.Organization{Domain: "acme.test", NetBIOS: "ACME"},
		Users:  []world.User{{ID: "alice", Name: "alice", Groups: []string{"dba"}}, {ID: "bob", Name: "bob"}, {ID: "trent", Name: "trent"}},
		Groups: []world.Group{{ID: "dba", Name: "dba"}},
		Assets: []world.Asset{{ID: "db01", Name: "db01", Address: netip.MustParseAddr("10.0.0.5"), Hostnames: []string{"db01.acme.test"}},
			{ID: "web01", Name: "web01", Address: netip.MustParseAddr("10.0.0.6")}},
		Tickets: tickets})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Frozen(noon)
	return ticket.New(ticket.Config{World: w, Store: state.NewMemory(c), Clock: c, Rand: w.Derive("test")}), c
}

// codes asks a ticket and joins the reasons.
func codes(t *testing.T, b *ticket.Service, id string, a ticket.Access) string {
	t.Helper()
	d, err := b.Validate(t.Context(), id, a)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range d.Reasons {
		out = append(out, string(r.Code))
	}
	if d.Allowed != (len(out) == 0) {
		t.Errorf("allowed %v with reasons %v", d.Allowed, out)
	}
	return strings.Join(out, " ")
}

func TestSeededTicketsInTheWordsOfTheirSystems(t *testing.T) {
	for _, tt := range []struct {
		state, approval string
		want            ticket.State
	}{
		{"implement", "approved", ticket.Approved}, {"authorize", "requested", ticket.PendingApproval}, {"new", "not requested", ticket.Draft},
		{"-1", "approved", ticket.Approved}, {"3", "approved", ticket.Closed}, {"canceled", "approved", ticket.Cancelled}, {"Approved", "", ticket.Approved},
		{"Declined", "", ticket.Rejected}, {"On Hold", "approved", ticket.OnHold}, {"review", "rejected", ticket.Rejected}, {"in_progress", "", ticket.InProgress},
		{"", "", ticket.Draft},
	} {
		b, _ := board(t, world.Ticket{ID: "T", System: "servicenow", State: tt.state, Approval: tt.approval})
		if got, err := b.Get(t.Context(), "", "t"); err != nil || got.State != tt.want {
			t.Errorf("state %q, approval %q: %s, %v; want %s", tt.state, tt.approval, got.State, err, tt.want)
		}
	}
}

func TestTwoSystemsMayNumberAlike(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T-1", System: "servicenow", Title: "one"}, world.Ticket{ID: "T-1", System: "jira", Title: "two"})
	for system, want := range map[string]string{"servicenow": "one", "jira": "two", "": "one"} {
		if got, err := b.Get(t.Context(), system, "t-1"); err != nil || got.Title != want {
			t.Errorf("%q: %q, %v", system, got.Title, err)
		}
	}
	if _, err := b.Get(t.Context(), "bmc", "T-1"); !errors.Is(err, cause.UnknownTicket) {
		t.Errorf("another system: %v", err)
	}
	if _, err := b.Edit(t.Context(), "jira", "T-1", 0, func(x *ticket.Ticket) error { x.Title = "three"; return nil }); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.Get(t.Context(), "servicenow", "T-1"); got.Title != "one" {
		t.Error("an edit of one system's ticket changed the other's")
	}
}

func TestWhichMachineATargetMeans(t *testing.T) {
	for target, yes := range map[string]string{
		"db01": "db01", "DB01.acme.test": "db01", "10.0.0.5": "db01", "10.0.0.0/24": "db01 web01", "*.acme.test": "db01", "*01": "db01 web01", "db*": "db01",
		"2001:db8::/32": "", "[": "",
	} {
		b, _ := board(t, world.Ticket{ID: "T", State: "approved", Targets: []world.Target{{Asset: target}}})
		for _, asset := range []string{"db01", "web01"} {
			address := map[string]string{"db01": "10.0.0.5", "web01": "10.0.0.6"}[asset]
			want := "wrong_asset"
			if strings.Contains(yes, asset) {
				want = ""
			}
			if got := codes(t, b, "T", ticket.Access{User: "alice", Asset: asset}); got != want {
				t.Errorf("%q for %s: %q, want %q", target, asset, got, want)
			}
			if got := codes(t, b, "T", ticket.Access{User: "alice", Address: address}); got != want {
				t.Errorf("%q for %s: %q, want %q", target, address, got, want)
			}
		}
	}
}

func TestWhomATicketIsFor(t *testing.T) {
	for _, tt := range []struct {
		requester, assignee, user, group, want string
	}{
		{"alice", "", "alice", "", ""}, {"alice", "", `ACME\Alice`, "", ""}, {"alice", "", "bob", "", "wrong_user"}, {"alice", "bob", "bob", "", ""},
		{"alice", "dba", "alice", "", ""}, {"bob", "dba", "alice", "", ""}, {"bob", "ops", "alice", "ops", ""}, {"bob", "ops", "alice", "other", "wrong_user"}, {"", "", "anybody", "", ""},
	} {
		b, _ := board(t, world.Ticket{ID: "T", State: "approved", Requester: tt.requester, Assignee: tt.assignee})
		if got := codes(t, b, "T", ticket.Access{User: tt.user, Groups: []string{tt.group}}); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestTheStateMachineHasNoOtherSteps(t *testing.T) {
	legal := map[string]string{
		"draft": "pending_approval cancelled", "pending_approval": "approved rejected draft cancelled", "approved": "in_progress on_hold cancelled",
		"in_progress": "on_hold closed cancelled", "on_hold": "approved in_progress cancelled", "closed": "", "cancelled": "", "rejected": "",
	}
	for _, from := range ticket.States() {
		for _, to := range ticket.States() {
			b, _ := board(t, world.Ticket{ID: "T", State: string(from)})
			_, err := b.Transition(t.Context(), "", "T", ticket.Move{To: to})
			if want := strings.Contains(" "+legal[string(from)]+" ", " "+string(to)+" "); (err == nil) != want {
				t.Errorf("%s → %s: %v", from, to, err)
			} else if err != nil && !errors.Is(err, cause.IllegalTransition) {
				t.Errorf("%s → %s: %v", from, to, err)
			}
		}
	}
}

func TestOfTwoRacingWritersWithOneRevisionOneWins(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T"})
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := b.Edit(t.Context(), "", "T", 1, func(x *ticket.Ticket) error { x.Title = fmt.Sprint(i); return nil })
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, cause.Stale) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won", won.Load())
	}
}

func TestRacingApproversAndSessionsAndNumbers(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T", State: "pending_approval", MinApprovals: 1, Approvers: []world.Approver{{User: "trent"}}},
		world.Ticket{ID: "U", State: "approved", MaxUses: 3})
	var decided, opened atomic.Int32
	ids := sync.Map{}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if _, err := b.Approve(t.Context(), "", "T", ticket.Approver{User: "trent", Decision: "approved"}); err == nil {
				decided.Add(1)
			}
			if _, created, err := b.OpenSession(t.Context(), "", "U", ticket.Access{User: "bob", SessionID: fmt.Sprint("s", i)}); err == nil && created {
				opened.Add(1)
			}
			n, err := b.Create(t.Context(), ticket.Ticket{Title: "x"})
			if _, twice := ids.LoadOrStore(n.ID, true); err != nil || twice {
				t.Errorf("ticket %q: %v", n.ID, err)
			}
		})
	}
	wg.Wait()
	if decided.Load() != 1 || opened.Load() != 3 {
		t.Errorf("%d decisions by one approver, %d sessions of 3", decided.Load(), opened.Load())
	}
}

func TestARejectionEndsTheTicket(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T", State: "pending_approval", MinApprovals: 2, Approvers: []world.Approver{{User: "trent"}, {User: "bob"}}})
	if x, err := b.Approve(t.Context(), "", "T", ticket.Approver{User: "bob", Decision: "rejected"}); err != nil || x.State != ticket.Rejected {
		t.Fatalf("%s, %v", x.State, err)
	}
	if _, err := b.Approve(t.Context(), "", "T", ticket.Approver{User: "trent", Decision: "approved"}); !errors.Is(err, cause.Final) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := b.Approve(t.Context(), "", "T", ticket.Approver{User: "trent", Decision: "maybe"}); !errors.Is(err, cause.BadInput) {
		t.Errorf("maybe: %v", err)
	}
}

func TestTicketsStaySmall(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T", State: "approved"})
	for i := range 250 {
		id := fmt.Sprint("s", i)
		if _, _, err := b.OpenSession(t.Context(), "", "T", ticket.Access{User: "bob", SessionID: id}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.EndSession(t.Context(), "", "T", id, ticket.End{}); err != nil {
			t.Fatal(err)
		}
	}
	x, _ := b.Get(t.Context(), "", "T")
	if len(x.Sessions) > 200 || x.Uses != 250 {
		t.Errorf("%d sessions kept, %d uses", len(x.Sessions), x.Uses)
	}
	if _, _, err := b.AddNote(t.Context(), "", "T", ticket.Note{Kind: "comment", Text: strings.Repeat("x", 1<<20)}); !errors.Is(err, cause.BadInput) {
		t.Errorf("a huge note: %v", err)
	}
}

func TestListing(t *testing.T) {
	b, c := board(t,
		world.Ticket{ID: "A", System: "servicenow", State: "approved", Requester: "alice", Targets: []world.Target{{Asset: "db01", Accounts: []string{"root"}}}, Until: noon.Add(time.Hour)},
		world.Ticket{ID: "B", System: "jira", State: "draft", Title: "Disk of WEB01", Targets: []world.Target{{Asset: "web01"}}})
	for want, f := range map[string]ticket.Filter{
		"A B": {}, "A": {System: "servicenow"}, "B": {Text: "web01"}, "A ": {Asset: "10.0.0.5"}, " A": {Account: "root", Asset: "db01"}, "B ": {Account: "postgres"},
		"": {Requester: "bob"}, " A ": {ActiveAt: noon}, " ": {ActiveAt: noon.Add(time.Hour)}, "  A": {State: ticket.Approved},
	} {
		all, err := b.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, x := range all {
			ids = append(ids, x.ID)
		}
		if got := strings.Join(ids, " "); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
	_ = c
}

func TestAnyTicketMeansTheOneThatPermits(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "T-1", System: "servicenow", State: "approved", Requester: "bob"},
		world.Ticket{ID: "T-1", System: "jira", State: "approved", Requester: "alice"})
	d, err := b.ValidateAny(t.Context(), ticket.Access{User: "alice", SessionID: "s", OpenSession: true})
	if err != nil || !d.Allowed || d.Ticket.System != "jira" {
		t.Fatalf("%+v, %v; want the ticket of jira", d, err)
	}
	if x, _ := b.Get(t.Context(), "jira", "T-1"); x.Uses != 1 {
		t.Errorf("%d uses", x.Uses)
	}
}
