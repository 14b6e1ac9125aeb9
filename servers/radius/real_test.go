//go:build real

package radius_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"counterpart/internal/company/clock"
	"counterpart/internal/company/factor"
	"counterpart/internal/company/signin"
	"counterpart/internal/serving/dialect"
	"counterpart/servers/radius"
)

// live is a server that real clients can reach, on a running clock.
type live struct {
	*bed
	auth, acct, tcp, radsec string
}

// serve puts a server behind sockets of the test's own.
func serve(t *testing.T, settings string) *live {
	t.Helper()
	b := newBed(t, settings)
	b.clock = clock.New()
	b.env.Clock = b.clock
	b.env.Logins = signin.New(signin.Config{World: b.env.World, Store: b.env.Store, Clock: b.clock, Rand: b.env.Rand})
	b.env.Factors = factor.New(factor.Config{World: b.env.World, Store: b.env.Store, Clock: b.clock, Rand: b.env.Rand})
	s, err := radius.New(b.env)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{bed: b}
	for _, p := range s.Ports() {
		switch {
		case p.Packet != nil:
			addr := listenPackets(t, b, p)
			if p.Name == "auth" {
				l.auth = addr
			} else {
				l.acct = addr
			}
		case p.Name == "tcp":
			l.tcp = listenStream(t, b, p)
		case p.Name == "radsec":
			l.radsec = listenStream(t, b, p)
		}
	}
	return l
}

func listenPackets(t *testing.T, b *bed, p dialect.Port) string {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ctx := b.line(p.Name)
	go func() {
		for {
			buf := make([]byte, 4097)
			n, from, err := c.ReadFromUDP(buf)
			if err != nil {
				return
			}
			go func() {
				ctx, call := dialect.Begin(ctx, "datagram")
				if out := p.Packet(ctx, buf[:n], from); out != nil {
					c.WriteToUDP(out, from)
				}
				call.End(ctx)
			}()
		}
	}()
	return c.LocalAddr().String()
}

func listenStream(t *testing.T, b *bed, p dialect.Port) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.line(p.Name))
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if p.TLS { // as the fleet does
				c = tls.Server(c, &tls.Config{Certificates: serverTLS(t).Certificates, ClientCAs: testCA(t).pool, ClientAuth: tls.RequireAndVerifyClientCert})
			}
			go p.Conn(ctx, c)
		}
	}()
	return l.Addr().String()
}

// tool is the path of a program; one that is missing fails the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed: %v", name, err)
	}
	return path
}

// run runs a program and returns everything it printed.
func run(t *testing.T, stdin string, args ...string) (out string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, tool(t, args[0]), args[1:]...)
	c.Stdin = strings.NewReader(stdin)
	b, err := c.CombinedOutput()
	return string(b), err == nil
}

// radclient sends one request and returns what radclient says about the answer.
func (l *live) radclient(t *testing.T, addr, kind, attributes string, flags ...string) string {
	t.Helper()
	args := append([]string{"radclient", "-x", "-t", "2", "-r", "1"}, flags...)
	out, _ := run(t, attributes, append(args, addr, kind, secret)...)
	return out
}

func expect(t *testing.T, what, out, want string) {
	t.Helper()
	if !strings.Contains(out, want) {
		t.Errorf("%s: %q is missing in\n%s", what, want, out)
	}
}

