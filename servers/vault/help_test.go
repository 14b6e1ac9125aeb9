package vault_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// V7: path-help has the pattern, a synopsis and the parameters of a path.
func TestV7HelpDescribesPaths(t *testing.T) {
	_, v := vaultOf(t, "")
	for line, parts := range map[string][]string{
		"GET auth/token/create?help=1":        {"Request:        create\nMatching Route: ^create$\n\n", "## PARAMETERS\n\n    display_name (string)\n", "\n    policies (slice)\n", "\n    num_uses (int)\n", "## DESCRIPTION"},
		"GET secret/data/a?help=1":            {"Matching Route: ^data/(?P<path>.+)$", "    data (map)", "    path (string)", "    version (int)"},
		"HELP sys/mounts":                     {"Request:        mounts\nMatching Route: ^mounts$\n\nReads mounts."},
		"GET sys?help=1":                      {"## DESCRIPTION", "## PATHS", "    ^audit-hash/(?P<path>.+)$\n        Writes audit-hash/{path}."},
		"GET sys/quotas/config?help=0":        {"Matching Route: ^quotas/config$", "enable_rate_limit_audit_logging (bool)"},
		"GET auth/token/roles/r?help=1":       {`Matching Route: ^roles/(?P<role_name>\w(([\w-.]+)?\w)?)$`},
		"GET kv1/a/b?help=1":                  {"Request:        a/b\nMatching Route: ^(?P<path>.+)$", "    path (string)"},
		"GET ldap/library/team/status?help=1": {"Request:        library/team/status"},
	} {
		v.says(t, line, 200, `"openapi":{`, `"see_also":null`)
		help, _ := v.get(t, "help").(string)
		for _, part := range parts {
			if !strings.Contains(help, part) {
				t.Errorf("%s: no %q in %s", line, part, help)
			}
		}
		if strings.Contains(help, "<no ") {
			t.Errorf("%s: %s", line, help)
		}
	}
}

// V6: the OpenAPI document has the paths of all mounts that the caller can reach.
func TestV6OpenAPI(t *testing.T) {
	_, v := vaultOf(t, "")
	v.says(t, "GET sys/internal/specs/openapi", 200, `"openapi":"3.0.2"`)
	var d struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(v.Last.Body, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/sys/mounts/{path}", "/auth/userpass/login/{username}", "/kv1/{path}", "/ldap/static-cred/{name}", "/sys/quotas/rate-limit/{name}"} {
		if d.Paths[p] == nil {
			t.Errorf("the document has no %s", p)
		}
	}
	if len(d.Paths) < 300 {
		t.Errorf("%d paths", len(d.Paths))
	}
	v.says(t, "GET sys/internal/specs/openapi?generic_mount_paths=true", 200, `"/auth/{userpass_mount_path}/login/{username}"`)
	v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
	v.says(t, "@{{tok}} GET sys/internal/specs/openapi", 200)
	if strings.Contains(string(v.Last.Body), `"/kv1/{path}"`) {
		t.Error("it tells of a mount that the caller cannot reach")
	}
}
