package vault_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// raced sends requests from many connections at once.
type raced struct {
	base   string
	client *http.Client
}

func race(addr string) *raced {
	return &raced{"http://" + addr + "/v1/", &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

func (r *raced) ask(method, path, token, body string) (int, []byte) {
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if body == "" {
		req.Body, req.ContentLength = nil, 0
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, said
}

// C2: one token used on several connections while one of them renews it.
func TestC2TokenIsRenewedWhileUsed(t *testing.T) {
	f, v := vaultOf(t, "")
	v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
	r := race(f.Addr("vault/http"))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 1000 {
				status := 0
				if i == 0 {
					status, _ = r.ask("POST", "auth/token/renew-self", v.kept["tok"], "{}")
				} else {
					status, _ = r.ask("GET", "auth/token/lookup-self", v.kept["tok"], "")
				}
				if status != 200 {
					t.Errorf("status %d", status)
					return
				}
			}
		})
	}
	all.Wait()
}

// C4: whoever reads a static credential at the moment of its rotation gets a
// password that is good afterwards.
func TestC4StaticCredentialAtRotation(t *testing.T) {
	for _, at := range []struct {
		name, read string
		rounds     int
	}{
		{"ldap", "ldap/static-cred/db", 1000},
		{"ad", "ad/creds/db", 200},
		{"database", "database/static-creds/app", 200},
	} {
		t.Run(at.name, func(t *testing.T) {
			f, v := vaultOf(t, "")
			v.says(t, `POST sys/mounts/ad {"type":"ad"}`, 200)
			v.says(t, `POST ad/config {"binddn":"cn=vault","bindpass":"x"}`, 204)
			v.says(t, `POST ad/roles/db {"service_account_name":"svc2"}`, 204)
			v.says(t, `POST sys/mounts/database {"type":"database"}`, 204)
			v.says(t, `POST database/config/pg {"plugin_name":"postgresql-database-plugin","allowed_roles":"*"}`, 204)
			v.says(t, `POST database/static-roles/app {"username":"svc3","db_name":"pg","rotation_period":"24h"}`, 204)
			r := race(f.Addr("vault/http"))
			read := func() string {
				_, b := r.ask("GET", at.read, "root", "")
				var a struct {
					Data struct {
						Password string
						Current  string `json:"current_password"`
					}
				}
				json.Unmarshal(b, &a)
				return a.Data.Password + a.Data.Current
			}
			stale := 0
			for range at.rounds {
				f.Clock.Advance(800 * time.Hour)
				var mu sync.Mutex
				got := map[string]int{}
				var all sync.WaitGroup
				for range 16 {
					all.Go(func() { p := read(); mu.Lock(); got[p]++; mu.Unlock() })
				}
				all.Wait()
				now := read()
				for p, n := range got {
					if p != now || p == "" {
						stale += n
					}
				}
			}
			if stale > 0 {
				t.Errorf("%d readers got a password that had just been replaced", stale)
			}
		})
	}
}
