package ldap

import (
	"encoding/hex"
	"strings"
	"time"

	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/schema"
)

// adName finds whom a bind name means, by the forms of MS-ADTS 5.1.1.1.1 in
// order; a form that means several people means nobody.
func (s *server) adName(snap *dir.Snapshot, name string) (dir.ID, bool) {
	if normal, err := s.schema.NormDN(name); err == nil && normal != "" {
		if normal == s.rootdn {
			return dir.None, true
		}
		if id, ok := snap.Lookup(normal); ok {
			return id, false
		}
	}
	org := s.env.World.Organization()
	manager := s.managerName()
	if user, domain, ok := cutLast(name, "@"); ok {
		if id, ok := s.one(snap, "userPrincipalName", name); ok {
			return id, false
		}
		if strings.EqualFold(domain, org.Domain) || strings.EqualFold(domain, s.set.NetBIOS) {
			if strings.EqualFold(user, manager) {
				return dir.None, true
			}
			if id, ok := s.one(snap, "sAMAccountName", user); ok {
				return id, false
			}
		}
	}
	if domain, user, ok := strings.Cut(name, `\`); ok && (strings.EqualFold(domain, s.set.NetBIOS) || strings.EqualFold(domain, org.Domain)) {
		if strings.EqualFold(user, manager) {
			return dir.None, true
		}
		if id, ok := s.one(snap, "sAMAccountName", user); ok {
			return id, false
		}
	}
	if id, ok := s.byIdentifier(snap, name); ok {
		return id, false
	}
	if strings.Contains(name, "/") {
		if id, ok := s.byCanonical(snap, name); ok {
			return id, false
		}
	}
	for _, attr := range []string{"displayName", "servicePrincipalName"} {
		if id, ok := s.one(snap, attr, name); ok {
			return id, false
		}
	}
	return dir.None, false
}

// managerName is the account name in the manager's DN.
func (s *server) managerName() string {
	_, value, _ := strings.Cut(strings.SplitN(s.rootdn, ",", 2)[0], "=")
	return value
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// one finds the single entry with a value.
func (s *server) one(snap *dir.Snapshot, attr, value string) (dir.ID, bool) {
	all := snap.WithValue(s.schema.Attr(attr), value, 2)
	if len(all) != 1 {
		return dir.None, false
	}
	return all[0], true
}

// byIdentifier reads {objectGUID} and S-1-….
func (s *server) byIdentifier(snap *dir.Snapshot, name string) (dir.ID, bool) {
	if strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}") {
		if g, ok := parseGUID(name[1 : len(name)-1]); ok {
			return snap.FindGUID(g)
		}
	}
	if sid, ok := schema.ParseSID(name); ok {
		return snap.FindSID(string(sid))
	}
	return dir.None, false
}

// byCanonical reads acme.test/Users/Alice Adams.
func (s *server) byCanonical(snap *dir.Snapshot, name string) (dir.ID, bool) {
	value := name[strings.LastIndex(name, "/")+1:]
	for _, id := range snap.WithValue(s.schema.Attr("cn"), value, 16) {
		if strings.EqualFold(snap.Canonical(id), name) {
			return id, true
		}
	}
	return dir.None, false
}

// parseGUID reads the dashed form, whose first three fields are numbers and so
// little-endian as octets, or 32 hex digits of the octets themselves.
func parseGUID(text string) (octets string, ok bool) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return "", false
	}
	if strings.Contains(text, "-") {
		raw[0], raw[1], raw[2], raw[3] = raw[3], raw[2], raw[1], raw[0]
		raw[4], raw[5] = raw[5], raw[4]
		raw[6], raw[7] = raw[7], raw[6]
	}
	return string(raw), true
}

// hourAllowed reads logonHours: 21 octets, one bit per hour of the week from Sunday
// 00:00 UTC on, the lowest bit first (MS-ADA1 2.376).
func hourAllowed(bits string, now time.Time) bool {
	now = now.UTC()
	hour := int(now.Weekday())*24 + now.Hour()
	return bits[hour/8]>>(hour%8)&1 == 1
}

// baseForm reads <GUID=…>, <SID=…> and <WKGUID=…,dn> (MS-ADTS 3.1.1.3.1.2.4).
func (s *server) baseForm(snap *dir.Snapshot, name string) (id dir.ID, form bool) {
	if len(name) < 2 || name[0] != '<' || name[len(name)-1] != '>' {
		return dir.None, false
	}
	kind, value, _ := strings.Cut(name[1:len(name)-1], "=")
	found, ok := dir.None, false
	switch strings.ToUpper(kind) {
	case "GUID":
		if g, valid := parseGUID(value); valid {
			found, ok = snap.FindGUID(g)
		}
	case "SID":
		sid, valid := schema.ParseSID(value)
		if !valid {
			sid, _ = hex.DecodeString(value)
		}
		found, ok = snap.FindSID(string(sid))
	case "WKGUID":
		guid, base, _ := strings.Cut(value, ",")
		if rdn := wellKnown[strings.ToUpper(guid)]; rdn != "" {
			if id, _, err := snap.Find(rdn + "," + base); err == nil && id != dir.None {
				found, ok = id, true
			}
		}
	}
	if !ok {
		return dir.None, true
	}
	return found, true
}

// wellKnown are the containers with an identifier of their own (MS-ADTS 6.1.1.4).
var wellKnown = map[string]string{
	"A9D1CA15768811D1ADED00C04FD8D5CD": "CN=Users",
	"AA312825768811D1ADED00C04FD8D5CD": "CN=Computers",
	"A361B2FFFFD211D1AA4B00C04FD7D83A": "OU=Domain Controllers",
	"AB1D30F3768811D1ADED00C04FD8D5CD": "CN=System",
}
