//go:build real || oracles

package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	approlelogin "github.com/hashicorp/vault/api/auth/approle"
	userpasslogin "github.com/hashicorp/vault/api/auth/userpass"
	bao "github.com/openbao/openbao/api/v2"

	"counterpart/internal/serving/fault"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// program is what somebody writes with the Go client; what it sees is noted, to be
// compared between the real server and ours.
type program struct {
	*api.Client
	t    *testing.T
	addr string
	seen []string
}

func newProgram(t *testing.T, addr string) *program {
	t.Helper()
	c, err := api.NewClient(&api.Config{Address: "http://" + addr, MaxRetries: 2, MinRetryWait: time.Millisecond, MaxRetryWait: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken("root")
	return &program{Client: c, t: t, addr: addr}
}

// note writes down what a call gave: values as JSON, or the error with its kind.
func (p *program) note(what string, v any, err error) {
	var refused *api.ResponseError
	switch {
	case errors.Is(err, api.ErrSecretNotFound):
		v = "not found: " + err.Error()
	case errors.As(err, &refused):
		v = fmt.Sprintf("%d %s %q %v", refused.StatusCode, refused.HTTPMethod, refused.URL, refused.Errors)
	case err != nil:
		v = err.Error()
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		v = string(raw)
	}
	p.seen = append(p.seen, what+": "+printed(strings.ReplaceAll(v.(string), p.addr, "ADDR")))
}

// done notes a call that gives nothing.
func (p *program) done(what string, err error) { p.note(what, nil, err) }

// as is the same program with another token.
func (p *program) as(token string) *program {
	c, err := p.Clone()
	if err != nil {
		p.t.Fatal(err)
	}
	c.SetToken(token)
	return &program{Client: c, t: p.t, addr: p.addr}
}

// programs are on HashiCorp's Go client.
var programs = map[string]func(*program){"kv": playKV, "logins": playLogins, "wrapping": playWrapping, "system": playSystem}

// TestRealGoClient lets programs see our server and holds all that they saw against
// what a real Vault showed them (see TestOracleGoClient).
func TestRealGoClient(t *testing.T) {
	for name, play := range programs {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t, dialecttest.Run(t, servers.Table(), oracleSeed).Addr("vault/http"))
			play(p)
			saw(t, "testdata/goclient/"+name+".golden", p.seen)
		})
	}
}

// saw holds what a client saw, line by line, against a file that a real Vault made.
func saw(t *testing.T, path string, got []string) {
	t.Helper()
	want := strings.Split(strings.TrimSuffix(readFile(t, path), "\n"), "\n")
	if len(got) != len(want) || len(got) < 10 {
		t.Errorf("%d lines of ours, %d of the real one", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("line %d\n ours: %s\n real: %s", i+1, got[i], want[i])
		}
	}
}

