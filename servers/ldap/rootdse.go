package ldap

import (
	"strconv"
	"strings"

	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// virtual is an entry outside of the tree: the root DSE, the subschema.
type virtual struct {
	dn     string
	values []proto.Attribute
	shown  map[string]bool // what "*" shows; nil means everything
}

func (v *virtual) put(name string, values ...string) {
	if len(values) > 0 {
		v.values = append(v.values, proto.Attribute{Desc: name, Values: values})
	}
}

// isSubschema reports whether a base means the subschema entry.
func (s *server) isSubschema(base string) bool {
	name := s.subschemaName()
	if len(base) != len(name) && !strings.Contains(base, " ") {
		return false
	}
	a, err := s.schema.NormDN(base)
	b, _ := s.schema.NormDN(name)
	return err == nil && a == b
}

// one answers a base search of a virtual entry.
func (s *query) one(v *virtual) (proto.Result, error) {
	if s.q.Filter.Match(s.op.c.s.schema, virtualEntry{v}) != filter.True {
		return success(), nil
	}
	e := proto.BeginEntry(s.buf, s.op.msg.ID, v.dn)
	for _, a := range v.values {
		if s.shows(v, a.Desc) {
			e.Attribute(a.Desc, a.Values, s.req.TypesOnly)
		}
	}
	s.buf = e.End()
	s.sent++
	return success(), nil
}

// shows applies the attribute selection to a virtual entry: slapd treats all
// but the object class as operational, Active Directory nothing.
func (s *query) shows(v *virtual, desc string) bool {
	ordinary := v.shown == nil || v.shown[desc]
	if ordinary && s.pick.user || !ordinary && s.pick.operational {
		return true
	}
	for _, n := range s.pick.asked {
		if strings.EqualFold(n, desc) {
			return true
		}
		if a := s.op.c.s.schema.Attr(n); a != nil && strings.EqualFold(a.Name, desc) {
			return true
		}
	}
	return false
}

// virtualEntry lets filters look at a virtual entry.
type virtualEntry struct{ *virtual }

// Values implements filter.Entry. Every entry has an object class, shown or not.
func (v virtualEntry) Values(a *schema.Attribute, options string) []string {
	for _, x := range v.values {
		if strings.EqualFold(x.Desc, a.Name) && options == "" {
			return x.Values
		}
	}
	if a.Name == "objectClass" {
		return []string{"top"}
	}
	return nil
}

// Links implements filter.Entry.
func (virtualEntry) Links(*schema.Attribute, string, bool) (holds, ok bool) { return false, false }

// Name implements filter.Entry.
func (virtualEntry) Name() dn.DN { return nil }

// supported are the OIDs that the root DSE advertises: exactly what works.
func (s *server) supported() (controls, extensions []string) {
	for _, k := range knownControls {
		if k.in(s)&^inVain != 0 && (s.set.ad() || !k.hidden) {
			controls = append(controls, k.oid)
		}
	}
	for _, oid := range extensionOrder {
		x := extendedOperations[oid]
		if x.openldap && s.set.ad() || oid == oidStartTLS && !s.canStartTLS() {
			continue
		}
		extensions = append(extensions, oid)
	}
	return controls, extensions
}

// mechanisms are the SASL mechanisms that would work on this connection.
func (c *client) mechanisms() []string {
	var out []string
	if _, ok := c.certificateName(); ok {
		out = append(out, "EXTERNAL")
	}
	if c.secure && !c.s.set.ad() {
		out = append(out, "PLAIN")
	}
	return out
}

// rootDSE describes the server (RFC 4512 section 5.1, MS-ADTS 3.1.1.3.2).
func (s *server) rootDSE(op *operation) *virtual {
	if s.set.ad() {
		return s.domainRootDSE(op)
	}
	v := &virtual{shown: map[string]bool{"objectClass": true}}
	controls, extensions := s.supported()
	v.put("objectClass", "top", "OpenLDAProotDSE")
	v.put("structuralObjectClass", "OpenLDAProotDSE")
	v.put("configContext", "cn=config")
	v.put("namingContexts", s.set.Base)
	v.put("supportedControl", controls...)
	v.put("supportedExtension", extensions...)
	v.put("supportedFeatures", "1.3.6.1.1.14", "1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.2", "1.3.6.1.4.1.4203.1.5.3",
		"1.3.6.1.4.1.4203.1.5.4", "1.3.6.1.4.1.4203.1.5.5")
	v.put("supportedLDAPVersion", "3")
	v.put("supportedSASLMechanisms", op.c.mechanisms()...)
	v.put("entryDN", "")
	v.put("subschemaSubentry", s.subschemaName())
	return v
}

// capabilities of a domain controller (MS-ADTS 3.1.1.3.4.3; the list is
// recalled, contract section 3.7).
var capabilities = []string{"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
	"1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237"}

var policies = []string{"MaxPoolThreads", "MaxPercentDirSyncRequests", "MaxDatagramRecv", "MaxReceiveBuffer", "InitRecvTimeout",
	"MaxConnections", "MaxConnIdleTime", "MaxPageSize", "MaxBatchReturnMessages", "MaxQueryDuration", "MaxDirSyncDuration",
	"MaxTempTableSize", "MaxResultSetSize", "MinResultSets", "MaxResultSetsPerConn", "MaxNotificationPerConn", "MaxValRange"}

func (s *server) domainRootDSE(op *operation) *virtual {
	v := &virtual{}
	controls, extensions := s.supported()
	base, host := s.set.Base, s.set.Host
	short, _, _ := strings.Cut(strings.ToUpper(host), ".")
	conf := "CN=Configuration," + base
	domain := s.env.World.Organization().Domain
	v.put("domainFunctionality", "7")
	v.put("forestFunctionality", "7")
	v.put("domainControllerFunctionality", "7")
	v.put("rootDomainNamingContext", base)
	v.put("ldapServiceName", domain+":"+strings.ToLower(short)+"$@"+strings.ToUpper(domain))
	v.put("isGlobalCatalogReady", "TRUE")
	v.put("supportedSASLMechanisms", op.c.mechanisms()...)
	v.put("supportedLDAPVersion", "3", "2")
	v.put("supportedLDAPPolicies", policies...)
	v.put("supportedControl", controls...)
	v.put("supportedCapabilities", capabilities...)
	v.put("supportedExtension", extensions...)
	v.put("subschemaSubentry", s.subschemaName())
	v.put("serverName", "CN="+short+",CN=Servers,CN=Default-First-Site-Name,CN=Sites,"+conf)
	v.put("schemaNamingContext", "CN=Schema,"+conf)
	v.put("namingContexts", base, conf, "CN=Schema,"+conf, "DC=DomainDnsZones,"+base, "DC=ForestDnsZones,"+base)
	v.put("isSynchronized", "TRUE")
	v.put("highestCommittedUSN", strconv.Itoa(16384+s.env.World.UserCount()))
	v.put("dsServiceName", "CN=NTDS Settings,CN="+short+",CN=Servers,CN=Default-First-Site-Name,CN=Sites,"+conf)
	v.put("dnsHostName", host)
	v.put("defaultNamingContext", base)
	v.put("currentTime", s.schema.FormatTime(s.env.Clock.Now()))
	v.put("configurationNamingContext", conf)
	return v
}

// subschemaName is where the subschema entry is.
func (s *server) subschemaName() string {
	if s.set.ad() {
		return "CN=Aggregate,CN=Schema,CN=Configuration," + s.set.Base
	}
	return "cn=Subschema"
}

// subschema renders the schema as RFC 4512 section 4.2 wants it, when it is
// asked for the first time: a published schema is half a megabyte of text.
func (s *server) subschema() *virtual {
	s.subOnce.Do(func() {
		v := &virtual{dn: s.subschemaName(), shown: map[string]bool{"objectClass": true, "cn": true}}
		attrs, classes := s.schema.Describes()
		if s.set.ad() {
			s.aggregate(v)
		} else {
			v.put("objectClass", "top", "subentry", "subschema", "extensibleObject")
			v.put("cn", "Subschema")
			v.put("matchingRules", schema.Rules()...)
			v.put("ldapSyntaxes", schema.Syntaxes()...)
		}
		v.put("attributeTypes", attrs...)
		v.put("objectClasses", classes...)
		s.sub = v
	})
	return s.sub
}

// aggregate adds what Active Directory's subschema entry has besides (MS-ADTS
// 3.1.1.3.1.1.1): ordinary attributes, and more that are shown only by name.
func (s *server) aggregate(v *virtual) {
	ordinary := func(name string, values ...string) {
		v.shown[name] = true
		v.put(name, values...)
	}
	category, _ := s.dir.Base.Category("subSchema")
	ordinary("objectClass", "top", "subSchema")
	ordinary("cn", "Aggregate")
	ordinary("distinguishedName", v.dn)
	ordinary("instanceType", "4")
	ordinary("name", "Aggregate")
	ordinary("objectCategory", category)
	ordinary("systemFlags", "134217728")
	v.put("dITContentRules", s.schema.ContentRules()...)
	attributes, classes := s.schema.Extended()
	v.put("extendedAttributeInfo", attributes...)
	v.put("extendedClassInfo", classes...)
	v.put("modifyTimeStamp", s.schema.FormatTime(dir.SeededAt()))
}
