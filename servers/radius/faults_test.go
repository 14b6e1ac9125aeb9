package radius_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"

	"counterpart/internal/face/radius/wire"
	"counterpart/internal/serving/fault"
)

// Every fault that the server offers does what its name says, and the octets it
// leaves behind are otherwise a right reply.
func TestFaults(t *testing.T) {
	authentic := func(out []byte, r *request) bool { return layeh.IsAuthenticResponse(out, r.bytes(), []byte(secret)) }
	first := func(out []byte, typ layeh.Type) []byte {
		p, err := wire.Check(out)
		if err != nil {
			return nil
		}
		v, _ := p.Lookup(typ)
		return v
	}
	count := func(out []byte, typ layeh.Type) (n int) {
		for have := range wire.Packet(out).All() {
			if have == typ {
				n++
			}
		}
		return n
	}
	ma := func(b *bed, out []byte, r *request) bool {
		again := slices.Clone(out)
		copy(again[4:20], r.auth[:])
		present, err := wire.NewSecret([]byte(secret)).VerifyMessage(wire.Packet(again))
		return present && err == nil
	}
	checks := map[string]func(b *bed, out []byte, r *request) bool{
		"wrong-authenticator":         func(b *bed, out []byte, r *request) bool { return !authentic(out, r) && ma(b, out, r) },
		"no-message-authenticator":    func(b *bed, out []byte, r *request) bool { return authentic(out, r) && count(out, 80) == 0 },
		"wrong-message-authenticator": func(b *bed, out []byte, r *request) bool { return authentic(out, r) && !ma(b, out, r) },
		"message-authenticator-last": func(b *bed, out []byte, r *request) bool {
			return authentic(out, r) && ma(b, out, r) && out[20] != 80 && count(out, 80) == 1
		},
		"padding":   func(b *bed, out []byte, r *request) bool { return len(out) == int(out[2])<<8+int(out[3])+4 },
		"truncated": func(b *bed, out []byte, r *request) bool { return len(out) == int(out[2])<<8+int(out[3])-1 },
		"long-reply": func(b *bed, out []byte, r *request) bool {
			return authentic(out, r) && ma(b, out, r) && len(out) > 1024
		},
		"unknown-code":     func(b *bed, out []byte, r *request) bool { return authentic(out, r) && out[0] == 99 },
		"protocol-error":   func(b *bed, out []byte, r *request) bool { return authentic(out, r) && out[0] == 52 },
		"wrong-identifier": func(b *bed, out []byte, r *request) bool { return out[1] == r.id+1 },

		"challenge-without-state":           func(b *bed, out []byte, r *request) bool { return authentic(out, r) && count(out, 24) == 0 },
		"challenge-with-empty-state":        func(b *bed, out []byte, r *request) bool { return count(out, 24) == 1 && len(first(out, 24)) == 0 },
		"challenge-with-long-state":         func(b *bed, out []byte, r *request) bool { return len(first(out, 24)) == 253 },
		"challenge-with-0x-state":           func(b *bed, out []byte, r *request) bool { return bytes.HasPrefix(first(out, 24), []byte("0x")) },
		"challenge-without-reply-message":   func(b *bed, out []byte, r *request) bool { return count(out, 18) == 0 },
		"challenge-with-two-reply-messages": func(b *bed, out []byte, r *request) bool { return count(out, 18) == 2 },
		"challenge-with-bad-utf8":           func(b *bed, out []byte, r *request) bool { return first(out, 18)[3] == 0xe9 },
		"challenge-with-nul":                func(b *bed, out []byte, r *request) bool { return bytes.IndexByte(first(out, 18), 0) > 0 },
		"challenge-with-bad-prompt":         func(b *bed, out []byte, r *request) bool { return len(first(out, 76)) == 1 },
	}
	for _, kind := range newBed(t, loopback).server.Faults() {
		check, simple := checks[kind]
		if !simple {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			settings := loopback
			if strings.HasPrefix(kind, "challenge-") {
				settings += "flow: password,otp"
			}
			b := newBed(t, settings)
			if err := b.faults.Set([]fault.Rule{{ID: "f", Kind: kind, Op: "Access-Request", Actor: "alice", Times: 1}}); err != nil {
				t.Fatal(err)
			}
			b.want("somebody else", b.send(b.pap("bob", "wrong")), rejection)
			r := b.pap("alice", "Alice-Pass-1")
			out := b.raw("auth", nas, r.bytes())
			if out == nil || !check(b, out, r) {
				t.Errorf("%x (%s)", out, b.last().Why)
			}
			if fired := b.last().Fired; !slices.Equal(fired, []string{"f"}) {
				t.Errorf("fired %v", fired)
			}
			if again := b.raw("auth", nas, r.bytes()); !bytes.Equal(again, out) {
				t.Error("a retransmission is not broken the same way")
			}
		})
		delete(checks, kind)
	}
	if len(checks) > 0 {
		t.Errorf("not offered: %v", checks)
	}
	t.Run("accept-with-contradiction", func(t *testing.T) {
		b := faulty(t, loopback, "accept-with-contradiction")
		if r := b.want("accept", b.send(b.pap("alice", "Alice-Pass-1")), acceptance); r.text() != "Access denied" {
			t.Errorf("accept says %q", r.text())
		}
	})
	t.Run("forget-state", func(t *testing.T) {
		b := faulty(t, loopback+"flow: password,otp", "forget-state")
		r := b.want("first round", b.send(b.pap("alice", "Alice-Pass-1")), question)
		b.want("second", b.send(b.pap("alice", b.code("alice"), r.state())), rejection)
	})
	t.Run("no-duplicate-cache", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := faulty(t, loopback+"flow: push", "no-duplicate-cache")
			r := b.pap("alice", "")
			b.want("first", b.held(r, time.Second), acceptance)
			b.want("retransmission", b.held(r, time.Second), acceptance)
			if n := b.approvals("alice"); n != 2 {
				t.Errorf("%d pushes", n)
			}
			r, got := b.pap("alice", ""), make(chan reply, 2)
			for range 2 {
				go func() { got <- b.send(r) }()
				synctest.Wait()
			}
			b.clock.Advance(time.Second)
			b.want("two copies at once", <-got, acceptance)
			b.want("two copies at once", <-got, acceptance)
			if n := b.approvals("alice"); n != 4 {
				t.Errorf("%d pushes", n)
			}
		})
	})
}

func faulty(t *testing.T, settings, kind string) *bed {
	t.Helper()
	b := newBed(t, settings)
	if err := b.faults.Set([]fault.Rule{{Kind: kind}}); err != nil {
		t.Fatal(err)
	}
	return b
}
