package control

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"counterpart/internal/serving/replica"
)

// statusEvery is how often the fleet's state is looked at for all who follow it together.
const statusEvery = time.Second

// status is the fleet's state as it was last, which all readers share.
type status struct {
	mu   sync.Mutex
	at   time.Duration // real time; 0: nobody has looked
	text string
	n    uint64 // counts its changes
	same string // what must be another for it to count as one
}

// fleetState is what pages show at all times.
type fleetState struct {
	Now       time.Time   `json:"now"`
	Frozen    bool        `json:"frozen"`
	Replica   string      `json:"replica"` // the one that says so
	Replicas  []liveState `json:"replicas"`
	Seed      string      `json:"seed"` // its digest
	Ready     bool        `json:"ready"`
	Hindered  []string    `json:"hindered"` // by what
	Faults    int         `json:"faults"`
	Decisions int         `json:"decisions"`
	Journal   heldState   `json:"journal"`
}

// liveState is one process of the fleet.
type liveState struct {
	ID    string        `json:"id"`
	Host  string        `json:"host,omitempty"`
	State replica.State `json:"state"`
}

// heldState is which entries are on record. Begins is the number of the first one since the
// last reset.
type heldState struct {
	Oldest  uint64 `json:"oldest"`
	Newest  uint64 `json:"newest"`
	Begins  uint64 `json:"begins"`
	Dropped uint64 `json:"dropped"`
}

// now is the fleet's state, and the number of its last change. Numbers of entries and time
// that passes are no change; a clock that is moved is. Readers' own stacks stay small: it is
// found out beside them.
func (v *status) now(s *Server) (text string, n uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, real := s.Clock.Both(); v.at != 0 && real-v.at < statusEvery {
		return v.text, v.n
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.find(s)
	}()
	<-done
	return v.text, v.n
}

// find looks at everything. The lock is held.
func (v *status) find(s *Server) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTakes)
	defer cancel()
	now, real := s.Clock.Both()
	f := fleetState{Frozen: s.Clock.IsFrozen(), Replica: s.Replicas.ID, Replicas: []liveState{}, Seed: s.Digest, Hindered: orEmpty(s.hindrances(ctx)), Faults: len(s.Rules.States())}
	f.Ready = len(f.Hindered) == 0
	if all, err := s.Replicas.List(ctx); err == nil {
		for _, m := range all {
			f.Replicas = append(f.Replicas, liveState{m.ID, m.Host, m.State})
		}
	}
	if all, err := s.Decisions.List(ctx); err == nil {
		f.Decisions = len(all)
	}
	_, _, f.Journal.Begins = s.Journal.Held()
	moved := now.Add(-real).Round(10 * time.Millisecond) // stays while time passes
	if f.Frozen {
		moved = now
	}
	f.Now = moved
	same, _ := json.Marshal(f) // of texts, numbers and times: it cannot fail
	f.Now, f.Journal.Dropped = now, s.Journal.Dropped()
	f.Journal.Oldest, f.Journal.Newest, _ = s.Journal.Held()
	text, _ := json.Marshal(f)
	if v.at, v.text = real, string(text); v.same != string(same) {
		v.same = string(same)
		v.n++
	}
}
