package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"counterpart/internal/company/state"
)

// link is one connection, and with it the server's memory of what was read there. It is
// not mended: after it comes another one.
type link struct {
	client   rueidis.Client
	addr     string
	tracking bool          // the server tells what changes
	role     bool          // the server can be asked for its role
	reads    chan struct{} // an element for each read that may still be sent
	owed     atomic.Int64  // reads that nobody waits for any more and that may not be answered yet
	over     chan struct{} // closed when the connection is

	mu  sync.Mutex
	why error // why it was ended
}

// free lets n more reads be sent.
func (l *link) free(n int64) {
	for range n {
		select {
		case l.reads <- struct{}{}:
		default: // one that was never taken
		}
	}
}

// end closes the link for a reason.
func (l *link) end(why error) {
	l.mu.Lock()
	if l.why == nil {
		l.why = why
	}
	l.mu.Unlock()
	l.client.Close()
}

func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// watched is a connection that says when it is closed.
type watched struct {
	net.Conn
	once sync.Once
	over chan struct{}
}

// Close implements net.Conn.
func (w *watched) Close() error {
	w.once.Do(func() { close(w.over) })
	return w.Conn.Close()
}

var errOver = errors.New("the connection is over")

// dial opens a connection to addr that greets as the URL says. A server that does not
// track what was read is used all the same, without keeping anything.
func (s *Store) dial(ctx context.Context, addr string, tracking bool) (*link, error) {
	l := &link{addr: addr, tracking: tracking, role: true, reads: make(chan struct{}, reads), over: make(chan struct{})}
	for range reads {
		l.reads <- struct{}{}
	}
	var once sync.Once
	option := rueidis.ClientOption{
		InitAddress: []string{addr}, Username: s.at.user, Password: s.at.password, SelectDB: s.at.db, ClientName: "counterpart",
		ForceSingleClient: true, DisableRetry: true, AlwaysPipelining: true, PipelineMultiplex: -1,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10, CacheSizeEachConn: 1,
		Dialer: net.Dialer{Timeout: s.opt.Bound}, DisableCache: !tracking,
		DialCtxFn: func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (c net.Conn, err error) {
			err = errOver
			once.Do(func() {
				ctx, cancel := context.WithTimeout(ctx, s.opt.Bound)
				defer cancel()
				if c, err = s.at.dial(ctx, addr); err == nil {
					c = &watched{Conn: c, over: l.over}
				}
			})
			return c, err
		},
	}
	if tracking {
		option.ClientTrackingOptions = []string{"NOLOOP"}
		option.OnInvalidations = s.changes
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		if tracking && errors.Is(err, rueidis.ErrNoCache) {
			return s.dial(ctx, addr, false)
		}
		return nil, err
	}
	l.client = client
	return l, nil
}

// changes takes what the server tells of changes by others, in order with its answers.
func (s *Store) changes(keys []rueidis.RedisMessage) {
	if keys == nil { // everything: somebody has emptied the server, or the connection ends
		s.cache.flush()
		s.wake()
		return
	}
	records := s.key("r:")
	for i := range keys {
		name, err := keys[i].ToString()
		if err != nil {
			continue
		}
		if rest, ok := strings.CutPrefix(name, records); ok {
			table, key, _ := strings.Cut(rest, "\x00")
			s.cache.remove(id{table, key})
		}
	}
}

// connect makes a link that can be used: to a master that is new enough, in the epoch
// that is.
func (s *Store) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	addr, err := s.at.where(ctx)
	if err != nil {
		return nil, err
	}
	l, err := s.dial(ctx, addr, true)
	if err != nil {
		return nil, err
	}
	if err = s.greet(ctx, l); err == nil {
		err = s.beat(ctx, l)
	}
	if err != nil {
		l.client.Close()
		return nil, err
	}
	return l, nil
}

