package control

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// counted counts the listings of a store.
type counted struct {
	state.Store
	lists atomic.Int64
}

func (c *counted) Table(name string) state.Table { return countedTable{c.Store.Table(name), c} }

type countedTable struct {
	state.Table
	of *counted
}

func (t countedTable) Keys(ctx context.Context, r state.Range) ([]string, error) {
	t.of.lists.Add(1)
	return t.Table.Keys(ctx, r)
}

// TestS1WhoWaitsForAnApprovalSharesALook: a thousand who wait cost as much as one.
func TestS1WhoWaitsForAnApprovalSharesALook(t *testing.T) {
	w, err := world.New(world.Facts{RandomSeed: 1, Users: []world.User{{ID: "bob", Name: "bob"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := clock.New()
	store := &counted{Store: state.NewMemory(c)}
	s := &Server{Config: Config{Clock: c, Factors: factor.New(factor.Config{World: w, Store: store, Clock: c, Rand: w.Derive("x")})}}
	_, began := c.Both()
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if _, err := s.lately(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	_, end := c.Both()
	if n := store.lists.Load(); n < 1 || n > 1+int64((end-began)/look) {
		t.Errorf("1000 looks within %v listed the store %d times", end-began, n)
	}
}
