package native_test

import (
	"fmt"
	"testing"

	"counterpart/internal/steering/dialecttest"
)

// BenchmarkRead is a read of a password by an API client through loopback, 16
// connections.
func BenchmarkRead(b *testing.B) {
	f := dialecttest.Run(b, kinds, demo(b, ""))
	addr := f.Addr("native/http")
	dialecttest.Hammer(b, addr, fmt.Appendf(nil, "GET /vault/v1/accounts/postgres@db01/password HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sps-secret\r\n\r\n"))
}

// BenchmarkWrite is a small JSON body, read strictly and judged.
func BenchmarkWrite(b *testing.B) {
	f := dialecttest.Run(b, kinds, demo(b, ""))
	body := `{"user":"alice","asset":{"name":"db01"},"account":{"name":"root"}}`
	dialecttest.Hammer(b, f.Addr("native/http"), fmt.Appendf(nil, "POST /tickets/v1/tickets/CHG0000038/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sps-secret\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}
