package main

import (
	"encoding/json"
	"fmt"
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

// Run does what the command is for: it writes a scenario, and a configuration if the
// plugin has one, and never over files that exist.
func (c *pluginInitCmd) Run(e *env) error {
	profile, err := pluginhost.ProfileFor(c.SPS)
	if err != nil {
		return err
	}
	pkg, verdict := pluginhost.Check(c.Path, profile)
	for _, p := range verdict.Problems {
		fmt.Fprintf(e.err, "%s\n", p)
	}
	if pkg == nil || !verdict.OK() {
		return failure{scenario.Rejected.Code(), fmt.Errorf("SPS %s would refuse %s, and so does what runs scenarios; nothing was written", profile.SPS, c.Path)}
	}
	dir := c.folder()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from, err := beside(dir, c.Path)
	if err != nil {
		return err
	}
	about, err := aboutSystems(pkg)
	if err != nil {
		return err
	}
	names, files := []string{"first.yaml"}, map[string]string{"first.yaml": c.first(pkg, from, about)}
	if pkg.DefaultConfig != "" {
		names, files["plugin.cfg"] = append(names, "plugin.cfg"), about.config(pkg.DefaultConfig)
	}
	if err := writeNew(e, dir, names, files); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\n%s\n", about.words())
	what := "it"
	if len(names) > 1 {
		what = "both"
	}
	fmt.Fprintf(e.out, "\nEdit %s, then run: counterpart plugin test %s\n", what, forShell(dir))
	return nil
}

// folder is where to write.
func (c *pluginInitCmd) folder() string {
	if c.Out != "" {
		return c.Out
	}
	if info, err := os.Stat(c.Path); err == nil && info.IsDir() {
		return filepath.Join(c.Path, "scenarios")
	}
	return filepath.Join(filepath.Dir(c.Path), "scenarios")
}

// beside is a path as it is from a folder, whatever links lead there.
func beside(dir, path string) (string, error) {
	var real [2]string
	for i, p := range []string{dir, path} {
		abs, err := filepath.Abs(p)
		if err != nil {
			return "", err
		}
		if real[i], err = filepath.EvalSymlinks(abs); err != nil {
			return "", err
		}
	}
	if rel, err := filepath.Rel(real[0], real[1]); err == nil {
		return filepath.ToSlash(rel), nil
	}
	return filepath.ToSlash(real[1]), nil // on another drive
}

// writeNew writes files, all or none if one exists.
func writeNew(e *env, dir string, names []string, files map[string]string) error {
	for _, name := range names {
		if path := filepath.Join(dir, name); exists(path) {
			return fmt.Errorf("%s exists; remove it, or write elsewhere with --out", path)
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
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
	return nil
}

var (
	plainShell = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
	plainYAML  = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)
)

// forShell is a word of a command line.
func forShell(s string) string {
	if plainShell.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// forScenario is a path as a value of a scenario, where $ and {{ mean something.
func forScenario(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "$", "$$"), "{{", openBraces)
	if plainYAML.MatchString(s) {
		return s
	}
	quoted, err := json.Marshal(s) // a text of JSON is one of YAML
	if err != nil {
		return `"` + s + `"`
	}
	return string(quoted)
}

// openBraces is the hole that stands for what begins a hole.
const openBraces = `{{ "{{" }}`

// first is a scenario to start from.
func (c *pluginInitCmd) first(pkg *pluginhost.Package, from string, about systems) string {
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
	config := "config_file: plugin.cfg"
	if pkg.DefaultConfig == "" {
		config = "# config_file: plugin.cfg   # the package has no default.cfg; SPS gives it an empty configuration"
	}
	release := ""
	if c.SPS != "" {
		release = fmt.Sprintf("sps: %q\n", c.SPS)
	}
	return fmt.Sprintf(`# A first scenario for %s. docs/scenarios.md has every key;
# `+"`counterpart plugin schema`"+` is for editors.
# %s
scenario: the good path and a refusal
%splugins:
  %s:
    package: %s
    %s
    # deps: ./site      # what the plugin's Pipfile names, installed with pip --target
# fleet: {seed: demo}   # the company it talks to
# box:
#   credential_stores: {store: {section: {option: "{{ clients.sps.secret }}"}}}

connection:
  protocol: ssh
  policy: ssh-prod
  client: {ip: 198.51.100.7, port: 51022}
  gateway: {user: alice, groups: [dba]}
  server: {user: root, ip: 10.0.0.5, port: 22, hostname: db01.acme.test}
  # usermapping: true   # SPS wants a policy when the plugin returns another gateway_user than root

%s`, pkg.Manifest.Name, about.words(), release, kind, forScenario(from), config, rest)
}
