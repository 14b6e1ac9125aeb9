package radius_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/journal"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers/radius"
)

const radsecCompany = `
version: 1
organization: {name: Acme, domain: acme.test}
users: [{name: alice, password: Alice-Pass-1}]
servers:
  - kind: radius
    radsec_listen: ":2083"
    clients: [{name: peer, tls_cn: nas1.acme.test}, {name: nas, from: 127.0.0.0/8, secret: testing123}]
`

// TestL6RadSecWithAnIssuedCertificate: the control port issues what the RadSec
// port wants, and alice logs in with it.
func TestL6RadSecWithAnIssuedCertificate(t *testing.T) {
	f := dialecttest.Run(t, []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}, radsecCompany)
	config := &tls.Config{RootCAs: f.PKI.Pool(), ServerName: "radius.acme.test", Time: f.Clock.Now}
	login := func(path string) (*layeh.Packet, error) {
		if path != "" {
			req, _ := http.NewRequest("GET", "http://"+f.Addr("control/http")+path, nil)
			req.Header.Set("Authorization", "Bearer control-token")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			pair, err := tls.X509KeyPair(text, text)
			if err != nil {
				t.Fatalf("%s: %v\n%s", path, err, text)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		c, err := tls.Dial("tcp", f.Addr("radius/radsec"), config)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		p := layeh.New(layeh.CodeAccessRequest, []byte("radsec"))
		rfc2865.UserName_SetString(p, "alice")
		rfc2865.UserPassword_SetString(p, "Alice-Pass-1")
		out, err := p.Encode()
		if err != nil {
			return nil, err
		}
		if _, err = c.Write(out); err != nil {
			return nil, err
		}
		in := make([]byte, 4096)
		n, err := c.Read(in)
		if err != nil {
			return nil, err
		}
		return layeh.Parse(in[:n], []byte("radsec"))
	}
	if p, err := login(""); err == nil {
		t.Errorf("without a certificate: %v", p.Code)
	}
	if p, err := login("/ca/server/nas1.acme.test"); err == nil {
		t.Errorf("with a server's certificate: %v", p.Code)
	}
	if p, err := login("/ca/client/nas1.acme.test"); err != nil || p.Code != layeh.CodeAccessAccept {
		t.Fatalf("with a client's certificate: %v %v", p, err)
	}
	if e := f.Last(journal.Match{Server: "radius", Op: "Access-Request"}); e.Object != "peer" || e.Actor != "alice" {
		t.Errorf("journal: %+v", e)
	}
}

// TestL6AccountingIsAuthenticationPlusOne as pam_radius assumes it.
func TestL6AccountingIsAuthenticationPlusOne(t *testing.T) {
	f := dialecttest.Run(t, []dialect.Kind{{Name: "radius", New: radius.New, Settings: radius.Settings{}}}, radsecCompany)
	host, text, _ := net.SplitHostPort(f.Addr("radius/auth"))
	number, _ := strconv.Atoi(text)
	p := layeh.New(layeh.CodeAccountingRequest, []byte(secret))
	rfc2865.UserName_SetString(p, "alice")
	rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Start)
	rfc2866.AcctSessionID_SetString(p, "1")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := layeh.Exchange(ctx, p, net.JoinHostPort(host, strconv.Itoa(number+1))); err != nil || got.Code != layeh.CodeAccountingResponse {
		t.Errorf("accounting at %d: %v %v", number+1, got, err)
	}
}
