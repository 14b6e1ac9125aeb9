package mutation

import (
	"context"
	"sync"
	"time"

	"counterpart/internal/plugins/scenario"
)

// stages keeps companies and boxes that are up, for whoever plays next.
type stages struct {
	o    scenario.Options
	most time.Duration // that a hook may take

	mu   sync.Mutex
	idle []*scenario.Stage
}

// take is a stage for a case, one that is up already if there is one.
func (s *stages) take(ctx context.Context, c scenario.Case, mode string) (*scenario.Stage, error) {
	s.mu.Lock()
	for i, st := range s.idle {
		if mode == scenario.WorkerMode && st.Suits(c) {
			s.idle = append(s.idle[:i:i], s.idle[i+1:]...)
			s.mu.Unlock()
			st.Change(c)
			return st, nil
		}
	}
	s.mu.Unlock()
	return scenario.NewStage(ctx, c, mode, s.most, s.o)
}

// back returns a stage; mostIdle of them are kept.
func (s *stages) back(st *scenario.Stage, mode string) {
	if mode != scenario.WorkerMode || st.Spent() {
		st.Close()
		return
	}
	s.mu.Lock()
	s.idle = append(s.idle, st)
	var over *scenario.Stage
	if len(s.idle) > mostIdle {
		over, s.idle = s.idle[0], s.idle[1:]
	}
	s.mu.Unlock()
	if over != nil {
		over.Close()
	}
}

// mostIdle companies that wait to be used again.
const mostIdle = 12

// play plays a case once with a twist.
func (s *stages) play(ctx context.Context, c scenario.Case, mode string, t scenario.Twist) (scenario.Take, *scenario.Stage, error) {
	st, err := s.take(ctx, c, mode)
	if err != nil {
		return scenario.Take{}, nil, err
	}
	return st.Play(ctx, t), st, nil
}

func (s *stages) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.idle {
		st.Close()
	}
	s.idle = nil
}
