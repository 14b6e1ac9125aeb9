package radius_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/world"
	"counterpart/internal/face/radius/wire"
)

// BenchmarkPAP is one PAP login of one of 100,000 people, in process: checks,
// reply cache, decryption, password, journal lines, signed reply.
func BenchmarkPAP(b *testing.B) {
	f := world.Facts{RandomSeed: 1}
	for i := range 100_000 {
		id := fmt.Sprintf("user%06d", i)
		f.Users = append(f.Users, world.User{ID: id, Name: id, Password: "Pass-" + id, Status: world.Active})
	}
	bed, err := bedOf(b, loopback, f)
	if err != nil {
		b.Fatal(err)
	}
	const n = 4096
	packets, from := make([][]byte, n), make([]net.Addr, n)
	for i := range packets {
		user := fmt.Sprintf("user%06d", i*24)
		packets[i] = bed.pap(user, "Pass-"+user).bytes()
		a := nas.Addr()
		from[i] = &net.UDPAddr{IP: a.AsSlice(), Port: 10000 + i/256}
		packets[i][1] = byte(i)
	}
	run := bed.ports["auth"].Packet
	var workers atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var buf [4096]byte
		// Each has Identifiers of its own: one that is held up must not find its request
		// superseded.
		all := int64(runtime.GOMAXPROCS(0))
		for i := workers.Add(1) - 1; pb.Next(); i += all {
			p := buf[:copy(buf[:], packets[i%n])]
			binary.BigEndian.PutUint32(p[4:], uint32(i/n)) // another request than those before with this Identifier
			hide(p, packets[i%n])
			if out := run(b.Context(), p, from[i%n]); out == nil || out[0] != 2 {
				b.Fatalf("%x", out)
			}
		}
	})
}

// hide hides the same password anew for the changed authenticator of p.
func hide(p, original []byte) {
	s := wire.NewSecret([]byte(secret))
	for at := 20; at < len(p); at += int(p[at+1]) {
		if p[at] == 2 {
			clear, _ := s.Reveal(nil, original[at+2:at+int(p[at+1])], original[4:20])
			copy(p[at+2:], s.Hide(clear, p[4:20]))
		}
	}
}

// BenchmarkRetransmission is a datagram that the reply cache answers.
func BenchmarkRetransmission(b *testing.B) {
	bed, err := bedOf(b, loopback, facts())
	if err != nil {
		b.Fatal(err)
	}
	p := bed.pap("victor", "Victor-Pass-1").bytes()
	from := udp(nas)
	b.ReportAllocs()
	for b.Loop() {
		bed.ports["auth"].Packet(b.Context(), p, from)
	}
}
