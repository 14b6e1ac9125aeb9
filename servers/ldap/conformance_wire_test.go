package ldap_test

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/fault"
	"counterpart/servers/ldap"
	"counterpart/servers/ldap/internal/ber"
	"counterpart/servers/ldap/internal/proto"
)

// stall makes the next search stop after one entry, until it is abandoned.
func (l *lab) stall() {
	l.t.Helper()
	if err := l.faults.Set([]fault.Rule{{Kind: "ldap-stall", Op: "search", Times: 1, Args: map[string]string{"after": "1"}}}); err != nil {
		l.t.Fatal(err)
	}
}

func whoami(id int64) []byte { return extended(id, "1.3.6.1.4.1.4203.1.11.3", "") }

func abandons(t *testing.T) {
	l := open(t, posix())
	l.stall()
	r := l.raw(t, "ldap").send(search(7, base, 2, 0x87, "uid", ""))
	if a, err := r.next(); err != nil || a.op != proto.SearchEntry {
		t.Fatalf("%+v, %v", a, err)
	}
	r.send(search(8, base, 2, 0xa3, "uid", "alice")) // goes on beside it
	if a, n := r.result(); a.id != 8 || n != 1 {
		t.Errorf("the other search: %+v, %d entries", a, n)
	}
	r.send(abandon(9, 7)).send(abandon(10, 4711)).send(whoami(11))
	if a, n := r.result(); a.id != 11 || n != 0 {
		t.Errorf("after the abandon: %+v, %d entries", a, n)
	}
	r.send(message(12, []byte{0x42, 0}))
	r.closed() // no Done for 7, no answer to unbind
}

func bindStopsSearch(t *testing.T) {
	l := open(t, posix())
	l.stall()
	r := l.raw(t, "ldap").send(search(7, base, 2, 0x87, "uid", ""))
	r.next()
	a, n := r.send(bindRequest(8, person("alice"), pass("alice"))).result()
	if a.op != proto.BindResponse || a.id != 8 || a.code != 0 || n != 0 {
		t.Errorf("%+v after %d entries", a, n)
	}
	a, _ = r.send(whoami(9)).result()
	if a.id != 9 || a.value != "dn:"+person("alice") {
		t.Errorf("%+v", a)
	}
}

func pipelined(t *testing.T) {
	l := open(t, posix())
	l.stall()
	r := l.raw(t, "ldap").send(search(1000, base, 2, 0x87, "uid", ""))
	r.next()
	var all []byte
	for i := int64(1); i <= 50; i++ {
		all = append(all, search(i, base, 2, 0xa3, "uid", cast().Users[i%10].Name)...)
	}
	for len(all) > 0 { // in odd pieces: segments are not messages
		n := min(len(all), 13)
		r.send(all[:n])
		all = all[n:]
	}
	entries, done := map[int64]string{}, map[int64]bool{}
	for len(done) < 50 {
		a, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if a.op == proto.SearchEntry {
			entries[a.id] = a.dn
		} else {
			done[a.id] = true
		}
	}
	for i := int64(1); i <= 50; i++ {
		if want := person(cast().Users[i%10].Name); entries[i] != want {
			t.Errorf("%d: %q, want %q", i, entries[i], want)
		}
	}
	// two requests with one message ID, and odd IDs, are answered
	r.send(whoami(5)).send(whoami(5)).send(whoami(0)).send(whoami(-3))
	ids := map[int64]int{}
	for range 4 {
		a, _ := r.result()
		ids[a.id]++
	}
	if ids[5] != 2 || ids[0] != 1 || ids[-3] != 1 {
		t.Errorf("message IDs: %v", ids)
	}
}

// nested is a search whose filter is n deep.
func nested(n int) []byte {
	f := []byte("\x87\x02cn")
	for range n {
		f = ber.AppendString(nil, 0xa2, f)
	}
	b, mark := ber.Begin(nil, proto.SearchRequest)
	b = append(ber.AppendString(b, ber.OctetString, ""), "\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"...)
	b = append(append(b, f...), "\x30\x00"...)
	return message(1, ber.End(b, mark))
}

