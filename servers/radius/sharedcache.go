package radius

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"layeh.com/radius"

	"counterpart/internal/company/state"
	"counterpart/internal/serving/dialect"
)

// sharedReplies are the requests that any process of the fleet has had, so that a
// retransmission which a balancer takes to another replica is still a retransmission
// (RFC 5080 section 2.2.2). What makes it one is that its octets are those of the first:
// the Request Authenticator is not to repeat (RFC 2865 section 3), and the source address
// may be the balancer's. Streams have no retransmissions (RFC 6613 section 2.6.1) and are not here.
//
// A request is claimed before anything is decided, and its reply is written before
// anybody sends it. Who dies in between leaves the claim: this request stays without an
// answer then, as one whose server has died does.
type sharedReplies struct {
	records *state.Collection[sharedReply]
	life    time.Duration // of a reply
	held    time.Duration // of a claim, longer than anything is held
}

// sharedReply is one request; without Reply it is still being worked on.
type sharedReply struct {
	By    []byte `json:"by"` // the claim's own octets: a write that failed may have been done
	Reply []byte `json:"reply,omitempty"`
}

// newSharedReplies is nil for a store of this process alone, whose own cache is enough.
func newSharedReplies(env dialect.Env, set *Settings) *sharedReplies {
	if !env.Store.Shared() {
		return nil
	}
	return &sharedReplies{records: state.Of[sharedReply](env.Store, "reply"), life: set.CacheFor, held: set.HoldMax + *set.RejectDelay + set.CacheFor}
}

// retransmits reports whether a request may come again: by datagram, and not to ask how
// the server is, which changes nothing.
func (x *exchange) retransmits() bool {
	return (x.on == onAuth || x.on == onAcct) && x.packet.Code() != radius.CodeStatusServer
}

// key is what a retransmission has in common with its original, whoever gets it. Two
// clients do not share a secret, and may share a source address at different ports.
func (x *exchange) key() string {
	h := sha256.New()
	h.Write([]byte(x.client.name + "\x00" + x.on.String() + "\x00"))
	h.Write(x.packet)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// claim takes a request in for by, or returns the reply that another process has given,
// or errDuplicate while that is working on it.
func (c *sharedReplies) claim(ctx context.Context, key string, by []byte, now time.Time) (reply []byte, err error) {
	err = c.records.Edit(ctx, key, func(v *sharedReply, found bool) (time.Time, error) {
		switch reply = v.Reply; {
		case !found:
			v.By = by
			return now.Add(c.held), nil
		case reply == nil:
			return time.Time{}, errDuplicate
		}
		return now.Add(c.life), nil // as in the cache of one process: kept from the last time
	})
	if err != nil && !errors.Is(err, errDuplicate) {
		c.forget(ctx, key, by)
		return nil, failure{err}
	}
	return reply, err
}

// finish keeps the reply. When that cannot be written the claim stays, and the reply is
// sent all the same: it is decided.
func (c *sharedReplies) finish(ctx context.Context, key string, reply []byte, now time.Time) {
	c.records.Edit(context.WithoutCancel(ctx), key, func(v *sharedReply, _ bool) (time.Time, error) {
		v.Reply = reply
		return now.Add(c.life), nil
	})
}

// forget lets a retransmission of what ended without a reply be processed anew.
func (c *sharedReplies) forget(ctx context.Context, key string, by []byte) {
	c.records.DeleteIf(context.WithoutCancel(ctx), key, func(v *sharedReply) error {
		if !bytes.Equal(v.By, by) {
			return state.ErrKeep
		}
		return nil
	})
}