func playKV(p *program) {
	ctx, v2 := p.t.Context(), p.KVv2("secret")
	_, err := v2.Get(ctx, "app")
	p.note("nothing there", nil, err)
	s, err := v2.Put(ctx, "app", map[string]any{"password": "titkos", "n": 12345678901}, api.WithCheckAndSet(0))
	p.note("put", s.VersionMetadata.Version, err)
	_, err = v2.Put(ctx, "app", map[string]any{"password": "x"}, api.WithCheckAndSet(0))
	p.note("check and set", nil, err)
	s, err = v2.Get(ctx, "app")
	p.note("get", s.Data, err)
	s, err = v2.Patch(ctx, "app", map[string]any{"more": "yes"})
	p.note("patch", s.VersionMetadata, err)
	s, err = v2.Patch(ctx, "app", map[string]any{"more": nil}, api.WithMergeMethod(api.KVMergeMethodReadWrite))
	p.note("patch by reading and writing", s.VersionMetadata.Version, err)
	_, err = v2.Patch(ctx, "none", map[string]any{"more": "yes"})
	p.note("patch nothing", nil, err)
	s, err = v2.GetVersion(ctx, "app", 1)
	p.note("version", s.Data, err)
	_, err = v2.GetVersion(ctx, "app", 9)
	p.note("no version", nil, err)
	p.done("delete", v2.Delete(ctx, "app"))
	s, err = v2.Get(ctx, "app")
	p.note("deleted", []any{s.Data, s.VersionMetadata.DeletionTime.IsZero()}, err)
	p.done("undelete", v2.Undelete(ctx, "app", []int{3}))
	p.done("delete versions", v2.DeleteVersions(ctx, "app", []int{1, 2}))
	p.done("destroy", v2.Destroy(ctx, "app", []int{2}))
	list, err := v2.GetVersionsAsList(ctx, "app")
	for _, v := range list {
		p.note("in the list", []any{v.Version, v.Destroyed, v.DeletionTime.IsZero()}, err)
	}
	s, err = v2.Rollback(ctx, "app", 3)
	p.note("roll back", s.VersionMetadata.Version, err)
	p.done("metadata", v2.PutMetadata(ctx, "app", api.KVMetadataPutInput{CASRequired: true, MaxVersions: 3, DeleteVersionAfter: time.Hour,
		CustomMetadata: map[string]any{"owner": "ops"}}))
	owner := map[string]any{"owner": nil, "tier": "1"}
	p.done("patch metadata", v2.PatchMetadata(ctx, "app", api.KVMetadataPatchInput{CustomMetadata: owner}))
	m, err := v2.GetMetadata(ctx, "app")
	p.note("read metadata", []any{m.CASRequired, m.MaxVersions, m.DeleteVersionAfter, m.CustomMetadata, m.CurrentVersion, m.OldestVersion, len(m.Versions)}, err)
	_, err = v2.Put(ctx, "app", map[string]any{"x": 1})
	p.note("check and set is required", nil, err)
	p.done("delete metadata", v2.DeleteMetadata(ctx, "app"))
	_, err = v2.GetMetadata(ctx, "app")
	p.note("no metadata", nil, err)
	p.done("mount", p.Sys().Mount("kv1", &api.MountInput{Type: "kv"}))
	v1 := p.KVv1("kv1")
	_, err = v1.Get(ctx, "app")
	p.note("nothing in version 1", nil, err)
	p.done("put in version 1", v1.Put(ctx, "app", map[string]any{"password": "titkos", "ttl": "90s"}))
	s, err = v1.Get(ctx, "app")
	p.note("get of version 1", []any{s.Data, s.Raw.LeaseDuration, s.Raw.Renewable, s.Raw.MountType}, err)
	l, err := p.Logical().ListWithContext(ctx, "kv1")
	p.note("list", l.Data, err)
	l, err = p.Logical().ListWithContext(ctx, "kv1/none")
	p.note("list of nothing", l == nil, err)
	p.done("delete in version 1", v1.Delete(ctx, "app"))
	l, err = p.Logical().ReadWithContext(ctx, "secret/app")
	p.note("wrong path", []any{l != nil && len(l.Warnings) > 0}, err)
}

