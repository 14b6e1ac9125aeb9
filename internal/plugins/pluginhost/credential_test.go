//go:build !nopython

package pluginhost_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// vault is a credential store plugin with all hooks, to be extended.
const vault = `
class Base:
    def __init__(self, configuration=""): pass
    def get_password_list(self, **kwargs): return {"passwords": ["wrong", "right", "other"], "cookie": {"account": kwargs["server_username"]}}
    def get_private_key_list(self, **kwargs): return {"private_keys": []}
    def authentication_completed(self, **kwargs): pass
    def session_ended(self, **kwargs): print("vault ended")
`

func vaultWith(methods string) string { return vault + "\nclass Plugin(Base):\n" + methods }

const plainVault = vault + "\nclass Plugin(Base): pass\n"

var credentialChecks = []check{
	{"38 passwords are tried in order", func(t *testing.T) {
		r := runCS(t, plainVault, worker)
		wantState(t, r, pluginhost.Connected)
		if got := fmt.Sprint(r.Attempts); got != "[{password wrong false} {password right true}]" {
			t.Error(got)
		}
		if hooks(r) != "get_password_list authentication_completed session_ended" {
			t.Error(hooks(r))
		}
		for _, none := range []string{"None", "{}", `{"passwords": []}`, `{"passwords": ["wrong"]}`} {
			r := runCS(t, vaultWith("    def get_password_list(self): return "+none+"\n"), worker)
			wantState(t, r, pluginhost.Failed)
			if hooks(r) != "get_password_list session_ended" {
				t.Errorf("%s: %s", none, hooks(r))
			}
		}
		for _, odd := range []string{`{"passwords": "right"}`, `{"passwords": [1]}`, `["right"]`} {
			wantError(t, runCS(t, vaultWith("    def get_password_list(self): return "+odd+"\n"), worker), pluginhost.GetPasswordList, pluginhost.BadResult)
		}
	}},
	{"39 key rules", checkKeys},
	{"40 authentication_completed only after success", func(t *testing.T) {
		r := runCS(t, vaultWith("    def authentication_completed(self, cookie): return {'cookie': dict(cookie, done=True)}\n"), worker)
		if got := offered(t, r.Calls[2], "cookie"); got != `{"account":"root","done":true}` {
			t.Error(got)
		}
		r = runCS(t, plainVault, worker, func(_ *pluginhost.Config, s *pluginhost.Session) { s.Target.Passwords = []string{"else"} })
		wantState(t, r, pluginhost.Failed)
		if len(r.CallsOf("", pluginhost.AuthenticationCompleted)) != 0 || len(r.Attempts) != 3 {
			t.Errorf("%s %v", hooks(r), r.Attempts)
		}
	}},
	{"41 session_ended once per plugin in every outcome", checkEnded},
	{"42 what AA writes into the session cookie reaches CS", func(t *testing.T) {
		h := newHost(t, pluginhost.Config{})
		r := run(t, h, pluginhost.Session{
			Connection: ssh,
			AA:         &pluginhost.Use{Plugin: install(t, h, source{main: returns("authorize", `{"verdict": "ACCEPT", "session_cookie": {"questions": {"vp": "right"}}}`)})},
			CredentialStore: &pluginhost.Use{Plugin: install(t, h, source{kind: pluginhost.CredentialStore,
				main: vaultWith("    def get_password_list(self, session_cookie): return {'passwords': [session_cookie['questions']['vp']], 'session_cookie': {'status': 'out'}}\n")})},
			Target: &pluginhost.Target{Offers: []pluginhost.Method{pluginhost.Password}, Passwords: []string{"right"}},
		})
		wantState(t, r, pluginhost.Connected)
		if hooks(r) != "authenticate authorize get_password_list authentication_completed session_ended session_ended" {
			t.Error(hooks(r))
		}
		// CS ends first, and AA sees what it wrote.
		last := r.Calls[len(r.Calls)-1]
		if last.Plugin != pluginhost.AA || offered(t, last, "session_cookie") != `{"status":"out"}` || string(r.SessionCookie) != `{"status": "out"}` {
			t.Errorf("%s %s %s", last.Plugin, offered(t, last, "session_cookie"), r.SessionCookie)
		}
	}},
	{"43 a cookie is replaced, not merged, and kept when absent", func(t *testing.T) {
		r := runAA(t, extended(`    def authenticate(self, cookie, session_cookie, key_value_pairs):
        n = len(key_value_pairs)
        if n == 0: return {"verdict": "NEEDINFO", "question": ("a", "?"), "cookie": {"first": 1, "same": [1]}, "session_cookie": {"s": 1}}
        cookie["mutated"] = True
        if n == 1: return {"verdict": "NEEDINFO", "question": ("b", "?")}
        if n == 2: return {"verdict": "NEEDINFO", "question": ("c", "?"), "cookie": {"second": 2}}
        return None
`), answers("1", "2", "3"), worker)
		wantState(t, r, pluginhost.Connected)
		var got []string
		for _, c := range r.Calls {
			got = append(got, offered(t, c, "cookie")+offered(t, c, "session_cookie"))
		}
		want := `{}{} {"first":1,"same":[1]}{"s":1} {"first":1,"same":[1]}{"s":1} {"second":2}{"s":1} {"second":2}{"s":1} {"second":2}{"s":1}`
		if strings.Join(got, " ") != want {
			t.Errorf("%s", strings.Join(got, " "))
		}
	}},
	{"44 a missing remote-app hook is unsupported, not an error", func(t *testing.T) {
		r := runCS(t, plainVault, worker, func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.During = []pluginhost.Step{{RemoteApp: &pluginhost.RemoteApp{Asset: "app"}}, {TOTP: true}}
		})
		wantState(t, r, pluginhost.Connected)
		if len(r.Apps) != 1 || !r.Apps[0].Unsupported || !warned(r, "has no get_remote_app_credentials, get_totp_codes") {
			t.Errorf("%+v %q", r.Apps, r.Warnings)
		}
		missing := strings.Replace(vaultWith("    get_password_list = None\n"), "", "", 1)
		wantError(t, runCS(t, missing, worker), pluginhost.GetPasswordList, pluginhost.MissingHook)
		for _, hook := range []string{"authenticate", "authorize", "session_ended"} {
			wantError(t, runAA(t, extended("    "+hook+" = None\n"), worker), pluginhost.Hook(hook), pluginhost.MissingHook)
		}
	}},
	{"45 need_info leads to a second call", func(t *testing.T) {
		main := vaultWith(`    def get_remote_app_credentials(self, asset, session_cookie):
        account = session_cookie.get("account")
        if not account:
            return {"need_info": True, "account": None, "asset": asset, "session_cookie": {"seen": 1}}
        return {"need_info": False, "account": account, "asset": asset, "passwords": ["app-pw"], "launch_information": ["x"], "additional_information": {"a": 1}}
    def get_totp_codes(self): return {"totp_codes": [{"unix_time": 60, "period": 30, "code": "123456"}]}
`)
		during := func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.During = []pluginhost.Step{{RemoteApp: &pluginhost.RemoteApp{Asset: "erp", Account: "svc"}}, {TOTP: true}}
		}
		r := runCS(t, main, worker, during)
		wantState(t, r, pluginhost.Connected)
		if hooks(r) != "get_password_list authentication_completed get_remote_app_credentials get_remote_app_credentials get_totp_codes session_ended" {
			t.Error(hooks(r))
		}
		if a := r.Apps[0]; a.Account != "svc" || a.Asset != "erp" || fmt.Sprint(a.Passwords, a.Launch) != "[app-pw] [x]" || string(r.SessionCookie) != `{"account":"svc","seen":1}` {
			t.Errorf("%+v %s", a, r.SessionCookie)
		}
		if fmt.Sprint(r.TOTP) != "[{60 30 123456}]" {
			t.Error(r.TOTP)
		}
		r = runCS(t, main, worker, during, func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.RemoteApp = func(context.Context, pluginhost.RemoteAppAsk) (string, string, bool) { return "", "", false }
		})
		wantState(t, r, pluginhost.Disconnected)
	}},
}

