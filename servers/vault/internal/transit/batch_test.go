package transit

import (
	"context"
	"counterpart/servers/vault/internal/core"
	"errors"
	"testing"
)

// S1: a batch is no longer worked on when its client has left.
func TestS1BatchEndsWithItsClient(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	done := 0
	_, err := batch{items: make([]core.Fields, 1000), isBatch: true}.run(&core.Request{Ctx: ctx}, func(int, core.Fields) (map[string]any, error) {
		if done++; done == 3 {
			leave()
		}
		return map[string]any{}, nil
	})
	if done != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d items were worked on, %v", done, err)
	}
}
