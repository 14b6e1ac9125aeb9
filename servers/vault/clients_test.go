package vault_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"counterpart/internal/steering/dialecttest"
)

// clientNumbers are the numbers of the checklist that are about clients, as the requests
// that those send. The clients themselves are in the real tests (27, 39), under
// plugins/published/hashicorp-vault (37, 38), and not at hand (40).
func clientNumbers(t *testing.T, list *dialecttest.Numbers) {
	_, v := vaultOf(t, "")
	list.Run("27 the command line asks for the mount first", func(t *testing.T) {
		v.says(t, "GET sys/internal/ui/mounts/secret/x", 200, `"path":"secret/"`, `"options":{"version":"2"}`)
		v.says(t, `PUT secret/data/x {"data":{"a":"1"},"options":{}}`, 200, `"version":1`)
		v.says(t, "GET secret/metadata?list=true", 200, `"keys":["x"]`)
		v.says(t, `PUT secret/delete/x {"versions":["1"]}`, 204)
		v.says(t, "GET secret/data/x", 404, `"data":null`)
		v.says(t, `PUT secret/undelete/x {"versions":["1"]}`, 204)
		v.says(t, "GET secret/data/x", 200, `"a":"1"`)
	})
	list.Run("37 the SPS plugin's way to a password", func(t *testing.T) {
		v.says(t, "@none GET sys/health", 200)
		v.login(t, "person", `@none POST auth/ldap/login/hashicorp%20user1 {"password":"Titkos12"}`)
		v.says(t, "@{{person}} GET kv1/a", 200, `"data":{"password":"titkos"}`)
		v.says(t, `POST secret/data/wsmith {"data":{"password":"titkos"}}`, 200)
		v.says(t, "GET secret/data/wsmith", 200, `"data":{"data":{"password":"titkos"}`)
		req, err := http.NewRequest("GET", v.Base+"/v1/does/not/exist", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", v.Kept["person"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Status != "403 Forbidden" { // the plugin logs the words, too
			t.Errorf("the wrong account: %s", resp.Status)
		}
	})
	list.Run("38 the first address is sealed, the second serves", func(t *testing.T) {
		_, first := vaultOf(t, "sealed: true")
		first.says(t, "@none GET sys/health", 503)
		v.says(t, "@none GET sys/health", 200)
	})
	list.Run("39 what hvac maps to its exceptions", func(t *testing.T) {
		for line, status := range map[string]int{"GET kv1/none": 404, "@none GET auth/token/lookup-self": 403, "POST kv1/x": 400, "LIST kv1/none": 404} {
			if got := v.ask(t, line); !strings.Contains(got, "Content-Type=application/json ") {
				t.Errorf("%s: %s", line, got)
			}
			v.says(t, line, status, `{"errors":[`)
		}
	})
	list.Run("40 the Terraform provider's first steps", func(t *testing.T) {
		v.says(t, "@none GET sys/seal-status", 200)
		if version, _ := v.get(t, "version").(string); !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(version) {
			t.Errorf("%q is no semantic version", version)
		}
		v.says(t, "GET auth/token/lookup-self", 200)
		v.login(t, "child", `POST auth/token/create {"display_name":"terraform","ttl":"1200s","explicit_max_ttl":"1200s","renewable":false}`)
		v.says(t, "@{{child}} GET auth/token/lookup-self", 200, `"display_name":"token-terraform"`, `"explicit_max_ttl":1200`, `"renewable":false`)
	})
}
