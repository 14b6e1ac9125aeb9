package yubico_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
	"counterpart/internal/steering/dialecttest"
)

// BenchmarkVerify is a fresh OTP in each request through loopback, a key for each of
// the connections.
func BenchmarkVerify(b *testing.B) {
	const conns = 64
	var keys strings.Builder
	devices := make([]world.Device, conns)
	for i := range devices {
		d := world.Device{PublicID: world.Modhex([]byte{0, 0, 0, 0, 0, byte(i)}), PrivateID: []byte("abcdef"), AESKey: []byte("0123456789abcdef")}
		devices[i] = d
		fmt.Fprintf(&keys, "      - {public_id: %s, private_id: %x, aes_key: \"%x\"}\n", d.PublicID, d.PrivateID, d.AESKey)
	}
	s := start(b, "keys:\n"+keys.String())
	addr := s.Addr("yubico/http")
	var conn atomic.Int32
	pressed := make([]atomic.Uint32, conns)
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		i := conn.Add(1) % conns
		d := devices[i]
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for pb.Next() {
			n := pressed[i].Add(1)
			text, _ := factor.Keystroke{PrivateID: [6]byte(d.PrivateID), Session: uint16(1 + n>>8), Use: uint8(n)}.Typed(d)
			fmt.Fprintf(c, "GET /wsapi/2.0/verify?id=1&otp=%s&nonce=%s HTTP/1.1\r\nHost: x\r\n\r\n", text, nonce1)
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				b.Error(err)
				return
			}
			body, _ := io.ReadAll(resp.Body)
			if !strings.Contains(string(body), "status=OK") {
				b.Errorf("%q", body)
				return
			}
		}
	})
}

// BenchmarkRepeated is one request over and over.
func BenchmarkRepeated(b *testing.B) {
	s := start(b)
	dialecttest.Hammer(b, s.Addr("yubico/http"), fmt.Appendf(nil, "GET /wsapi/2.0/verify?%s HTTP/1.1\r\nHost: x\r\n\r\n", query(otp1)))
}
