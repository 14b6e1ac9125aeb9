package ldap

import (
	"context"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/serving/dialect"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
	"counterpart/servers/ldap/internal/schema"
)

// compare answers a compare request (RFC 4511 section 4.10).
func (op *operation) compare(ctx context.Context, call *dialect.Call) (proto.Result, error) {
	s := op.c.s
	req, err := proto.ParseCompare(op.msg.Body)
	if err != nil {
		return proto.Result{}, err
	}
	call.Object, call.Request = req.Name, "compare "+req.Desc
	want, refused := op.controls(onCompare)
	if refused != nil {
		return *refused, nil
	}
	a, bad := s.asserts(req)
	if bad != nil {
		return *bad, nil
	}
	switch {
	case req.Name == "":
		return a.heldBy(s, virtualEntry{s.rootDSE(op)}), nil
	case s.isSubschema(req.Name):
		return a.heldBy(s, virtualEntry{s.subschema()}), nil
	}
	if r := s.mayRead(op); r != nil {
		return *r, nil
	}
	snap, err := s.dir.Snapshot(ctx)
	if err != nil {
		return proto.Result{}, err
	}
	name, err := dn.Parse(req.Name)
	if err != nil {
		return proto.Result{}, err
	}
	id, matched, err := snap.FindDN(name)
	if err != nil {
		return proto.Result{}, err
	}
	if r := s.elsewhere(snap, name, want.manage, ""); r != nil {
		return *r, nil
	}
	if id == dir.None {
		return s.noSuchObject(snap, matched), nil
	}
	r := snap.Reader(ctx)
	r.Secrets = op.who.root && !s.set.ad()
	r.Seek(id)
	if err := op.asserted(want, snap, r); err != nil {
		return proto.Result{}, err
	}
	return a.heldBy(s, r), r.Err
}

// assertion is the attribute value assertion of a compare.
type assertion struct {
	attr            *schema.Attribute
	options, normal string
}

// asserts reads the assertion; slapd judges it before it looks for the entry.
func (s *server) asserts(req proto.Compare) (assertion, *proto.Result) {
	var r proto.Result
	a, options := s.schema.Describe(req.Desc)
	if a == nil {
		r = result(goldap.LDAPResultUndefinedAttributeType, "")
		if s.set.ad() {
			r = result(goldap.LDAPResultNoSuchAttribute, adText["no attribute"])
		}
		return assertion{}, &r
	}
	normal, ok := s.schema.Norm(a, req.Value)
	if !ok {
		r = result(goldap.LDAPResultInvalidAttributeSyntax, s.text("value does not conform to assertion syntax", "no attribute"))
		return assertion{}, &r
	}
	return assertion{a, strings.ToLower(options), normal}, nil
}

// heldBy compares the asserted value with an entry's.
func (a assertion) heldBy(s *server, e filter.Entry) proto.Result {
	if holds, known := e.Links(a.attr, a.normal, false); known && holds {
		return result(goldap.LDAPResultCompareTrue, "")
	}
	values := e.Values(a.attr, a.options)
	if len(values) == 0 {
		return result(goldap.LDAPResultNoSuchAttribute, s.text("", "no attribute"))
	}
	for _, v := range values {
		if n, ok := s.schema.Norm(a.attr, v); ok && n == a.normal {
			return result(goldap.LDAPResultCompareTrue, "")
		}
	}
	return result(goldap.LDAPResultCompareFalse, "")
}
