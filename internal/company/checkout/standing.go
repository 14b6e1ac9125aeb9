package checkout

import (
	"context"
	"slices"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/company/world"
)

// Standing is how an account stands now.
type Standing struct {
	Version  int       `json:"version"` // of its secret
	Since    time.Time `json:"since"`   // when that became the current one
	Leases   []Lease   `json:"holders"` // active
	Requests []Request `json:"open_requests"`
}

// Standing tells who holds an account and who waits for it. It reads one record.
func (d *Service) Standing(ctx context.Context, a world.Account) (Standing, error) {
	l, err := d.read(ctx, a)
	if err != nil {
		return Standing{}, err
	}
	s := Standing{Version: l.Version, Since: l.ChangedAt, Leases: []Lease{}, Requests: []Request{}}
	for _, x := range l.Leases {
		if x.State == Active {
			s.Leases = append(s.Leases, x)
		}
	}
	s.Requests = append(s.Requests, slices.DeleteFunc(l.Requests, func(r Request) bool { return r.over() })...)
	return s, nil
}

// Touched returns the IDs of accounts for which anything was ever done, in their order, at
// most limit of those behind after.
func (d *Service) Touched(ctx context.Context, after string, limit int) ([]string, error) {
	return d.ledgers.Keys(ctx, state.Range{After: after, Limit: limit})
}
