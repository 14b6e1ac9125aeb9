// Package wire speaks the protocols of load tests: HTTP, RADIUS and LDAP, each cheap enough
// for tens of thousands of operations a second.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"counterpart/internal/face/radius/attr"
	"counterpart/internal/plugins/load/step"
)

// Client is what speaks. Its connections and sockets are shared by all steps.
type Client struct {
	mu      sync.Mutex
	pools   map[string]*pool   // of HTTP connections, by target and address
	sockets map[string]*funnel // of RADIUS, by address
	ends    []func()           // of what is open
	once    sync.Once

	dictionary func() *attr.Dictionary // of RADIUS, made when first wanted
}

// New makes a client that has connected to nothing.
func New() *Client {
	return &Client{pools: map[string]*pool{}, sockets: map[string]*funnel{}, dictionary: sync.OnceValue(attr.NewDictionary)}
}

// Open implements step.Opener.
func (c *Client) Open(s step.Spec, t step.Target) (step.Step, error) {
	switch s.Kind() {
	case "http":
		return c.openHTTP(s, t)
	case "radius":
		return c.openRADIUS(s, t)
	case "ldap":
		return c.openLDAP(s, t)
	}
	return nil, fmt.Errorf("nothing speaks %s", s.Kind())
}

// until ends everything that is open when ctx ends: who waits for an answer then hears that
// there is none.
func (c *Client) until(ctx context.Context) {
	c.once.Do(func() { context.AfterFunc(ctx, c.Close) })
}

// Close ends all connections, and what waits for them.
func (c *Client) Close() {
	c.mu.Lock()
	ends := c.ends
	c.ends = nil
	c.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// addr is the address of a walk: it stays with one replica.
func addr(t *step.Target, w *step.Walk) (string, error) {
	if len(t.Addrs) == 0 {
		return "", errors.New("the target has no address")
	}
	return t.Addrs[w.Number%uint64(len(t.Addrs))], nil
}

// why is a word for what the network did.
func why(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EMFILE):
		return "no more sockets here"
	case errors.As(err, &dns):
		return "unknown host"
	case strings.Contains(err.Error(), "certificate"), strings.Contains(err.Error(), "tls:"):
		return "TLS"
	case errors.Is(err, errMalformed):
		return "malformed answer"
	case errors.Is(err, errNotice):
		return "notice of disconnection"
	case errors.Is(err, errSecret):
		return "answer with another secret"
	}
	return "network"
}

var errMalformed = errors.New("malformed answer")

// errSecret means that answers came in time, none of whom the secret is right for.
var errSecret = errors.New("answer with another secret")

// meanings are what a step means to the laws, compiled.
type meanings []meaning

type meaning struct {
	kind step.FactKind
	what string
	id   step.Text
}

func compileMeanings(s *step.Spec, constants map[string]string) (out meanings, err error) {
	for _, x := range []struct {
		kind  step.FactKind
		means *step.Means
	}{{step.Takes, s.Takes}, {step.GivesBack, s.GivesBack}, {step.Issues, s.Issues}, {step.Revokes, s.Revokes}, {step.Shows, s.Shows}} {
		if x.means == nil {
			continue
		}
		id, err := step.Compile(x.means.ID, constants)
		if err != nil {
			return nil, err
		}
		out = append(out, meaning{x.kind, x.means.What, id})
	}
	return out, nil
}

// facts are what an answer means.
func (m meanings) facts(w *step.Walk, verdict step.Verdict) (out []step.Fact, err error) {
	if verdict != step.LetIn {
		return nil, nil
	}
	for i := range m {
		id, err := m[i].id.Fill(w)
		if err != nil {
			return nil, err
		}
		out = append(out, step.Fact{Kind: m[i].kind, What: m[i].what, ID: id})
	}
	return out, nil
}

// timeout is how long an answer is waited for.
func timeout(s *step.Spec) time.Duration {
	if s.Timeout <= 0 {
		return 10 * time.Second
	}
	return s.Timeout
}
