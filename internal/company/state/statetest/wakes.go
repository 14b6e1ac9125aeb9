package statetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
)

// wakes has readers follow a record by waiting for the end of what they have read, from
// when it is not there yet until its last value; none of them may be forgotten.
func wakes(t *testing.T, s state.Table, _ *clock.Virtual) {
	const last = 200
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	follow := func() error {
		for {
			r, err := s.Get(ctx, "k")
			switch {
			case err != nil:
				return err
			case string(r.Value) == fmt.Sprint(last):
				return nil
			case r.Version == nil: // it cannot tell now, and has to be asked again
				continue
			}
			select {
			case <-r.Version.Ended():
				if r.Unchanged(time.Time{}) {
					return errors.New("a version that has ended says that it has not")
				}
			case <-ctx.Done():
				return fmt.Errorf("nobody said that %q is over", r.Value)
			}
		}
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if err := follow(); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range last {
		set(t, s, "k", fmt.Sprint(i+1), time.Time{})
	}
	readers.Wait()
	r, err := s.Get(t.Context(), "k")
	if err != nil || r.Version == nil {
		return
	}
	select {
	case <-r.Version.Ended():
		t.Error("it is over although nothing has happened")
	default:
	}
}
