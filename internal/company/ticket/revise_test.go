package ticket_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

func TestReviseChangesStateFieldsAndNotesAtOnce(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "CHG1", System: "servicenow", Kind: "change"})
	got, err := b.Revise(t.Context(), "servicenow", "CHG1", func(x *ticket.Ticket) error {
		x.State, x.Title, x.ID, x.Uses = ticket.Closed, "done", "other", 9
		x.Fields["close_notes"] = "fine"
		x.Notes = append(x.Notes, ticket.Note{Kind: "worklog", Text: "closed", Author: "alice"})
		return nil
	})
	if err != nil || got.State != ticket.Closed || got.Title != "done" || got.Fields["close_notes"] != "fine" || got.Revision != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	if got.ID != "CHG1" || got.Uses != 0 || len(got.Notes) != 1 || got.Notes[0].ID != 1 || !got.Notes[0].At.Equal(noon) {
		t.Errorf("%+v", got)
	}
	if _, err := b.Revise(t.Context(), "servicenow", "CHG1", func(x *ticket.Ticket) error { x.State = "odd"; return nil }); !errors.Is(err, cause.BadInput) {
		t.Errorf("an unknown state: %v", err)
	}
	if _, err := b.Revise(t.Context(), "jira", "CHG1", func(*ticket.Ticket) error { return nil }); !errors.Is(err, cause.UnknownTicket) {
		t.Errorf("another system's: %v", err)
	}
}

// Of two callers who both revise, both changes stand: neither reads what the
// other one has not written yet.
func TestRevisionsDoNotLoseEachOther(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "CHG1", System: "servicenow"})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := b.Revise(t.Context(), "", "CHG1", func(x *ticket.Ticket) error {
				x.Fields[fmt.Sprint(i)] = "set"
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := b.Get(t.Context(), "", "CHG1"); err != nil || len(got.Fields) != 50 || got.Revision != 51 {
		t.Errorf("%d fields at revision %d, %v", len(got.Fields), got.Revision, err)
	}
}

func TestDeletedTicketsAreGone(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "CHG1", System: "servicenow"})
	made, err := b.CreateNumbered(t.Context(), ticket.Ticket{System: "servicenow"}, ticket.Series{Prefix: "CHG", Digits: 7})
	if err != nil || made.ID != "CHG0000002" {
		t.Fatalf("%s %v", made.ID, err)
	}
	for _, id := range []string{"CHG1", made.ID} {
		if err := b.Delete(t.Context(), "jira", id); !errors.Is(err, cause.UnknownTicket) {
			t.Errorf("%s of another system: %v", id, err)
		}
		if err := b.Delete(t.Context(), "servicenow", id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := b.Get(t.Context(), "", id); !errors.Is(err, cause.UnknownTicket) {
			t.Errorf("%s is still there: %v", id, err)
		}
		if _, err := b.Revise(t.Context(), "", id, func(*ticket.Ticket) error { return nil }); !errors.Is(err, cause.UnknownTicket) {
			t.Errorf("%s can be changed: %v", id, err)
		}
		if err := b.Delete(t.Context(), "", id); !errors.Is(err, cause.UnknownTicket) {
			t.Errorf("%s again: %v", id, err)
		}
	}
	if all, err := b.List(t.Context(), ticket.Filter{}); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
}

func TestNumbersOfASeriesAreUnique(t *testing.T) {
	b, _ := board(t, world.Ticket{ID: "INC0000046", System: "servicenow"}, world.Ticket{ID: "INC0000048", System: "native"})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 100 {
		wg.Go(func() {
			made, err := b.CreateNumbered(t.Context(), ticket.Ticket{System: "servicenow"}, ticket.Series{Prefix: "INC", Digits: 7})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[made.ID] {
				t.Errorf("%s %v", made.ID, err)
			}
			seen[made.ID] = true
		})
	}
	wg.Wait()
	if !seen["INC0000049"] || !seen["INC0000148"] {
		t.Error("the series does not go on after the seed's highest")
	}
}