func TestRealRadclient(t *testing.T) {
	l := serve(t, loopback+"tcp_listen: ':0'")
	for what, c := range map[string][2]string{
		"PAP":           {"User-Name=alice,User-Password=Alice-Pass-1", "Received Access-Accept"},
		"PAP wrong":     {"User-Name=alice,User-Password=wrong", "Received Access-Reject"},
		"PAP long":      {"User-Name=len128,User-Password=" + strings.Repeat("x", 128), "Received Access-Accept"},
		"CHAP":          {"User-Name=alice,CHAP-Password=Alice-Pass-1", "Received Access-Accept"},
		"CHAP wrong":    {"User-Name=alice,CHAP-Password=wrong", "Received Access-Reject"},
		"MS-CHAP":       {"User-Name=alice,MS-CHAP-Password=Alice-Pass-1", "MS-CHAP-MPPE-Keys = 0x0000000000000000"},
		"MS-CHAP wrong": {"User-Name=alice,MS-CHAP-Password=wrong", "E=691"},
		"signed":        {"User-Name=alice,User-Password=Alice-Pass-1,Message-Authenticator=0x00", "Received Access-Accept"},
		"attributes":    {"User-Name=bob,User-Password=Bob-Pass-1", "Class = 0x626f622d636c617373"},
		"Proxy-State":   {"User-Name=alice,User-Password=Alice-Pass-1,Proxy-State=0x0102,Proxy-State=0x03", "Proxy-State = 0x0102\n\tProxy-State = 0x03"},
	} {
		expect(t, what, l.radclient(t, l.auth, "auth", c[0]), c[1])
		expect(t, what+" over TCP", l.radclient(t, l.tcp, "auth", c[0], "-P", "tcp"), c[1])
	}
	expect(t, "status", l.radclient(t, l.auth, "status", "Message-Authenticator=0x00"), "Received Access-Accept")
	expect(t, "status on acct", l.radclient(t, l.acct, "status", "Message-Authenticator=0x00"), "Received Accounting-Response")
	expect(t, "accounting", l.radclient(t, l.acct, "acct", "User-Name=alice,Acct-Session-Id=s1,Acct-Status-Type=Start"), "Received Accounting-Response")
	if s := l.sessions(); len(s) != 1 || s[0].Events[0].Status != "Start" {
		t.Errorf("recorded %+v", s)
	}
	out, _ := run(t, "User-Name=alice,User-Password=Alice-Pass-1,Message-Authenticator=0x00", "radclient", "-x", "-t", "1", "-r", "1", l.auth, "auth", "wrong-secret")
	expect(t, "wrong secret", out, "No reply from server")

	l = serve(t, loopback+"flow: password,otp")
	out = l.radclient(t, l.auth, "auth", "User-Name=alice,User-Password=Alice-Pass-1")
	state := regexp.MustCompile(`State = (0x[0-9a-f]+)`).FindStringSubmatch(out)
	if state == nil {
		t.Fatalf("no challenge:\n%s", out)
	}
	expect(t, "challenge", out, `Reply-Message = "Enter one-time password:"`)
	expect(t, "prompt", out, "Prompt = No-Echo")
	answer := "User-Name=alice,User-Password=" + l.code("alice") + ",State=" + state[1]
	expect(t, "answer", l.radclient(t, l.auth, "auth", answer), "Received Access-Accept")
	expect(t, "answer again", l.radclient(t, l.auth, "auth", answer), "Received Access-Reject")

	l = serve(t, loopback+"flow: push") // one second: radclient's retransmission is swallowed
	out = l.radclient(t, l.auth, "auth", "User-Name=alice,User-Password=x", "-r", "5")
	expect(t, "push", out, "Received Access-Accept")
	if n := l.approvals("alice"); n != 1 {
		t.Errorf("%d pushes", n)
	}
	for _, flavour := range []string{"duo", "rsa", "nps", "okta"} {
		l := serve(t, loopback+"flavour: "+flavour)
		password := map[string]string{"duo": "Alice-Pass-1,CODE", "rsa": "CODE", "nps": "Alice-Pass-1", "okta": "Alice-Pass-1"}[flavour]
		out := l.radclient(t, l.auth, "auth", `User-Name=alice,User-Password="`+strings.ReplaceAll(password, "CODE", l.code("alice"))+`"`)
		want := map[string]string{"duo": "Access-Accept", "rsa": "Access-Accept", "nps": "Access-Challenge", "okta": "Access-Challenge"}[flavour]
		expect(t, flavour, out, "Received "+want)
	}
}

