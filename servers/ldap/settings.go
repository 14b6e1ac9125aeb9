package ldap

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// Settings is this server's block of the seed. Every setting is optional.
type Settings struct {
	Flavour     string `yaml:"flavour" default:"openldap" enum:"openldap|ad" doc:"Which server is played: openldap (default) or ad."`
	Listen      string `yaml:"listen" default:":1389" doc:"Address of the cleartext port with StartTLS; default :1389, off for none."`
	TLSListen   string `yaml:"tls_listen" default:":1636" doc:"Address of the LDAPS port; default :1636, off for none."`
	GCListen    string `yaml:"gc_listen" doc:"ad: address of the global catalogue; default :3268, off for none."`
	GCTLSListen string `yaml:"gc_tls_listen" doc:"ad: address of the global catalogue over TLS; default :3269, off for none."`

	Base    string   `yaml:"base" doc:"DN of the naming context; default follows from the organization's domain."`
	NetBIOS string   `yaml:"netbios" doc:"ad: the domain's short name; default is the organization's."`
	Host    string   `yaml:"host" doc:"DNS name of the server in its root DSE; default is dc1 or ldap in the organization's domain."`
	People  string   `yaml:"people" doc:"Where people are, relative to the base; default ou=people, in ad CN=Users."`
	Groups  string   `yaml:"groups" doc:"Where groups are, relative to the base; default ou=groups, in ad OU=Groups."`
	GroupAs []string `yaml:"group_as" doc:"openldap: what groups are, any of posixGroup and groupOfNames; default both."`

	RootDN   string   `yaml:"rootdn" doc:"DN of the directory manager, who has no entry, no limits and every right; default cn=admin below the base, in ad CN=Administrator,CN=Users."`
	RootPW   string   `yaml:"rootpw" doc:"The manager's password; without one nobody can bind as manager."`
	Admins   []string `yaml:"admins" doc:"Names of people and groups who may write; in ad default Domain Admins."`
	Writable []string `yaml:"writable" doc:"What can be written at all, any of passwords, members, entries; default all, [none] for a read-only server."`

	Anonymous     string `yaml:"anonymous" enum:"read|rootdse|none" doc:"What clients without a bind may do: read, rootdse or none; default read, in ad rootdse."`
	RequireTLS    bool   `yaml:"require_tls" doc:"Refuse passwords on connections without TLS."`
	DenyUnauthed  bool   `yaml:"deny_unauthenticated_bind" doc:"ad: refuse a bind with a DN and no password; openldap always does."`
	UserNotFound  string `yaml:"user_not_found" default:"52e" enum:"52e|525" doc:"ad: data code of a bind as somebody who does not exist, 52e (default) or 525."`
	NoStartTLS    bool   `yaml:"no_starttls" doc:"Answer StartTLS as a server without a certificate does."`
	References    bool   `yaml:"references" doc:"ad: send continuation references in subtree searches from the domain's root."`
	LockedCode    bool   `yaml:"ppolicy_use_lockout" doc:"openldap: the password policy control says that an account is locked."`
	PasswordAttr  bool   `yaml:"user_password" doc:"ad: writing userPassword sets the password (dSHeuristics fUserPwdSupport)."`
	AccentsMatter bool   `yaml:"accents" doc:"ad: letters with and without accents differ; openldap always tells them apart."`

	SizeLimit int            `yaml:"size_limit" doc:"Most entries of an answer without paging; default 500, in ad 1000; -1 for no limit."`
	PageMax   int            `yaml:"page_max" doc:"Most entries of a page; default no limit, in ad 1000; -1 for no limit."`
	TimeLimit time.Duration  `yaml:"time_limit" doc:"Longest search by the fleet's clock; default 1h, in ad 2m."`
	Values    int            `yaml:"values" doc:"ad: most values of an attribute in one answer (MaxValRange); default 1500."`
	Idle      *time.Duration `yaml:"idle" min:"0s" doc:"Close connections idle for this long by the fleet's clock; 0s for never, the default; in ad 15m."`
	Stall     time.Duration  `yaml:"stall" default:"30s" min:"1s" doc:"Drop clients that do not read for about this long by the fleet's clock."`
}

