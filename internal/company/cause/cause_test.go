package cause_test

import (
	"errors"
	"fmt"
	"testing"

	"counterpart/internal/company/cause"
)

func TestACauseIsFoundThroughEveryWrapping(t *testing.T) {
	err := fmt.Errorf("checkout: %w", cause.Because(cause.CheckedOut, "held by %s", "alice"))
	if !errors.Is(err, cause.CheckedOut) {
		t.Errorf("errors.Is does not find %q in %v", cause.CheckedOut, err)
	}
	if errors.Is(err, cause.Locked) {
		t.Errorf("errors.Is finds %q in %v", cause.Locked, err)
	}
	if c, ok := cause.Of(err); !ok || c != cause.CheckedOut {
		t.Errorf("Of = %q, %v", c, ok)
	}
	var r *cause.Refusal
	if !errors.As(err, &r) || r.Why != "held by alice" {
		t.Errorf("errors.As lost the reason: %+v", r)
	}
}

func TestAForeignErrorHasNoCause(t *testing.T) {
	if c, ok := cause.Of(errors.New("connection refused")); ok {
		t.Errorf("a store's failure must not look like the cause %q", c)
	}
	if got := cause.Why(nil); got != "" {
		t.Errorf("Why(nil) = %q", got)
	}
}
