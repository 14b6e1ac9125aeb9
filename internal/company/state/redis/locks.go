package redis

import (
	"context"
	"sync"
)

// keyLocks let the updates that one process makes of one record come one after the
// other: those that lose a race would ask the server again and again.
type keyLocks struct {
	mu   sync.Mutex
	held map[id]*keyLock
}

type keyLock struct {
	turn  chan struct{} // has one element while nobody holds it
	users int
}

// lock waits for the turn of whoever asks.
func (k *keyLocks) lock(ctx context.Context, of id) (unlock func(), err error) {
	k.mu.Lock()
	l := k.held[of]
	if l == nil {
		l = &keyLock{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		if k.held == nil {
			k.held = map[id]*keyLock{}
		}
		k.held[of] = l
	}
	l.users++
	k.mu.Unlock()
	select {
	case <-l.turn:
		return func() { l.turn <- struct{}{}; k.leave(of, l) }, nil
	case <-ctx.Done():
		k.leave(of, l)
		return nil, ctx.Err()
	}
}

func (k *keyLocks) leave(of id, l *keyLock) {
	k.mu.Lock()
	if l.users--; l.users == 0 {
		delete(k.held, of)
	}
	k.mu.Unlock()
}
