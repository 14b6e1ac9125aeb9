package radius

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/face/radius/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// numbered is a bare packet that no other number has.
func numbered(n int) wire.Packet {
	p := make(wire.Packet, 20)
	p[0], p[1], p[3] = 1, byte(n), 20
	p[4], p[5], p[6] = byte(n), byte(n>>8), byte(n>>16)
	return p
}

func at(n int) cacheKey {
	return cacheKey{peer: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(n/256+1)), id: byte(n)}
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 1000
	c := newReplyCache(5*time.Second, limit)
	for n := range 50_000 { // far more than fits, on a clock that stands still
		s, _, err := c.begin(at(n), numbered(n), noon)
		if err != nil && !errors.Is(err, errBusy) {
			t.Fatal(err)
		}
		if s != nil {
			c.finish(s, []byte{2}, noon)
		}
	}
	if got := c.count.Load(); got > limit {
		t.Errorf("%d entries, more than %d", got, limit)
	}
	held := 0
	c = newReplyCache(5*time.Second, limit)
	for n := range 2 * limit { // running requests are never forgotten
		if _, _, err := c.begin(at(n), numbered(n), noon); err == nil {
			held++
		} else if !errors.Is(err, errBusy) {
			t.Fatal(err)
		}
	}
	if held != limit {
		t.Errorf("%d running requests, want %d", held, limit)
	}
}

// TestS10CacheRests: when no packet comes any more, what is over goes all the same; what
// is running, and what can still be asked for again, stays.
func TestS10CacheRests(t *testing.T) {
	c := newReplyCache(5*time.Second, 100_000)
	for n := range 10_000 {
		s, _, err := c.begin(at(n), numbered(n), noon)
		if err != nil {
			t.Fatal(err)
		}
		if n != 7 { // which runs
			c.finish(s, []byte{2}, noon)
		}
	}
	later := noon.Add(4 * time.Second)
	if _, reply, err := c.begin(at(8), numbered(8), later); err != nil || reply == nil {
		t.Fatal(reply, err)
	}
	if c.rest(later); c.count.Load() != 10_000 {
		t.Errorf("%d entries, and none is over", c.count.Load())
	}
	if c.rest(noon.Add(6 * time.Second)); c.count.Load() != 2 {
		t.Errorf("%d entries are left, want the one that runs and the one that was asked for again", c.count.Load())
	}
	if _, _, err := c.begin(at(7), numbered(7), later); !errors.Is(err, errDuplicate) {
		t.Errorf("the one that runs is gone: %v", err)
	}
}

func TestCacheForgetsWhatIsOver(t *testing.T) {
	c := newReplyCache(5*time.Second, 1_000_000)
	now := noon
	for n := range 100_000 {
		now = now.Add(time.Millisecond)
		s, _, err := c.begin(at(n), numbered(n), now)
		if err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			c.forget(s) // silence
		} else {
			c.finish(s, []byte{2}, now)
		}
		if n%3 == 0 && n%10 != 0 { // some are asked for again and live longer
			c.begin(at(n), numbered(n), now)
		}
	}
	if got := c.count.Load(); got > 5500 {
		t.Errorf("%d entries although about 5000 are alive", got)
	}
}

func TestCacheQueueSurvivesReplacement(t *testing.T) {
	c := newReplyCache(5*time.Second, 100)
	k := at(1)
	for n := range 1000 { // the same Identifier over and over
		s, reply, err := c.begin(k, numbered(n), noon.Add(time.Duration(n)*time.Second))
		if err != nil || reply != nil {
			t.Fatalf("%d: %v, %x", n, err, reply)
		}
		c.finish(s, []byte{2}, noon.Add(time.Duration(n)*time.Second))
	}
	if got := c.count.Load(); got != 1 {
		t.Errorf("%d entries for one Identifier", got)
	}
}

func TestOldestStateGoesWhenThereAreTooMany(t *testing.T) {
	s := &states{}
	for n := range maxStates {
		if old := s.remember(string(rune(n))); old != "" {
			t.Fatalf("%q had to go at %d", old, n)
		}
	}
	for n := range 3 {
		if old := s.remember("new"); old != string(rune(n)) {
			t.Errorf("%q had to go, want the oldest", old)
		}
	}
	l := newLedger(state.NewMemory(clock.New()), nil)
	for n := range maxSessions {
		l.remember(string(rune(n)))
	}
	if l.remember(string(rune(5))) != "" {
		t.Error("a known session pushed another out")
	}
	if old := l.remember("new"); old != string(rune(0)) {
		t.Errorf("%q had to go, want the oldest", old)
	}
}
