package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/state"
	"counterpart/internal/company/state/redis"
	"counterpart/internal/steering/boot"
)

// openState opens the store of --state, and tells when its fleet began. It is nil for
// memory: each seed that is loaded begins with its own then, now.
func openState(ctx context.Context, where string, c clock.Clock, log *slog.Logger) (state.Store, time.Time, error) {
	if where == "memory" {
		return nil, c.Now(), nil
	}
	if !strings.Contains(where, "://") {
		return nil, time.Time{}, fmt.Errorf("--state %q is neither memory nor a URL such as redis://host:6379", where)
	}
	s, err := redis.Open(ctx, where, redis.Options{Clock: c, Log: log})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("--state: %w", err)
	}
	began, err := boot.Started(ctx, s, c.Now())
	if err != nil {
		s.Close()
		return nil, time.Time{}, fmt.Errorf("--state: %w", err)
	}
	return s, began, nil
}
