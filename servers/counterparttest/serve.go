package counterparttest

import (
	"context"
	"sync"

	"counterpart/internal/steering/boot"
)

// serve lets a bound company answer; what it returns stops that and waits.
func serve(company *boot.Company) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- company.Serve(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-done
	})
}
