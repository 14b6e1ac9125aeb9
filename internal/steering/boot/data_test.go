package boot_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"counterpart/internal/company/state/disk"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestAFleetStartedAgain knows the tokens of before, and draws none of them again.
func TestAFleetStartedAgain(t *testing.T) {
	dir := t.TempDir()
	tokens := map[string]int{}
	for n := range 3 {
		t.Run("", func(t *testing.T) {
			f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Options: func(o *boot.Options) {
				s, err := disk.Open(dir, disk.Options{Clock: o.Clock})
				if err != nil {
					t.Fatal(err)
				}
				o.Store = s
			}, Seed: `{version: 1, organization: {name: Acme, domain: acme.test, netbios: ACME}, users: [],
				servers: [{kind: vault, auth: [{path: userpass, type: userpass, users: [{name: u, password: pw}]}]}]}`})
			ask := func(method, path, token, body string) (status int, said []byte) {
				req, err := http.NewRequest(method, "http://"+f.Addr("vault/http")+"/v1/"+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Vault-Token", token)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				said, _ = io.ReadAll(resp.Body)
				return resp.StatusCode, said
			}
			for range 3 {
				var in struct {
					Auth struct {
						Token string `json:"client_token"`
					}
				}
				if _, said := ask("POST", "auth/userpass/login/u", "", `{"password":"pw"}`); json.Unmarshal(said, &in) != nil || in.Auth.Token == "" {
					t.Fatalf("%s", said)
				}
				if before, known := tokens[in.Auth.Token]; known {
					t.Errorf("run %d draws a token of run %d", n, before)
				}
				tokens[in.Auth.Token] = n
			}
			for token := range tokens {
				if status, said := ask("GET", "auth/token/lookup-self", token, ""); status != 200 {
					t.Errorf("%d %s", status, said)
				}
			}
		})
	}
}
