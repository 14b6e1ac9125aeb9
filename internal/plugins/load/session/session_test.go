//go:build !nopython

package session_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/plugins/load"
	"counterpart/internal/plugins/load/plan"
	"counterpart/internal/plugins/load/report"
	"counterpart/internal/plugins/load/session"
	"counterpart/internal/plugins/load/step"
	"counterpart/internal/plugins/scenario"
	"counterpart/servers"
)

const text = `
load: sessions
fleet: {merge: {generate: {users: 500}}}
lag: 1m
drain: 2m
arrival: [{rate: 20, for: 1s}]
journeys:
  - {name: otp, scenario: ../../../../plugins/keys/scenarios/aa.yaml, case: CASE, as: alice, mode: worker, interpreters: 2}
`

// TestManySessionsShareInterpreters: each is another person's, with that person's own code, and
// what the scenario waits passes for the session alone.
func TestManySessionsShareInterpreters(t *testing.T) {
	p, err := plan.Parse("p.yaml", ".", []byte(strings.Replace(text, "CASE", "the right code", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var waited atomic.Int64
	s, err := session.Open(t.Context(), p, scenario.Options{Kinds: servers.Table(), Texts: servers.Texts()}, func(_ context.Context, d time.Duration) error {
		waited.Add(int64(d))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := load.Run(t.Context(), load.Config{Plan: p, Now: time.Now, Crowd: &load.Crowd{World: s.Company().World, Now: s.Company().Clock.Now},
		Session: func(j *plan.Journey) (step.Step, error) { return s.Step(j), nil },
		Wait: func(ctx context.Context, at time.Time) error {
			select {
			case <-time.After(time.Until(at)):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	out := r.Judge()
	if out.Verdict != report.Passed || out.All.Count != 20 || out.All.LetIn != 20 {
		t.Errorf("%s: %q, %+v", out.Verdict, out.Why, out.All.Reasons)
	}
	rows := map[string]int64{}
	for _, row := range out.Operations {
		rows[row.Name] = row.Count
	}
	if rows["hook authenticate"] != 40 || rows["hook authorize"] != 20 || rows["hook session_ended"] != 20 || rows["session"] != 20 {
		t.Errorf("%v", rows)
	}
	if got := time.Duration(waited.Load()); got != 100*time.Second {
		t.Errorf("the sessions waited %v together", got)
	}
	if leased, err := s.Company().Logins.Alive(t.Context()); err != nil || len(leased) > 0 {
		t.Error(leased, err)
	}
}

// TestMistakesOfScenariosHaveAPlace in the plan.
func TestMistakesOfScenariosHaveAPlace(t *testing.T) {
	p, err := plan.Parse("p.yaml", ".", []byte(strings.Replace(text, "CASE", "no such case", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Open(t.Context(), p, scenario.Options{Kinds: servers.Table()}, nil); err == nil || !strings.HasPrefix(err.Error(), "p.yaml:8:27: ") || !strings.Contains(err.Error(), `no case "no such case"; there are the right code, a wrong code`) {
		t.Error(err)
	}
}
