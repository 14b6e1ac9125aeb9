package dialect_test

import (
	"testing"

	"counterpart/internal/serving/dialect"
)

func TestCertOfAHost(t *testing.T) {
	p := dialect.Port{Cert: dialect.WantCert, Hosts: []string{"a.example", "*.b.example"},
		Certs: map[string]dialect.Cert{"a.example": dialect.NoCert, "*.b.example": dialect.RequireCert, "*.c.b.example": dialect.UnverifiedOK, "x.b.example": dialect.NoCert}}
	for host, want := range map[string]dialect.Cert{"": dialect.WantCert, "z.example": dialect.WantCert, "a.example": dialect.NoCert, "A.Example.": dialect.NoCert,
		"b.example": dialect.WantCert, "y.b.example": dialect.RequireCert, "x.b.example": dialect.NoCert, "y.x.b.example": dialect.RequireCert, "q.c.b.example": dialect.UnverifiedOK, "c.b.example": dialect.RequireCert} {
		if got := p.CertOf(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	for host, want := range map[string]bool{"a.example": true, "A.example": true, "*.b.example": true, "y.b.example": true, "b.example": false, ".b.example": false, "*.c.b.example": true, "z.example": false} {
		if got := p.HasHost(host); got != want {
			t.Errorf("%q leads there: %v, want %v", host, got, want)
		}
	}
}
