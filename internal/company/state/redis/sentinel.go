package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/redis/rueidis"
)

// where is the address to connect to: the URL's, or that of the master that Sentinel
// names.
func (a *address) where(ctx context.Context) (string, error) {
	if a.master == "" {
		return a.addrs[0], nil
	}
	var wrong []error
	for _, addr := range a.addrs {
		master, err := a.asked(ctx, addr)
		if err == nil {
			return master, nil
		}
		wrong = append(wrong, fmt.Errorf("the Sentinel %s: %w", addr, err))
	}
	return "", errors.Join(wrong...)
}

// asked is what one Sentinel says. It has no user of its own: the URL's is the master's.
func (a *address) asked(ctx context.Context, addr string) (string, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true, DisableRetry: true, DisableCache: true, PipelineMultiplex: -1,
		ReadBufferEachConn: 4 << 10, WriteBufferEachConn: 4 << 10, RingScaleEachConn: 2,
		DialCtxFn: func(dialing context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			if end, ok := ctx.Deadline(); ok {
				var cancel context.CancelFunc
				dialing, cancel = context.WithDeadline(dialing, end)
				defer cancel()
			}
			return a.dial(dialing, addr)
		}})
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return "", err
	}
	parts, err := c.Do(ctx, c.B().Arbitrary("SENTINEL", "GET-MASTER-ADDR-BY-NAME", a.master).Build()).AsStrSlice()
	switch {
	case rueidis.IsRedisNil(err), err == nil && len(parts) != 2:
		return "", fmt.Errorf("it watches no master %q", a.master)
	case err != nil:
		return "", err
	}
	return net.JoinHostPort(parts[0], parts[1]), nil
}
