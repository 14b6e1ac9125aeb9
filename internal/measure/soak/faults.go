package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"
)

// disturbances are what goes wrong while the histories are played.
type disturbances struct {
	db    *database
	links []*link
	log   func(format string, args ...any)
	fall  func(i int, lasts time.Duration) error // kills a replica and starts it again
	// How often each was done.
	cuts, silences, kills, stops, falls atomic.Int64
}

func (d *disturbances) String() string {
	return fmt.Sprintf("%d links cut, %d times answers lost; Redis killed %d times, stopped %d times; %d replicas killed",
		d.cuts.Load(), d.silences.Load(), d.kills.Load(), d.stops.Load(), d.falls.Load())
}

// run does one after the other at moments of r until ctx ends; everything is whole when
// it returns. The first ones are of each kind, so that short runs have them all.
func (d *disturbances) run(ctx context.Context, r *rand.Rand) error {
	kinds := []func(context.Context, *rand.Rand) error{d.cut, d.silence, d.kill, d.stop, d.replica, d.cut, d.silence, d.cut, d.silence, d.cut}
	for i, rest := 0, time.Second; pause(ctx, between(r, 200*time.Millisecond, rest)); i++ {
		k := kinds[i%len(kinds)]
		if i >= len(kinds) {
			k, rest = kinds[r.IntN(len(kinds))], 3*time.Second
		}
		if err := k(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// pause is false when ctx has ended before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// some are one link, two or all.
func (d *disturbances) some(r *rand.Rand) []int {
	return r.Perm(len(d.links))[:1+r.IntN(len(d.links))]
}

// length is mostly short, and sometimes longer than the store's bounds.
func length(r *rand.Rand) time.Duration {
	if r.IntN(8) == 0 {
		return between(r, 1200*time.Millisecond, 2500*time.Millisecond)
	}
	return between(r, 10*time.Millisecond, 600*time.Millisecond)
}

func (d *disturbances) cut(ctx context.Context, r *rand.Rand) error {
	which, lasts := d.some(r), length(r)
	for _, i := range which {
		d.links[i].cut()
		d.cuts.Add(1)
	}
	d.log("links of %v cut for %v", which, lasts)
	pause(ctx, lasts)
	for _, i := range which {
		d.links[i].restore()
	}
	return nil
}

// silence loses what was answered on a link for a moment, and cuts it then.
func (d *disturbances) silence(ctx context.Context, r *rand.Rand) error {
	i, lasts := r.IntN(len(d.links)), between(r, time.Millisecond, 60*time.Millisecond)
	d.links[i].silence()
	d.silences.Add(1)
	d.log("answers to %d lost for %v", i, lasts)
	pause(ctx, lasts)
	d.links[i].restore()
	return nil
}

func (d *disturbances) kill(ctx context.Context, r *rand.Rand) error {
	lasts := length(r)
	d.db.Kill()
	d.kills.Add(1)
	d.log("Redis killed for %v", lasts)
	pause(ctx, lasts)
	err := d.db.start()
	d.restored()
	return err
}

func (d *disturbances) stop(ctx context.Context, r *rand.Rand) error {
	lasts := length(r)
	d.db.Signal(syscall.SIGSTOP)
	d.stops.Add(1)
	d.log("Redis stopped for %v", lasts)
	pause(ctx, lasts)
	d.db.Signal(syscall.SIGCONT)
	d.restored()
	return nil
}

// replica kills one of the processes in the middle of whatever it does.
func (d *disturbances) replica(_ context.Context, r *rand.Rand) error {
	i, lasts := r.IntN(len(d.links)), between(r, 10*time.Millisecond, 600*time.Millisecond)
	d.falls.Add(1)
	d.log("replica %d killed for %v", i, lasts)
	d.links[i].cut() // what it has sent is not answered any more
	return d.fall(i, lasts)
}

// restored notes that Redis answers again on each link.
func (d *disturbances) restored() {
	for _, k := range d.links {
		k.restore()
	}
}
