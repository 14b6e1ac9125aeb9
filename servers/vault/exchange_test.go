package vault_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

var update = flag.Bool("update", false, "write the golden exchanges anew; the oracle has to agree with them")

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
		t.Run(name, func(t *testing.T) { hold(t, baoSeed, script, "testdata/openbao/"+name) })
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
			out[name] = slices.DeleteFunc(strings.Split(readFile(t, path), "\n"), func(line string) bool {
				return line == `POST ldap/static-role/db {"username":"svc1","rotation_period":"1h"}` && name == "static"
			})
		}
	}
	return out
}

// play holds one script against what Vault said to it.
func play(t *testing.T, name string) {
	t.Helper()
	path := "testdata/oracle/" + name
	hold(t, oracleSeed, strings.Split(readFile(t, path+".txt"), "\n"), path)
}

// hold holds a script against its golden answers: once while the clock stands, and
// once while it runs.
func hold(t *testing.T, seed string, script []string, path string) {
	t.Helper()
	holdOn(t, dialecttest.Run(t, servers.Table(), seed), script, path)
	running := dialecttest.Run(t, servers.Table(), seed)
	running.Clock.Advance(900 * time.Millisecond) // so that full seconds begin and end during the script
	running.Clock.Resume()
	holdOn(t, running, script, path)
}

