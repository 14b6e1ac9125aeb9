package dialect_test

import (
	"context"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
)

type key struct{}

// TestCallsShareALine opens calls of two peers on one line, and one inside one
// of them.
func TestCallsShareALine(t *testing.T) {
	ended := map[string]int{}
	l := &dialect.Line{Server: "s", Port: "p", Clock: clock.Frozen(time.Unix(1, 0)),
		End: func(_ context.Context, c *dialect.Call) error {
			ended[c.Server+" "+c.Port+" "+c.Peer+" "+c.Op]++
			return nil
		}}
	outer := context.WithValue(t.Context(), key{}, "kept")
	for _, peer := range []string{"a", "b"} {
		ctx, c := dialect.Open(outer, l, peer)
		c.Op = "outer"
		if dialect.CallFrom(ctx) != c || ctx.Value(key{}) != "kept" || ctx.Err() != nil {
			t.Error("the context is not what it was opened with")
		}
		inside, within := dialect.Begin(context.WithoutCancel(ctx), "inner")
		if dialect.CallFrom(inside) != within || dialect.CallFrom(ctx) != c {
			t.Error("a call inside another takes its place")
		}
		within.End(inside)
		within.End(inside)
		c.End(ctx)
	}
	for _, want := range []string{"s p a outer", "s p a inner", "s p b outer", "s p b inner"} {
		if ended[want] != 1 {
			t.Errorf("%s ended %d times: %v", want, ended[want], ended)
		}
	}
	ctx, c := dialect.Begin(t.Context(), "nowhere")
	if c.Op != "nowhere" || c.Admit(ctx) != nil || c.End(ctx) != nil || dialect.CallFrom(t.Context()) == nil {
		t.Error("a call without a line leads somewhere")
	}
}