func playLogins(p *program) {
	ctx := p.t.Context()
	write := func(path string, data map[string]any) {
		_, err := p.Logical().Write(path, data)
		p.done(path, err)
	}
	p.done("userpass", p.Sys().EnableAuthWithOptions("userpass", &api.EnableAuthOptions{Type: "userpass"}))
	p.done("approle", p.Sys().EnableAuthWithOptions("apps", &api.EnableAuthOptions{Type: "approle"}))
	p.done("policy", p.Sys().PutPolicy("reader", `path "secret/*" { capabilities = ["read"] }`))
	write("auth/userpass/users/alice", map[string]any{"password": "Alice-Pass-1", "token_policies": "reader", "token_ttl": "10m"})
	write("auth/apps/role/sps", map[string]any{"token_policies": []string{"reader"}, "role_id": "sps-role", "secret_id_num_uses": 1, "token_period": "1h"})
	alice := p.as("")
	login := func(what, password string) *api.Secret {
		method, err := userpasslogin.NewUserpassAuth("alice", &userpasslogin.Password{FromString: password})
		if err != nil {
			p.t.Fatal(err)
		}
		s, err := alice.Auth().Login(ctx, method)
		p.note(what, s, err)
		return s
	}
	login("wrong password", "wrong")
	s := login("right password", "Alice-Pass-1")
	if s == nil {
		return
	}
	_, err := alice.KVv2("secret").Get(ctx, "none")
	p.note("may read", nil, err)
	_, err = alice.KVv2("secret").Put(ctx, "none", map[string]any{"x": 1})
	p.note("may not write", nil, err)
	who, err := alice.Auth().Token().LookupSelf()
	p.note("who", []any{who.Data["display_name"], who.Data["policies"], who.Data["path"], who.Data["creation_ttl"], who.Data["type"]}, err)
	watcher, err := alice.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: s})
	if err != nil {
		p.t.Fatal(err)
	}
	go watcher.Start()
	select {
	case r := <-watcher.RenewCh():
		p.note("renewed by the watcher", []any{r.Secret.Auth.LeaseDuration, r.Secret.Auth.Renewable, r.Secret.Warnings}, nil)
	case err := <-watcher.DoneCh():
		p.note("the watcher gave up", nil, err)
	case <-time.After(20 * time.Second):
		p.t.Error("the watcher renews nothing")
	}
	watcher.Stop()
	p.done("revoke", alice.Auth().Token().RevokeSelf(""))
	_, err = alice.Auth().Token().LookupSelf()
	p.note("revoked", nil, err)
	// A secret ID that comes wrapped, as the client wants it.
	wrapping, err := p.Clone()
	if err != nil {
		p.t.Fatal(err)
	}
	wrapping.SetToken("root")
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "5m" })
	id, err := wrapping.Logical().Write("auth/apps/role/sps/secret-id", nil)
	p.note("wrapped secret ID", []any{id.WrapInfo.TTL, id.WrapInfo.CreationPath, id.WrapInfo.WrappedAccessor}, err)
	for _, what := range []string{"with the wrapped secret ID", "a second time"} {
		method, err := approlelogin.NewAppRoleAuth("sps-role", &approlelogin.SecretID{FromString: id.WrapInfo.Token}, approlelogin.WithMountPath("apps"), approlelogin.WithWrappingToken())
		if err != nil {
			p.t.Fatal(err)
		}
		s, err := p.as("").Auth().Login(ctx, method)
		p.note(what, s, err)
	}
	p.seen = append(p.seen, alice.seen...)
}

func playWrapping(p *program) {
	wrapping := p.as("root")
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	_, err := p.Logical().Write("cubbyhole/x", map[string]any{"a": "b"})
	p.done("write", err)
	s, err := wrapping.Logical().Read("cubbyhole/x")
	p.note("wrapped", []any{s.WrapInfo.TTL, s.WrapInfo.CreationPath, s.Data}, err)
	token := s.WrapInfo.Token
	look, err := p.Logical().Write("sys/wrapping/lookup", map[string]any{"token": token})
	p.note("look", []any{look.Data["creation_path"], look.Data["creation_ttl"]}, err)
	s, err = p.Logical().Unwrap(token)
	p.note("unwrap", s.Data, err)
	s, err = p.Logical().Unwrap(token)
	p.note("twice", s, err)
	created, err := wrapping.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"default"}, TTL: "10m"})
	p.note("wrapped token", []any{created.WrapInfo.CreationPath, created.WrapInfo.WrappedAccessor != ""}, err)
	s, err = p.as(created.WrapInfo.Token).Logical().Unwrap("")
	p.note("unwrapped with itself", []any{s.Auth.Policies, s.Auth.LeaseDuration}, err)
	s, err = p.Logical().Unwrap("nosuch")
	p.note("unknown", s, err)
	s, err = p.as("").Logical().Unwrap("")
	p.note("none", s, err)
	missing, err := wrapping.Logical().Read("cubbyhole/none")
	p.note("nothing to wrap", missing, err)
}

