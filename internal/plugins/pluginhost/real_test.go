//go:build real

package pluginhost_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"counterpart/internal/plugins/pluginhost"
)

// machine is the environment that the tests were started in.
var machine = os.Environ()

// sdk is the Plugin SDK with what it imports at run time, as its release pins
// them where they matter to a plugin. It must not bring python-ldap, which
// needs a compiler and is not imported.
var sdk = []string{"pyopenssl==23.2.0", "cryptography==41.0.7", "requests==2.31.0", "urllib3==2.0.7", "pyyaml", "yarl", "fakeredis", "semantic-version"}

const sdkPackage = "oneidentity-safeguard-sessions-plugin-sdk==1.9.0"

// realPython is an interpreter with the Plugin SDK: the one that was given, or
// one in a folder that ends with the test.
func realPython(t *testing.T) string {
	t.Helper()
	given := python()
	h, err := pluginhost.New(t.Context(), pluginhost.Config{Dir: t.TempDir(), Python: given})
	if err != nil {
		t.Fatal(err)
	}
	_, version := h.PythonVersion()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if version != "" {
		return given
	}
	dir := filepath.Join(t.TempDir(), "venv")
	bin := filepath.Join(dir, "bin", "python3")
	for _, args := range [][]string{
		{given, "-m", "venv", dir},
		append([]string{bin, "-m", "pip", "install", "--quiet"}, sdk...),
		{bin, "-m", "pip", "install", "--quiet", "--no-deps", sdkPackage},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = machine
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return bin
}

// aaSDK is a plugin on the SDK's base class.
func aaSDK(methods string) string {
	return "from safeguard.sessions.plugin import AAPlugin, AAResponse\nclass Plugin(AAPlugin):\n" + methods
}

func TestRealBox(t *testing.T) {
	bin := realPython(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, python string)
	}{
		{"45 need_info of the SDK's base class", realNeedInfo},
		{"46 configuration values from the box", realConfiguration},
		{"47 memory cache survives fresh processes and expires", realMemoryCache},
		{"48 CA folders of parallel processes do not collide", realCAs},
		{"49 connection limit and authentication cache over sessions", realState},
		{"50 names, redirects and trust", realNames},
		{"prompts, user lists, directories and proxies of the SDK", realFlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, bin)
		})
	}
}

func realNeedInfo(t *testing.T, python string) {
	h := newHost(t, pluginhost.Config{Python: python})
	p := install(t, h, source{kind: pluginhost.CredentialStore, api: "1.9", main: `
from safeguard.sessions.plugin import CredentialStorePlugin
class Plugin(CredentialStorePlugin):
    def do_get_password_list(self): return {"passwords": ["pw-" + self.account]}
    def do_get_remote_app_credentials(self): return {"passwords": ["app-%s-%s" % (self.remote_app_account, self.remote_app_asset)]}
    def do_get_totp_codes(self): return {"totp_codes": []}
`})
	s := pluginhost.Session{Connection: ssh, CredentialStore: &pluginhost.Use{Plugin: p}, Target: &pluginhost.Target{Offers: []pluginhost.Method{pluginhost.Password}, Passwords: []string{"pw-root"}},
		During: []pluginhost.Step{{RemoteApp: &pluginhost.RemoteApp{Account: "svc", Answer: "erp"}}}}
	s.Connection.Server.User = "root"
	r := run(t, h, s)
	wantState(t, r, pluginhost.Connected)
	if calls := r.CallsOf("", pluginhost.GetRemoteAppCredentials); len(calls) != 2 || len(r.Apps) != 1 || r.Apps[0].Account != "svc" || r.Apps[0].Asset != "erp" {
		t.Errorf("%s %+v\n%s", hooks(r), r.Apps, logOf(r))
	}
}

// says runs do_authenticate with a configuration and returns the denial's text.
func says(t *testing.T, h *pluginhost.Host, config, expression string) string {
	t.Helper()
	body := strings.ReplaceAll(expression, "\n", "\n        ")
	p := install(t, h, source{main: aaSDK("    def do_authenticate(self):\n        c = self.plugin_configuration\n        " + body + "\n")})
	r := run(t, h, pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: config + "\n[auth]\ninteractive_protocols = rdp\n"}})
	if r.Outcome.Err != nil {
		return r.Outcome.Err.Type + ": " + r.Outcome.Err.Text
	}
	return r.Outcome.Reason
}

func deny(expression string) string {
	return "return AAResponse.deny(deny_reason=str(" + expression + "))"
}

