package ldap

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/internal/serving/fault"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
)

// flushAt is how much of an answer is collected before it is written; it is
// also what a client that does not read costs.
const flushAt = 32 * 1024

// maxNames bounds an attribute selection; a schema has a few hundred.
const maxNames = 5000

// buffers are for building answers; they grow to a little over flushAt.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// query is one search on its way.
type query struct {
	op     *operation
	ctx    context.Context
	call   *dialect.Call
	req    proto.Search
	want   wanted
	pick   selection
	snap   *dir.Snapshot
	reader *dir.Reader
	q      dir.Query
	buf    []byte
	sent   int
	limit  int // entries, -1 for no limit
	until  time.Time
	cut    map[string]fault.Rule
	err    error

	isAdmin   *bool          // once it was asked
	referrals []dir.Referral // openldap: entries that are answered as references
}

// search answers a search request (RFC 4511 section 4.5).
func (op *operation) search(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	req, err := proto.ParseSearch(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	f, rest, err := op.compiler().Compile(req.Rest)
	if err != nil {
		return proto.Result{}, err
	}
	names, err := proto.ParseStrings(rest)
	if err != nil {
		return proto.Result{}, err
	}
	if len(names) > maxNames {
		return result(goldap.LDAPResultAdminLimitExceeded, ""), nil
	}
	call.Object = req.Base
	call.Request = describe(req, &f, names)
	if r := op.c.s.checkSearch(req); r != nil {
		return *r, nil
	}
	want, refused := op.controls(onSearch)
	if refused != nil {
		return *refused, nil
	}
	op.pooled = buffers.Get().(*[]byte)
	s := &query{op: op, ctx: ctx, call: call, req: req, want: want, pick: op.c.s.selects(names), buf: (*op.pooled)[:0]}
	s.q = dir.Query{Scope: dir.Scope(req.Scope), Filter: &f, After: dir.None, Base: dir.None}
	res, err := s.run()
	call.Response = strconv.Itoa(s.sent) + " entries"
	op.pending = s.buf // goes out together with the Done
	return res, err
}

var scopes = [...]string{"base", "one", "sub", "children"}

// describe is the request in one line, as ldapsearch would be called.
func describe(req proto.Search, f *filter.Filter, names []string) string {
	scope := strconv.FormatInt(req.Scope, 10)
	if req.Scope >= 0 && int(req.Scope) < len(scopes) {
		scope = scopes[req.Scope]
	}
	line := "-s " + scope + " -b '" + req.Base + "' '" + f.String() + "'"
	if len(names) > 0 && len(names) < 100 {
		line += " " + strings.Join(names, " ")
	}
	return line
}

// checkSearch refuses what cannot be a search.
func (s *server) checkSearch(req proto.Search) *proto.Result {
	maxScope := int64(dir.Subordinate)
	if s.set.ad() {
		maxScope = int64(dir.WholeSubtree)
	}
	text := ""
	switch {
	case req.Scope < 0 || req.Scope > maxScope:
		text = "invalid scope"
	case req.Deref < 0 || req.Deref > 3:
		text = "invalid deref"
	case req.SizeLimit < 0 || req.SizeLimit > 1<<31-1:
		text = "invalid size limit"
	case req.TimeLimit < 0 || req.TimeLimit > 1<<31-1:
		text = "invalid time limit"
	default:
		return nil
	}
	r := result(goldap.LDAPResultProtocolError, text)
	return &r
}

// run decides what is searched and searches it.
func (s *query) run() (proto.Result, error) {
	srv := s.op.c.s
	if s.req.Scope == int64(dir.BaseObject) && s.req.Base == "" {
		if srv.set.ad() && s.want.paged != nil && !s.op.who.bound() {
			return result(goldap.LDAPResultOperationsError, adText["anonymous"]), nil
		}
		return s.one(srv.rootDSE(s.op))
	}
	if s.op.who.mustChange {
		return result(goldap.LDAPResultInsufficientAccessRights,
			"Operations are restricted to bind/unbind/abandon/StartTLS/modify password"), nil
	}
	sub := s.req.Scope == int64(dir.BaseObject) && srv.isSubschema(s.req.Base)
	if r := srv.mayRead(s.op); r != nil && (!sub || srv.set.ad()) {
		return *r, nil
	}
	if sub {
		return s.one(srv.subschema())
	}
	snap, err := srv.dir.Snapshot(s.ctx)
	if err != nil {
		return proto.Result{}, err
	}
	s.snap = snap
	if r, err := s.base(); r != nil || err != nil {
		if err != nil {
			return proto.Result{}, err
		}
		return *r, nil
	}
	if !s.want.manage && s.q.Scope != dir.BaseObject {
		s.referrals = snap.Referrals(s.q.Base, s.q.Scope)
	}
	s.reader = snap.Reader(s.ctx)
	s.reader.Secrets = s.op.who.root && !srv.set.ad()
	if s.want.assert != nil {
		s.reader.Seek(s.q.Base)
		if err := s.op.asserted(s.want, snap, s.reader); err != nil {
			return proto.Result{}, err
		}
	}
	s.limits()
	if s.want.sort != nil || s.want.paged != nil {
		return s.controlled()
	}
	return s.stream(s.limit)
}

// mayRead refuses searches to those who may not read the directory.
func (s *server) mayRead(op *operation) *proto.Result {
	if op.who.bound() || s.set.Anonymous == "read" {
		return nil
	}
	r := result(goldap.LDAPResultUnwillingToPerform, "authentication required")
	if s.set.ad() {
		r = result(goldap.LDAPResultOperationsError, adText["anonymous"])
	}
	return &r
}

// base finds the entry that the search starts at.
func (s *query) base() (*proto.Result, error) {
	srv := s.op.c.s
	if s.req.Base == "" {
		if srv.set.ad() { // every naming context on the global catalogue, the domain elsewhere
			if !s.op.c.port.gc && !s.want.phantomRoot {
				s.q.Base = s.snap.Roots()[0]
			}
			return nil, nil
		}
		r := srv.noSuchObject(s.snap, dir.None)
		return &r, nil
	}
	if srv.set.ad() {
		if id, form := srv.baseForm(s.snap, s.req.Base); form {
			if id == dir.None {
				r := srv.noSuchObject(s.snap, dir.None)
				return &r, nil
			}
			s.q.Base = id
			return nil, nil
		}
	}
	name, err := dn.Parse(s.req.Base)
	if err != nil {
		return nil, err
	}
	id, matched, err := s.snap.FindDN(name)
	if err != nil {
		return nil, err
	}
	if r := srv.elsewhere(s.snap, name, s.want.manage, "??"+scopeWords[s.q.Scope]); r != nil {
		return r, nil
	}
	if id == dir.None {
		r := srv.noSuchObject(s.snap, matched)
		return &r, nil
	}
	if s.q.Base = id; s.want.phantomRoot && s.q.Scope == dir.WholeSubtree && id == s.snap.Roots()[0] {
		s.q.Base = dir.None // every other naming context is below the domain's
	}
	return nil, nil
}

// limits work out how much may be answered, and until when.
func (s *query) limits() {
	set := &s.op.c.s.set
	s.limit = set.SizeLimit
	if s.op.who.root {
		s.limit = -1
	}
	if n := int(s.req.SizeLimit); n > 0 && (s.limit < 0 || n < s.limit) {
		s.limit = n
	}
	span := set.TimeLimit
	if n := time.Duration(s.req.TimeLimit) * time.Second; n > 0 && n < span {
		span = n
	}
	if !s.op.who.root {
		s.until = s.op.c.s.env.Clock.Now().Add(span)
	}
	for _, kind := range []string{faultCut, faultStall, faultSizeLimit} {
		if rule, hit := s.call.Fault(kind); hit {
			if s.cut == nil {
				s.cut = map[string]fault.Rule{}
			}
			s.cut[kind] = rule
		}
	}
	if rule, hit := s.cut[faultSizeLimit]; hit {
		s.limit = after(rule)
	}
	if _, hit := s.call.Fault(faultNoMemberOf); hit {
		s.pick.hide = "memberOf"
	}
}

// errTime ends a search whose time is up.
var errTime = fmt.Errorf("ldap: time limit exceeded")

// alive reports whether the search may go on.
func (s *query) alive() bool {
	if s.ctx.Err() != nil {
		s.err = s.ctx.Err()
		return false
	}
	if !s.until.IsZero() && !s.op.c.s.env.Clock.Now().Before(s.until) {
		s.err = errTime
		return false
	}
	return true
}

// stream sends matching entries as they are found, at most limit of them.
func (s *query) stream(limit int) (proto.Result, error) {
	over := false
	s.snap.Search(s.q, s.reader, s.alive, func(dir.ID) bool {
		if limit >= 0 && s.sent >= limit {
			over = true
			return false
		}
		s.err = s.entry()
		return s.err == nil
	})
	return s.done(over)
}

// done turns what ended a search into its result.
func (s *query) done(over bool) (proto.Result, error) {
	switch {
	case s.err == errTime:
		return result(goldap.LDAPResultTimeLimitExceeded, ""), nil
	case s.err != nil:
		return proto.Result{}, s.err
	case s.reader != nil && s.reader.Err != nil:
		return proto.Result{}, s.reader.Err
	case over:
		return result(goldap.LDAPResultSizeLimitExceeded, ""), nil
	}
	s.references()
	return success(), nil
}

// entry appends the entry that the reader stands at.
func (s *query) entry() error {
	if s.referred(s.reader.ID()) {
		return nil
	}
	if rule, hit := s.cut[faultCut]; hit && s.sent >= after(rule) {
		e := proto.BeginEntry(s.buf, s.op.msg.ID, s.snap.DN(s.reader.ID()))
		s.buf = e.End()
		s.buf = s.buf[:len(s.buf)-3]
		s.flush()
		return errClose
	}
	if rule, hit := s.cut[faultStall]; hit && s.sent >= after(rule) {
		s.flush()
		<-s.ctx.Done()
		return s.ctx.Err()
	}
	e := proto.BeginEntry(s.buf, s.op.msg.ID, s.snap.DN(s.reader.ID()))
	s.attributes(&e)
	s.buf = e.End()
	s.sent++
	if len(s.buf) >= flushAt {
		return s.flush()
	}
	return nil
}

func after(rule fault.Rule) int {
	n, _ := strconv.Atoi(rule.Args["after"])
	return n
}

func (s *query) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	err := s.op.send(s.buf)
	s.buf = s.buf[:0]
	return err
}

