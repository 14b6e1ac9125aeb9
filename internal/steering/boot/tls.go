package boot

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"counterpart/internal/company/checkout"
	"counterpart/internal/serving/pki"
)

// late is the CA that exists only once all servers have said which names they
// want: servers get their TLS settings before.
type late struct{ server atomic.Pointer[tls.Config] }

func (l *late) set(a *pki.Authority) {
	if a != nil {
		l.server.Store(a.Server(nil))
	}
}

// config is a TLS server's settings that resolve when a client comes.
func (l *late) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if c := l.server.Load(); c != nil {
			return c, nil
		}
		return nil, errors.New("boot: the CA is not there yet")
	}}
}

// SecretOf is an account's current password and since when it is, whoever asks.
func (c *Company) SecretOf(ctx context.Context, accountID string) (string, time.Time, error) {
	s, err := c.Accounts.Reveal(ctx, accountID, checkout.Which{})
	return s.Value, s.Since, err
}