func realConfiguration(t *testing.T, python string) {
	ca := someCA(t)
	h := newHost(t, pluginhost.Config{Python: python, Box: pluginhost.Box{
		CredentialStores: map[string]map[string]map[string]pluginhost.Credential{"secrets": {"app": {"password": {Password: "s3cret%"}, "key": {Key: "KEY", Type: "ssh-rsa"}}}},
		TrustedCAs:       map[string][]string{"vault-ca": {ca}},
	}})
	store := "[credential_store]\nname = secrets\n"
	for _, c := range []struct{ config, expression, want string }{
		{store + "[app]\npassword = $\n", deny(`c.get("app", "password")`), "s3cret%"},
		{store + "[app]\npassword = $$\n", deny(`c.get("app", "password")`), "$"},
		{store + "[app]\nother = $\n", deny(`c.get("app", "other")`), "None"},
		{"[app]\npassword = $\n", deny(`c.get("app", "password")`), "RequiredConfigurationSettingNotFound"},
		{"[credential_store]\nname = nix\n[app]\npassword = $\n", deny(`c.get("app", "password")`), "LocalCredentialStoreNotFound"},
		{store + "[app]\nca = $[vault-ca]\n", deny(`len(c.get_ca_certificate("app", "ca")["certs"])`), "1"},
		{store + "[app]\nca = $[nix]\n", deny(`c.get_ca_certificate("app", "ca")`), "Trusted CA list does not exist by that name"},
	} {
		if got := says(t, h, c.config, c.expression); !strings.Contains(got, c.want) {
			t.Errorf("%q %s: %q, want %q", c.config, c.expression, got, c.want)
		}
	}
}

func realMemoryCache(t *testing.T, python string) {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		h := newHost(t, pluginhost.Config{Python: python, Mode: mode, Box: pluginhost.Box{MemoryCache: map[string]string{"v:seeded": `"here"`}}, Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}})
		cache := "from safeguard.sessions.plugin.memory_cache import MemoryCache\nm = MemoryCache.from_config(c, prefix='v', ttl=300)\n"
		if got := says(t, h, "", cache+"old = m.get('token'), m.get('seeded')\nm.set('token', {'t': 1})\nm.set('forever', 2, ttl=0)\n"+deny("old")); got != "(None, 'here')" {
			t.Error(mode, got)
		}
		read := cache + deny("(m.get('token'), m.get('forever'))")
		if got := says(t, h, "", read); got != "({'t': 1}, 2)" {
			t.Error(mode, got)
		}
		mu.Lock()
		now = now.Add(301 * time.Second)
		mu.Unlock()
		if got := says(t, h, "", read); got != "(None, 2)" {
			t.Error(mode, got)
		}
		if err := h.Reboot(); err != nil {
			t.Fatal(err)
		}
		if got := says(t, h, "", read); got != "(None, None)" {
			t.Error(mode, got)
		}
	}
}

func realCAs(t *testing.T, python string) {
	ca := someCA(t)
	for _, mode := range []pluginhost.Mode{pluginhost.Fresh, pluginhost.Worker} {
		h := newHost(t, pluginhost.Config{Python: python, Mode: mode, Box: pluginhost.Box{TrustedCAs: map[string][]string{"a": {ca}, "b": {ca}}}})
		p := install(t, h, source{main: aaSDK(`    def do_authenticate(self):
        import os, time
        where = self.plugin_configuration.get_ca_certificate("app", "ca")["location"]
        time.sleep(0.05)
        inside = where.startswith(os.environ["TMPDIR"])
        return AAResponse.deny(deny_reason="%d %s" % (len(os.listdir(where)), inside))
`)})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: "[app]\nca = $[a]\n[auth]\ninteractive_protocols = rdp\n"}}
				for range 3 {
					r, err := h.Run(t.Context(), s)
					if err != nil || r.Outcome.Reason != "1 True" {
						t.Errorf("%s: %v %v", mode, r.Outcome, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func realState(t *testing.T, python string) {
	h := newHost(t, pluginhost.Config{Python: python})
	p := install(t, h, source{main: aaSDK("    def do_authenticate(self): return AAResponse.accept(reason='asked')\n")})
	config := "[auth]\ninteractive_protocols = rdp\n[connection_limit by=client_ip_gateway_user]\nlimit = 1\n[authentication_cache]\nreuse_limit = 1\n"
	plain := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: config}}
	for i, want := range []string{"asked", "cached authentication", "asked"} {
		r := run(t, h, plain)
		wantState(t, r, pluginhost.Connected)
		if got := r.Calls[0].Metadata; !strings.Contains(got, want) {
			t.Errorf("session %d: %s, want %s", i+1, got, want)
		}
	}
	// A session within another one is over the limit.
	nested := plain
	nested.During = []pluginhost.Step{{Wait: 1}}
	nested.Wait = func(context.Context, time.Duration) error {
		if r := run(t, h, plain); r.Outcome.State != pluginhost.Denied || !strings.Contains(r.Calls[1].Metadata, "Connection limit reached") {
			t.Errorf("%v %s", r.Outcome, r.Calls[1].Metadata)
		}
		return nil
	}
	wantState(t, run(t, h, nested), pluginhost.Connected)
	wantState(t, run(t, h, plain), pluginhost.Connected)
}

func realNames(t *testing.T, python string) {
	vendor := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) }))
	defer vendor.Close()
	addr := strings.TrimPrefix(vendor.URL, "https://")
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: vendor.Certificate().Raw}))
	h := newHost(t, pluginhost.Config{Python: python, Box: pluginhost.Box{
		DNS:       map[string][]string{"10.0.0.5": {"web1.example.test", "alias"}},
		Redirects: map[string]string{"example.com:443": addr}, // the name in the test server's certificate
		Trust:     &pluginhost.Trust{PEM: ca},
	}})
	for _, c := range []struct{ expression, want string }{
		{"import requests\n" + deny("requests.get('https://example.com/').text"), "example.com"},
		{"import urllib.request\n" + deny("urllib.request.urlopen('https://example.com/').read().decode()"), "example.com"},
		{"import requests\n" + deny("requests.get('https://www.example.com/').text"), "ConnectionError"},
		{"from safeguard.sessions.plugin import HostResolver\nr = HostResolver.from_config(c)\n" + deny("[r.resolve_hosts_by_ip(x) for x in ('10.0.0.5', '10.0.0.6', 'name')]"), "[['web1.example.test', 'alias'], [], ['name']]"},
	} {
		if got := says(t, h, "", c.expression); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.expression, got)
		}
	}
}

