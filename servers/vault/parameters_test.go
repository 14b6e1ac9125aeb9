package vault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// readers are the rooms of each engine, or files of theirs, by the mount at which a real
// server describes it.
var readers = map[string]string{
	"sys": "system tools core/mount core/lease core/wrap core/openapi", "identity": "identity",
	"auth/token": "core/token core/tokencreate core/tokenpaths core/tokenrenew core/tokenrole", "auth/userpass": "auth/userpass core/login", "auth/ldap": "auth/ldap core/login",
	"auth/approle": "auth/approle auth/secretid core/login", "auth/cert": "auth/cert core/login", "ldap": "directory/engine directory/library directory/libraryset rotation",
	"ad": "directory/engine directory/ad directory/library directory/libraryset rotation", "database": "database rotation", "ssh": "ssh", "totp": "totp",
	"transit": "transit tools", "secret": "kv/v2 kv/metadata", "kv1": "kv/v1", "cubbyhole": "kv/v1",
}

// filesOf are the source files of a room, or the one file that is named.
func filesOf(t *testing.T, name string) []string {
	t.Helper()
	if strings.Contains(name, "/") {
		return []string{"internal/" + name + ".go"}
	}
	files, err := filepath.Glob("internal/" + name + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the room %s has no files: %v", name, err)
	}
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
}

// isAnswer reports a map of anything, which is how answers are written down.
func isAnswer(x *ast.CompositeLit) bool {
	m, is := x.Type.(*ast.MapType)
	if !is {
		return false
	}
	value, is := m.Value.(*ast.Ident)
	return is && value.Name == "any"
}

// literal notes a text of the source.
func literal(read map[string]bool, n ast.Node) bool {
	if x, is := n.(*ast.BasicLit); is && x.Kind == token.STRING {
		if text, err := strconv.Unquote(x.Value); err == nil {
			read[text] = true
		}
	}
	return true
}

// V4: each parameter of each played path is read by the engine, harmless to ignore
// for a reason that is written down, or refused.
func TestV4NoParameterIsSwallowed(t *testing.T) {
	read := map[string]map[string]bool{}
	for engine, rooms := range readers {
		read[engine] = map[string]bool{}
		var files []string
		for room := range strings.FieldsSeq(rooms) {
			files = append(files, filesOf(t, room)...)
		}
		for _, file := range files {
			source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(source, func(n ast.Node) bool {
				if answer, is := n.(*ast.CompositeLit); is && isAnswer(answer) { // what is shown is not read
					for _, member := range answer.Elts {
						if kv, is := member.(*ast.KeyValueExpr); is {
							ast.Inspect(kv.Value, func(n ast.Node) bool { return literal(read[engine], n) })
						}
					}
					return false
				}
				return literal(read[engine], n)
			})
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

// V4: a hash is what a login is held against.
func TestV4PasswordHash(t *testing.T) {
	_, v := vaultOf(t, "")
	hash, err := bcrypt.GenerateFromPassword([]byte("hashed-pw"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	v.says(t, `POST auth/userpass/users/h {"password_hash":"`+string(hash)+`"}`, 204)
	v.says(t, `@none POST auth/userpass/login/h {"password":"hashed-pw"}`, 200)
	v.says(t, `@none POST auth/userpass/login/h {"password":"other"}`, 400, "invalid username or password")
	v.says(t, `POST auth/userpass/users/h/password {"password":"plain"}`, 204)
	v.says(t, `@none POST auth/userpass/login/h {"password":"hashed-pw"}`, 400)
	v.says(t, `@none POST auth/userpass/login/h {"password":"plain"}`, 200)
}