func holdOn(t *testing.T, f *dialecttest.Fleet, script []string, path string) {
	t.Helper()
	p := &peer{base: "http://" + f.Addr("vault/http"), kept: map[string]string{}}
	var b strings.Builder
	for n, line := range addressed(script, f) {
		line = strings.TrimSpace(line)
		if rest, keep := strings.CutPrefix(line, "-> "); keep {
			p.keep(t, n+1, rest)
		} else if line != "" && !strings.HasPrefix(line, "#") {
			fmt.Fprintf(&b, "%s\n\t%s\n", address.ReplaceAllString(line, "ldap://ADDR"), p.ask(t, line))
		}
	}
	if *update {
		if err := os.WriteFile(path+".golden", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now, was := strings.Split(b.String(), "\n"), strings.Split(readFile(t, path+".golden"), "\n")
	for i := range min(len(now), len(was)) {
		if now[i] != was[i] {
			t.Fatalf("line %d of %s.golden:\n now: %s\n was: %s", i+1, path, now[i], was[i])
		}
	}
	if len(now) != len(was) {
		t.Fatalf("%d lines, %s.golden has %d", len(now), path, len(was))
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

// peer is one of the two that are asked.
type peer struct {
	base string
	kept map[string]string
	last []byte
}

// keep remembers a value of the last answer: "token auth.client_token".
func (p *peer) keep(t *testing.T, n int, rest string) {
	name, path, _ := strings.Cut(rest, " ")
	var v any
	if err := json.Unmarshal(p.last, &v); err != nil {
		t.Errorf("line %d: %s: %v in %s", n, p.base, err, p.last)
		return
	}
	for _, key := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	if v == nil {
		t.Errorf("line %d: %s has no %s: %s", n, p.base, path, p.last)
	}
	p.kept[name] = fmt.Sprint(v)
}

// ask sends a line: [@token] [+Header:value]… METHOD path [body].
func (p *peer) ask(t testing.TB, line string) string {
	for name, value := range p.kept {
		line = strings.ReplaceAll(line, "{{"+name+"}}", value)
	}
	token, header := "root", http.Header{}
	for {
		word, rest, _ := strings.Cut(line, " ")
		if t, ok := strings.CutPrefix(word, "@"); ok {
			token = t
		} else if h, ok := strings.CutPrefix(word, "+"); ok {
			k, v, _ := strings.Cut(h, ":")
			header.Set(k, v)
		} else {
			break
		}
		line = rest
	}
	method, rest, _ := strings.Cut(line, " ")
	path, body, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(path, "/") {
		path = "/v1/" + path
	}
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, p.base+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	if token != "none" {
		req.Header.Set("X-Vault-Token", token)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	p.last, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprint(resp.StatusCode)
	for _, h := range []string{"Cache-Control", "Content-Type", "Strict-Transport-Security", "Location", "X-Vault-Namespace"} {
		if v := resp.Header.Get(h); v != "" && !(h == "Content-Type" && resp.StatusCode == http.StatusTemporaryRedirect) {
			out += " " + h + "=" + v
		}
	}
	return out + " " + normal(bytes.TrimSuffix(p.last, []byte("\n")))
}

var address = regexp.MustCompile(`ldaps?://[0-9.:]+`)

// random are the parts of answers that differ from run to run.
var random = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`hv([sb])\.[A-Za-z0-9_-]{20,}`), "hv$1.TOKEN"},
	{regexp.MustCompile(`"([sb])\.[A-Za-z0-9]{24}"`), `"$1.TOKEN"`}, // of OpenBao
	{regexp.MustCompile(`"b\.AAAAAQ[A-Za-z0-9_-]{90,}"`), `"b.TOKEN"`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`"(accessor|wrapped_accessor)":"[A-Za-z0-9]{24}"`), `"$1":"ACCESSOR"`},
	{regexp.MustCompile(`"([a-z_]+)_[0-9a-f]{8}(\.root)?"`), `"${1}_ID$2"`},
	{regexp.MustCompile(`/[A-Za-z0-9]{24}"`), `/LEASE"`},
	{regexp.MustCompile(`"h[0-9a-f]{64}"`), `"LEASE"`},
	{regexp.MustCompile(`"(creation_time|server_time_utc|last_renewal_time)":\d+`), `"$1":0`},
	{regexp.MustCompile(`27647\d\d|27648\d\d`), "2764800"},
	{regexp.MustCompile(`hmac-sha256:[0-9a-f]{64}`), "hmac-sha256:HASH"},
	{regexp.MustCompile(`"password":"[abcde]{20}"`), `"password":"PASSWORD"`},
	{regexp.MustCompile(`"status":"in-progress"`), `"status":"success"`}, // of a remount: it depends on who is quicker
	{regexp.MustCompile(`"ciphertext":"vault:v(\d):[^"]*"`), `"ciphertext":"vault:v$1:TEXT"`},
	{regexp.MustCompile(`"keys":{("\d":)\d+`), `"keys":{${1}0`},
	{regexp.MustCompile(`"(signature|hmac)":"vault:v(\d):[^"]*"`), `"$1":"vault:v$2:TEXT"`},
	{regexp.MustCompile(`"(public_?key|backup|random_bytes)":"[A-Za-z0-9+/=]{6,}"`), `"$1":"OCTETS"`},
	{regexp.MustCompile(`"plaintext":"[A-Za-z0-9+/=]{24,}"`), `"plaintext":"OCTETS"`}, // of a data key
	{regexp.MustCompile(`"public_key":"-----BEGIN PUBLIC KEY-----[^"]*"`), `"public_key":"PEM"`},
	{regexp.MustCompile(`"keys":{"1":"(-----BEGIN [A-Z ]*-----)?[^"]{20,}"}`), `"keys":{"1":"${1}KEY"}`},
	{regexp.MustCompile(`"code":"\d{6}"`), `"code":"CODE"`},
	{regexp.MustCompile(`"2":\d{10}`), `"2":0`},
	{regexp.MustCompile(`"(password|last_password|current_password)":"[^"]{64}"`), `"$1":"PASSWORD"`},
	{regexp.MustCompile(`"borrower_client_token":"[0-9a-f]{40}"`), `"borrower_client_token":"HASH"`},
	{address, "ldap://ADDR"},
	// A renewal for as long as is possible, a second later.
	{regexp.MustCompile(`\["TTL of \\"768h\\" exceeded the effective max_ttl of \\"767h59m5\ds\\"; TTL value is capped accordingly"\]`), "null"},
	{regexp.MustCompile(`"status":"in-progress"`), `"status":"success"`},
	{regexp.MustCompile(`"cluster_name":"[^"]*"`), `"cluster_name":"CLUSTER"`},
	{regexp.MustCompile(`"signed_key":"ssh-ed25519-cert[^"]*"`), `"signed_key":"CERTIFICATE"`},
	{regexp.MustCompile(`"serial_number":"[0-9a-f]+"`), `"serial_number":"NUMBER"`},
	{regexp.MustCompile(`"public_key":"ssh-ed25519 [^"]*"`), `"public_key":"KEY"`},
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
	s := string(body)
	for _, r := range random {
		s = r.re.ReplaceAllString(s, r.to)
	}
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
