package vault_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/steering/boot"
	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
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
					status, _ = r.ask("POST", "auth/token/renew-self", v.Kept["tok"], "{}")
				} else {
					status, _ = r.ask("GET", "auth/token/lookup-self", v.Kept["tok"], "")
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

// S2: a backup comes from outside. One that is no whole key is not restored.
func TestS2BackupIsAWholeKey(t *testing.T) {
	f, v := vaultOf(t, "")
	v.says(t, `POST sys/mounts/transit2 {"type":"transit"}`, 204)
	r := race(f.Addr("vault/http"))
	k32 := base64.StdEncoding.EncodeToString(make([]byte, 32))
	version := `"versions":[{"made":"2026-01-01T00:00:00Z","key":"` + k32 + `"}]`
	der, err := func() ([]byte, error) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(k)
	}()
	if err != nil {
		t.Fatal(err)
	}
	for what, key := range map[string]string{
		"a short ed25519 key":   `{"type":"ed25519","latest":1,"minimum":1,` + version + `}`,
		"a long AES key":        `{"type":"aes128-gcm96","latest":1,"minimum":1,` + version + `}`,
		"no key":                `{"type":"aes256-gcm96","latest":1,"minimum":1,"versions":[{"made":"2026-01-01T00:00:00Z"}]}`,
		"an EC key for RSA":     `{"type":"rsa-2048","latest":1,"minimum":1,"versions":[{"key":"` + base64.StdEncoding.EncodeToString(der) + `"}]}`,
		"a P-256 key for P-384": `{"type":"ecdsa-p384","latest":1,"minimum":1,"versions":[{"key":"` + base64.StdEncoding.EncodeToString(der) + `"}]}`,
		"a negative size":       `{"type":"hmac","size":-1,"latest":1,"minimum":1,` + version + `}`,
		"a negative minimum":    `{"type":"aes256-gcm96","latest":1,"minimum":-5,` + version + `}`,
		"a minimum too high":    `{"type":"aes256-gcm96","latest":1,"minimum":2,` + version + `}`,
		"rotation each ns":      `{"type":"aes256-gcm96","latest":1,"minimum":1,"auto_rotate":1,` + version + `}`,
		"convergent alone":      `{"type":"aes256-gcm96","latest":1,"minimum":1,"convergent":true,` + version + `}`,
	} {
		backup := base64.StdEncoding.EncodeToString([]byte(`{"name":"k","key":` + key + `}`))
		if status, said := r.ask("POST", "transit2/restore", "root", `{"backup":"`+backup+`","force":true}`); status != 500 || !strings.Contains(string(said), "valid policy") {
			t.Errorf("%s: %d %s", what, status, said)
		}
	}
}

// between is a store that lets something happen once before a table is read.
type between struct {
	state.Store
	table string
	done  atomic.Bool
	do    func()
}

// Table implements state.Store.
func (b *between) Table(name string) state.Table {
	if t := b.Store.Table(name); name == b.table {
		return betweenTable{t, b}
	}
	return b.Store.Table(name)
}

type betweenTable struct {
	state.Table
	*between
}

// Get implements state.Table.
func (t betweenTable) Get(ctx context.Context, key string) (state.Record, error) {
	if !t.done.Swap(true) {
		t.do()
	}
	return t.Table.Get(ctx, key)
}

// TestASeededTokenIsMadeByAnother: whoever has looked for a seeded token before another
// request makes it has it, and is not told that it has ended.
func TestASeededTokenIsMadeByAnother(t *testing.T) {
	b := &between{table: "server/vault/issued"}
	f := dialecttest.RunWith(t, dialecttest.Setup{Kinds: servers.Table(), Seed: strings.Replace(company, "FLAVOUR", "", 1), Options: func(o *boot.Options) {
		b.Store = state.NewMemory(o.Clock)
		o.Store = b
	}})
	r := race(f.Addr("vault/http"))
	happened := false
	b.do = func() {
		happened = true
		r.ask("GET", "auth/token/lookup-self", "root", "")
	}
	if status, said := r.ask("GET", "auth/token/lookup-self", "root", ""); status != 200 || !happened {
		t.Errorf("%d %s (%v)", status, said, happened)
	}
}