func realFlow(t *testing.T, python string) {
	h := newHost(t, pluginhost.Config{Python: python, Box: pluginhost.Box{
		Hostname:  "sps.example.test",
		Starling:  "id:secret",
		Proxy:     &pluginhost.Proxy{Server: "proxy.example.test", Port: 3128, Username: "u", Password: "p"},
		REST:      map[string]any{"api": map[string]any{"x": 1}},
		UserLists: map[string]pluginhost.UserList{"trusted": {Allow: "no_user", Except: []string{"alice"}}},
		LDAP:      map[string]pluginhost.LDAPPolicy{"ad": {Users: map[string]map[string]any{"bob": {"mail": "bob@acme.test"}}, Groups: map[string][]string{"admins": {"bob"}}}},
	}})
	p := install(t, h, source{main: aaSDK(`    def do_authenticate(self):
        import os
        from safeguard.sessions.plugin.box_configuration import BoxConfiguration as B
        print("box", B.get_gateway_fqdn(), B.get_starling_join_credential_string(), B.get_http_proxy().server, B._query("/api/x"))
        print("proxy", os.environ.get("https_proxy"))
        return AAResponse.accept() if self.mfa_password == "1" else AAResponse.deny(deny_reason=self.mfa_identity)
`)})
	play := func(user, config string, answers ...string) *pluginhost.Result {
		s := pluginhost.Session{Connection: ssh, AA: &pluginhost.Use{Plugin: p, Config: config}, Prompter: script(answers...)}
		s.Connection.Gateway.User = user
		return run(t, h, s)
	}
	mapping := "[usermapping source=ldap_server]\nuser_attribute = mail\n[ldap_server]\nname = ad\n"
	r := play("bob", mapping+"[question_1]\nkey = why\nprompt = Why:\n", "1", "because")
	wantState(t, r, pluginhost.Connected)
	if len(r.Prompts) != 2 || r.Prompts[0].Ask.Key != "otp" || !r.Prompts[1].Ask.Hidden || !strings.Contains(string(r.SessionCookie), "because") {
		t.Errorf("%+v %s", r.Prompts, r.SessionCookie)
	}
	if !logged(r, "box sps.example.test id:secret proxy.example.test 1") || !logged(r, "MFA identity of bob@acme.test") || !logged(r, "proxy https://u:p@proxy.example.test:3128") {
		t.Error(logOf(r))
	}
	if r := play("bob", mapping, "2"); r.Outcome.Reason != "bob@acme.test" {
		t.Error(r.Outcome)
	}
	r = play("alice", "[whitelist source=user_list]\nname = trusted\n")
	wantState(t, r, pluginhost.Connected)
	if len(r.Prompts) != 0 || !strings.Contains(r.Calls[0].Metadata, "whitelisted") {
		t.Errorf("%+v %s", r.Prompts, r.Calls[0].Metadata)
	}
}
