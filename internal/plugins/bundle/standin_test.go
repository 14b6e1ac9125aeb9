package bundle

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"counterpart/internal/plugins/scenario"
)

func none(string) bool { return false }

// TestStandInsAreOfTheSameKind: whoever reads them as what the secret was can go on doing so.
func TestStandInsAreOfTheSameKind(t *testing.T) {
	s := newStandIns([]byte("key"), none)
	for secret, like := range map[string]string{
		"Wonderland-1": `^[A-Z][a-z]{9}-\d$`, "JBSWY3DPEHPK3PXP": `^[A-Z2-7]{16}$`, "MZXW6YTBOI======": `^[A-Z2-7]{9}A======$`,
		"000102030405060708090a0b0c0d0e0f": `^[0-9a-f]{32}$`, "0123456789": `^\d{10}$`, "EHmo8FMxuhumBlTinC4uYL0Mgwg=": `^[A-Za-z0-9]{26}A=$`,
		"hex:74657374": `^hex:[0-9a-f]{8}$`, "Pass-{name}-1": `^[A-Z][a-z]{3}-\{name\}-\d$`, "pa,ss wörd": `^[a-z]{2},[a-z]{2} [a-z]ö[a-z]{2}$`,
	} {
		got := s.standIn(secret)
		if got == secret || !regexp.MustCompile(like).MatchString(got) {
			t.Errorf("%s becomes %s", secret, got)
		}
		if again := s.standIn(secret); again != got {
			t.Errorf("%s becomes %s, and %s", secret, got, again)
		}
	}
	if s.standIn("") != "" {
		t.Error("nothing has a stand-in")
	}
	if a, b := newStandIns([]byte("one"), none).standIn("Wonderland-1"), newStandIns([]byte("two"), none).standIn("Wonderland-1"); a == b {
		t.Errorf("two bundles have the same stand-in %s", a)
	}
}

// TestSecretsAreReplacedWhereverTheyStand: the longest first, and no parts of words.
func TestSecretsAreReplacedWhereverTheyStand(t *testing.T) {
	s := newStandIns([]byte("key"), func(v string) bool { return v == "vault" })
	for _, secret := range []string{"Secret-1", "Secret-1-more", "abcd", "123", "vault"} {
		s.standIn(secret)
	}
	for in, want := range map[string]string{
		"x Secret-1-more y": "x " + s.of["Secret-1-more"] + " y", "user:Secret-1@host": "user:" + s.of["Secret-1"] + "@host",
		"abcd": s.of["abcd"], "abcdef abcd.": "abcdef " + s.of["abcd"] + ".", "123 123": "123 123", "vault": "vault", "": "",
	} {
		if got := s.text(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestSecretsOfASeedAreFoundByTheirKeys: wherever they stand in it.
func TestSecretsOfASeedAreFoundByTheirKeys(t *testing.T) {
	const text = `
users:
  - {name: alice, password: Alice-Secret-1, devices: [{id: a, kind: totp, secret: JBSWY3DPEHPK3PXP, pin: 0042}, {id: b, kind: hotp, secret: {hex: 3132333435363738}}, {id: c, kind: static, codes: ["11112222"]}, {id: d, kind: yubikey, public_id: vvcccccccccb, private_id: "0102030405ff", aes_key: 000102030405060708090a0b0c0d0e0f}], settings: {radius.pin: "4711", radius.token_mode: new_pin}}
clients: [{name: sps, secret: sps-Secret-2}]
control: {token: control-Secret-3}
generate: {users: 3, password: "Pass-{name}"}
servers:
  - {kind: vault, token: root, unseal_keys: [00ff00ff00ff00ff], auth: [{path: approle, roles: [{name: sps, secret_ids: [{value: Role-Secret-4}]}]}], mounts: [{path: kv, secrets: [{path: a, data: {user: one, password: Kv-Secret-5}}], keys: [{name: k, secret: GEZDGNBVGY3TQOJQ}]}]}
  - {kind: servicenow, api_keys: [{name: n, key: Api-Secret-6}], oauth: [{client_id: id, client_secret: Oauth-Secret-7, jwt_secret: Jwt-Secret-8}]}
  - {kind: radius, clients: [{from: 127.0.0.0/8, secret: testing123}], challenge: {ttl: 60s}}
  - {kind: duo, integrations: [{name: sps, ikey: DIWJ8X6AEYOR5OMC6TQ1, skey: Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK}], users: [{name: alice, bypass_codes: [{code: "123456789"}]}]}
`
	m, err := scenario.ReadSeed("seed", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var left, done []string
	w := &walker{standIns: newStandIns([]byte("key"), func(v string) bool { return v == "root" }), left: &left, done: &done}
	w.walk(m, "", false)
	out, err := yaml.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Alice-Secret-1", "JBSWY3DPEHPK3PXP", "0042", "3132333435363738", "11112222", "0102030405ff", "000102030405060708090a0b0c0d0e0f", "4711", "sps-Secret-2",
		"control-Secret-3", "Pass-{name}", "00ff00ff00ff00ff", "Role-Secret-4", "Kv-Secret-5", "GEZDGNBVGY3TQOJQ", "Api-Secret-6", "Oauth-Secret-7", "Jwt-Secret-8", "testing123", "Zh5eGmUq9zpfQnyUIzL0nWJe3Rmuz8KSGuWuGgSK", "123456789"} {
		if strings.Contains(string(out), secret) {
			t.Errorf("%s is still there", secret)
		}
	}
	for _, kept := range []string{"alice", "vvcccccccccb", "new_pin", "DIWJ8X6AEYOR5OMC6TQ1", "127.0.0.0/8", "60s", "client_id: id", "token: root", "{name}"} {
		if !strings.Contains(string(out), kept) {
			t.Errorf("%s is gone:\n%s", kept, out)
		}
	}
	if len(left) != 1 || !strings.Contains(left[0], "servers[0].token") {
		t.Errorf("left: %q", left)
	}
}

// TestSecretsOfAConfigurationAreFoundByTheirOptions: holes and references stay.
func TestSecretsOfAConfigurationAreFoundByTheirOptions(t *testing.T) {
	var left, done []string
	w := walker{standIns: newStandIns([]byte("key"), none), left: &left, done: &done}
	got := w.config("[a]\nserver = x\npassword = Real-One-1 \napi_key=$\nsecret = {{ clients.sps.secret }}\n; token: Tok-En-2\nuse_token_cache = \nauthkey_name = n\r\nskey=Abc123\n", "config")
	for _, want := range []string{"server = x\n", "api_key=$\n", "secret = {{ clients.sps.secret }}\n", "use_token_cache = \n", "authkey_name = n\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is gone:\n%s", want, got)
		}
	}
	for _, secret := range []string{"Real-One-1", "Abc123"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is still there:\n%s", secret, got)
		}
	}
}
