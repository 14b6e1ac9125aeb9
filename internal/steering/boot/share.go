package boot

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"counterpart/internal/serving/replica"
)

// group makes this process one of its fleet's.
func (c *Company) group() {
	var id [4]byte
	rand.Read(id[:]) // never fails
	host, _ := os.Hostname()
	c.Replicas = replica.New(replica.Config{ID: hex.EncodeToString(id[:]), Host: host, Store: c.Store, Lasting: c.opt.Lasting,
		Clock: c.Clock, Wall: c.opt.Wall, Log: c.opt.Log,
		Forgotten: c.fold,
		Lost: func(_ context.Context, m replica.Member) {
			c.Journal.Lost(c.Clock.Now(), m.ID, fmt.Sprintf("it gave no sign of life since the fleet's time was %s; what it had recorded last may be missing", m.Now.Format(time.RFC3339Nano)))
		}})
}

// faultTable has the fault rules that replicas share.
const faultTable = replica.Tables + "/fault"

// attach adds what replicas share besides records and the clock.
func (c *Company) attach(ctx context.Context) error {
	parts := []replica.Part{{Follow: c.Faults.Follow, HandOver: c.Faults.HandOver}, {HandOver: c.publish}}
	if c.Journal != nil {
		parts = append(parts, replica.Part{Follow: c.Journal.Follow, HandOver: c.Journal.HandOver, Run: c.Journal.Run})
	}
	if c.emptied() != nil {
		parts = append(parts, replica.Part{Run: c.renew})
	}
	return c.Replicas.Attach(ctx, parts...)
}

// kept reports a table that a reset does not forget and an export does not have: what
// replicas need to be one fleet.
func kept(table string) bool {
	return table == replica.Tables || strings.HasPrefix(table, replica.Tables+"/")
}

// forget empties every table of the fleet's state.
func (c *Company) forget(ctx context.Context) error {
	names, err := c.Store.Tables(ctx, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		if kept(name) {
			continue
		}
		if err := c.Store.Table(name).Drop(ctx, ""); err != nil {
			return err
		}
	}
	return nil
}

// Reset takes everything but the clock, which never goes back, to where the seed
// had it: state, faults, decisions, journal.
func (c *Company) Reset(ctx context.Context) error {
	c.anew.Lock()
	defer c.anew.Unlock()
	if err := c.forget(ctx); err != nil {
		return err
	}
	if err := c.again(ctx); err != nil {
		return err
	}
	if _, err := c.Replicas.Sync(ctx); err != nil { // so that nobody hands over later what was before
		return err
	}
	c.Journal.Clear()
	if err := c.restore(ctx); err != nil {
		return err
	}
	if err := c.steer(ctx, true); err != nil {
		return err
	}
	_, err := c.Replicas.Sync(ctx)
	return err
}

// Close ends what runs beside a fleet of several processes, or of one that remembers, and
// says goodbye to the others. The store stays open. Serve does it; it is for a company that
// was made and is not served.
func (c *Company) Close() error { return c.Replicas.Leave() }