// references appends continuation references, as a domain controller does for
// subtree searches from the root of its domain (contract section 3.2).
func (s *query) references() {
	set := &s.op.c.s.set
	if !set.ad() {
		for _, r := range s.referrals {
			s.buf = proto.AppendReference(s.buf, s.op.msg.ID, referralURLs(r, s.q.Scope))
		}
		return
	}
	if s.want.domainScope || !set.References || !set.ad() || s.op.c.port.gc || s.q.Scope != dir.WholeSubtree || s.q.Base != s.snap.Roots()[0] {
		return
	}
	domain := s.op.c.s.env.World.Organization().Domain
	for _, zone := range []string{"ForestDnsZones", "DomainDnsZones"} {
		s.buf = proto.AppendReference(s.buf, s.op.msg.ID, []string{"ldap://" + zone + "." + domain + "/DC=" + zone + "," + set.Base})
	}
	s.buf = proto.AppendReference(s.buf, s.op.msg.ID, []string{"ldap://" + domain + "/CN=Configuration," + set.Base})
}

// referred reports whether an entry is answered as a reference.
func (s *query) referred(id dir.ID) bool {
	return len(s.referrals) > 0 && slices.ContainsFunc(s.referrals, func(r dir.Referral) bool { return r.ID == id })
}

// faultedResult is the result that a fault rule asks for; 52 if it names none.
func faultedResult(rule fault.Rule) proto.Result {
	code, err := strconv.ParseUint(rule.Args["code"], 10, 16)
	if err != nil {
		code = goldap.LDAPResultUnavailable
	}
	return result(uint16(code), rule.Args["text"])
}
