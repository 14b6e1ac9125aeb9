package vault_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// BenchmarkRead is a read of a user's through loopback, 16 connections.
func BenchmarkRead(b *testing.B) {
	f := dialecttest.Run(b, servers.Table(), oracleSeed)
	addr := f.Addr("vault/http")
	p := newPeer("http://" + addr)
	for _, line := range []string{`POST sys/policies/acl/reader {"policy":"path \"secret/*\" { capabilities = [\"read\"] }"}`, `POST sys/auth/userpass {"type":"userpass"}`,
		`POST auth/userpass/users/bench {"password":"pw","token_policies":"reader"}`, `POST secret/data/bench {"data":{"user":"root","password":"a long enough secret"}}`,
		`POST auth/userpass/login/bench {"password":"pw"}`} {
		p.ask(b, line)
	}
	token := p.get(b, "auth.client_token")
	dialecttest.Hammer(b, addr, fmt.Appendf(nil, "GET /v1/secret/data/bench HTTP/1.1\r\nHost: x\r\nX-Vault-Token: %s\r\n\r\n", token))
}

// BenchmarkBare is the same from a bare echo route: what a read cannot be below.
func BenchmarkBare(b *testing.B) {
	e := echo.New()
	body := []byte(`{"request_id":"d0a1d9c5-22d9-4a2c-8a4e-3a9a3b0a5f0e","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"password":"a long enough secret","user":"root"},"metadata":{"created_time":"2026-01-01T12:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"}`)
	e.GET("/v1/secret/data/bench", func(c echo.Context) error { return c.JSONBlob(http.StatusOK, body) })
	srv := httptest.NewServer(e)
	defer srv.Close()
	dialecttest.Hammer(b, srv.Listener.Addr().String(), []byte("GET /v1/secret/data/bench HTTP/1.1\r\nHost: x\r\nX-Vault-Token: x\r\n\r\n"))
}