// Number 16 over a real socket: radclient sends from one port and reuses the 256
// Identifiers as soon as they are free.
func TestRealThousandsThroughOneSocket(t *testing.T) {
	l := serve(t, loopback)
	file := filepath.Join(t.TempDir(), "requests")
	if err := os.WriteFile(file, []byte("User-Name=alice,User-Password=Alice-Pass-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, ok := run(t, "", "radclient", "-q", "-s", "-c", "10000", "-p", "50", "-r", "1", "-t", "3", "-f", file, l.auth, "auth", secret)
	if !ok {
		t.Errorf("radclient failed")
	}
	expect(t, "10000 requests", strings.Join(strings.Fields(out), " "), "Accepted : 10000")
	expect(t, "nothing lost", strings.Join(strings.Fields(out), " "), "Lost : 0")
}

func TestRealEapolTest(t *testing.T) {
	l := serve(t, loopback)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testCA(t).pem})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.auth)
	for _, c := range []struct {
		what, network string
		keys, ok      bool
	}{
		{"MD5", `eap=MD5 password="Alice-Pass-1"`, false, true},
		{"MD5 wrong", `eap=MD5 password="wrong"`, false, false},
		{"GTC", `eap=GTC password="Alice-Pass-1"`, false, true},
		{"GTC wrong", `eap=GTC password="wrong"`, false, false},
		{"TTLS/PAP", `eap=TTLS anonymous_identity="anonymous" phase2="auth=PAP" ca_cert="` + ca + `" password="Alice-Pass-1"`, true, true},
		{"TTLS/PAP, small fragments", `eap=TTLS fragment_size=100 phase2="auth=PAP" ca_cert="` + ca + `" password="Alice-Pass-1"`, true, true},
		{"TTLS/PAP wrong", `eap=TTLS phase2="auth=PAP" ca_cert="` + ca + `" password="wrong"`, true, false},
		{"PEAP/MSCHAPv2", `eap=PEAP anonymous_identity="anonymous" phase2="auth=MSCHAPV2" ca_cert="` + ca + `" password="Alice-Pass-1"`, true, true},
		{"PEAP/MSCHAPv2 wrong", `eap=PEAP phase2="auth=MSCHAPV2" ca_cert="` + ca + `" password="wrong"`, true, false},
	} {
		conf := filepath.Join(dir, "conf")
		text := "network={\nkey_mgmt=IEEE8021X\neapol_flags=0\nidentity=\"alice\"\n" + splitSettings(c.network) + "\n}\n"
		if c.keys {
			text = strings.Replace(text, "IEEE8021X\neapol_flags=0", "WPA-EAP", 1)
		}
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"eapol_test", "-c", conf, "-a", host, "-p", port, "-s", secret, "-t", "10"}
		if !c.keys {
			args = append(args, "-n")
		}
		out, ok := run(t, "", args...)
		if ok != c.ok {
			t.Errorf("%s: success %v, want %v\n%s", c.what, ok, c.ok, tail(out, 60))
		}
		if c.ok && c.keys {
			expect(t, c.what, out, "MPPE keys OK: 1  mismatch: 0")
		}
	}
	l = serve(t, loopback+"flow: otp\neap: {methods: [gtc]}")
	conf := filepath.Join(dir, "conf")
	text := fmt.Sprintf("network={\nkey_mgmt=IEEE8021X\neapol_flags=0\nidentity=\"alice\"\neap=GTC\npassword=\"%s\"\n}\n", l.code("alice"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.auth)
	if out, ok := run(t, "", "eapol_test", "-n", "-c", conf, "-a", host, "-p", port, "-s", secret, "-t", "10"); !ok {
		t.Errorf("GTC with a code:\n%s", tail(out, 60))
	}
}

