package servers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// vault asks Vault with a token and returns the status and the data.
func (f faces) vault(token, method, path, body string) (int, map[string]any) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.Addr("vault/http")+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct{ Data, Auth map[string]any }
	json.NewDecoder(resp.Body).Decode(&out)
	if out.Auth != nil {
		return resp.StatusCode, out.Auth
	}
	return resp.StatusCode, out.Data
}

func TestAPasswordRotatedThroughVaultIsTheOneEverywhere(t *testing.T) {
	f := open(t)
	f.everywhere("svc-backup", "Backup-Pass-1", true)
	if status, body := f.vault("root", "POST", "rotate/static-role/backup", `{"username":"svc-backup","rotation_period":"24h"}`); status != 204 {
		t.Fatal(status, body)
	}
	_, cred := f.vault("root", "GET", "rotate/static-cred/backup", "")
	password, _ := cred["password"].(string)
	f.everywhere("svc-backup", password, true)
	account := ""
	for a := range f.World.Accounts() {
		if a.UserID == "svc-backup" {
			account = a.ID
		}
	}
	if status, secret := f.rest("alice", "Alice-Pass-1", "GET", "/vault/v1/accounts/"+account+"/password", ""); status != 200 || secret["value"] != password {
		t.Errorf("native gives %v (%d), vault has set %q", secret["value"], status, password)
	}
	f.everywhere("svc-backup", "Backup-Pass-1", false)
}

func TestAnAccountIsLentByOneVaultAtATime(t *testing.T) {
	f := open(t)
	if status, body := f.rest("alice", "Alice-Pass-1", "POST", "/vault/v1/accounts/root@db01/checkout", "{}"); status/100 != 2 {
		t.Fatal(status, body)
	}
	if status, lent := f.vault("root", "POST", "ldap/library/team/check-out", ""); status != 200 || lent["service_account_name"] != "svc-backup" {
		t.Fatalf("%d %v", status, lent)
	}
	if status, lent := f.vault("root", "POST", "ldap/library/team/check-out", ""); status != 400 {
		t.Errorf("vault lends what native has lent: %v", lent)
	}
	// A check-in changes the password in the directory; nobody logs in with the old one.
	before, _ := f.Logins.Password(t.Context(), "svc-backup")
	f.everywhere("svc-backup", before, true)
	if status, _ := f.vault("root", "POST", "ldap/library/team/check-in", ""); status != 200 {
		t.Error(status)
	}
	f.everywhere("svc-backup", before, false)
}

func TestALockInTheDirectoryHoldsAtVault(t *testing.T) {
	f := open(t)
	for range 3 {
		f.ldap("unix", unixDN("alice"), "wrong")
	}
	for _, path := range []string{"auth/ldap/login/alice", "auth/userpass/login/alice"} {
		if status, _ := f.vault("", "POST", path, `{"password":"Alice-Pass-1"}`); status != 400 {
			t.Errorf("%s: %d", path, status)
		}
	}
}
