package radius_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/company/factor"
	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/servers/radius"
)

// TestRetransmissionToAnotherReplica: what a balancer takes to another process, from
// another port, is a retransmission all the same.
func TestRetransmissionToAnotherReplica(t *testing.T) {
	again := func(t *testing.T, b *bed, octets, want []byte) {
		t.Helper()
		if got := b.raw("auth", netip.MustParseAddrPort("127.0.0.1:50000"), octets); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%x, want %x", got, want)
		}
		if call := b.last(); !strings.Contains(call.Why, "retransmission") {
			t.Errorf("%s: %s", call.Outcome, call.Why)
		}
	}
	t.Run("a code is spent once", func(t *testing.T) {
		all := replicas(t, loopback+"flow: otp", 3)
		octets := all[0].pap("alice", all[0].code("alice")).bytes()
		first := all[0].raw("auth", nas, octets)
		if len(first) == 0 || layeh.Code(first[0]) != layeh.CodeAccessAccept {
			t.Fatalf("%x: %s", first, all[0].last().Why)
		}
		for range 3 { // each keeps it anew
			all[0].clock.Advance(4 * time.Second)
			again(t, all[1], octets, first)
			again(t, all[2], octets, first)
		}
		all[0].clock.Advance(5 * time.Second)
		if got := all[2].raw("auth", nas, octets); len(got) == 0 || layeh.Code(got[0]) != layeh.CodeAccessReject {
			t.Errorf("after its time it is a replay: %x", got)
		}
	})
	t.Run("a wrong password counts once", func(t *testing.T) {
		all := replicas(t, loopback, 2)
		octets := all[0].pap("alice", "wrong").bytes()
		first := all[0].raw("auth", nas, octets)
		for i := range 30 {
			again(t, all[(i+1)%2], octets, first)
		}
		all[0].want("not locked", all[0].send(all[0].pap("alice", "Alice-Pass-1")), acceptance)
	})
	t.Run("a session starts once", func(t *testing.T) {
		all := replicas(t, loopback, 2)
		r := all[0].request(layeh.CodeAccountingRequest, name("alice"), wire.Text(44, "s"), wire.Integer(40, 1))
		first := all[0].raw("acct", nas, r.bytes())
		if got := all[1].raw("acct", nas, r.bytes()); !slices.Equal(got, first) || len(got) == 0 || strings.Contains(all[1].last().Why, radius.FlagRestart) {
			t.Errorf("%x %s", got, all[1].last().Why)
		}
	})
	t.Run("one push", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			all := replicas(t, loopback+"flow: password,push", 2)
			octets := all[0].pap("bob", "Bob-Pass-1").bytes()
			var first []byte
			var wg sync.WaitGroup
			wg.Go(func() { first = all[0].raw("auth", nas, octets) })
			synctest.Wait()
			for range 10 {
				all[0].clock.Advance(5 * time.Second)
				synctest.Wait()
				if got := all[1].raw("auth", nas, octets); got != nil || all[1].last().Outcome != dialect.Dropped {
					t.Errorf("while it is held: %x, %s", got, all[1].last().Outcome)
				}
			}
			approve(t, all[1], 1)
			all[0].clock.Advance(time.Second)
			wg.Wait()
			if len(first) == 0 || layeh.Code(first[0]) != layeh.CodeAccessAccept {
				t.Fatalf("%x: %s", first, all[0].last().Why)
			}
			again(t, all[1], octets, first)
		})
	})
	t.Run("what ended in silence is processed anew", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			all := replicas(t, loopback+"flow: password,push", 2)
			octets := all[0].pap("bob", "Bob-Pass-1").bytes()
			ctx, stop := context.WithCancel(all[0].line("auth"))
			var wg sync.WaitGroup
			wg.Go(func() {
				if got := all[0].ports["auth"].Packet(ctx, octets, net.UDPAddrFromAddrPort(nas)); got != nil {
					t.Errorf("a server that ends answers %x", got)
				}
			})
			synctest.Wait()
			stop()
			wg.Wait()
			var got []byte
			wg.Go(func() { got = all[1].raw("auth", nas, octets) })
			synctest.Wait()
			approve(t, all[1], 2)
			all[0].clock.Advance(time.Second)
			wg.Wait()
			if len(got) == 0 || layeh.Code(got[0]) != layeh.CodeAccessAccept {
				t.Errorf("%x: %s", got, all[1].last().Why)
			}
		})
	})
	t.Run("without the store", func(t *testing.T) {
		b := replicas(t, loopback, 1)[0]
		b.shared.Close()
		b.want("silence", b.send(b.pap("alice", "Alice-Pass-1")), silence)
		if call := b.last(); call.Outcome != dialect.Internal || !strings.Contains(call.Why, "unavailable") {
			t.Errorf("%s: %s", call.Outcome, call.Why)
		}
	})
	t.Run("a server told to have no cache", func(t *testing.T) {
		all := replicas(t, loopback+"flow: otp", 2)
		if _, err := all[1].faults.Add(fault.Rule{ID: "none", Kind: "no-duplicate-cache"}); err != nil {
			t.Fatal(err)
		}
		octets := all[0].pap("alice", all[0].code("alice")).bytes()
		all[0].raw("auth", nas, octets)
		if got := all[1].raw("auth", nas, octets); len(got) == 0 || layeh.Code(got[0]) != layeh.CodeAccessReject {
			t.Errorf("%x", got)
		}
	})
	t.Run("a question how the server is", func(t *testing.T) {
		all := replicas(t, loopback, 2)
		r := all[0].request(layeh.CodeStatusServer).signed()
		all[0].want("first", all[0].send(r), acceptance)
		all[1].want("second", all[1].send(r), acceptance)
		if all[1].last().Why != "" {
			t.Error(all[1].last().Why)
		}
	})
}

// approve lets bob approve his push, of so many that he has had.
func approve(t *testing.T, b *bed, n int) {
	t.Helper()
	list, err := b.env.Factors.Approvals(t.Context(), "bob")
	if err != nil || len(list) != n {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, a := range list {
		if a.State != factor.Pending {
			continue
		}
		if _, err := b.env.Factors.Decide(t.Context(), a.ID, factor.Verdict{State: factor.Approved}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRacingRetransmissions: of the same octets at several replicas at once, one is
// processed, and the others have its reply or silence.
func TestRacingRetransmissions(t *testing.T) {
	all := replicas(t, loopback+"flow: otp", 3)
	for round := range 40 {
		all[0].clock.Advance(30 * time.Second)
		octets := all[0].pap("alice", all[0].code("alice")).bytes()
		var mu sync.Mutex
		var wg sync.WaitGroup
		var got [][]byte
		for i := range 9 {
			wg.Go(func() {
				reply := all[i%3].raw("auth", netip.AddrPortFrom(nas.Addr(), uint16(40000+i)), octets)
				mu.Lock()
				defer mu.Unlock()
				if reply != nil {
					got = append(got, reply)
				}
			})
		}
		wg.Wait()
		if len(got) == 0 {
			t.Fatal("nobody answers")
		}
		for _, reply := range got {
			if layeh.Code(reply[0]) != layeh.CodeAccessAccept || !slices.Equal(reply, got[0]) {
				t.Fatalf("round %d: %x and %x", round, reply, got[0])
			}
		}
	}
}
