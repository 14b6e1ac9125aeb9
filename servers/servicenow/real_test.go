//go:build real

package servicenow_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"counterpart/internal/serving/fault"
)

// realCompany adds what the clients' error paths need: a user who is limited,
// and one for whom lists break off.
const realCompany = `
    rate_limits: [{scope: user, user: limited, table: incident, per_hour: 1}]
    gzip: true
`

// environment is a running instance with TLS, and what a client must know of it.
func environment(t *testing.T) []string {
	t.Helper()
	seed := strings.NewReplacer("tls: false", "tls: true", "users: [{user: svc-sps", "users: [{user: limited, password: pw, roles: [itil]}, {user: fails, password: pw, roles: [itil]}, {user: breaks, password: pw, roles: [itil]}, {user: svc-sps").Replace(company)
	a := startWith(t, seed, realCompany)
	if err := a.Faults.Set([]fault.Rule{{Kind: "transaction-cancelled", Op: "table.list", Actor: "fails"},
		{Kind: "transaction-cancelled", Op: "table.list", Actor: "breaks", Args: map[string]string{"as": "unclosed"}}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, err := a.PKI.Client("sps.acme.test")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "SN_HOST="+strings.TrimPrefix(a.base, "https://"), "SN_TMP="+dir, "no_proxy=*",
		"REQUESTS_CA_BUNDLE="+write("ca.pem", a.PKI.PEM()),
		"SN_CERT="+write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		"SN_KEY="+write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		"SN_JWT="+jwt("jwt-secret-of-the-tests", map[string]any{"sub": "alice", "exp": a.Clock.Now().Unix() + 3600}))
}

// flows runs a script of testdata and demands that it names each of its flows.
func flows(t *testing.T, python, script string, want ...string) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("%s is missing; make tools installs it", python)
	}
	c := exec.Command(python, filepath.Join("testdata", script))
	c.Env = environment(t)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "ok "+strings.Join(want, "\nok ") {
		t.Errorf("%s says %q", script, got)
	}
}

// venv is where make tools puts Python clients: the first python3 of the path.
func venv(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is missing; make tools installs it")
	}
	return filepath.Dir(filepath.Dir(python))
}

// TestRealPysnow runs pysnow 0.7.17, unmodified.
func TestRealPysnow(t *testing.T) {
	flows(t, filepath.Join(venv(t), "bin", "python3"), "pysnow_flows.py", "queries", "writes", "errors", "oauth", "legacy")
}

// TestRealPySNC runs PySNC, unmodified.
func TestRealPySNC(t *testing.T) {
	flows(t, filepath.Join(venv(t), "pysnc", "bin", "python3"), "pysnc_flows.py", "query", "writes", "long_query", "errors", "oauth", "vendor_name", "certificate")
}
