//go:build real

package native_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// curl runs curl and returns the body; the last line is the status.
func curl(t *testing.T, args ...string) (status, body string) {
	t.Helper()
	tool, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is missing; make tools installs it")
	}
	out, err := exec.Command(tool, append([]string{"-sS", "--noproxy", "*", "-w", "\n%{http_code}"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", args, err, out)
	}
	i := strings.LastIndex(string(out), "\n")
	return string(out[i+1:]), string(out[:i])
}

// TestRealCurl walks a checkout as a shell script would, over TLS with the
// fleet's CA, and scans an enrolment with oathtool.
func TestRealCurl(t *testing.T) {
	a := start(t, ", tls: true")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, a.f.PKI.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	base := "https://" + strings.Replace(a.f.Addr("native/http"), "127.0.0.1", "localhost", 1)
	get := func(args ...string) (string, map[string]any) {
		t.Helper()
		status, body := curl(t, append([]string{"--cacert", ca}, args...)...)
		var out map[string]any
		json.Unmarshal([]byte(body), &out)
		return status, out
	}
	alice := []string{"-u", "alice:Alice-Pass-1"}
	status, lease := get(append(alice, "-X", "POST", base+"/vault/v1/accounts/root@db01/checkout", "-H", "Content-Type: application/json", "-d", `{"reason":"curl"}`)...)
	if status != "201" {
		t.Fatalf("checkout: %s %v", status, lease)
	}
	if status, out := get("-H", "Authorization: Bearer sps-secret", "-X", "POST", base+"/vault/v1/accounts/root@db01/checkout"); status != "409" || out["code"] != "checked_out" || out["by"] != "alice" {
		t.Errorf("a second holder: %s %v", status, out)
	}
	if status, out := get(append(alice, "-X", "POST", base+"/vault/v1/leases/"+lease["id"].(string)+"/checkin")...); status != "200" || out["state"] != "returned" {
		t.Errorf("checkin: %s %v", status, out)
	}
	if status, out := get("-u", "dave:Dave-Pass-1", base+"/vault/v1/accounts"); status != "401" || out["code"] != "not_authenticated" {
		t.Errorf("dave is disabled: %s %v", status, out)
	}
	status, device := get("-H", "Authorization: Bearer sps-secret", base+"/otp/v1/users/trent/devices", "-H", "Content-Type: application/json", "-d", `{"kind":"totp"}`)
	if status != "201" {
		t.Fatalf("enrol: %s %v", status, device)
	}
	now := a.f.Clock.Now().Format("2006-01-02 15:04:05 UTC")
	code, err := exec.Command("oathtool", "-b", "--totp", "-N", now, device["secret"].(string)).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	body, _ := json.Marshal(map[string]string{"user": "trent", "otp": strings.TrimSpace(string(code))})
	for _, want := range []bool{true, false} {
		if status, out := get("-H", "Authorization: Bearer sps-secret", base+"/otp/v1/verify", "-H", "Content-Type: application/json", "-d", string(body)); status != "200" || out["valid"] != want {
			t.Errorf("oathtool's code: %s %v, want valid %v", status, out, want)
		}
	}
}
