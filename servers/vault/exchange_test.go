package vault_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

// TestGoldenExchanges plays the scripts that a real Vault has agreed to (see
// TestOracleExchanges) and holds the answers against what it said.
func TestGoldenExchanges(t *testing.T) {
	scripts, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range scripts {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) { play(t, name) })
	}
}

// TestGoldenOpenBao is that for the flavour openbao-2, whose answers a real OpenBao
// has agreed to (see TestOpenBaoOracle).
func TestGoldenOpenBao(t *testing.T) {
	for name, script := range baoScripts(t) {
		t.Run(name, func(t *testing.T) { exchanges(baoSeed).Hold(t, script, "testdata/openbao/"+name) })
	}
}

// baoSeed is the company of the scripts with our server as OpenBao.
var baoSeed = strings.Replace(oracleSeed, "token: root", "token: root, flavour: openbao-2", 1)

// baoScripts are the scripts that an OpenBao can be asked: it has no engine ad, and
// dies of a static role before the engine is configured.
func baoScripts(t *testing.T) map[string][]string {
	scripts, err := filepath.Glob("testdata/oracle/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	out := map[string][]string{}
	for _, path := range scripts {
		if name := strings.TrimSuffix(filepath.Base(path), ".txt"); name != "ad" {
			out[name] = slices.DeleteFunc(dialecttest.Script(t, path), func(line string) bool {
				return line == `POST ldap/static-role/db {"username":"svc1","rotation_period":"1h"}` && name == "static"
			})
		}
	}
	return out
}

// play holds one script against what Vault said to it.
func play(t *testing.T, name string) {
	t.Helper()
	exchanges(oracleSeed).HoldFile(t, "testdata/oracle/"+name)
}

// exchanges are those with a company's vault. Where a script names a directory, it is the
// fleet's own.
func exchanges(seed string) dialecttest.Exchanges {
	return dialecttest.Exchanges{
		Setup: dialecttest.Setup{Kinds: servers.Table(), Seed: seed},
		Client: func(f *dialecttest.Fleet) *dialecttest.Client {
			return newPeer("http://" + f.Addr("vault/http")).Client
		},
		Show:   shown,
		Before: addressed,
		Shown:  func(line string) string { return address.ReplaceAllString(line, "ldap://ADDR") },
	}
}

// oracleSeed is the company of the scripts.
const oracleSeed = `{version: 1, organization: {name: Acme, domain: acme.test, netbios: ACME},
	users: [{name: alice, password: Alice-Pass-1}, {name: svc1, password: Svc1-Pass-1}, {name: svc2, password: Svc2-Pass-1},
		{name: svc3, password: Svc3-Pass-1}, {name: svc4, password: Svc4-Pass-1}, {name: svc5, password: Svc5-Pass-1}],
	servers: [{kind: vault, token: root}, {kind: ldap, flavour: openldap, rootpw: Root-Pass-1},
		{kind: ldap, name: ad, flavour: ad, rootpw: Root-Pass-1}]}`

// addressed is a script for somebody whose directory is that of a fleet.
func addressed(script []string, directory *dialecttest.Fleet) []string {
	urls := strings.NewReplacer("{{url}}", "ldap://"+directory.Addr("ldap/ldap"), "{{ad}}", "ldaps://"+directory.Addr("ad/ldaps"))
	return strings.Split(urls.Replace(strings.Join(script, "\n")), "\n")
}

// peer is one of the two that are asked, as root unless a line says who asks.
type peer struct{ *dialecttest.Client }

func newPeer(base string) *peer {
	return &peer{&dialecttest.Client{Base: base, Prefix: "/v1/", Actor: "root", Kept: map[string]string{}, Login: func(r *http.Request, token string, _ []byte) {
		if token != "none" {
			r.Header.Set("X-Vault-Token", token)
		}
	}}}
}

// keep remembers a value of the last answer: "token auth.client_token".
func (p *peer) keep(t *testing.T, rest string) {
	t.Helper()
	if err := p.Keep(rest); err != nil {
		t.Error(err)
	}
}

// ask sends a line and shows the answer.
func (p *peer) ask(t testing.TB, line string) string {
	t.Helper()
	return shown(p.Send(t, line))
}

// shown is an answer as the golden files have it.
func shown(a dialecttest.Answer) string {
	head := a.Head("Cache-Control", "Content-Type", "Strict-Transport-Security", "Location", "X-Vault-Namespace")
	if a.Status == http.StatusTemporaryRedirect { // its page has a type of its own
		head = a.Head("Cache-Control", "Strict-Transport-Security", "Location", "X-Vault-Namespace")
	}
	return head + " " + normal(bytes.TrimSuffix(a.Body, []byte("\n")))
}

var address = regexp.MustCompile(`ldaps?://[0-9.:]+`)

// random are the parts of answers that differ from run to run.
var random = []dialecttest.Mask{
	{Like: regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), As: "UUID"},
	{Like: regexp.MustCompile(`hv([sb])\.[A-Za-z0-9_-]{20,}`), As: "hv$1.TOKEN"},
	{Like: regexp.MustCompile(`"([sb])\.[A-Za-z0-9]{24}"`), As: `"$1.TOKEN"`}, // of OpenBao
	{Like: regexp.MustCompile(`"b\.AAAAAQ[A-Za-z0-9_-]{90,}"`), As: `"b.TOKEN"`},
	{Like: regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), As: "TIME"},
	{Like: regexp.MustCompile(`"(accessor|wrapped_accessor)":"[A-Za-z0-9]{24}"`), As: `"$1":"ACCESSOR"`},
	{Like: regexp.MustCompile(`"([a-z_]+)_[0-9a-f]{8}(\.root)?"`), As: `"${1}_ID$2"`},
	{Like: regexp.MustCompile(`/[A-Za-z0-9]{24}"`), As: `/LEASE"`},
	{Like: regexp.MustCompile(`"h[0-9a-f]{64}"`), As: `"LEASE"`},
	{Like: regexp.MustCompile(`"(creation_time|server_time_utc|last_renewal_time)":\d+`), As: `"$1":0`},
	{Like: regexp.MustCompile(`27647\d\d|27648\d\d`), As: "2764800"},
	{Like: regexp.MustCompile(`hmac-sha256:[0-9a-f]{64}`), As: "hmac-sha256:HASH"},
	{Like: regexp.MustCompile(`"password":"[abcde]{20}"`), As: `"password":"PASSWORD"`},
	{Like: regexp.MustCompile(`"status":"in-progress"`), As: `"status":"success"`}, // of a remount: it depends on who is quicker
	{Like: regexp.MustCompile(`"ciphertext":"vault:v(\d):[^"]*"`), As: `"ciphertext":"vault:v$1:TEXT"`},
	{Like: regexp.MustCompile(`"keys":{("\d":)\d+`), As: `"keys":{${1}0`},
	{Like: regexp.MustCompile(`"(signature|hmac)":"vault:v(\d):[^"]*"`), As: `"$1":"vault:v$2:TEXT"`},
	{Like: regexp.MustCompile(`"(public_?key|backup|random_bytes)":"[A-Za-z0-9+/=]{6,}"`), As: `"$1":"OCTETS"`},
	{Like: regexp.MustCompile(`"plaintext":"[A-Za-z0-9+/=]{24,}"`), As: `"plaintext":"OCTETS"`}, // of a data key
	{Like: regexp.MustCompile(`"public_key":"-----BEGIN PUBLIC KEY-----[^"]*"`), As: `"public_key":"PEM"`},
	{Like: regexp.MustCompile(`"keys":{"1":"(-----BEGIN [A-Z ]*-----)?[^"]{20,}"}`), As: `"keys":{"1":"${1}KEY"}`},
	{Like: regexp.MustCompile(`"code":"\d{6}"`), As: `"code":"CODE"`},
	{Like: regexp.MustCompile(`"2":\d{10}`), As: `"2":0`},
	{Like: regexp.MustCompile(`"(password|last_password|current_password)":"[^"]{64}"`), As: `"$1":"PASSWORD"`},
	{Like: regexp.MustCompile(`"borrower_client_token":"[0-9a-f]{40}"`), As: `"borrower_client_token":"HASH"`},
	{Like: address, As: "ldap://ADDR"},
	// A renewal for as long as is possible, a second later.
	{Like: regexp.MustCompile(`\["TTL of \\"768h\\" exceeded the effective max_ttl of \\"767h59m5\ds\\"; TTL value is capped accordingly"\]`), As: "null"},
	{Like: regexp.MustCompile(`"status":"in-progress"`), As: `"status":"success"`},
	{Like: regexp.MustCompile(`"cluster_name":"[^"]*"`), As: `"cluster_name":"CLUSTER"`},
	{Like: regexp.MustCompile(`"signed_key":"ssh-ed25519-cert[^"]*"`), As: `"signed_key":"CERTIFICATE"`},
	{Like: regexp.MustCompile(`"serial_number":"[0-9a-f]+"`), As: `"serial_number":"NUMBER"`},
	{Like: regexp.MustCompile(`"public_key":"ssh-ed25519 [^"]*"`), As: `"public_key":"KEY"`},
}