func hostile(t *testing.T) {
	l := open(t, posix())
	notice := func(what string, b []byte, text string) {
		t.Run(what, func(t *testing.T) { l.raw(t, "ldap").send(b).notice(2, text) })
	}
	closed := func(what string, b []byte) {
		t.Run(what, func(t *testing.T) { l.raw(t, "ldap").send(b).closed() })
	}
	defer func() {
		if call := l.last("connection"); call.Why == "" {
			t.Errorf("the journal says %+v", call)
		}
	}()
	closed("plain HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	closed("indefinite length", unhex("30 80 02 01 01 42 00 00 00"))
	closed("too long before a bind", unhex("30 83 04 00 00"))
	closed("five length octets", unhex("30 85 00 00 00 00 05 02 01 01 42 00"))
	notice("unknown request", message(1, unhex("79 00")), "unknown LDAP request")
	notice("a response", message(1, unhex("61 07 0a 01 00 04 00 04 00")), "unknown LDAP request")
	notice("no message", unhex("30 03 04 01 61"), "decoding error")
	notice("a cut bind", message(1, unhex("60 03 02 01 03")), "decoding error")
	notice("a cut search", message(1, unhex("63 02 04 00")), "decoding error")
	notice("a control without a type", unhex("30 12 02 01 01 60 07 02 01 03 04 00 80 00 a0 04 30 02 01 00"), "decoding error")
	notice("a deep filter", nested(150), "filter nested too deeply")
	notice("a very deep filter", nested(20000), "filter nested too deeply")
	if a, _ := l.raw(t, "ldap").send(nested(90)).result(); a.code != 0 {
		t.Errorf("90 levels: %v", a)
	}
	extra := message(1, unhex("60 09 02 01 03 04 00 80 00 05 00")) // extensibility rule
	if a, _ := l.raw(t, "ldap").send(extra).result(); a.code != 0 {
		t.Errorf("an extra element: %v", a)
	}
	bound := l.raw(t, "ldap").send(bindRequest(1, person("alice"), pass("alice")))
	bound.result()
	bound.send(unhex("30 83 05 00 00")).send(make([]byte, 0x50000)).notice(2, "decoding error") // allowed once bound
	fuzzConnections(t, l)
}

// fuzzConnections throws broken messages at the server and then asks whether it
// is still there, and how big it has become.
func fuzzConnections(t *testing.T, l *lab) {
	seeds := [][]byte{bindRequest(1, person("alice"), "x"), search(2, base, 2, 0xa3, "uid", "alice"), nested(50), whoami(3),
		with(search(4, base, 2, 0x87, "uid", ""), pageControl(3, nil)), saslBind("PLAIN", "\x00a\x00b")}
	rng := rand.New(rand.NewPCG(1, 2))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 2000 {
		b := append([]byte{}, seeds[i%len(seeds)]...)
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		c, err := net.Dial("tcp", l.addr["ldap"])
		if err != nil {
			t.Fatal(err)
		}
		c.Write(b[:rng.IntN(len(b)+1)])
		c.Close()
	}
	l.bound("ldap", person("alice"), pass("alice"))
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d octets", grown)
	}
}

func slowReader(t *testing.T) {
	l := open(t, setup{facts: crowd(20000), set: ldap.Settings{SizeLimit: -1, TimeLimit: 1000 * time.Hour}})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var r *raw
	for range 50 {
		r = l.raw(t, "ldap").send(search(1, base, 2, 0x87, "objectClass", ""))
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 50; each > 1<<20 {
		t.Errorf("a client that does not read costs %d octets", each)
	}
	fine := l.raw(t, "ldap")
	dropped := l.ended(r.c)
	for gone := false; !gone; { // time passes, by the fleet's clock, and nobody reads
		select {
		case <-dropped:
			gone = true
		default:
			l.clock.Advance(15 * time.Second)
			if a, n := fine.send(search(2, base, 2, 0xa3, "uid", "user000007")).result(); a.code != 0 || n != 1 {
				t.Fatalf("others are affected: %v", a)
			}
		}
	}
}

func startTLS(t *testing.T) {
	l := open(t, posix())
	const oid = "1.3.6.1.4.1.1466.20037"
	c := l.bound("ldap", person("alice"), pass("alice"))
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	if w, err := c.WhoAmI(nil); err != nil || w.AuthzID != "" {
		t.Errorf("the identity survives StartTLS: %+v, %v", w, err)
	}
	if err := c.Bind(person("alice"), pass("alice")); err != nil {
		t.Error(err)
	}
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); code(err) != 1 && !strings.Contains(fmt.Sprint(err), "already") {
		t.Errorf("repeated: %v", err)
	}
	if a, _ := l.raw(t, "ldaps").send(extended(1, oid, "")).result(); a.code != 1 || a.text != "TLS already started" {
		t.Errorf("on LDAPS: %v", a)
	}
	if a, _ := l.raw(t, "ldap").send(extended(1, oid, "x")).result(); a.code != 2 || a.text != "no request data expected" {
		t.Errorf("with data: %v", a)
	}
	r := l.raw(t, "ldap")
	r.send(append(extended(1, oid, ""), whoami(2)...))
	if a, _ := r.result(); a.code != 0 {
		t.Errorf("pipelined: %v", a)
	}
	r.closed()
	l.stall()
	r = l.raw(t, "ldap").send(search(1, base, 2, 0x87, "uid", ""))
	r.next()
	if a, _ := r.send(extended(2, oid, "")).result(); a.code != 1 || a.text != "cannot start TLS when operations are outstanding" {
		t.Errorf("outstanding: %v", a)
	}
	for _, s := range []setup{{noTLS: true}, {set: ldap.Settings{NoStartTLS: true}}} {
		if a, _ := open(t, s).raw(t, "ldap").send(extended(1, oid, "")).result(); a.code != 2 || a.text != "unsupported extended operation" {
			t.Errorf("not configured: %v", a)
		}
	}
}