func playSystem(p *program) {
	h, err := p.Sys().Health()
	p.note("health", []any{h.Initialized, h.Sealed, h.Standby, h.Version, h.Enterprise, h.ReplicationDRMode}, err)
	seal, err := p.Sys().SealStatus()
	p.note("seal", []any{seal.Type, seal.Initialized, seal.Sealed, seal.T, seal.N, seal.Version, seal.StorageType}, err)
	leader, err := p.Sys().Leader()
	p.note("leader", leader, err)
	mounts, err := p.Sys().ListMounts()
	names := []string{}
	for name := range mounts {
		names = append(names, name)
	}
	slices.Sort(names)
	p.note("mounts", names, err)
	p.done("twice", p.Sys().Mount("secret", &api.MountInput{Type: "kv"}))
	p.done("tune", p.Sys().TuneMount("secret", api.MountConfigInput{DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h"}))
	tuned, err := p.Sys().MountConfig("secret")
	p.note("tuned", []any{tuned.DefaultLeaseTTL, tuned.MaxLeaseTTL}, err)
	policies, err := p.Sys().ListPolicies()
	p.note("policies", policies, err)
	text, err := p.Sys().GetPolicy("nosuch")
	p.note("no policy", text, err)
	p.done("bad policy", p.Sys().PutPolicy("bad", `path "x" { capabilities = ["fly"] }`))
	can, err := p.Sys().CapabilitiesSelf("secret/x")
	p.note("capabilities", can, err)
	auths, err := p.Sys().ListAuth()
	p.note("auth", len(auths), err)
	_, err = p.Sys().Lookup("nosuch")
	p.note("no lease", nil, err)
	_, err = p.Sys().Renew("nosuch", 0)
	p.note("no renewal", nil, err)
	p.done("no revocation", p.Sys().Revoke("nosuch"))
	_, err = p.Auth().Token().Lookup("nosuch")
	p.note("no token", nil, err)
	_, err = p.Auth().Token().RenewSelf(60)
	p.note("root is for ever", nil, err)
	_, err = p.as("nosuch").Auth().Token().LookupSelf()
	p.note("bad token", nil, err)
	_, err = p.Logical().Read("nosuch/x")
	p.note("no route", nil, err)
	help, err := p.Help("secret")
	p.note("help", strings.HasPrefix(strings.TrimSpace(help.Help), "## DESCRIPTION"), err)
	_, err = p.Help("nosuch")
	p.note("no help", nil, err)
	ssh := p.SSH()
	p.done("ssh", p.Sys().Mount("ssh", &api.MountInput{Type: "ssh"}))
	_, err = p.Logical().Write("ssh/roles/otp", map[string]any{"key_type": "otp", "default_user": "ubuntu", "cidr_list": "10.0.0.0/8"})
	p.done("role", err)
	otp, err := ssh.Credential("otp", map[string]any{"ip": "10.1.2.3"})
	p.note("one-time password", []any{otp.Data["ip"], otp.Data["username"], otp.LeaseDuration, otp.Renewable}, err)
	agent := p.SSHHelper()
	answer, err := agent.Verify(otp.Data["key"].(string))
	p.note("verified", answer, err)
	answer, err = agent.Verify(otp.Data["key"].(string))
	p.note("twice", answer, err)
}

// counted counts what the client really sends.
type counted struct{ n int }

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return http.DefaultTransport.RoundTrip(r)
}

// TestRealGoRetries: the client tries a 429 and a 503 three times in all and then
// says what the server said; a 501 once; health takes every status as an answer.
func TestRealGoRetries(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), oracleSeed)
	c := &counted{}
	config := &api.Config{Address: "http://" + f.Addr("vault/http"), MaxRetries: 2, MinRetryWait: time.Millisecond, MaxRetryWait: 2 * time.Millisecond,
		HttpClient: &http.Client{Transport: c}}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken("root")
	for _, row := range []struct {
		rule  fault.Rule
		words string
		tries int
	}{
		{fault.Rule{Kind: "sealed"}, "Vault is sealed", 3},
		{fault.Rule{Kind: fault.Status, Args: map[string]string{"code": "429", "body": `{"errors":["request path \"secret/data/x\": rate limit quota exceeded"]}`}}, "rate limit quota exceeded", 3},
		{fault.Rule{Kind: fault.Status, Args: map[string]string{"code": "501"}}, "501", 1},
		{fault.Rule{Kind: fault.Status, Times: 2, Args: map[string]string{"code": "503"}}, "", 3}, // the third one gets through
	} {
		row.rule.Server = "vault"
		if err := f.Faults.Set([]fault.Rule{row.rule}); err != nil {
			t.Fatal(err)
		}
		c.n = 0
		_, err := client.Logical().ReadWithContext(context.Background(), "secret/data/x")
		if c.n != row.tries || (err == nil) != (row.words == "") || err != nil && !strings.Contains(err.Error(), row.words) {
			t.Errorf("%+v: %d tries, %v", row.rule, c.n, err)
		}
	}
	if err := f.Faults.Set([]fault.Rule{{Kind: "standby", Server: "vault"}}); err != nil {
		t.Fatal(err)
	}
	c.n = 0
	if h, err := client.Sys().Health(); err != nil || !h.Standby || c.n != 1 {
		t.Errorf("health of a standby: %+v, %v, %d tries", h, err, c.n)
	}
}

