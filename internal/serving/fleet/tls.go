package fleet

import (
	"crypto/tls"
	"errors"
	"time"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
)

// tlsConfig is a port's side of TLS.
func (f *Fleet) tlsConfig(p *port) *tls.Config {
	c := f.PKI.Server(p.Port.Hosts)
	c.ClientAuth = asks[p.Cert]
	if p.HTTP != nil {
		c.NextProtos = []string{"http/1.1"}
	}
	hosts := map[dialect.Cert]*tls.Config{p.Cert: c}
	for _, cert := range p.Certs {
		if hosts[cert] == nil {
			other := c.Clone()
			other.ClientAuth = asks[cert]
			// A session is resumed without asking for a certificate again, whatever host it
			// was made with: such hosts have none.
			other.SessionTicketsDisabled = true
			hosts[cert] = other
		}
	}
	if !p.Quiet || len(hosts) > 1 {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen := hosts[p.Port.CertOf(h.ServerName)]
			if p.Quiet {
				return chosen, nil
			}
			return f.handshake(p, chosen, h)
		}
	}
	return c
}

// asks is what Go calls what a port wants of its clients.
var asks = map[dialect.Cert]tls.ClientAuthType{dialect.NoCert: tls.NoClientCert, dialect.WantCert: tls.VerifyClientCertIfGiven,
	dialect.RequireCert: tls.RequireAndVerifyClientCert, dialect.UnverifiedOK: tls.RequestClientCert}

// handshake is the name of the operation that TLS faults strike.
const handshake = "tls handshake"

// handshake is the configuration for a client, with what the TLS faults of a port make of
// a sound one.
func (f *Fleet) handshake(p *port, sound *tls.Config, h *tls.ClientHelloInfo) (*tls.Config, error) {
	if f.Faults.Idle() {
		return sound, nil
	}
	r, hit := f.Faults.Hit(fault.Subject{Server: p.line.Server, Port: p.line.Port, Op: handshake}, fault.TLS)
	if !hit {
		return sound, nil
	}
	line := p.line
	line.Peer, line.End = h.Conn.RemoteAddr().String(), f.end
	ctx, call := dialect.Begin(dialect.WithLine(f.soft, &line), handshake)
	broke(call, r, fault.Before)
	call.Status = r.Args["as"]
	defer call.End(ctx)
	if r.Args["as"] == "stall" {
		stalled := time.NewTimer(handshakeTimeout)
		defer stalled.Stop()
		select {
		case <-h.Context().Done():
		case <-ctx.Done():
		case <-stalled.C:
		}
		return nil, errors.New("fleet: fault " + r.ID + " stalls the handshake")
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	if h.ServerName != "" {
		names = append([]string{h.ServerName}, names...)
	}
	cert, err := f.PKI.Unsound(r.Args["as"], names...)
	if err != nil {
		return nil, err
	}
	c := sound.Clone()
	c.GetConfigForClient, c.GetCertificate = nil, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	return c, nil
}
