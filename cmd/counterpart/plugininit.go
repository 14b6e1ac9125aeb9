package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/plugins/scenario"
)

type pluginInitCmd struct {
	Path string `arg:"" help:"Plugin: a zip file or a folder."`
	Out  string `placeholder:"DIR" help:"Folder to write to; by default scenarios beside or in the plugin."`
	SPS  string `name:"sps" default:"" placeholder:"9.0" help:"SPS release to write for."`
}

// Run implements kong's command: it writes a configuration and a scenario, and
// never over files that exist.
func (c *pluginInitCmd) Run(e *env) error {
	profile, err := pluginhost.ProfileFor(c.SPS)
	if err != nil {
		return err
	}
	pkg, verdict := pluginhost.Check(c.Path, profile)
	if pkg == nil || pkg.Manifest.Name == "" {
		for _, p := range verdict.Errors() {
			fmt.Fprintln(e.err, p)
		}
		return failure{scenario.Rejected.Code(), fmt.Errorf("%s is no plugin that a scenario could run", c.Path)}
	}
	dir := c.Out
	if dir == "" {
		dir = filepath.Join(filepath.Dir(c.Path), "scenarios")
		if info, err := os.Stat(c.Path); err == nil && info.IsDir() {
			dir = filepath.Join(c.Path, "scenarios")
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from, err := filepath.Rel(dir, c.Path)
	if err != nil {
		from = c.Path
	}
	files := map[string]string{"plugin.cfg": config(pkg.DefaultConfig), "first.yaml": first(pkg, from)}
	for _, name := range []string{"plugin.cfg", "first.yaml"} {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists; remove it, or write elsewhere with --out", path)
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(files[name])
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(e.out, "wrote", path)
	}
	fmt.Fprintf(e.out, "\nEdit both, then run: counterpart plugin test %s\n", dir)
	return nil
}

// option is a line of an INI file.
var option = regexp.MustCompile(`^(\s*;?\s*)([A-Za-z0-9_.-]+)(\s*[=:]\s*)(.*)$`)

// config is the plugin's default configuration with hints where a fleet's own
// values belong.
func config(text string) string {
	var b strings.Builder
	b.WriteString("# The plugin's default.cfg. Holes like {{ native.url }}, {{ radius.host }},\n# {{ radius.port }} or {{ clients.sps.secret }} are filled from the fleet.\n")
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(line + "\n")
		m := option.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if hole := suggestion(strings.ToLower(m[2])); hole != "" {
			fmt.Fprintf(&b, "# perhaps: %s = %s\n", m[2], hole)
		}
	}
	return b.String()
}

// suggestion guesses what of the fleet an option wants.
func suggestion(option string) string {
	switch option {
	case "server", "host":
		return "{{ radius.host }}"
	case "port":
		return "{{ radius.port }}"
	case "secret", "shared_secret":
		return "{{ radius.secret }}"
	case "address", "url", "base_url", "server_url":
		return "{{ native.url }}"
	case "api_key", "apikey", "token":
		return "{{ clients.sps.secret }}"
	}
	return ""
}

// first is a scenario to start from.
func first(pkg *pluginhost.Package, from string) string {
	kind, rest := "aa", `# What the plugin asks and what is typed. Delete what it does not ask.
prompts:
  - ask: {key: otp}
    answer: "{{ users.alice.otp }}"

expect:
  outcome: connected
  authenticate: {verdict: ACCEPT}
  authorize: {verdict: ACCEPT}
  session_ended: {calls: 1}
  # backend: [{system: native, path: /otp/v1/verify, status: 200}]

cases:
  - name: right code
  - name: wrong code
    prompts: [{answer: "000000"}]
    expect: {outcome: denied, authenticate: {verdict: DENY}, authorize: {verdict: absent}}
`
	if pkg.Manifest.Type == pluginhost.CredentialStore {
		kind, rest = "credentialstore", `# What the target accepts.
target:
  offers: [password]
  accepts: {password: '{{ accounts["root@db01"].password }}'}

expect:
  outcome: connected
  get_password_list: {calls: 1}
  session_ended: {calls: 1}
  passwords: ['{{ accounts["root@db01"].password }}']
  no_log: ['{{ accounts["root@db01"].password }}']
`
	}
	return fmt.Sprintf(`# A first scenario for %s. Every key is described in docs/plugins.md.
scenario: the good path and a refusal
plugins:
  %s:
    package: %s
    config_file: plugin.cfg
    # deps: ./site      # what the plugin's Pipfile names, installed with pip --target
# fleet: {seed: demo}   # the company it talks to
# box:
#   credential_stores: {store: {section: {option: "{{ radius.secret }}"}}}

connection:
  protocol: ssh
  policy: ssh-prod
  client: {ip: 198.51.100.7, port: 51022}
  gateway: {user: alice, groups: [dba]}
  server: {user: root, ip: 10.0.0.5, port: 22, hostname: db01.acme.test}

%s`, pkg.Manifest.Name, kind, from, rest)
}
