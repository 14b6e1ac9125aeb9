package vault_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// readers are the files of each engine, by the mount at which a real server describes
// it.
var readers = map[string]string{
	"sys": "system mount mounts tune remount policies lease wrap preflight catalog audit barrier passwordpolicy openapi", "identity": "entity group",
	"auth/token": "token tokencreate tokenpaths tokenrenew tokenrole", "auth/userpass": "userpass login", "auth/ldap": "ldapauth login",
	"auth/approle": "approle secretid login", "auth/cert": "cert login", "ldap": "static library libraryset", "ad": "static adrole library libraryset",
	"database": "database databasestatic", "ssh": "ssh sshsign", "totp": "totp", "transit": "transit transitconfig transitseal transitsign transitexport system", "secret": "kv2 kv2meta",
	"kv1": "kv1", "cubbyhole": "kv1",
}

// V4: each parameter of each played path is read by the engine, harmless to ignore
// for a reason that is written down, or refused.
func TestV4NoParameterIsSwallowed(t *testing.T) {
	text := regexp.MustCompile(`"([a-z0-9_]+)"`)
	read := map[string]map[string]bool{}
	for engine, files := range readers {
		read[engine] = map[string]bool{}
		for _, file := range strings.Fields(files) {
			source, err := os.ReadFile(file + ".go")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range text.FindAllStringSubmatch(string(source), -1) {
				read[engine][m[1]] = true
			}
		}
	}
	parameters, unused := serverOf(t, "").Parameters()
	if len(parameters) < 500 {
		t.Errorf("only %d parameters", len(parameters))
	}
	for _, p := range parameters {
		if !p.Declared && !read[p.Engine][p.Name] {
			t.Errorf("%s %s: the parameter %s is neither read nor declared", p.Engine, p.Shape, p.Name)
		}
	}
	for _, rule := range unused {
		t.Errorf("%s: no played path has that parameter", rule)
	}
}

// V4: security parameters that are not played are refused, and the call says so.
func TestV4UnplayedParametersAreRefused(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, "GET kv1/a?read_snapshot_id=x", 400, "unable to lock snapshot: loaded snapshots not supported")
	v.says(t, `POST sys/mounts/ssh {"type":"ssh"}`, 204)
	v.says(t, `POST ssh/roles/r {"key_type":"ca","allow_user_certificates":true,"default_user":"u","allowed_users_template":true}`, 403, "permission denied")
	if e := f.Journal.Tail(1)[0]; e.Outcome != "unplayed" || e.Feature != "ssh roles: templates and empty principals" {
		t.Errorf("the journal says %s %q", e.Outcome, e.Feature)
	}
	v.says(t, `POST ssh/roles/r {"key_type":"ca","allow_user_certificates":true,"default_user":"u","allowed_users_template":false,"not_before_duration":"90s"}`, 204)
	v.says(t, "GET ssh/roles/r", 200, `"not_before_duration":90`)
	v.says(t, `POST sys/auth/userpass/tune {"user_lockout_config":{"lockout_threshold":1,"lockout_duration":"60s"}}`, 204)
	v.says(t, `@none POST auth/userpass/login/local {"password":"wrong"}`, 400)
	v.says(t, `@none POST auth/userpass/login/local {"password":"pw"}`, 403)
}