func shutdown(t *testing.T) {
	for _, port := range []string{"ldap", "ldaps"} {
		l := open(t, posix())
		var idle []*raw
		for range 20 {
			r := l.raw(t, port).send(whoami(1))
			r.result()
			idle = append(idle, r)
		}
		var stopped sync.WaitGroup
		stopped.Go(l.stop)
		for _, r := range idle {
			r.notice(52, "server shutting down")
		}
		stopped.Wait()
	}
}

// TestConnectionEnds covers what ends a connection by the fleet's clock, and
// the Cancel operation.
func TestConnectionEnds(t *testing.T) {
	l := open(t, setup{set: ldap.Settings{Flavour: "ad"}})
	r := l.raw(t, "ldap").send(whoami(1))
	r.result()
	l.clock.Advance(14 * time.Minute)
	r.send(whoami(2)).result()
	ended := l.ended(r.c)
	l.clock.Advance(14 * time.Minute)
	for gone := false; !gone; {
		select {
		case <-ended:
			gone = true
		default:
			l.clock.Advance(time.Minute)
			runtime.Gosched()
		}
	}
	r.closed()
}

func TestCancel(t *testing.T) {
	l := open(t, posix())
	cancel := func(id, other int64) []byte {
		return extended(id, "1.3.6.1.1.8", string(ber.AppendString(nil, ber.Sequence, ber.AppendInt(nil, ber.Integer, other))))
	}
	l.stall()
	r := l.raw(t, "ldap").send(search(1, base, 2, 0x87, "uid", ""))
	r.next()
	if a, _ := r.send(cancel(2, 1)).result(); a.id != 1 || a.code != goldap.LDAPResultCanceled {
		t.Errorf("the cancelled search: %+v", a)
	}
	if a, _ := r.result(); a.id != 2 || a.code != 0 {
		t.Errorf("the cancel: %+v", a)
	}
	if err := l.faults.Set([]fault.Rule{{Kind: fault.Hang, Op: "search"}}); err != nil {
		t.Fatal(err)
	}
	r.send(search(5, base, 2, 0x87, "uid", "")).send(cancel(6, 5))
	if a, _ := r.result(); a.id != 5 || a.code != goldap.LDAPResultCanceled {
		t.Errorf("a cancelled search that hangs: %+v", a)
	}
	r.result()
	if a, _ := r.send(cancel(3, 99)).result(); a.code != 119 || a.text != "message ID not found" {
		t.Errorf("an unknown ID: %v", a)
	}
}

func TestFaults(t *testing.T) {
	l := open(t, posix())
	set := func(kind string, args map[string]string) {
		t.Helper()
		if err := l.faults.Set([]fault.Rule{{Kind: kind, Args: args}}); err != nil {
			t.Fatal(err)
		}
	}
	set("ldap-result", map[string]string{"code": "51", "text": "busy"})
	if a, _ := l.raw(t, "ldap").send(bindRequest(1, "", "")).result(); a.code != 51 || a.text != "busy" {
		t.Errorf("result: %v", a)
	}
	set("ldap-notice", map[string]string{"text": "going down"})
	l.raw(t, "ldap").send(whoami(1)).notice(52, "going down")
	set("ldap-cut", map[string]string{"after": "2"})
	r := l.raw(t, "ldap").send(search(1, base, 2, 0x87, "uid", ""))
	r.next()
	r.next()
	r.closed()
	set("ldap-size-limit", map[string]string{"after": "3"})
	if a, n := l.raw(t, "ldap").send(search(1, base, 2, 0x87, "uid", "")).result(); a.code != 4 || n != 3 {
		t.Errorf("size limit: %v after %d", a, n)
	}
	set("ldap-no-memberof", nil)
	if es, err := ask(l.dial("ldap"), person("alice"), 0, "(objectClass=*)", "memberOf", "cn"); err != nil || es[0].GetAttributeValue("memberOf") != "" {
		t.Errorf("memberOf: %v", err)
	}
	set("ldap-refuse-paging", nil)
	if a, _ := l.raw(t, "ldap").send(with(search(1, base, 2, 0x87, "uid", ""), pageControl(2, nil))).result(); a.code != 0 || len(a.controls) != 0 {
		t.Errorf("paging: %+v", a)
	}
	set(fault.Drop, nil)
	r = l.raw(t, "ldap").send(whoami(1))
	l.faults.Set(nil)
	_ = r
	set(fault.Reset, nil)
	l.raw(t, "ldap").send(whoami(1)).closed()
}
