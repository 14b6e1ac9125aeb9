package dialecttest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// Hammer sends one request over and over on 16 connections, for benchmarks of what a
// server is asked most. Every answer must have status 200.
func Hammer(b *testing.B, addr string, request []byte) {
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for pb.Next() {
			c.Write(request)
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Error(resp, err)
				return
			}
			io.Copy(io.Discard, resp.Body)
		}
	})
}
