package ldap

import (
	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
)

// Control OIDs.
const (
	oidPaged      = "1.2.840.113556.1.4.319"
	oidSort       = "1.2.840.113556.1.4.473"
	oidSorted     = "1.2.840.113556.1.4.474"
	oidAssertion  = "1.3.6.1.1.12"
	oidManage     = "2.16.840.1.113730.3.4.2"
	oidPolicy     = "1.3.6.1.4.1.42.2.27.8.5.1"
	oidPermissive = "1.2.840.113556.1.4.1413"
	oidTreeDelete = "1.2.840.113556.1.4.805"

	oidDescriptor    = "1.2.840.113556.1.4.801"
	oidDomainScope   = "1.2.840.113556.1.4.1339"
	oidSearchOptions = "1.2.840.113556.1.4.1340"
)

// where an operation stands in the table of controls.
type where uint16

const (
	onBind where = 1 << iota
	onSearch
	onCompare
	onModify
	onAdd
	onDelete
	onRename
	onExtended
	onAnswers // advertised, but no request has it
	inVain    // known, and refused on every operation when it is critical
	onWrites  = onModify | onAdd | onDelete | onRename
	onAll     = onSearch | onCompare | onWrites
)

// known is a control: its name in the vendor's documentation and where it has
// an effect, by flavour. The root DSE advertises what works, but for what slapd
// takes without saying so.
type known struct {
	oid, name string
	openldap  where
	ad        where
	hidden    bool // slapd does not advertise it
}

// knownControls is the table of contract section 3.1 (MS-ADTS 3.1.1.3.4.1; for
// OpenLDAP what slapd 2.5.13 says and does).
var knownControls = []known{
	{oidManage, "ManageDsaIT", onAll, 0, false},
	{oidPaged, "LDAP_PAGED_RESULT_OID_STRING", onSearch, onSearch, false},
	{oidSort, "LDAP_SERVER_SORT_OID", onSearch, onSearch, false},
	{oidSorted, "LDAP_SERVER_RESP_SORT_OID", 0, onAnswers, false},
	{oidAssertion, "assertion", onAll, 0, false},
	{oidPolicy, "password policy", onBind | onModify | onAdd | onExtended, 0, false},
	{oidPermissive, "LDAP_SERVER_PERMISSIVE_MODIFY_OID", onModify, onModify, true},
	{oidTreeDelete, "LDAP_SERVER_TREE_DELETE_OID", inVain, onDelete, true},
	{"1.2.840.113556.1.4.619", "LDAP_SERVER_LAZY_COMMIT_OID", onAll, 0, true},
	{oidDescriptor, "LDAP_SERVER_SD_FLAGS_OID", 0, onSearch, false},
	{oidDomainScope, "LDAP_SERVER_DOMAIN_SCOPE_OID", onSearch, onSearch, true},
	{oidSearchOptions, "LDAP_SERVER_SEARCH_OPTIONS_OID", onSearch, onSearch, true},
}

// in reports where a control works in the flavour that is played.
func (k known) in(s *server) where {
	if s.set.ad() {
		return k.ad
	}
	return k.openldap
}

// wanted is what the controls of a request ask for.
type wanted struct {
	paged         *proto.Paged
	pagedCritical bool
	sort          []proto.SortKey
	sortCritical  bool
	assert        *filter.Filter
	policy        bool
	permissive    bool
	treeDelete    bool
	manage        bool  // referrals are entries like others
	domainScope   bool  // no references
	phantomRoot   bool  // ad: naming contexts below the base are part of the search
	descriptor    int64 // ad: which parts of security descriptors are wanted; 0 if nobody asked
}

// controls reads the request's controls. refused is the answer when one of them
// forbids to go on (RFC 4511 section 4.1.11).
func (op *operation) controls(at where) (w wanted, refused *proto.Result) {
	s := op.c.s
	for _, c := range op.msg.Controls {
		recognized, works := s.recognize(c.OID, at)
		if name := feature(foreignControls, s.set.Flavour, c.OID); name != "" && !recognized && at != onBind && (op.who.bound() || s.set.Anonymous == "read") {
			op.call.NotPlayed(name)
		}
		if !works {
			if !c.Critical || at == onBind && s.set.ad() {
				continue
			}
			text := "critical extension is not recognized"
			switch {
			case c.OID == oidTreeDelete && at == onDelete:
				text = "critical control unavailable in context" // the backend's own word
			case recognized:
				text = "critical extension is unavailable"
			}
			if s.set.ad() {
				text = adText["unwilling page"]
			}
			r := result(goldap.LDAPResultUnavailableCriticalExtension, text)
			return w, &r
		}
		if r := op.control(&w, c); r != nil {
			return w, r
		}
	}
	return w, nil
}

func (s *server) recognize(oid string, at where) (recognized, works bool) {
	for _, k := range knownControls {
		if k.oid == oid && k.in(s) != 0 {
			return true, k.in(s)&at != 0
		}
	}
	return false, false
}

// control takes one control that works here.
func (op *operation) control(w *wanted, c proto.Control) *proto.Result {
	bad := func(text string) *proto.Result {
		r := result(goldap.LDAPResultProtocolError, op.c.s.text(text, "control"))
		return &r
	}
	switch c.OID {
	case oidPaged:
		if !c.HasValue {
			return bad("paged results control value is absent")
		}
		p, err := proto.ParsePaged(c.Value)
		if err != nil {
			return bad("paged results control could not be decoded")
		}
		w.paged, w.pagedCritical = &p, c.Critical
	case oidSort:
		keys, err := proto.ParseSort(c.Value)
		if err != nil {
			return bad("serverSort control: decoding error")
		}
		w.sort, w.sortCritical = keys, c.Critical
	case oidAssertion:
		compiler := op.compiler()
		f, _, err := compiler.Compile(c.Value)
		if err != nil {
			return bad("Assertion control: filter could not be decoded")
		}
		w.assert = &f
	case oidPolicy:
		w.policy = true
	case oidPermissive:
		w.permissive = true
	case oidTreeDelete:
		w.treeDelete = true
	case oidManage:
		w.manage = true
	case oidDomainScope:
		w.domainScope = true
	case oidSearchOptions, oidDescriptor:
		flags, err := proto.ParseFlags(c.Value)
		if err != nil {
			return bad(c.OID + " control value could not be decoded")
		}
		if c.OID == oidDescriptor {
			w.descriptor = flags
			break
		}
		w.domainScope, w.phantomRoot = w.domainScope || flags&1 != 0, flags&2 != 0
	}
	return nil
}

// compiler reads filters with the rights of the operation's identity.
func (op *operation) compiler() *filter.Compiler {
	c := &filter.Compiler{Schema: op.c.s.schema, Secrets: op.who.root && !op.c.s.set.ad()}
	if op.c.s.set.ad() {
		c.Category = op.c.s.dir.Base.Category
	}
	return c
}

// asserted holds an assertion control against an entry (RFC 4528).
func (op *operation) asserted(w wanted, snap *dir.Snapshot, r *dir.Reader) error {
	if w.assert != nil && w.assert.Match(snap.Schema, r) != filter.True {
		return errAssertion
	}
	return nil
}
