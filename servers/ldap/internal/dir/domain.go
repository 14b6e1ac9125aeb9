package dir

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"counterpart/internal/company/world"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/schema"
)

// builtinRIDs are the well-known groups of every domain (MS-DTYP 2.4.2.4). A
// seeded group of that name takes the identifier over.
var builtinRIDs = map[string]uint32{
	"domain admins": 512, "domain users": 513, "domain guests": 514, "domain computers": 515, "domain controllers": 516,
}

// Category is the DN that the short form of an object category stands for: the
// class's default category (MS-ADTS 3.1.1.3.1.3.5).
func (b *Base) Category(class string) (string, bool) {
	c := b.Schema.Class(class)
	if c == nil {
		return "", false
	}
	cn := c.DefaultCategory()
	return "CN=" + cn + ",CN=Schema,CN=Configuration," + b.Suffix, cn != ""
}

// tree adds boxes until the first error.
type tree struct {
	b   *Base
	err error
}

// add takes the classes in the order of an answer; the last is the category too.
func (t *tree) add(parent ID, name, classes string, values ...string) ID {
	if t.err != nil {
		return 0
	}
	full, _ := t.b.Category(classes[strings.LastIndexByte(classes, ' ')+1:])
	values = append(values, "objectCategory", full, "instanceType", "4")
	var id ID
	id, t.err = t.b.addBox(parent, name, "top "+classes, values...)
	return id
}

// Bits of systemFlags (MS-ADTS 2.2.10), and those of the containers that every domain
// begins with.
const (
	flagNoDelete = 0x80000000
	flagNoRename = 0x08000000
	flagNoMove   = 0x04000000
	domainFlags  = "-1946157056" // all three
)

// systemFlags are an entry's.
func (s *Snapshot) systemFlags(id ID) uint32 {
	if s.Schema.Flavour != schema.AD {
		return 0
	}
	r := s.seedReader()
	r.Seek(id)
	v := r.Values(s.Schema.Attr("systemFlags"), "")
	if len(v) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(v[0], 10, 64)
	return uint32(n)
}

// addDomain lays out the naming contexts of a domain controller.
func (b *Base) addDomain() error {
	d, err := dn.Parse(b.Suffix)
	if err != nil || len(d) == 0 {
		return fmt.Errorf("%q is no DN", b.Suffix)
	}
	t := &tree{b: b}
	org := b.World.Organization()
	root := t.add(None, b.Suffix, "domain domainDNS", append([]string{"objectSid", b.domainSID(), "msDS-Behavior-Version", "7",
		"wellKnownObjects", "B:32:A9D1CA15768811D1ADED00C04FD8D5CD:CN=Users," + b.Suffix,
		"wellKnownObjects", "B:32:AA312825768811D1ADED00C04FD8D5CD:CN=Computers," + b.Suffix}, policyValues(org)...)...)
	t.add(root, "CN=Builtin", "builtinDomain", "systemFlags", domainFlags, "isCriticalSystemObject", "TRUE")
	t.add(root, "CN=Computers", "container", "systemFlags", domainFlags, "isCriticalSystemObject", "TRUE")
	dcs := t.add(root, "OU=Domain Controllers", "organizationalUnit", "systemFlags", domainFlags, "isCriticalSystemObject", "TRUE")
	users := t.add(root, "CN=Users", "container", "systemFlags", domainFlags, "isCriticalSystemObject", "TRUE")
	t.add(root, "CN=System", "container", "systemFlags", domainFlags, "isCriticalSystemObject", "TRUE")
	for _, name := range []string{"Domain Admins", "Domain Users", "Domain Guests", "Domain Computers", "Domain Controllers"} {
		if _, seeded := b.World.Group(name); seeded || t.err != nil {
			continue
		}
		id := t.add(users, "CN="+name, "group", "sAMAccountName", name, "groupType", "-2147483646",
			"sAMAccountType", "268435456", "isCriticalSystemObject", "TRUE")
		b.boxes[id].rid = builtinRIDs[world.Fold(name)]
	}
	t.addController(dcs)
	t.addConfiguration()
	if t.err != nil {
		return t.err
	}
	if b.people, err = b.addPath(root, b.People); err != nil {
		return err
	}
	b.crowd, err = b.addPath(root, b.Groups)
	return err
}

// addController is the computer object of the server itself.
func (t *tree) addController(parent ID) {
	host := t.b.shortHost()
	id := t.add(parent, "CN="+host, "person organizationalPerson user computer", "sAMAccountName", host+"$",
		"userAccountControl", "532480", "primaryGroupID", "516", "sAMAccountType", "805306369", "dNSHostName", t.b.Host,
		"servicePrincipalName", "ldap/"+t.b.Host, "servicePrincipalName", "HOST/"+t.b.Host)
	if t.err == nil {
		t.b.boxes[id].rid = 1000
	}
}

// addConfiguration adds the other naming contexts: their heads are no children
// of the domain, although their names say so (MS-ADTS 3.1.1.1.5).
func (t *tree) addConfiguration() {
	b := t.b
	conf := t.add(None, "CN=Configuration,"+b.Suffix, "configuration")
	partitions := t.add(conf, "CN=Partitions", "crossRefContainer", "msDS-Behavior-Version", "7")
	t.add(partitions, "CN="+b.NetBIOS, "crossRef", "nCName", b.Suffix, "nETBIOSName", b.NetBIOS,
		"dnsRoot", b.World.Organization().Domain, "systemFlags", "3")
	sites := t.add(conf, "CN=Sites", "sitesContainer")
	site := t.add(sites, "CN=Default-First-Site-Name", "site")
	servers := t.add(site, "CN=Servers", "serversContainer")
	t.add(t.add(servers, "CN="+b.shortHost(), "server", "dNSHostName", b.Host, "serverReference",
		"CN="+b.shortHost()+",OU=Domain Controllers,"+b.Suffix), "CN=NTDS Settings", "applicationSettings nTDSDSA")
	b.schemaHead = t.add(None, "CN=Schema,CN=Configuration,"+b.Suffix, "dMD", "objectVersion", "88")
	if t.err == nil {
		b.schemaSuffix = "," + b.boxes[b.schemaHead].norm
	}
}

func (b *Base) shortHost() string {
	short, _, _ := strings.Cut(b.Host, ".")
	return strings.ToUpper(short)
}

// policyValues are the domain's password policy as its root shows it.
func policyValues(org world.Organization) []string {
	age := int64(-1 << 63) // never
	if org.Policy.MaxAge > 0 {
		age = -int64(org.Policy.MaxAge / 100)
	}
	span := func(d time.Duration) string {
		if d == 0 {
			return "-9223372036854775808"
		}
		return strconv.FormatInt(-int64(d/100), 10)
	}
	return []string{
		"lockoutThreshold", strconv.Itoa(org.Lockout.Threshold), "lockoutDuration", span(org.Lockout.Duration),
		"lockOutObservationWindow", span(org.Lockout.Window), "maxPwdAge", strconv.FormatInt(age, 10), "minPwdAge", "0",
		"minPwdLength", strconv.Itoa(org.Policy.MinLength), "pwdHistoryLength", strconv.Itoa(org.Policy.History), "pwdProperties", "1",
	}
}
