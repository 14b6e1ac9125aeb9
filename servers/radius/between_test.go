package radius_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
)

// TestFailureBetweenWrites lets each write of a round of a login and of accounting fail. A
// failure is silence, as RADIUS has it: the client sends the packet again.
func TestFailureBetweenWrites(t *testing.T) {
	login := func(password string, st []byte) *layeh.Packet {
		p := layeh.New(layeh.CodeAccessRequest, []byte(secret))
		rfc2865.UserName_SetString(p, "alice")
		rfc2865.UserPassword_SetString(p, password)
		if st != nil {
			rfc2865.State_Set(p, st)
		}
		return p
	}
	for _, op := range []struct {
		name  string
		first bool // an answered question comes before
		send  func(f *dialecttest.Fleet, st []byte) *layeh.Packet
		want  layeh.Code
		again layeh.Code // of the second try: 0 is want; the answer was spent by the first one
	}{
		{"question", false, func(*dialecttest.Fleet, []byte) *layeh.Packet { return login("Alice-Pass-1", nil) }, layeh.CodeAccessChallenge, 0},
		{"answer", true, func(f *dialecttest.Fleet, st []byte) *layeh.Packet {
			code, _, err := f.Factors.Current(t.Context(), "alice-totp")
			if err != nil {
				t.Error(err)
			}
			return login(code, st)
		}, layeh.CodeAccessAccept, layeh.CodeAccessReject},
		{"accounting", false, func(*dialecttest.Fleet, []byte) *layeh.Packet {
			p := layeh.New(layeh.CodeAccountingRequest, []byte(secret))
			rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
			rfc2866.AcctSessionID_SetString(p, "s")
			return p
		}, layeh.CodeAccountingResponse, 0},
	} {
		setup := dialecttest.Setup{Kinds: []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}, Seed: strings.NewReplacer("tcp_listen: \":18120\"", "flow: password,otp",
			"    password: Alice-Pass-1\n", "    password: Alice-Pass-1\n    devices: [{id: alice-totp, kind: totp, secret: GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ}]\n").Replace(company)}
		dialecttest.Unlucky(t, op.name, setup, func(t *testing.T, f *dialecttest.Fleet) dialecttest.Attempt {
			var st []byte
			if op.first {
				st = rfc2865.State_Get(answerOf(t, f, login("Alice-Pass-1", nil)))
			}
			p := op.send(f, st)
			return dialecttest.Attempt{
				Do: func() bool {
					got := answerOf(t, f, p)
					if got != nil && got.Code != op.want {
						t.Errorf("%v", got.Code)
					}
					return got == nil
				},
				Again: func() {
					f.Clock.Advance(10 * time.Second) // the reply cache knows it no more
					if got := answerOf(t, f, p); got == nil || got.Code != op.want && got.Code != op.again {
						t.Errorf("again: %v", got)
					}
				},
				After: func() { // whatever was spent, the next login works
					f.Clock.Advance(time.Minute)
					if got := answerOf(t, f, login("Alice-Pass-1", nil)); got == nil || got.Code != layeh.CodeAccessChallenge {
						t.Errorf("the next login: %v", got)
					}
				},
			}
		})
	}
}

// answerOf sends a packet and returns the answer; nil is the silence of a failure.
func answerOf(t *testing.T, f *dialecttest.Fleet, p *layeh.Packet) *layeh.Packet {
	t.Helper()
	port := "radius/auth"
	if p.Code == layeh.CodeAccountingRequest {
		port = "radius/acct"
	}
	c, err := net.Dial("udp", f.Addr(port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	before := uint64(0)
	if tail := f.Journal.Tail(1); len(tail) > 0 {
		before = tail[0].Seq
	}
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	page, err := f.Journal.Await(ctx, before, journal.Match{Server: "radius"})
	if err != nil {
		t.Fatal(err)
	}
	if e := page.Entries[len(page.Entries)-1]; e.Outcome == string(dialect.Internal) {
		return nil
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	in := make([]byte, 4096)
	n, err := c.Read(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := layeh.Parse(in[:n], []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return got
}
