package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/replica"
)

// seen is a replica as the one that was asked sees it.
type seen struct {
	replica.Member
	This bool `json:"this"` // the one that was asked
}

// replicas lists the processes of the fleet: those that live, and the last of those that
// have gone.
func (s *Server) replicas(c echo.Context) error {
	if err := known(c); err != nil {
		return err
	}
	ctx := c.Request().Context()
	silent := s.Replicas.Silence(ctx)
	all, err := s.Replicas.List(ctx)
	if err != nil {
		return err
	}
	rows := []seen{}
	for _, m := range all {
		rows = append(rows, seen{m, m.ID == s.Replicas.ID})
	}
	return c.JSON(http.StatusOK, map[string]any{"replicas": rows, "silent": orEmpty(silent)})
}

// How long what the store said to a probe is good, and how long it may take to say it.
const (
	probeLives = 500 * time.Millisecond
	probeTakes = time.Second
)

// probe is the last look at the store, which probes share.
type probe struct {
	mu  sync.Mutex
	at  time.Duration // real time; 0: nobody has looked
	err error
}

// hindrances are why the fleet is not ready here; none: it is.
func (s *Server) hindrances(ctx context.Context) (out []string) {
	if f := s.Fleet(); f == nil || !f.Ready() {
		return []string{"the ports are being bound"}
	}
	p := &s.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, now := s.Clock.Both(); p.at == 0 || now-p.at >= probeLives {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTakes)
		p.err = s.Health(ctx)
		if errors.Is(p.err, context.DeadlineExceeded) {
			p.err = fmt.Errorf("the store has not answered within %v", probeTakes)
		}
		cancel()
		_, p.at = s.Clock.Both()
	}
	if p.err != nil {
		out = append(out, p.err.Error())
	}
	return out
}

func (s *Server) ready(c echo.Context) error {
	if wrong := s.hindrances(c.Request().Context()); len(wrong) > 0 {
		return cause.Because(cause.Unavailable, "%s", strings.Join(wrong, "; "))
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready", "seed": s.Digest})
}