// TestRealBaoClient: OpenBao's client with a server of its flavour.
func TestRealBaoClient(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), strings.Replace(oracleSeed, "token: root", "token: root, flavour: openbao-2", 1))
	config := bao.DefaultConfig()
	config.Address = "http://" + f.Addr("vault/http")
	c, err := bao.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken("root")
	ctx := t.Context()
	if h, err := c.Sys().HealthWithContext(ctx); err != nil || h.Sealed || h.Standby {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := c.KVv2("secret").Get(ctx, "app"); !errors.Is(err, bao.ErrSecretNotFound) {
		t.Error(err)
	}
	if s, err := c.KVv2("secret").Put(ctx, "app", map[string]any{"password": "titkos"}, bao.WithCheckAndSet(0)); err != nil || s.VersionMetadata.Version != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := c.KVv2("secret").Put(ctx, "app", map[string]any{"password": "x"}, bao.WithCheckAndSet(0)); err == nil || !strings.Contains(err.Error(), "check-and-set parameter did not match") {
		t.Error(err)
	}
	if s, err := c.KVv2("secret").Patch(ctx, "app", map[string]any{"more": "yes"}); err != nil || s.VersionMetadata.Version != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	token, err := c.Auth().Token().Create(&bao.TokenCreateRequest{Policies: []string{"default"}, TTL: "10m"})
	if err != nil || !strings.HasPrefix(token.Auth.ClientToken, "s.") || token.Auth.LeaseDuration != 600 {
		t.Fatalf("%+v, %v", token, err)
	}
	c.SetToken(token.Auth.ClientToken)
	if s, err := c.Auth().Token().RenewSelf(0); err != nil || s.Auth.LeaseDuration != 600 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := c.Auth().Token().RevokeSelf(""); err != nil {
		t.Error(err)
	}
	var refused *bao.ResponseError
	if _, err := c.Auth().Token().LookupSelf(); !errors.As(err, &refused) || refused.StatusCode != 403 || !slices.Equal(refused.Errors, []string{"permission denied"}) {
		t.Errorf("%v", err)
	}
}

