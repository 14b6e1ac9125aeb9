package vault_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"counterpart/internal/dialect/dialecttest"
	"counterpart/servers"
)

// BenchmarkRead is a read of a user's through loopback, 16 connections.
func BenchmarkRead(b *testing.B) {
	f := dialecttest.Run(b, servers.Table(), oracleSeed)
	addr := f.Addr("vault/http")
	p := &peer{base: "http://" + addr, kept: map[string]string{}}
	for _, line := range []string{`POST sys/policies/acl/reader {"policy":"path \"secret/*\" { capabilities = [\"read\"] }"}`, `POST sys/auth/userpass {"type":"userpass"}`,
		`POST auth/userpass/users/bench {"password":"pw","token_policies":"reader"}`, `POST secret/data/bench {"data":{"user":"root","password":"a long enough secret"}}`,
		`POST auth/userpass/login/bench {"password":"pw"}`} {
		p.ask(b, line)
	}
	token := p.get(b, "auth.client_token")
	request := fmt.Appendf(nil, "GET /v1/secret/data/bench HTTP/1.1\r\nHost: x\r\nX-Vault-Token: %s\r\n\r\n", token)
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
