package vault_test

import (
	"strings"
	"testing"

	"counterpart/servers/vault"
)

// V6: what a real server has and this one does not play is refused as to a caller
// without the right or the edition, once the credentials are good, and marked.
func TestV6KnownPathsAreNotUnknown(t *testing.T) {
	f, v := vaultOf(t, "")
	v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
	for _, c := range []struct {
		line    string
		status  int
		words   string
		outcome string
		feature string
	}{
		{"@none GET sys/quotas/config", 403, `"permission denied"`, "denied", ""},
		{"@bogus GET sys/quotas/config", 403, "invalid token", "denied", ""},
		{"@{{tok}} GET sys/quotas/config", 403, "permission denied", "denied", ""},
		{"GET sys/quotas/config", 403, `1 error occurred:\n\t* permission denied`, "unplayed", "sys/quotas"},
		{"DELETE sys/quotas/config", 405, "unsupported operation", "denied", ""},
		{"LIST sys/namespaces", 404, "enterprise-only feature", "unplayed", "Vault Enterprise"},
		{"POST sys/replication/dr/primary/enable", 404, "enterprise-only feature", "unplayed", "Vault Enterprise"},
		{"GET auth/approle/role/my-role/period", 403, "permission denied", "unplayed", "auth/approle/role/{role_name}/period"},
		{"GET identity/oidc/config", 403, "permission denied", "unplayed", "identity/oidc"},
		{`POST sys/mounts/pki {"type":"pki"}`, 403, "permission denied", "unplayed", "secrets engine pki"},
		{`POST sys/auth/jwt {"type":"jwt"}`, 403, "permission denied", "unplayed", "auth method jwt"},
		{`POST sys/mounts/zz {"type":"zz"}`, 400, "plugin not found in the catalog: zz", "denied", ""},
		{"GET sys/nosuch", 404, "unsupported path", "unimplemented", ""},
		{"GET sys/audit", 200, `"data":{}`, "ok", ""},
		{`POST sys/mounts/mine {"type":"transit"}`, 204, "", "ok", ""}, // which is played
		{`POST sys/auth/mine {"type":"approle"}`, 204, "", "ok", ""},
	} {
		v.says(t, c.line, c.status, c.words)
		e := f.Journal.Tail(1)[0]
		if c.outcome == "unplayed" && (e.Outcome != c.outcome || e.Feature != c.feature) || c.outcome != "unplayed" && e.Feature != "" {
			t.Errorf("%s: the journal says %s %q", c.line, e.Outcome, e.Feature)
		}
	}
	_, bao := vaultOf(t, "flavour: openbao-2")
	bao.says(t, "LIST sys/namespaces", 404, "unsupported path")
	_, old := vaultOf(t, "flavour: vault-1.1")
	old.says(t, "GET sys/quotas/config", 404, "unsupported path")
}

// V6: the scope names every feature that a call can be marked with, and what is
// played is not among them.
func TestV6ScopeIsWhole(t *testing.T) {
	scope := vault.Scope()
	named := map[string]bool{}
	for _, x := range scope.Unplayed {
		if named[x.Name] || x.Name == "" {
			t.Errorf("%q is named twice", x.Name)
		}
		named[x.Name] = true
	}
	for _, name := range serverOf(t, "").Features() {
		if !named[name] {
			t.Errorf("a call can be marked with %q, which the scope does not name", name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("the scope names %q, with which no call can be marked", name)
	}
	if len(scope.Plays) < 150 || len(scope.Unplayed) < 30 || !strings.Contains(strings.Join(scope.Plays, " "), "kv.data.read") {
		t.Errorf("%d operations are played and %d features are not", len(scope.Plays), len(scope.Unplayed))
	}
}