// complaints collects what is wrong with a block.
type complaints []error

func (c *complaints) add(field, format string, args ...any) {
	*c = append(*c, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
}

func (s *Settings) ad() bool { return s.Flavour == string(schema.AD) }

// complete fills in the defaults and names every setting that cannot be used.
func (s *Settings) complete(org world.Organization) error {
	var wrong complaints
	pick := func(field *string, openldap, ad string) {
		if *field == "" {
			*field = openldap
			if s.ad() {
				*field = ad
			}
		}
	}
	pick(&s.Flavour, "openldap", "")
	oneOf(&wrong, "flavour", s.Flavour, "openldap", "ad")
	domain := strings.ToLower(org.Domain)
	if domain == "" {
		domain = "example.test"
	}
	suffix := "dc=" + strings.Join(strings.Split(domain, "."), ",dc=")
	pick(&s.Base, suffix, strings.ReplaceAll(suffix, "dc=", "DC="))
	pick(&s.Host, "ldap."+domain, "dc1."+domain)
	pick(&s.NetBIOS, strings.ToUpper(strings.Split(domain, ".")[0]), org.NetBIOS)
	pick(&s.NetBIOS, "", strings.ToUpper(strings.Split(domain, ".")[0]))
	pick(&s.People, "ou=people", "CN=Users")
	pick(&s.Groups, "ou=groups", "OU=Groups")
	pick(&s.RootDN, "cn=admin,"+s.Base, "CN=Administrator,CN=Users,"+s.Base)
	pick(&s.Anonymous, "read", "rootdse")
	pick(&s.UserNotFound, "52e", "52e")
	pick(&s.Listen, ":1389", ":1389")
	pick(&s.TLSListen, ":1636", ":1636")
	pick(&s.GCListen, "off", ":3268")
	pick(&s.GCTLSListen, "off", ":3269")
	s.completeLists()
	s.completeLimits()
	oneOf(&wrong, "anonymous", s.Anonymous, "read", "rootdse", "none")
	oneOf(&wrong, "user_not_found", s.UserNotFound, "52e", "525")
	for _, g := range s.GroupAs {
		oneOf(&wrong, "group_as", g, "posixGroup", "groupOfNames")
	}
	for _, w := range s.Writable {
		oneOf(&wrong, "writable", w, "passwords", "members", "entries", "none")
	}
	for field, name := range map[string]string{"base": s.Base, "people": s.People, "groups": s.Groups, "rootdn": s.RootDN} {
		if d, err := dn.Parse(name); err != nil || len(d) == 0 {
			wrong.add(field, "%q is no DN", name)
		}
	}
	return errors.Join(wrong...)
}

func (s *Settings) completeLists() {
	if len(s.GroupAs) == 0 {
		s.GroupAs = []string{"posixGroup", "groupOfNames"}
	}
	if len(s.Writable) == 0 {
		s.Writable = []string{"passwords", "members", "entries"}
	}
	if len(s.Admins) == 0 && s.ad() {
		s.Admins = []string{"Domain Admins"}
	}
}

func (s *Settings) completeLimits() {
	number := func(field *int, openldap, ad int) {
		if *field == 0 {
			*field = openldap
			if s.ad() {
				*field = ad
			}
		}
	}
	span := func(field *time.Duration, openldap, ad time.Duration) {
		if *field == 0 {
			*field = openldap
			if s.ad() {
				*field = ad
			}
		}
	}
	number(&s.SizeLimit, 500, 1000)
	number(&s.PageMax, -1, 1000)
	number(&s.Values, 1500, 1500)
	span(&s.TimeLimit, time.Hour, 2*time.Minute)
	if s.Idle == nil {
		s.Idle = new(time.Duration)
		span(s.Idle, 0, 15*time.Minute)
	}
	span(&s.Stall, 30*time.Second, 30*time.Second)
}

func oneOf(wrong *complaints, field, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	wrong.add(field, "%q is none of %s", value, strings.Join(allowed, ", "))
}

func (s *Settings) writable(what string) bool {
	for _, w := range s.Writable {
		if w == what {
			return true
		}
	}
	return false
}
