package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"counterpart/seed"
)

// FuzzLoad: whatever a scenario and its suite are, each of their cases is in order or
// says why not, with a place that is in a file.
func FuzzLoad(f *testing.F) {
	f.Add("", good)
	f.Add("x-a: &a {b: c}\nbox: *a\n", good+"  - {name: x, expect: {backend: [{sytem: a}], keys: [{}], log: [/(/]}, fleet: {merge: {users: [~]}}}\n")
	f.Add("plugins: []\n", "scenario: x\nplugins: {aa: {config: \"{{\", config_file: 1}, credentialstore: 2}\nconnection: {port: {{x}}}\ncases:\n- name: ~\n- [a]\n- {name: {}}\n")
	f.Add("cases: 1", "scenario: x\nprompts: {a: b}\nduring: [{wait: -1s, totp: true}]\nlimits: {cpu: [1]}\nexpect: [1]\nlegs: 9999999999999999999\n")
	f.Fuzz(func(t *testing.T, suite, text string) {
		dir := t.TempDir()
		for name, text := range map[string]string{suiteName: suite, "s.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range LoadAll(filepath.Join(dir, "s.yaml")) {
			c.Files()
			var list *seed.Error
			if !errors.As(c.Wrong, &list) {
				continue
			}
			for _, p := range list.Problems {
				if p.Line < 1 || p.Column < 1 || p.File == "" || p.Message == "" {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}
