package fleet_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"counterpart/internal/company/clock"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/internal/serving/fleet"
)

// row is a server whose ports belong together: "auth", "acct>auth udp".
type row []string

func (row) Faults() []string { return nil }

func (r row) Ports() (out []dialect.Port) {
	for _, text := range r {
		words := strings.Fields(text)
		name, after, _ := strings.Cut(words[0], ">")
		p := dialect.Port{Name: name, After: after, Listen: words[1]}
		if words[2] == "udp" {
			p.Packet = func(context.Context, []byte, net.Addr) []byte { return nil }
		} else {
			p.Conn = func(context.Context, net.Conn) {}
		}
		out = append(out, p)
	}
	return out
}

func bindRow(r row, auto bool, fixed map[string]string) (*fleet.Fleet, map[string]int, error) {
	c := clock.New()
	f, err := fleet.Bind(fleet.Config{Host: "127.0.0.1", Auto: auto, Fixed: fixed, Clock: c, Faults: fault.New(1), Servers: []fleet.Instance{{Name: "r", Server: r}}})
	numbers := map[string]int{}
	if err == nil {
		for _, e := range f.Endpoints() {
			_, text, _ := net.SplitHostPort(e.Addr)
			numbers[e.Port], _ = strconv.Atoi(text)
		}
	}
	return f, numbers, err
}

func TestL6PortsThatBelongTogetherAreAdjacent(t *testing.T) {
	for _, r := range []row{
		{"auth :1812 udp", "acct>auth :1813 udp"}, {"acct>auth :1813 udp", "auth :1812 udp"}, {"auth :1812 udp", "acct>auth :1813 tcp", "other :1 tcp"},
		{"a :1 tcp", "c>b :3 udp", "b>a :2 tcp"},
	} {
		f, n, err := bindRow(r, true, nil)
		if err != nil {
			t.Errorf("%v: %v", r, err)
			continue
		}
		f.Close()
		if len(n) != len(r) || n["auth"]+1 != n["acct"] && n["auth"] != 0 || n["c"] != n["b"]+1 && n["b"] != 0 || n["b"] != n["a"]+1 && n["a"] != 0 {
			t.Errorf("%v: %v", r, n)
		}
		for i, e := range f.Endpoints() {
			if !strings.HasPrefix(r[i], e.Port) {
				t.Errorf("%v: %s is in place %d", r, e.Port, i)
			}
		}
	}
	// A number 0 of the seed means any, as --ports auto does.
	f, n, err := bindRow(row{"auth :0 udp", "acct>auth 127.0.0.2:0 udp"}, false, nil)
	if err != nil || n["acct"] != n["auth"]+1 {
		t.Errorf("%v %v", n, err)
	}
	f.Close()
}

// TestL6FleetsThatStartAtOnce: two that bind in turns, until hundreds are there, so
// that the number behind a free one is taken again and again.
func TestL6FleetsThatStartAtOnce(t *testing.T) {
	const each = 150
	var all [2][]*fleet.Fleet
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			for range each {
				f, n, err := bindRow(row{"auth :1812 udp", "acct>auth :1813 udp", "more>acct :1 udp"}, true, nil)
				if err != nil {
					t.Error(err)
					return
				}
				all[i] = append(all[i], f)
				if n["acct"] != n["auth"]+1 || n["more"] != n["auth"]+2 {
					t.Errorf("%v", n)
				}
			}
		})
	}
	wg.Wait()
	for _, fleets := range all {
		for _, f := range fleets {
			f.Close()
		}
	}
}

func TestL6FixedNumbersStay(t *testing.T) {
	r := row{"auth :1812 udp", "acct>auth :1813 udp"}
	f, n, err := bindRow(r, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	at := func(name string) string { return fmt.Sprintf("127.0.0.1:%d", n[name]) }
	for _, fixed := range []map[string]string{{"r/auth": at("auth"), "r/acct": at("acct")}, {"r/auth": at("auth")}, {"r/acct": at("acct")}} {
		again, m, err := bindRow(r, true, fixed)
		if err != nil {
			t.Errorf("%v: %v", fixed, err)
			continue
		}
		again.Close()
		if m["auth"] != n["auth"] || m["acct"] != n["acct"] {
			t.Errorf("%v: %v, not %v", fixed, m, n)
		}
	}
	taken, err := net.ListenPacket("udp4", at("acct"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, _, err := bindRow(r, true, map[string]string{"r/auth": at("auth")}); err == nil || !strings.Contains(err.Error(), "r/acct: udp address "+at("acct")+" is already in use") {
		t.Errorf("with %s taken: %v", at("acct"), err)
	}
	free, err := net.ListenPacket("udp4", at("auth"))
	if err != nil {
		t.Fatalf("what could not be bound is still open: %v", err)
	}
	free.Close()
}

func TestPortsAfterNothing(t *testing.T) {
	for _, r := range []row{{"a>b :1 udp"}, {"a>b :1 udp", "b>a :2 udp"}, {"a>a :1 udp"}} {
		if _, _, err := bindRow(r, true, nil); err == nil || !strings.Contains(err.Error(), "r: port a comes after") {
			t.Errorf("%v: %v", r, err)
		}
	}
}
