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
)

// where an operation stands in the table of controls.
type where uint8

const (
	onBind where = 1 << iota
	onSearch
	onCompare
	onModify
	onAdd
	onDelete
	onRename
	onExtended
	onWrites = onModify | onAdd | onDelete | onRename
	onAll    = onSearch | onCompare | onWrites
)

// known is a control: where it works, in which flavour, and whether the root
// DSE advertises it. What is only accepted has no effect.
type known struct {
	oid       string
	openldap  where
	ad        where
	advertise bool
}

// knownControls is the table of contract section 3.1.
var knownControls = []known{
	{oidManage, onAll, onAll, true},
	{oidPaged, onSearch, onSearch, true},
	{oidSort, onSearch, onSearch, true},
	{oidAssertion, onAll, 0, true},
	{oidPolicy, onBind | onModify | onAdd | onExtended, 0, true},
	{oidPermissive, onModify, onModify, true},
	{oidTreeDelete, onDelete, onDelete, true},
	{"1.2.840.113556.1.4.801", 0, onSearch | onModify | onAdd, true},    // security descriptor flags
	{"1.2.840.113556.1.4.1339", onSearch, onSearch, true},               // domain scope
	{"1.2.840.113556.1.4.1340", onSearch, onSearch, true},               // search options
	{"1.2.840.113556.1.4.417", 0, onSearch | onModify | onDelete, true}, // show deleted
	{"1.2.840.113556.1.4.2064", 0, onSearch, true},                      // show recycled
	{"1.2.840.113556.1.4.2065", 0, onSearch, true},                      // show deactivated links
	{"1.2.840.113556.1.4.529", 0, 0, false},                             // extended DN: known, not built
	{"2.16.840.1.113730.3.4.9", 0, 0, false},                            // VLV: not built
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
}

// controls reads the request's controls. refused is the answer when one of them
// forbids to go on (RFC 4511 section 4.1.11).
func (op *operation) controls(at where) (w wanted, refused *proto.Result) {
	s := op.c.s
	for _, c := range op.msg.Controls {
		recognized, works := s.recognize(c.OID, at)
		if !works {
			if !c.Critical || at == onBind && s.set.ad() {
				continue
			}
			text := "critical extension is not recognized"
			if recognized {
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
		r := result(goldap.LDAPResultProtocolError, text)
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