// greet looks at what the server is.
func (s *Store) greet(ctx context.Context, l *link) error {
	b := l.client.B()
	for i, r := range l.client.DoMulti(ctx, b.Info().Section("server").Build(), b.Info().Section("memory").Build()) {
		text, err := r.ToString()
		if _, refused := rueidis.IsRedisErr(err); err != nil && !refused {
			return err
		}
		facts := map[string]string{}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			facts[name] = value
		}
		if i == 0 {
			err = fits(facts)
		} else if p := facts["maxmemory_policy"]; strings.HasPrefix(p, "allkeys") && facts["maxmemory"] != "0" {
			err = fmt.Errorf("its maxmemory-policy %s throws records away; set it to noeviction", p)
		} else {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fits refuses what the scripts do not run on. What does not tell its version is tried.
func fits(facts map[string]string) error {
	if facts["redis_mode"] == "cluster" {
		return errors.New("it is part of a Redis Cluster, which cannot be used; give the fleet a single server or Sentinel")
	}
	major, rest, _ := strings.Cut(facts["redis_version"], ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	if err == nil && err2 == nil && (x < 6 || x == 6 && y < 2) {
		return fmt.Errorf("it is Redis %s, which is too old; 6.2 or later or a Valkey is needed", facts["redis_version"])
	}
	return nil
}

// outcomesLive is for how long outcomes of a replica that is gone stay.
const outcomesLive = 24 * time.Hour

// beat asks the link for a sign of life, and whether the server is still what it was.
func (s *Store) beat(ctx context.Context, l *link) error {
	b := l.client.B()
	ask := []rueidis.Completed{b.Get().Key(s.key("id")).Build(), b.Hget().Key(s.outcomes).Field("epoch").Build(),
		b.Expire().Key(s.outcomes).Seconds(int64(outcomesLive / time.Second)).Build()}
	if l.role {
		ask = append(ask, b.Role().Build())
	}
	answers := l.client.DoMulti(ctx, ask...)
	var epochs [2]string
	for i := range epochs {
		var err error
		if epochs[i], err = answers[i].ToString(); err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
	}
	if len(answers) > 3 {
		parts, err := answers[3].ToArray()
		_, refused := rueidis.IsRedisErr(err)
		switch {
		case refused:
			l.role = false
		case err != nil:
			return err
		case len(parts) > 0:
			if role, _ := parts[0].ToString(); role != "master" {
				return fmt.Errorf("READONLY it is a %s", role)
			}
		}
	}
	if now := s.epoch.Load(); now != nil && epochs[0] == *now && epochs[1] == *now {
		return nil
	}
	return s.join(ctx, l)
}

// join makes this replica known in the epoch of the server. When that is another one than
// it was, the server was emptied.
func (s *Store) join(ctx context.Context, l *link) error {
	s.joining.Lock()
	defer s.joining.Unlock()
	fresh := make([]byte, 16)
	rand.Read(fresh)
	epoch, err := join.Exec(ctx, l.client, nil,
		[]string{s.outcomes, s.key("id"), hex.EncodeToString(fresh), strconv.Itoa(int(outcomesLive / time.Second))}).ToString()
	if err != nil {
		return err
	}
	was := s.epoch.Swap(&epoch)
	if was == nil || *was == epoch {
		return nil
	}
	s.cache.flush()
	s.log.Warn("the state store has lost what it held; the fleet begins again with an empty one", "server", s.at.String(), "prefix", s.at.prefix)
	select {
	case s.emptied <- struct{}{}:
	default:
	}
	return nil
}

// await is the link that there is. After one was lost the first attempt to have another
// is waited for, and when that has failed there is an error at once; who is patient waits
// until ctx ends.
func (s *Store) await(ctx context.Context, patient bool) (*link, error) {
	for {
		if l := s.link.Load(); l != nil {
			return l, nil
		}
		s.mu.Lock()
		l, err, changed, closed := s.link.Load(), s.err, s.changed, s.closed
		s.mu.Unlock()
		switch {
		case closed:
			return nil, errClosed
		case l != nil:
			return l, nil
		case err != nil && !patient:
			return nil, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if err == nil {
				err = s.failed(ctx.Err())
			}
			return nil, err
		}
	}
}

// ended is what callers get who wait for longer than they may.
func (s *Store) ended(ctx context.Context) error {
	return fmt.Errorf("%w: %s: %w", state.ErrUnavailable, s.at, ctx.Err())
}
