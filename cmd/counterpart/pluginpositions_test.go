//go:build !nopython

package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestP6InitWritesWhatItsRunnerAccepts: for every kind of package, wherever it lies.
func TestP6InitWritesWhatItsRunnerAccepts(t *testing.T) {
	asks := accepting("        if \"otp\" not in key_value_pairs:\n            return {\"verdict\": \"NEEDINFO\", \"question\": (\"otp\", \"Code: \")}\n" +
		"        return {\"verdict\": \"ACCEPT\" if key_value_pairs[\"otp\"] != \"000000\" else \"DENY\"}\n")
	store := packaged("credentialstore", "    def get_password_list(self, cookie, session_cookie):\n        return {\"passwords\": []}\n    def get_private_key_list(self, cookie, session_cookie): pass\n"+
		"    def authentication_completed(self, cookie, session_cookie): pass\n    def session_ended(self, cookie, session_cookie): pass\n")
	plain := map[string]string{"MANIFEST": asks["MANIFEST"], "main.py": strings.Replace(asks["main.py"], "    def __init__(self, configuration=\"\"):\n        self.configuration = configuration\n", "", 1)}
	for name, c := range map[string]struct {
		files           map[string]string
		folder, config  string
		out, said, hint string
		code            int
	}{
		"AA":                    {files: asks, folder: "p", config: "[okta]\nurl = https://x.okta.com\n[auth]\nprompt = a\n  b\n", said: "It speaks to okta, which the fleet does not play. It plays `native`, ", hint: "# It speaks to okta"},
		"store":                 {files: store, folder: "p", config: "[hashicorp]\naddress = x\nport = 8200\n", said: "It speaks to hashicorp, which the server vault of the demo company plays.", hint: "# perhaps: address = {{ vault.host }}", code: 1},
		"RADIUS":                {files: asks, folder: "p", config: "[radius]\n; server=<x>\nsecret=$\n", said: "server radius of", hint: "# perhaps: secret = {{ radius.secret }}"},
		"no class to configure": {files: plain, folder: "p", said: "is not clear"},
		"another folder":        {files: asks, folder: "p", out: "else/where", config: "[x]\na = 1\n"},
		"a name to be quoted":   {files: asks, folder: "a: #b 'c' \"d\" $HOME {{ x }} é", out: "o p"},
		"a number":              {files: asks, folder: "0123", out: "out"},
		"braces in the default": {files: asks, folder: "p", config: "[x]\na = {{ nothing }}\n"},
		"no INI":                {files: asks, folder: "p", config: "{\"a\": 1}\n"},
		"only comments":         {files: asks, folder: "p", config: "# nothing\n"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for f, text := range c.files {
				files[c.folder+"/"+f] = text
			}
			if c.config != "" {
				files[c.folder+"/default.cfg"] = c.config
			}
			t.Chdir(put(t, files))
			args, dir := []string{"plugin", "init", "--sps", "9.0", c.folder}, filepath.Join(c.folder, "scenarios")
			if c.out != "" {
				args, dir = append(args, "--out", c.out), c.out
			}
			code, out, errs := called(t, args...)
			if code != 0 || !strings.Contains(out, c.said) {
				t.Fatalf("exit code %d, not said: %s\n%s%s", code, c.said, out, errs)
			}
			config, err := os.ReadFile(filepath.Join(dir, "plugin.cfg"))
			if (err == nil) != (c.config != "") || !strings.Contains(string(config), c.hint) {
				t.Errorf("%v\n%s\nwant %s", err, config, c.hint)
			}
			if name == "AA" && strings.Contains(string(config), "perhaps") {
				t.Errorf("the address of another system:\n%s", config)
			}
			if code, out, errs = called(t, "plugin", "test", dir); code != c.code {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

func TestP6InitSaysWhatItRefuses(t *testing.T) {
	dir := put(t, with(map[string]string{"bad/MANIFEST": "name: Bad\nversion: \"1\"\ntype: aa\napi: 9.9\nentry_point: main.py\n", "other/MANIFEST": "name: Other\ndescription: x\nversion: \"1\"\ntype: signingca\napi: \"1.0\"\nentry_point: main.py\n", "other/main.py": ""},
		"there/", accepting(likesEverybody)))
	t.Chdir(dir)
	if err := os.MkdirAll("there/scenarios", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("there/scenarios/first.yaml", []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	z, err := os.Create("no.zip")
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.NewWriter(z).Close(); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for path, want := range map[string]string{"bad": "MANIFEST api version may not be larger", "other": "signingca", "no.zip": "MANIFEST file not found", "nowhere": "nowhere"} {
		code, out, errs := called(t, "plugin", "init", path)
		if code != 2 || !strings.Contains(errs, want) || !strings.Contains(errs, "nothing was written") || out != "" || exists(filepath.Join(path, "scenarios")) {
			t.Errorf("%s: exit code %d\n%s%s", path, code, out, errs)
		}
	}
	if code, out, errs := called(t, "plugin", "init", "there"); code != 4 || !strings.Contains(errs, "exists; remove it") || strings.Contains(out, "wrote") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestP9MistakesHaveThePlaceInTheAuthorsFile(t *testing.T) {
	const head = "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\n"
	configurable := accepting("        import configparser\n        configparser.ConfigParser().read_string(self.configuration)\n" + likesEverybody)
	for want, files := range map[string]map[string]string{
		"s.yaml:4:19: expect.outcome is never \"conected\", did you mean `connected`?":                {"s.yaml": head + "expect: {outcome: conected}\n"},
		"s.yaml:6:23: expect.outcome is never \"denyed\", did you mean `denied`?":                     {"s.yaml": head + "cases:\n  - name: a\n    expect: {outcome: denyed}\n  - name: b\n"},
		"s.yaml:4:17: expect.error is never \"exeption\", did you mean `exception`?":                  {"s.yaml": head + "expect: {error: exeption}\n"},
		"s.yaml:4:34: expect.authenticate.verdict is never \"accept\", did you mean `ACCEPT`?":        {"s.yaml": head + "expect: {authenticate: {verdict: accept}}\n"},
		"suite.yaml:2:3: unknown key `hostnam`, did you mean `hostname`?":                             {"s.yaml": head, "suite.yaml": "box:\n  hostnam: x\n"},
		"suite.yaml:2:13: `trust` cannot be `injct`, did you mean `inject`?":                          {"s.yaml": head, "suite.yaml": "box:\n  trust:    injct\n"},
		"s.yaml:6:16: there is no server \"natve\", did you mean `native`?":                           {"s.yaml": head + "expect:\n  backend:\n    - {system: natve}\n"},
		"s.yaml:4:23: expect.backend[0]: unknown key `sytem`, did you mean `system`?":                 {"s.yaml": head + "expect: {backend: [{  sytem: native}]}\n"},
		"s.yaml:4:37: expect.backend[0]: unknown key `table`":                                         {"s.yaml": head + "expect: {backend: [{system: native, table: x}]}\n"},
		"s.yaml:4:37: expect.backend[0]: unknown key `servce_type`, did you mean `service_type`?":     {"s.yaml": head + "expect: {backend: [{system: radius, servce_type: x}]}\n"},
		"s.yaml:4:27: there is no server of the kind \"radus\" in this fleet, did you mean `radius`?": {"s.yaml": head + "expect: {backend: [{kind: radus}]}\n"},
		"s.yaml:4:15: there is no server \"nativ\", did you mean `native`?":                           {"s.yaml": head + "fleet: {off: [nativ]}\n"},
		"s.yaml:4:32: there is no server \"rdius\", did you mean `radius`?":                           {"s.yaml": head + "box: {redirects: {\"a.b.c:443\": rdius}}\n"},
		"s.yaml:4:24: there is no server \"x\"":                                                       {"s.yaml": head + "box: {ldap: {p: {from: x}}}\n"},
		"s.yaml:4:15: there is no seed \"demoo\", did you mean `demo`?":                               {"s.yaml": head + "fleet: {seed: demoo}\n"},
		"s.yaml:6:27: unknown key `pasword`, did you mean `password`?":                                {"s.yaml": head + "fleet:\n  merge:\n    users: [{name: alice, pasword: x}]\n"},
		"s.yaml:4:41: `answer` must be text, not a list":                                              {"s.yaml": head + "prompts: [{answer: \"1\", x: 1}, {answer: []}]\n"},
		"s.yaml:7:17: {{ native.utl }}: there is no \"utl\"":                                          {"s.yaml": "scenario: x\nconnection: {protocol: ssh}\nplugins:\n  aa:\n    package: p\n    config: |\n      address = {{ native.utl }}\n"},
		"mine.cfg:3:5: {{ native.utl }}: there is no \"utl\"":                                         {"s.yaml": "scenario: x\nconnection: {protocol: ssh}\nplugins: {aa: {package: p, config_file: mine.cfg}}\n", "mine.cfg": "# {{ nothing.x }} may stay\n[a]\nb = {{ native.utl }}\n"},
		"that line of the configuration is ":                                                          {"s.yaml": "scenario: x\nconnection: {protocol: ssh}\nplugins:\n  aa:\n    package: p\n    config: |\n      [a]\n      b = 1\n      b = 2\nexpect: {outcome: connected}\n"},
		"s.yaml:9":                                                                                    {"s.yaml": "scenario: x\nconnection: {protocol: ssh}\nplugins:\n  aa:\n    package: p\n    config: |\n      [a]\n      b = 1\n      b = 2\nexpect: {outcome: connected}\n"},
		"outcome (s.yaml:4:19)":                                                                       {"s.yaml": head + "expect: {outcome: denied}\n"},
		"authenticate.verdict (suite.yaml:3:14)":                                                      {"s.yaml": head + "cases: [{name: a}]\n", "suite.yaml": "expect:\n  authenticate:\n    verdict: DENY\n"},
		"log (s.yaml:5:8)":                                                                            {"s.yaml": head + "expect:\n  log: [nothing like this]\n"},
	} {
		dir := put(t, with(files, "p/", configurable))
		t.Chdir(dir)
		code, out, errs := called(t, "plugin", "test", "s.yaml")
		if code == 0 || !strings.Contains(out+errs, want) {
			t.Errorf("exit code %d, not said: %s\n%s%s", code, want, out, errs)
		}
	}
}

// TestP9WhatTheBoxHas: its name in the log's prefix, the file with its own name, and
// a gateway authentication that excludes AA plugins.
func TestP9WhatTheBoxHas(t *testing.T) {
	dir := put(t, with(map[string]string{
		"s.yaml":   "scenario: x\nplugins: {aa: {package: p}}\nbox: {hostname: box.acme.test}\nconnection: {protocol: ssh, policy: lab}\nexpect: {outcome: connected, log: [/^I am box.acme.test on box.acme.test$/], authenticate: {calls: 1}}\n",
		"own.yaml": "scenario: x\nplugins: {aa: {package: p}}\nbox: {hostname: box, files: {/etc/hostnickname: other}}\nconnection: {protocol: ssh}\nexpect: {log: [I am other on box]}\n",
		"web.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh, gateway: {user: alice, web: true}}\n",
	}, "p/", accepting("        import os, socket\n        assert os.path.exists('/etc/hostnickname')\n        print('I am', open('/etc/hostnickname').read().strip(), 'on', socket.gethostname())\n"+likesEverybody)))
	t.Chdir(dir)
	code, out, errs := called(t, "plugin", "test", "-v", "s.yaml", "own.yaml")
	if line := "/lab:1/ssh: I am box.acme.test on box.acme.test"; code != 0 || !strings.Contains(out, line) || !strings.Contains(out, "log          svc/") {
		t.Errorf("exit code %d, no line %s\n%s%s", code, line, out, errs)
	}
	if code, out, _ := called(t, "plugin", "test", "web.yaml"); code != 4 || !strings.Contains(out, "an AA plugin and web-based gateway authentication exclude each other") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestP9NoScenarioNamesTheRepositorysVirtualEnvironment of those that are handed out.
func TestP9NoScenarioNamesTheRepositorysVirtualEnvironment(t *testing.T) {
	err := filepath.WalkDir("../../plugins", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), ".venv") {
			t.Errorf("%s does", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestP9SecretsAreMasked(t *testing.T) {
	tells := accepting("        if \"pin\" not in key_value_pairs:\n            return {\"verdict\": \"NEEDINFO\", \"question\": (\"pin\", \"Pin? \", True)}\n" +
		"        print('alice has Alice-Pass-1, the typed', key_value_pairs['pin'])\n        return {\"verdict\": \"DENY\", \"reason\": key_value_pairs['pin']}\n")
	dir := put(t, with(map[string]string{"s.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nprompts: [{answer: Typed-Secret}]\nexpect: {authenticate: {reason: Another}, no_log: [Alice-Pass-1]}\n",
		"otp.yaml": "scenario: x\nplugins: {aa: {package: p}}\nconnection: {protocol: ssh}\nprompts: [{answer: \"{{ users.alice.password }}\"}]\n"}, "p/", tells))
	t.Chdir(dir)
	for _, mode := range []string{"fresh", "worker"} {
		code, out, errs := called(t, "plugin", "test", "--mode", mode, "--junit", "r.xml", "--json", "r.json", "s.yaml", "otp.yaml")
		report, _ := os.ReadFile("r.xml")
		all, _ := os.ReadFile("r.json")
		for where, text := range map[string]string{"the terminal": out + errs, "JUnit": string(report), "JSON": string(all)} {
			for _, secret := range []string{"Typed-Secret", "Alice-Pass-1"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %s shows %s:\n%s", mode, where, secret, text)
				}
			}
		}
		if code != 1 || !strings.Contains(out, "alice has ***, the typed ***") || !strings.Contains(out, "--show-secrets shows them") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	}
	if _, out, _ := called(t, "plugin", "test", "--show-secrets", "s.yaml"); !strings.Contains(out, "alice has Alice-Pass-1, the typed Typed-Secret") {
		t.Error(out)
	}
}
