package boot

import (
	"crypto/rand"
	"io"
	"sync"
)

// random is a server's source of identifiers: repeatable with a store of its
// own, truly random where several processes draw for one store, at once or one after the
// other.
func (c *Company) random(name string) io.Reader {
	if c.Store.Shared() || c.joined {
		return rand.Reader
	}
	out := &locked{r: c.World.Derive(c.salt(name)...), name: name}
	c.drawn = append(c.drawn, out)
	return out
}

// Rewind takes the sources of identifiers back to where they began, for a fleet
// that was reset and is to be as one that was just started: nobody may know any of
// the identifiers that come again.
func (c *Company) Rewind() {
	for _, l := range c.drawn {
		l.mu.Lock()
		l.r = c.World.Derive(c.salt(l.name)...)
		l.mu.Unlock()
	}
}

type locked struct {
	mu   sync.Mutex
	r    io.Reader
	name string
}

// Read implements io.Reader for concurrent use.
func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}
