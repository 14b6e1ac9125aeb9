package ldap

import (
	"slices"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// foreign is a part of a real directory server that is known here and not played:
// what a request names it by, and its name in the vendor's documentation.
type foreign struct {
	id, name string
	of       schema.Flavour
	doc      string
}

// foreignControls are the controls of the real servers that are not played: for AD
// the table of MS-ADTS 3.1.1.3.4.1, for OpenLDAP what slapd 2.5 advertises with the
// overlay sssvlv. They are not advertised, and refused when they are critical.
var foreignControls = []foreign{
	{"1.2.840.113556.1.4.521", "LDAP_SERVER_CROSSDOM_MOVE_TARGET_OID", schema.AD, "moves between domains"},
	{"1.2.840.113556.1.4.841", "LDAP_SERVER_DIRSYNC_OID", schema.AD, "changes since a cookie"},
	{"1.2.840.113556.1.4.2090", "LDAP_SERVER_DIRSYNC_EX_OID", schema.AD, "changes since a cookie"},
	{"1.2.840.113556.1.4.529", "LDAP_SERVER_EXTENDED_DN_OID", schema.AD, "names with GUID and SID"},
	{"1.2.840.113556.1.4.970", "LDAP_SERVER_GET_STATS_OID", schema.AD, "statistics of a search"},
	{"1.2.840.113556.1.4.2205", "LDAP_SERVER_UPDATE_STATS_OID", schema.AD, "statistics of a write"},
	{"1.2.840.113556.1.4.619", "LDAP_SERVER_LAZY_COMMIT_OID", schema.AD, "writes that may be lost"},
	{"1.2.840.113556.1.4.528", "LDAP_SERVER_NOTIFICATION_OID", schema.AD, "searches that stay open"},
	{"1.2.840.113556.1.4.417", "LDAP_SERVER_SHOW_DELETED_OID", schema.AD, "deleted entries"},
	{"1.2.840.113556.1.4.2064", "LDAP_SERVER_SHOW_RECYCLED_OID", schema.AD, "recycled entries"},
	{"1.2.840.113556.1.4.2065", "LDAP_SERVER_SHOW_DEACTIVATED_LINK_OID", schema.AD, "links of deleted entries"},
	{"1.2.840.113556.1.4.1338", "LDAP_SERVER_VERIFY_NAME_OID", schema.AD, "a global catalogue to ask for names"},
	{"2.16.840.1.113730.3.4.9", "LDAP_CONTROL_VLVREQUEST", schema.AD, "windows of a sorted list"},
	{"1.2.840.113556.1.4.1504", "LDAP_SERVER_ASQ_OID", schema.AD, "searches of what an attribute names"},
	{"1.2.840.113556.1.4.1852", "LDAP_SERVER_QUOTA_CONTROL_OID", schema.AD, "quotas"},
	{"1.2.840.113556.1.4.802", "LDAP_SERVER_RANGE_OPTION_OID", schema.AD, "ranges of values"},
	{"1.2.840.113556.1.4.1907", "LDAP_SERVER_SHUTDOWN_NOTIFY_OID", schema.AD, "word of a shutdown"},
	{"1.2.840.113556.1.4.1974", "LDAP_SERVER_FORCE_UPDATE_OID", schema.AD, "writes that change nothing"},
	{"1.2.840.113556.1.4.1948", "LDAP_SERVER_RANGE_RETRIEVAL_NOERR_OID", schema.AD, "ranges beyond the end"},
	{"1.2.840.113556.1.4.1341", "LDAP_SERVER_RODC_DCPROMO_OID", schema.AD, "read-only domain controllers"},
	{"1.2.840.113556.1.4.2026", "LDAP_SERVER_DN_INPUT_OID", schema.AD, "the target of constructed attributes"},
	{"1.2.840.113556.1.4.2066", "LDAP_SERVER_POLICY_HINTS_DEPRECATED_OID", schema.AD, "password history on a reset"},
	{"1.2.840.113556.1.4.2239", "LDAP_SERVER_POLICY_HINTS_OID", schema.AD, "password history on a reset"},
	{"1.2.840.113556.1.4.2204", "LDAP_SERVER_TREE_DELETE_EX_OID", schema.AD, "deletion of large trees"},
	{"1.2.840.113556.1.4.2206", "LDAP_SERVER_SEARCH_HINTS_OID", schema.AD, "hints for a search"},
	{"1.2.840.113556.1.4.2211", "LDAP_SERVER_EXPECTED_ENTRY_COUNT_OID", schema.AD, "how many entries may be found"},
	{"1.2.840.113556.1.4.2255", "LDAP_SERVER_SET_OWNER_OID", schema.AD, "the owner of a new entry"},
	{"1.2.840.113556.1.4.2256", "LDAP_SERVER_BYPASS_QUOTA_OID", schema.AD, "quotas"},
	{"1.2.840.113556.1.4.2309", "LDAP_SERVER_LINK_TTL_OID", schema.AD, "links that expire"},
	{"2.16.840.1.113730.3.4.18", "proxied authorization control", schema.OpenLDAP, "RFC 4370"},
	{"1.3.6.1.4.1.4203.1.10.1", "subentries control", schema.OpenLDAP, "RFC 3672"},
	{"1.3.6.1.1.22", "don't use copy control", schema.OpenLDAP, "RFC 6171"},
	{"1.2.826.0.1.3344810.2.3", "matched values control", schema.OpenLDAP, "RFC 3876"},
	{"1.3.6.1.1.13.1", "pre-read control", schema.OpenLDAP, "RFC 4527"},
	{"1.3.6.1.1.13.2", "post-read control", schema.OpenLDAP, "RFC 4527"},
	{"2.16.840.1.113730.3.4.9", "virtual list view control", schema.OpenLDAP, "windows of a sorted list"},
}

// foreignExtensions are the extended operations of the real servers that are not
// played (MS-ADTS 3.1.1.3.4.2; slapd 2.5).
var foreignExtensions = []foreign{
	{"1.2.840.113556.1.4.1781", "LDAP_SERVER_FAST_BIND_OID", schema.AD, "binds that only check a password"},
	{"1.3.6.1.4.1.1466.101.119.1", "LDAP_TTL_REFRESH_OID", schema.AD, "entries that expire (RFC 2589)"},
	{"1.2.840.113556.1.4.2212", "LDAP_SERVER_BATCH_REQUEST_OID", schema.AD, "several requests in one"},
	{"1.3.6.1.1.21.1", "transactions, start", schema.OpenLDAP, "RFC 5805"},
	{"1.3.6.1.1.21.3", "transactions, end", schema.OpenLDAP, "RFC 5805"},
}

// foreignMechanisms are the SASL mechanisms of the real servers that are not
// played: they need a Kerberos realm or a password in the server's hands.
var foreignMechanisms = []foreign{
	{"GSSAPI", "SASL GSSAPI", schema.AD, "Kerberos"},
	{"GSS-SPNEGO", "SASL GSS-SPNEGO", schema.AD, "Kerberos or NTLM"},
	{"DIGEST-MD5", "SASL DIGEST-MD5", schema.AD, ""},
	{"GSSAPI", "SASL GSSAPI", schema.OpenLDAP, "Kerberos"},
	{"DIGEST-MD5", "SASL DIGEST-MD5", schema.OpenLDAP, ""},
	{"CRAM-MD5", "SASL CRAM-MD5", schema.OpenLDAP, ""},
	{"SCRAM-SHA-1", "SASL SCRAM-SHA-1", schema.OpenLDAP, ""},
	{"SCRAM-SHA-256", "SASL SCRAM-SHA-256", schema.OpenLDAP, ""},
}

// foreignAttributes are attributes that the real servers take and that have no effect
// here: written, they are refused as to somebody without the right.
var foreignAttributes = []foreign{
	{"nTSecurityDescriptor", "nTSecurityDescriptor, written", schema.AD, "access control of one's own: every entry has the same"},
}

// feature is the name of a foreign part in a flavour; "" for what neither the real
// server nor this one knows.
func feature(list []foreign, of, id string) string {
	for _, f := range list {
		if f.id == id && string(f.of) == of {
			return f.name
		}
	}
	return ""
}

// notWritten refuses changes of attributes that would have no effect.
func (op *operation) notWritten(call *dialect.Call, changes []proto.Change) error {
	for _, c := range changes {
		a, _ := op.c.s.schema.Describe(c.Desc)
		if a == nil {
			continue
		}
		if name := feature(foreignAttributes, op.c.s.set.Flavour, a.Name); name != "" {
			call.NotPlayed(name)
			return errInsufficient
		}
	}
	return nil
}

// Scope is what this server plays of both directories, and what they have besides.
func Scope() dialect.Scope {
	s := dialect.Scope{Plays: []string{"bind", "unbind", "abandon"}}
	for _, h := range handlers {
		s.Plays = append(s.Plays, h.name)
	}
	for _, x := range extendedOperations {
		s.Plays = append(s.Plays, x.name)
	}
	slices.Sort(s.Plays)
	for _, list := range [][]foreign{foreignControls, foreignExtensions, foreignMechanisms, foreignAttributes} {
		for _, f := range list {
			if !slices.ContainsFunc(s.Unplayed, func(have dialect.Feature) bool { return have.Name == f.name }) {
				s.Unplayed = append(s.Unplayed, dialect.Feature{Name: f.name, Doc: f.doc})
			}
		}
	}
	return s
}