// What is left of a time may be a second less. What was granted is exact, unless it
// was cut to what is left.
var (
	drift   = regexp.MustCompile(`"(ttl)":(\d+)`)
	cut     = regexp.MustCompile(`"(ttl|lease_duration)":(\d+)`)
	capping = regexp.MustCompile(`,?"TTL of \\"([0-9hms]+)\\" exceeded the effective max_ttl of \\"([0-9hms]+)\\"; TTL value is capped accordingly"`)
	left    = regexp.MustCompile(`effective max_ttl of \\"([0-9hms]+)\\"`)
)

// upTo10 is a text in which what is left of a time is rounded up to ten seconds.
func upTo10(m string) string {
	text := left.FindStringSubmatch(m)[1]
	d, err := time.ParseDuration(text)
	if err != nil || d%(10*time.Second) == 0 {
		return m
	}
	s := (d.Truncate(10*time.Second) + 10*time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return strings.Replace(m, text, strings.Replace(s, "h0m", "h", 1), 1)
}

func normal(body []byte) string {
	s := dialecttest.Masked(string(body), random)
	moves := drift
	if strings.Contains(s, "exceeded the effective max_ttl") {
		moves = cut
	}
	s = left.ReplaceAllStringFunc(s, upTo10)
	s = capping.ReplaceAllStringFunc(s, func(m string) string { // a renewal for as long as is possible, a second later
		if parts := capping.FindStringSubmatch(m); parts[1] != parts[2] {
			return m
		}
		return ""
	})
	s = strings.NewReplacer(`"warnings":[]`, `"warnings":null`, `"warnings":[,`, `"warnings":[`).Replace(s)
	return moves.ReplaceAllStringFunc(s, func(m string) string { // a second may have passed
		parts := moves.FindStringSubmatch(m)
		var n int
		fmt.Sscan(parts[2], &n)
		return fmt.Sprintf(`"%s":%d`, parts[1], (n+9)/10*10)
	})
}
