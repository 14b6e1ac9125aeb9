package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"counterpart/internal/company/cause"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
)

// running is a seed with the fleet made of it.
type running struct {
	seed    *seed.Seed
	company *boot.Company
}

// reloader lets another seed follow the one that is served: the control port
// hands it in, and serve goes on with it.
type reloader struct {
	opt boot.Options

	mu   sync.Mutex
	next *running
	stop func()
}

// arm says how to end what is served now.
func (r *reloader) arm(stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = stop
}

// load builds the fleet of another seed, so that every mistake of it is known
// before anything ends, and then ends what is served.
func (r *reloader) load(ctx context.Context, text []byte) (digest string, err error) {
	s, err := seed.LoadContext(ctx, "seed", text, seed.Options{Now: r.opt.Clock.Now(), Kinds: kindNames()})
	if err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	company, err := boot.New(s, r.opt)
	if err != nil {
		return "", err
	}
	if ctx.Err() != nil { // whoever is gone did not want it
		return "", context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != nil || r.stop == nil {
		return "", cause.Because(cause.Unavailable, "another seed is being loaded; try again")
	}
	r.next = &running{s, company}
	r.stop() // whoever is being answered still gets the answer
	return s.Digest, nil
}

// take is the seed that is to follow, nil for none.
func (r *reloader) take() *running {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.next
	r.next, r.stop = nil, nil
	return next
}

// follow binds the ports of next, at the numbers that were in use. When that
// fails the seed before goes on, from its start.
func (r *reloader) follow(e *env, before, next running) (*seed.Seed, *boot.Company, error) {
	numbers := ports(before.company)
	next.company.Keep(numbers)
	err := next.company.Bind()
	if err == nil {
		return next.seed, next.company, nil
	}
	fmt.Fprintln(e.err, "counterpart: the other seed cannot be served, the one before goes on from its start:", err)
	again, failed := boot.New(before.seed, r.opt)
	if failed == nil {
		again.Keep(numbers)
		failed = again.Bind()
	}
	if failed != nil {
		return nil, nil, errors.Join(err, failed)
	}
	return before.seed, again, nil
}