// armour writes DER as PEM with lines of some length.
func armour(label string, der []byte, columns int) string {
	body := base64.StdEncoding.EncodeToString(der)
	var lines []string
	for len(body) > columns {
		lines, body = append(lines, body[:columns]), body[columns:]
	}
	lines = append(lines, body)
	return "-----BEGIN " + label + "-----\n" + strings.Join(lines, "\n") + "\n-----END " + label + "-----\n"
}

func pemBlock(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func checkKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	good := pemBlock("RSA PRIVATE KEY", pkcs1)
	ec := pemBlock("EC PRIVATE KEY", []byte("x"))
	dsa1, dsa8 := dsaKeys(t)
	cases := []struct {
		name, declared, pem string
		ok                  bool
	}{
		{"PKCS#1 RSA", "ssh-rsa", good, true},
		{"PKCS#8 RSA", "ssh-rsa", pemBlock("PRIVATE KEY", pkcs8), true},
		{"PKCS#1 DSA", "ssh-dss", pemBlock("DSA PRIVATE KEY", dsa1), true},
		{"PKCS#8 DSA", "ssh-dss", pemBlock("PRIVATE KEY", dsa8), true},
		{"carriage returns", "ssh-rsa", strings.ReplaceAll(good, "\n", "\r\n"), true},
		{"no newline at the end", "ssh-rsa", strings.TrimSpace(good), true},
		{"65 columns", "ssh-rsa", armour("RSA PRIVATE KEY", pkcs1, 65), false},
		{"63 columns", "ssh-rsa", armour("RSA PRIVATE KEY", pkcs1, 63), false},
		{"EC", "ssh-rsa", ec, false},
		{"EC, declared as such", "ecdsa-sha2-nistp256", ec, false},
		{"OpenSSH format", "ssh-rsa", pemBlock("OPENSSH PRIVATE KEY", pkcs1), false},
		{"encrypted PKCS#8", "ssh-rsa", pemBlock("ENCRYPTED PRIVATE KEY", pkcs8), false},
		{"encrypted PKCS#1", "ssh-rsa", strings.Replace(good, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n", 1), false},
		{"certificate", "ssh-rsa", pemBlock("CERTIFICATE", pkcs1), false},
		{"RSA declared as DSA", "ssh-dss", good, false},
		{"DSA declared as RSA", "ssh-rsa", pemBlock("PRIVATE KEY", dsa8), false},
		{"PKCS#8 under a PKCS#1 label", "ssh-rsa", pemBlock("RSA PRIVATE KEY", pkcs8), false},
		{"other END", "ssh-rsa", strings.Replace(good, "END RSA", "END DSA", 1), false},
		{"text before", "ssh-rsa", "Bag Attributes\n" + good, false},
		{"empty", "ssh-rsa", "", false},
		{"no body", "ssh-rsa", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", false},
		{"not base64", "ssh-rsa", "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", false},
	}
	print := ""
	for _, c := range cases {
		k := pluginhost.CheckKey(c.declared, c.pem)
		if (k.Refused == "") != c.ok || (k.Fingerprint != "") != c.ok {
			t.Errorf("%s: %q %q", c.name, k.Refused, k.Fingerprint)
		}
		if strings.HasPrefix(c.name, "PKCS#1 RSA") {
			print = k.Fingerprint
		}
		if c.name == "PKCS#8 RSA" && k.Fingerprint != print {
			t.Error("one key has two fingerprints")
		}
	}
	// In a session: refused keys are left out, the others tried in order.
	main := vaultWith(fmt.Sprintf("    def get_private_key_list(self): return {'private_keys': [('ssh-rsa', %q), ('ssh-rsa', %q)]}\n", ec, good))
	r := runCS(t, main, worker, func(_ *pluginhost.Config, s *pluginhost.Session) {
		s.Target = &pluginhost.Target{Keys: []string{pemBlock("PRIVATE KEY", pkcs8)}}
	})
	wantState(t, r, pluginhost.Connected)
	if len(r.Keys) != 2 || r.Keys[0].Refused == "" || len(r.Attempts) != 1 || r.Attempts[0].Secret != print || !r.Attempts[0].Accepted {
		t.Errorf("%+v %+v", r.Keys, r.Attempts)
	}
	if hooks(r) != "get_private_key_list authentication_completed session_ended" {
		t.Error(hooks(r))
	}
	for _, odd := range []string{"'x'", "[('ssh-rsa',)]", "[('ssh-rsa', 'a', 'b')]", "[('ssh-rsa', 1)]", "['ssh-rsa']"} {
		r := runCS(t, vaultWith("    def get_private_key_list(self): return {'private_keys': "+odd+"}\n"), worker, func(_ *pluginhost.Config, s *pluginhost.Session) {
			s.Target.Offers = nil
		})
		wantError(t, r, pluginhost.GetPrivateKeyList, pluginhost.BadResult)
	}
	// No keys on other protocols, whatever is offered.
	r = runCS(t, plainVault, worker, on("telnet"), func(_ *pluginhost.Config, s *pluginhost.Session) { s.Target.Offers = nil })
	if hooks(r) != "get_password_list authentication_completed session_ended" {
		t.Error(hooks(r))
	}
}

func checkEnded(t *testing.T) {
	patient := newHost(t, pluginhost.Config{Mode: pluginhost.Worker})
	hasty := newHost(t, pluginhost.Config{Mode: pluginhost.Worker, ProxyTimeout: 6 * time.Second})
	nothing := func(*pluginhost.Session) {}
	hang := "import time; time.sleep(60)\n"
	for name, c := range map[string]struct {
		aa, cs string
		change func(*pluginhost.Session)
		state  pluginhost.State
	}{
		"Connected":   {acceptAll, plainVault, nothing, pluginhost.Connected},
		"Denied":      {returns("authenticate", "{'verdict': 'DENY'}"), plainVault, nothing, pluginhost.Denied},
		"Unallowed":   {returns("authorize", "{'verdict': 'DENY'}"), plainVault, nothing, pluginhost.Denied},
		"Failed":      {acceptAll, plainVault, func(s *pluginhost.Session) { s.Target = &pluginhost.Target{} }, pluginhost.Failed},
		"Exception":   {returns("authenticate", "1/0"), plainVault, nothing, pluginhost.Errored},
		"Crash":       {extended("    def authorize(self): import os; os._exit(3)\n"), plainVault, nothing, pluginhost.Errored},
		"Exit":        {extended("    def authorize(self): raise SystemExit(0)\n"), plainVault, nothing, pluginhost.Errored},
		"Signal":      {extended("    def authorize(self): import os; os.kill(os.getpid(), 11)\n"), plainVault, nothing, pluginhost.Errored},
		"Timeout":     {extended("    def authorize(self): " + hang), plainVault, nothing, pluginhost.Errored},
		"Timeout_CS":  {acceptAll, vaultWith("    def get_password_list(self): " + hang), nothing, pluginhost.Errored},
		"Disconnect":  {extended(asks), plainVault, func(s *pluginhost.Session) { s.Prompter = script("1") }, pluginhost.Disconnected},
		"Ended_badly": {extended("    def session_ended(self): 1/0\n"), vaultWith("    def session_ended(self): return 7\n"), nothing, pluginhost.Connected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := patient
			if strings.HasPrefix(name, "Timeout") {
				h = hasty
			}
			s := pluginhost.Session{
				Connection:      ssh,
				AA:              &pluginhost.Use{Plugin: install(t, h, source{name: name, main: c.aa})},
				CredentialStore: &pluginhost.Use{Plugin: install(t, h, source{name: name, kind: pluginhost.CredentialStore, main: c.cs})},
				Target:          &pluginhost.Target{Passwords: []string{"right"}},
				EndAlways:       true,
			}
			c.change(&s)
			r := run(t, h, s)
			wantState(t, r, c.state)
			for _, kind := range []string{pluginhost.AA, pluginhost.CredentialStore} {
				if n := len(r.CallsOf(kind, pluginhost.SessionEnded)); n != 1 {
					t.Errorf("%s was ended %d times", kind, n)
				}
			}
			calls := r.Calls
			if calls[len(calls)-1].Plugin != pluginhost.AA || calls[len(calls)-2].Plugin != pluginhost.CredentialStore {
				t.Errorf("order %s", hooks(r))
			}
			switch name {
			case "Disconnect": // the cookie of the second call
				if got := offered(t, calls[len(calls)-1], "cookie"); got != `{"n":2}` {
					t.Error(got)
				}
			case "Crash", "Exit", "Signal":
				wantError(t, r, pluginhost.Authorize, pluginhost.NoResult)
			case "Timeout":
				wantError(t, r, pluginhost.Authorize, pluginhost.TimedOut)
			}
		})
	}
	// By default a credential store that was never asked is not told of the end.
	s := pluginhost.Session{
		Connection:      ssh,
		AA:              &pluginhost.Use{Plugin: install(t, patient, source{main: returns("authenticate", "{'verdict': 'DENY'}")})},
		CredentialStore: &pluginhost.Use{Plugin: install(t, patient, source{kind: pluginhost.CredentialStore, main: plainVault})},
	}
	if r := run(t, patient, s); hooks(r) != "authenticate session_ended" {
		t.Error(hooks(r))
	}
}