// splitSettings puts each setting of a network on its own line.
func splitSettings(s string) string {
	return regexp.MustCompile(` (\w+=)`).ReplaceAllString(s, "\n$1")
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// pyradScript does what the SPS plugin does, with the plugin's library: a login
// by PAP or CHAP, a new client and so a new socket per round, three sends of the
// same packet at most.
const pyradScript = `
import sys
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
import pyrad.packet
import hashlib
host, port, secret, dictionary, method, user = sys.argv[1:7]
state = None
for password in sys.argv[7:]:
    c = Client(server=host, authport=int(port), secret=secret.encode(), dict=Dictionary(dictionary))
    c.retries, c.timeout = 3, 1
    req = c.CreateAuthPacket(code=pyrad.packet.AccessRequest, User_Name=user)
    req["Service-Type"] = "Login-User"
    if state is not None:
        req["State"] = state
    if method == "chap":
        req.authenticator = req.CreateAuthenticator()
        ident = bytes([req.id])
        req["CHAP-Password"] = ident + hashlib.md5(ident + password.encode("latin-1") + req.authenticator).digest()
    else:
        req["User-Password"] = req.PwCrypt(password)
    try:
        reply = c.SendPacket(req)
    except Timeout:
        print("timeout")
        break
    first = lambda name: reply[name][0] if name in reply.keys() else ""
    print(reply.code, first("Reply-Message"), first("Prompt"))
    if reply.code == pyrad.packet.AccessChallenge:
        state = reply["State"][0]
`

func TestRealPyrad(t *testing.T) {
	dir := t.TempDir()
	dictionary, script := filepath.Join(dir, "dictionary"), filepath.Join(dir, "client.py")
	for path, text := range map[string]string{dictionary: radius.PyradDictionary(), script: pyradScript} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ what, settings, method, user, secret, passwords, want string }{
		{"PAP", "", "pap", "alice", secret, "Alice-Pass-1", "2  \n"},
		{"PAP wrong", "", "pap", "alice", secret, "wrong", "3  \n"},
		{"PAP, an umlaut", "", "pap", "odd", secret, "pässwörd", "2  \n"},
		{"PAP, 240 octets", "", "pap", "len240", secret, strings.Repeat("x", 240), "2  \n"},
		{"CHAP", "", "chap", "alice", secret, "Alice-Pass-1", "2  \n"},
		{"CHAP, an umlaut in Latin-1", "", "chap", "odd", secret, "pässwörd", "2  \n"},
		{"challenge, hidden", "flow: password,otp", "pap", "alice", secret, "Alice-Pass-1 CODE", "11 Enter one-time password: No-Echo\n2  \n"},
		{"challenge, shown", "flow: password,otp\nchallenge: {echo: true}", "chap", "alice", secret, "Alice-Pass-1 CODE", "11 Enter one-time password: Echo\n2  \n"},
		{"empty password is a push, with retransmissions", "flow: otp|push", "pap", "alice", secret, "EMPTY", "2  \n"},
		{"empty answer to a challenge", "flow: password,otp|push", "pap", "alice", secret, "Alice-Pass-1 EMPTY", "11 Enter one-time password, or leave it empty to get a push: No-Echo\n2  \n"},
		{"duo's menu fits", "flavour: duo\nduo: {mode: challenge}", "pap", "alice", secret, "Alice-Pass-1 CODE", ""},
		{"wrong secret", "", "pap", "alice", "wrong", "Alice-Pass-1", "timeout\n"},
	} {
		l := serve(t, loopback+c.settings)
		host, port, _ := net.SplitHostPort(l.auth)
		args := []string{"/usr/bin/python3", script, host, port, c.secret, dictionary, c.method, c.user}
		for _, p := range strings.Fields(c.passwords) {
			args = append(args, map[string]string{"CODE": l.code("alice"), "EMPTY": ""}[p])
			if p != "CODE" && p != "EMPTY" {
				args[len(args)-1] = p
			}
		}
		out, _ := run(t, "", args...)
		if c.want == "" {
			if !strings.HasPrefix(out, "11 Duo two-factor login for alice") || !strings.HasSuffix(out, "Logging you in... \n") {
				t.Errorf("%s: %q", c.what, out)
			}
			continue
		}
		if out != c.want {
			t.Errorf("%s: %q, want %q", c.what, out, c.want)
		}
		if strings.Contains(c.what, "retransmissions") && l.approvals("alice") != 1 {
			t.Errorf("%s: %d pushes", c.what, l.approvals("alice"))
		}
	}
	l := serve(t, loopback)
	host, _, _ := net.SplitHostPort(l.auth)
	if out, _ := run(t, "", "/usr/bin/python3", script, host, "9", secret, dictionary, "pap", "alice", "x"); out != "timeout\n" {
		t.Errorf("closed port: %q", out)
	}
}

// ask sends one datagram and waits for the answer; nil is silence.
func ask(t *testing.T, addr string, octets []byte) []byte {
	t.Helper()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return exchange(t, c, octets)
}

func exchange(t *testing.T, c net.Conn, octets []byte) []byte {
	t.Helper()
	c.Write(octets)
	c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
	buf := make([]byte, 4096)
	n, err := c.Read(buf)
	if err != nil {
		return nil
	}
	return bytes.Clone(buf[:n])
}
