// Package ldap plays a directory server: OpenLDAP's slapd with POSIX accounts,
// or a domain controller of Active Directory (RFC 4510 to 4519, MS-ADTS). Both
// flavours show the same people and groups of the world; the differences that a
// client can see are in the schema, the entries, the limits and the words of
// refusals.
//
// The wire is framed here, by the cursor of internal/ber, because no server
// library survives hostile input. One goroutine reads a connection; searches
// and writes run beside each other, binds alone. A search reads one immutable
// snapshot of the directory and takes no lock. What clients write is one record
// of the store, so that replicas agree and a reset of the store resets the
// directory; passwords and lock-outs are signin's, so that all servers agree.
//
// What only a directory knows of a person is in the person's settings:
// ldap.logon_hours, 42 hex digits as logonHours has them, and ldap.workstations,
// names separated by commas; with the right password they refuse a bind to AD
// with data 530 and 531.
//
// sssd, nslcd and JNDI need system services or a Java runtime: what they send at
// connect is replayed in the tests. ldapsearch, python-ldap and go-ldap run for
// real, see real_test.go.
//
// Active Directory's schema is the published one, whole; a line of it is read when
// somebody asks for its name. Writes are held against the rules of MS-ADTS and
// MS-SAMR, which are a table in internal/dir/rules.go.
//
// Controls, extended operations and SASL mechanisms that the real servers have and
// this one does not are named in scope.go. Not built besides: CLDAP over UDP,
// ldapi, referrals of Active Directory, changes of the schema, tombstones, a smaller
// attribute set on the global catalogue, AD's limits on connections and on the
// first request. None of them is advertised. approxMatch is equality, where slapd compares by sound.
// Instead of closing a connection with too many pending operations, as slapd
// does, this server stops reading it until some are done.
package ldap

import (
	"context"
	"fmt"
	"net"
	"sync"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/schema"
)

// maxOperations bounds the operations that run at once on all connections.
const maxOperations = 4096

type server struct {
	env        dialect.Env
	set        Settings
	schema     *schema.Schema
	dir        *dir.Directory
	rootdn     string // normal form
	cookies    [32]byte
	slots      chan struct{}
	watch      watch
	descriptor *schema.Attribute // ad: nTSecurityDescriptor
	subOnce    sync.Once
	sub        *virtual // the subschema entry, once somebody has asked for it
}

// New builds a directory server over the world of env.
func New(env dialect.Env) (dialect.Server, error) {
	s := &server{env: env, slots: make(chan struct{}, maxOperations)}
	if env.Decode != nil {
		if err := env.Decode(&s.set); err != nil {
			return nil, err
		}
	}
	if err := s.set.complete(env.World.Organization()); err != nil {
		return nil, fmt.Errorf("ldap: %w", err)
	}
	s.schema = schema.New(schema.Flavour(s.set.Flavour), !s.set.ad() || s.set.AccentsMatter)
	if s.set.ad() {
		s.descriptor = s.schema.Attr("nTSecurityDescriptor")
	}
	config := dir.Config{World: env.World, Schema: s.schema, Suffix: s.set.Base, People: s.set.People, Groups: s.set.Groups,
		NetBIOS: s.set.NetBIOS, Host: s.set.Host, Manager: s.set.RootDN}
	for _, g := range s.set.GroupAs {
		config.Posix = config.Posix || g == "posixGroup" && !s.set.ad()
		config.Names = config.Names || g == "groupOfNames"
	}
	if env.Logins != nil {
		config.Logins = env.Logins
	}
	base, err := dir.New(config)
	if err != nil {
		return nil, fmt.Errorf("ldap: %w", err)
	}
	s.dir = &dir.Directory{Base: base, Table: env.Store.Table("overlay")}
	if s.rootdn, err = s.schema.NormDN(s.set.RootDN); err != nil {
		return nil, fmt.Errorf("ldap: rootdn: %q names an unknown attribute", s.set.RootDN)
	}
	if err := s.keyCookies(); err != nil {
		return nil, err
	}
	return s, nil
}

// port is what a connection knows of where it came in.
type port struct {
	tls bool // from the first octet
	gc  bool // global catalogue
}

// Ports implements dialect.Server.
func (s *server) Ports() []dialect.Port {
	var out []dialect.Port
	add := func(name, listen, try string, p port) {
		if listen == "off" {
			return
		}
		x := dialect.Port{Name: name, Listen: listen, TLS: p.tls, Try: try, Conn: func(ctx context.Context, c net.Conn) { s.serve(ctx, c, p) }}
		if p.tls {
			x.Cert = dialect.WantCert
		}
		out = append(out, x)
	}
	try := "ldapsearch -x -H ldap://{addr} -b '" + s.set.Base + "' '(objectClass=inetOrgPerson)' cn mail memberOf"
	if s.set.ad() {
		try = "ldapsearch -x -H ldap://{addr} -b '' -s base defaultNamingContext supportedControl"
	}
	add("ldap", s.set.Listen, try, port{})
	add("ldaps", s.set.TLSListen, "", port{tls: true})
	if s.set.ad() {
		add("gc", s.set.GCListen, "", port{gc: true})
		add("gcs", s.set.GCTLSListen, "", port{tls: true, gc: true})
	}
	return out
}

// The faults that only this server can play. Counts are entries of a search.
const (
	faultResult       = "ldap-result"        // args: code, text: this result instead of the operation
	faultNotice       = "ldap-notice"        // a Notice of Disconnection, then close
	faultCut          = "ldap-cut"           // args: after: close in the middle of the next entry
	faultStall        = "ldap-stall"         // args: after: send no more, and no Done
	faultSizeLimit    = "ldap-size-limit"    // args: after: sizeLimitExceeded
	faultRefusePaging = "ldap-refuse-paging" // as if paging were unknown
	faultNoMemberOf   = "ldap-no-memberof"   // as without the memberof overlay
)

// Faults implements dialect.Server.
func (s *server) Faults() []string {
	return []string{faultResult, faultNotice, faultCut, faultStall, faultSizeLimit, faultRefusePaging, faultNoMemberOf}
}
