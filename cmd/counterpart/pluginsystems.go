package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"counterpart/internal/company/clock"
	"counterpart/internal/plugins/pluginhost"
	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/strictyaml"
	"counterpart/internal/steering/boot"
	"counterpart/seed"
	"counterpart/seed/worlds"
	"counterpart/servers"
)

// vendors are words by which plugins call the systems that they speak to, and the
// kind of server that plays each, whether there is one yet or not.
var vendors = []struct{ word, kind string }{
	{"counterpart", "native"}, {"radius", "radius"}, {"ldap", "ldap"}, {"hashicorp", "vault"}, {"vault", "vault"}, {"service_now", "servicenow"},
	{"servicenow", "servicenow"}, {"duo", "duo"}, {"yubikey", "yubico"}, {"yubico", "yubico"}, {"cyberark", "cyberark"}, {"tpam", "tpam"},
	{"thycotic", "secretserver"}, {"secret_server", "secretserver"}, {"delinea", "secretserver"}, {"okta", "okta"}, {"pingid", "pingid"}, {"inwebo", "inwebo"},
	{"starling", "starling"}, {"onelogin", "onelogin"}, {"azure", "azuread"}, {"entra", "azuread"}, {"privacyidea", "privacyidea"}, {"securid", "rsa"},
	{"rsa", "rsa"}, {"jira", "jira"}, {"remedy", "bmc"}, {"bmc", "bmc"}, {"spp", "safeguard"}, {"safeguard", "safeguard"},
}

// systems is what a plugin speaks to, as far as its package tells, and what of it
// the fleet plays.
type systems struct {
	section string // of the configuration that says where it is; empty: not known
	vendor  string // the word by which the plugin calls it; empty: not known
	server  string // that plays it in the demo company; empty: none does
	facts   []dialect.Fact
	played  []string // kinds
}

// aboutSystems finds out what a plugin speaks to: by a section of its default.cfg,
// or else by its name.
func aboutSystems(pkg *pluginhost.Package) (systems, error) {
	out := systems{}
	for _, k := range servers.Table() {
		out.played = append(out.played, k.Name)
	}
	kind := ""
	find := func(text, section string) {
		for _, v := range vendors {
			if out.vendor == "" && slices.Contains(wordsOf(text), v.word) {
				out.section, out.vendor, kind = section, v.word, v.kind
			}
		}
	}
	for _, m := range header.FindAllStringSubmatch(pkg.DefaultConfig, -1) {
		find(m[1], m[1])
	}
	find(pkg.Manifest.Name, "")
	if kind == "" {
		return out, nil
	}
	text, err := worlds.Open("demo")
	if err != nil {
		return out, err
	}
	s, err := seed.Load("demo.yaml", text, seed.Options{Now: clock.New().Now(), FS: worlds.FS, Kinds: out.played})
	if err != nil {
		return out, err
	}
	company, err := boot.New(s, boot.Options{Kinds: servers.Table(), NoControl: true, NoJournal: true})
	if err != nil {
		return out, err
	}
	for _, block := range s.Servers {
		if block.Kind == kind && out.server == "" {
			out.server, out.facts = block.Name, company.Facts()[block.Name]
		}
	}
	return out, company.Close()
}

// header is the head of a section of an INI file, perhaps in a comment.
var header = regexp.MustCompile(`(?m)^[;#\s]*\[([^\]\n]+)\]`)

// wordsOf are a name's words, and two of them together: service_now.
func wordsOf(s string) []string {
	parts := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' })
	out := slices.Clone(parts)
	for i := 1; i < len(parts); i++ {
		out = append(out, parts[i-1]+"_"+parts[i], parts[i-1]+parts[i])
	}
	return out
}

// words say what is played of it.
func (s systems) words() string {
	switch {
	case s.vendor == "":
		return "What it speaks to is not clear from its configuration; the fleet plays " + strictyaml.Enumerate(s.played) + "."
	case s.server == "":
		return fmt.Sprintf("It speaks to %s, which the fleet does not play. It plays %s.", s.vendor, strictyaml.Enumerate(s.played))
	}
	return fmt.Sprintf("It speaks to %s, which the server %s of the demo company plays.", s.vendor, s.server)
}

// option is a line of an INI file.
var (
	option  = regexp.MustCompile(`^(\s*[;#]?\s*)([A-Za-z0-9_.-]+)(\s*[=:]\s*)(.*)$`)
	comment = regexp.MustCompile(`^\s*([;#].*)?$`)
)

// config is the plugin's default configuration, with hints where a fleet's own
// values belong. What is no INI file gets none: a line more may mean anything.
func (s systems) config(text string) string {
	text = strings.ReplaceAll(text, "{{", openBraces)
	if !isINI(text) {
		return text
	}
	var b strings.Builder
	if s.server == "" {
		fmt.Fprintf(&b, "# %s\n", s.words())
	}
	section := ""
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		b.WriteString(line + "\n")
		if m := header.FindStringSubmatch(line); m != nil {
			section = m[1]
			continue
		}
		more := i+1 < len(lines) && strings.TrimLeft(lines[i+1], " \t") != lines[i+1] // the value goes on
		if m := option.FindStringSubmatch(line); m != nil && !more && (s.section == "" || section == s.section) {
			if hole := s.suggestion(strings.ToLower(m[2]), text); hole != "" {
				fmt.Fprintf(&b, "# perhaps: %s = %s\n", m[2], hole)
			}
		}
	}
	return b.String()
}

// isINI reports a text of sections and options.
func isINI(text string) bool {
	sections := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case header.MatchString(line):
			sections++
		case comment.MatchString(line), option.MatchString(line), strings.TrimLeft(line, " \t") != line:
		default:
			return false
		}
	}
	return sections > 0
}

// suggestion is what of the fleet an option wants: a fact that the server tells its
// clients, or where it is. Of a system that is not played there is nothing.
func (s systems) suggestion(option, text string) string {
	if s.server == "" {
		return ""
	}
	hole := func(field string) string { return "{{ " + s.server + "." + field + " }}" }
	for _, f := range s.facts {
		name := strings.TrimPrefix(f.Name, "api_")
		if option == f.Name || option == "shared_"+f.Name || option == name && f.Name == "api_host" {
			return hole(f.Name)
		}
	}
	switch option {
	case "server", "host", "hostname":
		return hole("host")
	case "port":
		return hole("port")
	case "address":
		if regexp.MustCompile(`(?m)^[;#\s]*port\s*[=:]`).MatchString(text) {
			return hole("host")
		}
		return hole("url")
	case "url", "base_url", "server_url", "api_url":
		return hole("url")
	case "api_key", "apikey", "token":
		if s.server == "native" {
			return "{{ clients.sps.secret }}"
		}
	}
	return ""
}