// TestRealTerraform sends what the Terraform provider sends when it is configured,
// with the client that it is built on. The provider itself is a program that only
// Terraform runs.
func TestRealTerraform(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), oracleSeed)
	p := newProgram(t, f.Addr("vault/http"))
	seal, err := p.Sys().SealStatus()
	if err != nil || len(strings.Split(seal.Version, ".")) != 3 {
		t.Fatalf("%+v, %v", seal, err)
	}
	if _, err := p.Auth().Token().LookupSelf(); err != nil {
		t.Fatal(err)
	}
	renewable := false
	child, err := p.Auth().Token().Create(&api.TokenCreateRequest{DisplayName: "terraform", TTL: "1200s", ExplicitMaxTTL: "1200s", Renewable: &renewable})
	if err != nil || child.Auth.LeaseDuration != 1200 || child.Auth.Renewable || !slices.Equal(child.Auth.Policies, []string{"root"}) {
		t.Fatalf("%+v, %v", child, err)
	}
	p.SetToken(child.Auth.ClientToken)
	self, err := p.Auth().Token().LookupSelf()
	if err != nil || self.Data["display_name"] != "token-terraform" || fmt.Sprint(self.Data["explicit_max_ttl"]) != "1200" {
		t.Fatalf("%+v, %v", self, err)
	}
	if err := p.Sys().Mount("tf", &api.MountInput{Type: "kv-v2"}); err != nil {
		t.Fatal(err)
	}
	mounts, err := p.Sys().ListMounts()
	if err != nil || mounts["tf/"] == nil || mounts["tf/"].Options["version"] != "2" {
		t.Fatalf("%+v, %v", mounts["tf/"], err)
	}
	if err := p.Sys().PutPolicy("tf", `path "tf/*" { capabilities = ["read"] }`); err != nil {
		t.Fatal(err)
	}
	if text, err := p.Sys().GetPolicy("tf"); err != nil || !strings.Contains(text, "tf/*") {
		t.Fatal(text, err)
	}
	f.Clock.Advance(1201 * time.Second)
	if _, err := p.Auth().Token().LookupSelf(); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the child token outlives its 1200 s: %v", err)
	}
}

// hvac runs a program on hvac, with a CA of its own or the system's.
func hvac(t *testing.T, url, ca string) (out string, code int) {
	t.Helper()
	script, err := filepath.Abs("testdata/hvac/play.py")
	if err != nil {
		t.Fatal(err)
	}
	x := newTerminal(t, strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "")
	return x.run(t, "python3 -W error::UserWarning '"+script+"' "+url+" "+ca)
}

// runHvac is what a program on hvac prints, in lines.
func runHvac(t *testing.T, url, ca string) []string {
	t.Helper()
	out, code := hvac(t, url, ca)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	return strings.Split(strings.ReplaceAll(out, url, "URL"), " ;; ")
}

// TestRealHvac plays a program on hvac against our server, without TLS and with the
// fleet's CA, and holds it against what a real Vault said (see TestOracleHvac).
func TestRealHvac(t *testing.T) {
	const golden = "testdata/hvac/play.golden"
	f := dialecttest.Run(t, servers.Table(), oracleSeed)
	saw(t, golden, runHvac(t, "http://"+f.Addr("vault/http"), ""))
	t.Run("over TLS", func(t *testing.T) {
		f := dialecttest.Run(t, servers.Table(), strings.Replace(oracleSeed, "token: root", "token: root, tls: true", 1))
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, f.PKI.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		saw(t, golden, runHvac(t, "https://"+f.Addr("vault/http"), ca))
		if out, code := hvac(t, "https://"+f.Addr("vault/http"), ""); code == 0 || !strings.Contains(out, "CERTIFICATE_VERIFY_FAILED") {
			t.Errorf("without the CA: %d %s", code, out)
		}
	})
}
