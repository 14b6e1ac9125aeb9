package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"counterpart/internal/measure/process"
)

// vaultSeed is the company of the measurement: one user, one secret in each kv.
const vaultSeed = `version: 1
organization: {name: Bench, domain: bench.test, netbios: BENCH}
servers:
  - kind: vault
    token: root
    policies: [{name: reader, hcl: 'path "kv1/*" { capabilities = ["read"] } path "secret/*" { capabilities = ["read"] }'}]
    auth: [{path: userpass, type: userpass, users: [{name: bench, password: pw, policies: [reader]}]}]
    mounts: [{path: kv1, type: kv}]
`

// vaultCase is one request that is measured.
type vaultCase struct{ name, method, path, body string }

var vaultCases = []vaultCase{
	{"KV v1 read", "GET", "kv1/bench", ""},
	{"KV v2 read", "GET", "secret/data/bench", ""},
	{"userpass login", "POST", "auth/userpass/login/bench", `{"password":"pw"}`},
}

// vaults measures reads and logins against a bare echo route with the same JSON,
// and against OpenBao or Vault in development mode where one of them is installed.
func vaults(s settings) ([]row, error) {
	seed := filepath.Join(s.dir, "vault.yaml")
	if err := os.WriteFile(seed, []byte(vaultSeed), 0o600); err != nil {
		return nil, err
	}
	ours, err := fleet(s, seed)
	if err != nil {
		return nil, err
	}
	defer ours.Stop()
	addr := ours.ports["vault/http"]
	token, err := furnish(addr)
	if err != nil {
		return nil, err
	}
	us := func(c vaultCase) side {
		return side{ours.Process, func(lasts time.Duration) (float64, error) {
			return hammerRaw(s.conns, lasts, addr, c.text(addr, token))
		}}
	}
	var rows []row
	for _, c := range vaultCases {
		r, err := againstBare(s, c, us(c), vaultAt{addr, token})
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	more, err := againstReal(s, us)
	return append(rows, more...), err
}

// text is the request on the wire.
func (c vaultCase) text(host, token string) string {
	return fmt.Sprintf("%s /v1/%s HTTP/1.1\r\nHost: %s\r\nX-Vault-Request: true\r\nX-Vault-Token: %s\r\nContent-Length: %d\r\nUser-Agent: bench\r\n\r\n%s",
		c.method, c.path, host, token, len(c.body), c.body)
}

func againstBare(s settings, c vaultCase, us side, at vaultAt) (row, error) {
	body, err := at.call(c)
	if err != nil {
		return row{}, err
	}
	p, bareAddr, err := bare(s, c.method+" /v1/"+c.path, body)
	if err != nil {
		return row{}, err
	}
	defer p.Stop()
	bar := 0.8
	if c.method != "GET" { // a login makes a token and remembers it; a bare route does nothing
		bar = 0
	}
	return versus(s, contest{"vault: " + c.name + ", against a bare echo route", bar, us,
		side{p, func(lasts time.Duration) (float64, error) {
			return hammerRaw(s.conns, lasts, bareAddr, c.text(bareAddr, at.token))
		}}})
}

// againstReal compares with a real server, if there is one.
func againstReal(s settings, us func(vaultCase) side) ([]row, error) {
	name, binary := "", ""
	for _, n := range []string{"bao", "vault"} {
		path, err := exec.LookPath(n)
		if err != nil && s.python != "" {
			path, err = exec.LookPath(filepath.Join(filepath.Dir(s.python), n))
		}
		if err == nil {
			name, binary = n, path
			break
		}
	}
	if binary == "" {
		fmt.Fprintln(os.Stderr, "neither bao nor vault is installed: not compared with a real server")
		return nil, nil
	}
	addr, err := freePort("tcp")
	if err != nil {
		return nil, err
	}
	p, err := process.Start(filepath.Join(s.dir, "real.log"), binary, "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", "-dev-listen-address="+addr)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	if err := await(p, addr); err != nil {
		return nil, err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = (vaultAt{addr, "root"}).call(vaultCase{"", "GET", "sys/mounts/secret", ""}); err == nil || time.Now().After(end) {
			break
		}
	}
	for _, c := range []vaultCase{
		{"", "POST", "sys/mounts/kv1", `{"type":"kv"}`}, {"", "POST", "sys/auth/userpass", `{"type":"userpass"}`},
		{"", "POST", "sys/policies/acl/reader", `{"policy":"path \"kv1/*\" { capabilities = [\"read\"] } path \"secret/*\" { capabilities = [\"read\"] }"}`},
		{"", "POST", "auth/userpass/users/bench", `{"password":"pw","token_policies":"reader"}`},
	} {
		if _, err := (vaultAt{addr, "root"}).call(c); err != nil {
			return nil, err
		}
	}
	token, err := furnish(addr)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, c := range vaultCases {
		bar := 3.0
		if c.method != "GET" { // a real login also hashes the password, on purpose slowly
			bar = 0
		}
		r, err := versus(s, contest{"vault: " + c.name + ", against " + name + " in development mode", bar, us(c),
			side{p, func(lasts time.Duration) (float64, error) {
				return hammerRaw(s.conns, lasts, addr, c.text(addr, token))
			}}})
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// furnish writes the secrets and returns the token of a user who may read them.
func furnish(addr string) (string, error) {
	at := vaultAt{addr, "root"}
	for path, body := range map[string]string{"kv1/bench": `{"user":"root","password":"a long enough secret"}`,
		"secret/data/bench": `{"data":{"user":"root","password":"a long enough secret"}}`} {
		if _, err := at.call(vaultCase{"", "POST", path, body}); err != nil {
			return "", err
		}
	}
	body, err := at.call(vaultCases[2])
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(body, `"client_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token, nil
}

// vaultAt is a server, and who asks it.
type vaultAt struct{ addr, token string }

func (v vaultAt) call(c vaultCase) (string, error) {
	req, err := http.NewRequest(c.method, "http://"+v.addr+"/v1/"+c.path, strings.NewReader(c.body))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Vault-Token", v.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", c.method, c.path, resp.Status, text)
	}
	return string(text), err
}
