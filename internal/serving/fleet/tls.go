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
	switch p.Cert {
	case dialect.WantCert:
		c.ClientAuth = tls.VerifyClientCertIfGiven
	case dialect.RequireCert:
		c.ClientAuth = tls.RequireAndVerifyClientCert
	case dialect.UnverifiedOK:
		c.ClientAuth = tls.RequestClientCert
	}
	if !p.Quiet {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { return f.handshake(p, c, h) }
	}
	return c
}

// handshake is the name of the operation that TLS faults strike.
const handshake = "tls handshake"

// handshake plays the TLS faults of a port; nil means that nothing is wrong.
func (f *Fleet) handshake(p *port, sound *tls.Config, h *tls.ClientHelloInfo) (*tls.Config, error) {
	if f.Faults.Idle() {
		return nil, nil
	}
	r, hit := f.Faults.Hit(fault.Subject{Server: p.line.Server, Port: p.line.Port, Op: handshake}, fault.TLS)
	if !hit {
		return nil, nil
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
